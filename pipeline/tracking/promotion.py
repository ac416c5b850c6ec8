"""Which version of a registered model is the champion.

A version becomes the champion only if it is better on the same rows by more than chance: if the champion's value lies
beyond the new version's 95 % interval. Smaller is better for all metrics that are compared.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pipeline.schemas.document import Document

Alias = Literal["champion", "challenger"]


class Candidate(Document):
    """A model with its test metric.

    Attributes:
        model_id: the published model.
        sha256: SHA-256 of its Keras file.
        store_id: the store of the test split.
        rows: the number of test rows.
        metric: the metric that is compared; smaller is better.
        value: its value; None where these rows do not define it.
        interval: the bounds of the value's 95 % interval; None where there is none.
    """

    model_id: str
    sha256: str
    store_id: str
    rows: int
    metric: str
    value: float | None
    interval: tuple[float, float] | None = None

    def to_tags(self) -> dict[str, str]:
        """The candidate as tags of a version in a registry."""
        return {PREFIX + name: str(value) for name, value in _flat(self).items() if value is not None}

    @classmethod
    def of_tags(cls, tags: Mapping[str, str]) -> Candidate | None:
        """The reverse of `to_tags`; None where the version was not registered by this library."""
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
"""Prefix of the tags that hold a candidate."""


class Promotion(Document):
    """The alias of a version.

    Attributes:
        alias: champion or challenger.
        reason: the reason, in a sentence.
    """

    alias: Alias
    reason: str


def promotion_of(new: Candidate, champion: Candidate | None, *, exists: bool) -> Promotion:
    """Decide whether a new version becomes the champion.

    Args:
        new: the new version.
        champion: the current champion; None where its test metrics are unknown.
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
