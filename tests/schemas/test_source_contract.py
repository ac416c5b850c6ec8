"""The contract of a source: what it may say, what of it counts, and its file."""

from __future__ import annotations

import pytest

from pipeline.errors import ConfigError
from pipeline.schemas.source_contract import ColumnTerms, Seen, SourceContract
from pipeline.store.filesystem import storage_path
from pipeline.store.table import contract_file, keep_contract, read_contract

CONTRACT = SourceContract(
    columns={
        "age": ColumnTerms(type="integer", nullable=False, min=0, max=120, unit="years", seen=Seen(nulls=0, max=90)),
        "größe: a/b": ColumnTerms(type="text", allowed=("yes", "no", "1"), description="odd # name"),
        "since": ColumnTerms(type="date", min="2001-01-01"),
        "true": ColumnTerms(type="boolean"),
    }
).inferred_with("abc")


def test_the_file_holds_the_contract_and_is_never_overwritten(tmp_path):
    place = contract_file(storage_path(str(tmp_path)), "people", "auto")
    assert place.path == f"{tmp_path}/contracts/people.yaml"
    assert read_contract(place) is None
    assert keep_contract(place, CONTRACT, name="people")
    assert not keep_contract(place, CONTRACT.inferred_with("other"), name="people")
    kept = read_contract(place)
    assert (kept.table, kept.location) == (CONTRACT, place.path)
    assert list(kept.table.columns) == list(CONTRACT.columns)
    assert [path.name for path in (tmp_path / "contracts").iterdir()] == ["people.yaml"]
    text = (tmp_path / "contracts" / "people.yaml").read_text()
    assert text.startswith("# The contract of the source of 'people'.")
    assert (
        "  age:\n    type: integer\n    nullable: false\n    min: 0\n    max: 120\n    unit: years\n"
        "    seen: {nulls: 0, max: 90}\n"
    ) in text


def test_where_the_file_lies(tmp_path):
    root = storage_path(str(tmp_path))
    assert contract_file(root, "people", "none") is None
    assert contract_file(root, "people", f"{tmp_path}/mine.yaml").path == f"{tmp_path}/mine.yaml"


def test_only_what_is_enforced_counts():
    def changed(**update):
        columns = {**CONTRACT.columns, "age": CONTRACT.columns["age"].model_copy(update=update)}
        return CONTRACT.model_copy(update={"columns": columns})

    assert CONTRACT.is_inferred_with("abc")
    assert not CONTRACT.is_inferred_with("abd")
    assert changed(unit="months", description="d", seen=None).is_inferred_with("abc")
    reordered = CONTRACT.model_copy(update={"columns": dict(reversed(CONTRACT.columns.items()))})
    assert reordered.is_inferred_with("abc")
    for update in ({"type": "number"}, {"nullable": True}, {"min": 1}, {"max": None}, {"allowed": (1, 2)}):
        assert not changed(**update).is_inferred_with("abc")


def problems_of(tmp_path, text: str) -> str:
    (tmp_path / "c.yaml").write_text(text)
    with pytest.raises(ConfigError) as raised:
        read_contract(storage_path(f"{tmp_path}/c.yaml"))
    return str(raised.value).replace(f"Contract '{tmp_path}/c.yaml'", "C")


def test_everything_wrong_in_a_file_is_said_at_once(tmp_path):
    text = """
columns:
  a: {type: integer, nulable: true, min: "1"}
  b: {type: txt}
  c: {nullable: false}
  d: {type: text, allowed: [yes, maybe]}
  e: {type: number, min: 3, max: 2}
  f: {type: date, max: 2024-02-30x}
  g: {type: date, allowed: [a]}
  h: 5
  7: {type: text}
  i: {type: number, max: .inf}
  j: {type: text, nullable: 1, seen: {nuls: 1}}
colums: {}
"""
    assert problems_of(tmp_path, text).split("\n") == [
        "C is not valid (13 problems):",
        "  - C, column 'a': unknown key 'nulable'. Did you mean 'nullable'?",
        "  - C, column 'b': 'type' has a wrong value. Allowed: 'number', 'integer', 'boolean', 'text', 'date' or "
        "'timestamp'. Received: 'txt'.",
        "  - C, column 'c': 'type' is missing. Add it.",
        "  - C, column 'd': allowed of a column of type text holds texts, in quotes: True.",
        "  - C, column 'e': min is 3, which is more than max, 2.",
        "  - C, column 'f': max of a column of type date is a date, such as 2024-03-01, not '2024-02-30x'.",
        "  - C, column 'g': allowed of a column of type date holds nothing (give min and max): 'a'.",
        "  - C, column 'h' needs keys and values. Allowed: such as {type: text}. Received: 5.",
        "  - C, column '7': a name must be a text. Write it in quotes.",
        "  - C, column 'i': a finite number is needed.",
        "  - C, column 'j': 'nullable' has a wrong value. Allowed: boolean. Received: 1.",
        "  - C, column 'j', seen: unknown key 'nuls'. Did you mean 'nulls'?",
        "  - C: unknown key 'colums'. Did you mean 'columns'?",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- a", "C must hold 'columns:', with a name and its terms each. Correct it, or delete it."),
        (
            "columns: {a: {type: text}, a: {type: text}}",
            "C is not valid YAML: line 1, column 10: key 'a' is given twice.",
        ),
        ("columns: !!python/object/apply:os.getcwd []", "could not determine a constructor"),
        ("x" * 1_000_001, "C is too large. Allowed: 1000000 bytes. Received: 1000001."),
    ],
)
def test_a_file_that_is_no_contract(tmp_path, text, message):
    assert message in problems_of(tmp_path, text)


def test_dates_need_no_quotes(tmp_path):
    (tmp_path / "c.yaml").write_text("columns: {d: {type: timestamp, min: 2024-03-01, max: 2024-03-01 12:30:00}}")
    terms = read_contract(storage_path(f"{tmp_path}/c.yaml")).table.columns["d"]
    assert (terms.min, terms.max) == ("2024-03-01", "2024-03-01 12:30:00")
