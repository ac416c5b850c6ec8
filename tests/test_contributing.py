"""The page for those who change the code says where things are."""

from __future__ import annotations

import re


def test_each_answer_to_where_is_it_exists(repository):
    page = (repository / "CONTRIBUTING.md").read_text(encoding="utf-8")
    answers = re.findall(r"^\| [^|]+\? \| (.+) \|$", page, re.MULTILINE)
    paths = [path for answer in answers for path in re.findall(r"`([^`]+)`", answer)]

    assert len(answers) >= 20 and len(paths) >= len(answers)
    assert [path for path in paths if not (repository / path).exists()] == []
