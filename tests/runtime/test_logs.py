from __future__ import annotations

import logging
import subprocess
import sys

import pytest

from pipeline.runtime.logs import logging_once, safe_text

LOGGING = """
import logging, sys, warnings
from pipeline.runtime.logs import logging_once, configure_logging
configure_logging(debug=sys.argv[1] == "debug")
log = logging.getLogger("pipeline.part")
log.debug("a detail")
log.info("at https://user:secret@host/x")
logging.getLogger("library").info("chatter")
warnings.warn("old ways", FutureWarning)
try:
    1 / 0
except ZeroDivisionError:
    log.exception("it broke")
"""


def logged(mode: str) -> str:
    done = subprocess.run([sys.executable, "-c", LOGGING, mode], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == ""
    return done.stderr


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("plain", "plain"),
        ("bell\x07 tab\t null\x00 \x9b", r"bell\x07 tab\x09 null\x00 \x9b"),
        ("one\ntwo\n", "one\n  two"),
        ("over\rwritten", r"over\x0dwritten"),
        ("\x1b[31mred\x1b[0m \x1b]0;title\x07", r"red \x1b]0;title\x07"),
        ("s3a://key:pa/ss@bucket/a", "s3a://bucket/a"),
        ("http://a@b@host:5000?x=c@d", "http://host:5000?x=c@d"),
        ("mail a@b.org, at http://host", "mail a@b.org, at http://host"),
    ],
)
def test_text_is_made_safe(text, safe):
    assert safe_text(text) == safe


def test_users_get_what_they_can_use():
    lines = logged("plain")

    assert "INFO  pipeline.part: at https://host/x" in lines
    assert "WARN  py.warnings: FutureWarning: old ways" in lines
    assert "ERROR pipeline.part: it broke\n  ZeroDivisionError: division by zero" in lines
    for unwanted in ("secret", "chatter", "a detail", "Traceback"):
        assert unwanted not in lines


def test_developers_get_more():
    lines = logged("debug")

    assert "DEBUG pipeline.part: a detail" in lines
    assert "Traceback (most recent call last)" in lines


def test_what_is_found_out_again_is_said_once(caplog):
    first, second = logging.getLogger("pipeline.tests.first"), logging.getLogger("pipeline.tests.second")
    with logging_once([first.name, second.name]):
        for fold in range(3):
            first.warning("Column '%s' is constant.", "x")
            second.warning("Column 'x' is constant.")
            second.warning("Fold %d is small.", fold)
    first.warning("Column 'x' is constant.")
    found = [record.getMessage() for record in caplog.records]
    assert found == ["Column 'x' is constant.", *(f"Fold {fold} is small." for fold in range(3)), found[0]]
