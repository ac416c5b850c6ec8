"""The pages for those who change the code say where things are."""

from __future__ import annotations

import re


def test_each_answer_to_where_is_it_exists(repository):
    page = (repository / "CONTRIBUTING.md").read_text(encoding="utf-8")
    answers = re.findall(r"^\| [^|]+\? \| `([^`]+)`", page, re.MULTILINE)

    assert len(answers) >= 20
    assert [path for path in answers if not (repository / path).exists()] == []
