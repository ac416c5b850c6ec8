"""Runs a notebook in Databricks source format, cell by cell, as Databricks would, with a stand-in for `dbutils`."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from pathlib import Path
from typing import Any

HEADER = "# Databricks notebook source\n"
SEPARATOR = "# COMMAND ----------\n"
MAGIC = "# MAGIC "


class Widgets:
    """`dbutils.widgets`, of which each has the value that the user chose, else its default."""

    def __init__(self, chosen: Mapping[str, str]) -> None:
        self._chosen = chosen
        self._values: dict[str, str] = {}

    def text(self, name: str, default: str, label: str = "") -> None:
        self._values[name] = self._chosen.get(name, default)

    def get(self, name: str) -> str:
        return self._values[name]


class Dbutils:
    """The part of `dbutils` that notebooks here use."""

    def __init__(self, chosen: Mapping[str, str]) -> None:
        self.widgets = Widgets(chosen)


def cells_of(path: Path) -> list[str]:
    """The code cells; cells of text are left out."""
    text = path.read_text(encoding="utf-8")
    if not text.startswith(HEADER):
        raise ValueError(f"{path} does not start with '{HEADER.strip()}'")
    cells = [cell.strip() for cell in text.removeprefix(HEADER).split(SEPARATOR)]
    return [cell for cell in cells if cell and not cell.startswith(f"{MAGIC}%md")]


def run_notebook(path: Path, widgets: Mapping[str, str], *, times: int = 1) -> dict[str, Any]:
    """Run every cell `times` times, one after the other.

    Returns:
        The notebook's names.
    """
    names: dict[str, Any] = {"dbutils": Dbutils(widgets), "__name__": "__main__"}
    for number, cell in enumerate(cells_of(path), start=1):
        code = compile(cell, f"{path.name}, cell {number}", "exec")
        for _ in range(times):
            exec(code, names)
    return names


def definitions_in(path: Path) -> list[str]:
    """Functions and classes that a notebook defines."""
    defining = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    nodes = [node for cell in cells_of(path) for node in ast.walk(ast.parse(cell))]
    return [node.name for node in nodes if isinstance(node, defining)]
