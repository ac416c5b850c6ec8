"""What names are derived from: a key that is added later renames nothing while it has its default."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from pipeline.schemas.section import LATER, Section


class Before(Section):
    rate: float = 0.1


class After(Section):
    rate: float = 0.1
    warm: Annotated[bool, LATER] = False
    labels: Annotated[dict[str, str], LATER] = Field(default_factory=dict)
    inner: Annotated[Before | None, LATER] = None


class Whole(Section):
    one: After = After()
    many: tuple[After, ...] = (After(), After(rate=0.2))
    named: dict[str, After] = Field(default_factory=lambda: {"a": After()})


def test_later_keys_at_their_defaults_are_left_out_wherever_they_stand():
    assert After().identity() == Before().identity() == {"rate": 0.1}
    assert Whole().identity() == {
        "one": {"rate": 0.1},
        "many": [{"rate": 0.1}, {"rate": 0.2}],
        "named": {"a": {"rate": 0.1}},
    }


def test_later_keys_count_as_soon_as_they_are_set():
    assert After(warm=True).identity() == {"rate": 0.1, "warm": True}
    assert After(inner=Before()).identity() == {"rate": 0.1, "inner": {"rate": 0.1}}
    assert Whole(many=(After(labels={"a": "b"}),)).identity()["many"] == [{"rate": 0.1, "labels": {"a": "b"}}]


def test_a_key_that_is_written_with_its_default_is_as_one_that_is_not():
    assert After(warm=False, labels={}, inner=None).identity() == After().identity()


def test_parts_of_an_identity():
    assert Whole().identity(include={"one"}) == {"one": {"rate": 0.1}}
    assert Whole(one=After(warm=True)).identity(exclude={"one": {"rate"}, "many": True, "named": True}) == {
        "one": {"warm": True}
    }


def test_all_else_has_every_key():
    assert After().model_dump() == {"rate": 0.1, "warm": False, "labels": {}, "inner": None}
    assert After.model_validate_json(After(warm=True).model_dump_json()) == After(warm=True)
