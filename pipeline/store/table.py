"""The contract of a source at rest: a YAML file that people edit."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

import yaml
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from pipeline.config.load import MAX_BYTES
from pipeline.config.yaml_loader import parse_yaml
from pipeline.errors import ConfigError, Problem, gather, nearest
from pipeline.schemas.source_contract import ColumnTerms, KeptContract, Origin, Seen, SourceContract
from pipeline.store import filesystem as files
from pipeline.store.filesystem import StoragePath, storage_path
from pipeline.store.layout import TABLE
from pipeline.store.store import Store

HEADER = """\
# The contract of the source of '{name}'. It was inferred from the rows that were there; edit it as you like.
#
# From now on, a source is refused if it lacks a column, or has it twice, under another name or with another type.
# Columns may stand in any order, and there may be more. A row that breaks the terms of a column that is used is a bad
# row: set aside with the reason, up to data.bad_rows.budget, else the job stops.
#
#   type         number, integer, boolean, text, date or timestamp
#   nullable     whether values may be missing
#   min, max     bounds of a number or of a date, such as 0, 2024-03-01 or '2024-03-01 12:30:00'
#   allowed      the only values that are allowed, such as ['yes', 'no'] or [1, 2, 3]; texts in quotes
#   unit         for people only
#   description  for people only
#   reading      how texts are read: nulls (texts that mean null), decimal, thousands, symbol, date (a layout)
#   seen         what the rows held that this was inferred from; it is not enforced
#   inferred     tells whether this file was edited; leave it as it is
#
# An existing file is never overwritten. Delete it, and the next store that is prepared writes it anew.
"""


def contract_file(root: StoragePath, name: str, contract: str) -> StoragePath | None:
    """The file of an experiment's contract; None if the configuration asks for none.

    Args:
        root: the storage root.
        name: name of the experiment.
        contract: the setting `data.contract`.
    """
    if contract == "none":
        return None
    return root.child("contracts", f"{name}.yaml") if contract == "auto" else storage_path(contract)


def read_contract(file: StoragePath) -> KeptContract | None:
    """The contract in a file; None if there is no file.

    Raises:
        ConfigError: naming everything in it that is wrong.
    """
    size = files.size_of(file)
    if size is None:
        return None
    whose = f"Contract '{file}'"
    if size > MAX_BYTES:
        raise ConfigError(f"{whose} is too large. Allowed: {MAX_BYTES} bytes. Received: {size}.")
    content = parse_yaml(files.read_bytes(file), f"{whose} is")
    if not isinstance(content, dict):
        raise ConfigError(f"{whose} must hold 'columns:', with a name and its terms each. Correct it, or delete it.")
    try:
        return KeptContract(SourceContract.model_validate(content), str(file))
    except ValidationError as error:
        problems = [_problem(detail, whose) for detail in error.errors(include_url=False)]
        raise ConfigError(gather(f"{whose} is not valid", problems)) from error


def keep_contract(file: StoragePath, contract: SourceContract, *, name: str) -> bool:
    """Write a contract for people to edit; False, and nothing written, if there is one already."""
    if files.exists(file):
        return False
    if not file.renames_folders:
        files.write_bytes(file, contract_text(contract, name).encode())
        return True
    unfinished = file.sibling(f".{uuid.uuid4().hex}.part")
    files.write_bytes(unfinished, contract_text(contract, name).encode())
    if files.exists(file):
        files.remove_file(unfinished)
        return False
    files.move(unfinished, file)
    return True


def read_table(store: Store) -> SourceContract | None:
    """The contract of the source that a store was prepared under; None if there was none.

    Raises:
        StoreError: it is damaged.
    """
    if TABLE not in store.manifest.documents:
        return None
    file = store.path.child(TABLE)
    return SourceContract.from_json(files.read_bytes(file), str(file))


def contract_text(contract: SourceContract, name: str) -> str:
    """The text of a contract's file: columns in their order, keys in the order of their declaration."""
    content = contract.model_dump(mode="json", exclude_defaults=True)
    columns = {column: {"type": None, "nullable": None, **terms} for column, terms in content["columns"].items()}
    for column, terms in columns.items():
        terms["nullable"] = contract.columns[column].nullable
    shown = {"columns": columns, **{key: value for key, value in content.items() if key != "columns"}}
    text = yaml.dump(shown, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=1000)
    return f"{HEADER.format(name=name)}\n{text}"


class _Dumper(yaml.SafeDumper):
    """Writes the statistics under `seen` on one line."""


def _mapping(dumper: _Dumper, content: Mapping[str, Any]) -> yaml.MappingNode:
    flow = not any(isinstance(value, dict) for value in content.values()) and "type" not in content
    return dumper.represent_mapping("tag:yaml.org,2002:map", content.items(), flow_style=flow)


_Dumper.add_representer(dict, _mapping)


def _problem(detail: ErrorDetails, whose: str) -> Problem:
    loc = [part for part in detail["loc"] if part != "[key]"]
    context: tuple[type[SourceContract | ColumnTerms | Seen | Origin], str] = (SourceContract, whose)
    if loc[:1] == ["columns"] and len(loc) > 1:
        context = (ColumnTerms, f"{whose}, column '{loc[1]}'")
        if loc[2:3] == ["seen"] and len(loc) > 3:
            context = (Seen, f"{context[1]}, seen")
    elif loc[:1] == ["inferred"] and len(loc) > 1:
        context = (Origin, f"{whose}, inferred")
    kind, where = context
    key = next((part for part in reversed(loc) if part in kind.model_fields), "")
    match detail["type"]:
        case "extra_forbidden":
            return Problem(f"{where}: unknown key '{loc[-1]}'", remedy=nearest(str(loc[-1]), list(kind.model_fields)))
        case "missing":
            return Problem(f"{where}: '{loc[-1]}' is missing", remedy="Add it")
        case "value_error":
            return Problem(f"{where}: {detail['ctx']['error']}")
        case "model_type":
            return Problem(f"{where} needs keys and values", "such as {type: text}", repr(detail["input"])[:80])
    if detail["loc"][-1] == "[key]":
        return Problem(f"{where}: a name must be a text", remedy="Write it in quotes")
    allowed = detail["msg"].removeprefix("Input should be ").removeprefix("a valid ")
    what = f"{where}: '{key}' has a wrong value" if key else f"{where} has a wrong value"
    return Problem(what, allowed=allowed, received=repr(detail["input"])[:80])
