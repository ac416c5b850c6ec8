"""Which version of a registered model is the champion.

A version becomes the champion only where it is certainly better on the very same rows: where the champion's value lies
beyond the new one's 95 % interval. Of the metrics that are compared, smaller is better.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pipeline.schemas.document import Document

Alias = Literal["champion", "challenger"]


class Candidate(Document):
    """A model, and what it reached on a test split.

    Attributes:
        model_id: of the published model.
        sha256: of its Keras file.
        store_id: whose test split.
        rows: of it.
        metric: that is compared; smaller is better.
        value: of it; None where these rows do not define it.
        interval: of the value, 95 %; None where there is none.
    """

    model_id: str
    sha256: str
    store_id: str
    rows: int
    metric: str
    value: float | None
    interval: tuple[float, float] | None = None

    def to_tags(self) -> dict[str, str]:
        """As texts, for a version in a registry."""
        return {PREFIX + name: str(value) for name, value in _flat(self).items() if value is not None}

    @classmethod
    def of_tags(cls, tags: Mapping[str, str]) -> Candidate | None:
        """What `to_tags` gave; None where the version was made by somebody else."""
        values = {name.removeprefix(PREFIX): text for name, text in tags.items() if name.startswith(PREFIX)}
        try:
            low, high, value = (float(values[name]) if name in values else None for name in ("low", "high", "value"))
            return cls(
                model_id=values["model_id"],
                sha256=values["sha256"],
                store_id=values["store_id"],
                rows=int(values["rows"]),
                metric=values["metric"],
                value=value,
                interval=None if low is None or high is None else (low, high),
            )
        except (KeyError, ValueError):
            return None


PREFIX = "test."
"""Of the tags that hold what a version reached."""


class Promotion(Document):
    """What a version is.

    Attributes:
        alias: champion, or challenger.
        reason: in a sentence.
    """

    alias: Alias
    reason: str


def promotion_of(new: Candidate, champion: Candidate | None, *, exists: bool) -> Promotion:
    """Whether a new version becomes the champion.

    Args:
        new: the version.
        champion: what the current champion reached; None where that is not known.
        exists: whether there is a champion.
    """
    if not exists:
        return Promotion(alias="champion", reason="It is the first version, so there is nothing to compare it with.")
    if champion is None:
        return _challenger("The champion's test metrics are unknown.")
    if (new.store_id, new.rows, new.metric) != (champion.store_id, champion.rows, champion.metric):
        return _challenger(
            f"The champion was measured on other rows: {champion.metric} of {champion.rows:,} rows of store "
            f"{champion.store_id}; this one {new.metric} of {new.rows:,} rows of store {new.store_id}."
        )
    if new.value is None or champion.value is None:
        return _challenger(f"One of the two has no {new.metric}.")
    return _compared(new, new.value, champion.value)


def _compared(new: Candidate, value: float, before: float) -> Promotion:
    comparison = f"its {new.metric} is {value:.6g}, the champion's {before:.6g}"
    if new.interval is None:
        return _challenger(f"There is no interval to tell chance from a better model: {comparison}.")
    low, high = new.interval
    comparison = f"{comparison}, the interval {low:.6g} to {high:.6g}"
    if before <= high:
        return _challenger(f"It is not better by more than its interval: {comparison}.")
    return Promotion(alias="champion", reason=f"It is better by more than its interval: {comparison}.")


def _challenger(reason: str) -> Promotion:
    return Promotion(alias="challenger", reason=reason)


def _flat(candidate: Candidate) -> dict[str, object]:
    low, high = candidate.interval or (None, None)
    return {**candidate.model_dump(exclude={"interval"}), "low": low, "high": high}
