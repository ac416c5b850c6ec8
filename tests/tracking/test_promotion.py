"""A champion is replaced only by what is certainly better on the same rows."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.tracking.promotion import Candidate, promotion_of

CHAMPION = Candidate(model_id="m", sha256="0", store_id="s", rows=1000, metric="rmse", value=10.0, interval=(9.5, 10.6))


@pytest.mark.parametrize(
    ("changes", "alias", "reason"),
    [
        ({"value": 9.0, "interval": (8.6, 9.4)}, "champion", "better by more than its interval: its rmse is 9, the"),
        ({"value": 9.7, "interval": (9.3, 10.1)}, "challenger", "not better by more than its interval"),
        ({"value": 11.0, "interval": (10.5, 11.5)}, "challenger", "not better by more than its interval"),
        ({"value": 5.0, "interval": None}, "challenger", "no interval to tell chance from a better model"),
        ({"value": 5.0, "interval": (4.0, 6.0), "store_id": "t"}, "challenger", "other rows: rmse of 1,000 rows of s"),
        ({"value": 5.0, "interval": (4.0, 6.0), "rows": 999}, "challenger", "rmse of 999 rows of store s"),
        ({"value": 5.0, "interval": (4.0, 6.0), "metric": "mae"}, "challenger", "this one mae of"),
        ({"value": None, "interval": None}, "challenger", "there is no rmse"),
    ],
)
def test_the_champion_moves_only_for_more_than_chance(changes: dict[str, Any], alias: str, reason: str) -> None:
    found = promotion_of(CHAMPION.model_copy(update=changes), CHAMPION, exists=True)
    assert found.alias == alias
    assert reason in found.reason


def test_the_first_is_the_champion_and_one_of_which_nothing_is_known_stays() -> None:
    assert promotion_of(CHAMPION, None, exists=False).alias == "champion"
    found = promotion_of(CHAMPION, None, exists=True)
    assert (found.alias, found.reason) == ("challenger", "The champion's test metrics are unknown.")


@pytest.mark.parametrize("changes", [{}, {"interval": None}, {"value": None, "interval": None}, {"value": 1 / 3}])
def test_tags_of_a_version_tell_all(changes: dict[str, Any]) -> None:
    candidate = CHAMPION.model_copy(update=changes)
    assert Candidate.of_tags({**candidate.to_tags(), "other": "x"}) == candidate
    assert Candidate.of_tags({"test.value": "1"}) is None
