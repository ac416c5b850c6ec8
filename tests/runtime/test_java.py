from __future__ import annotations

import os
import sys

import pytest

from pipeline.errors import PlatformError
from pipeline.runtime.java import find_java
from pipeline.runtime.java_process import _environment


@pytest.fixture
def make_java(tmp_path):
    """Makes a folder with a program that says it is Java of some version."""

    def make(name: str, version: str, code: int = 0):
        home = tmp_path / name
        (home / "bin").mkdir(parents=True)
        program = home / "bin" / "java"
        program.write_text(f"#!/bin/sh\necho 'openjdk version \"{version}\" 2024-01-01' >&2\nexit {code}\n")
        program.chmod(0o755)
        return home

    return make


@pytest.fixture(autouse=True)
def nothing_installed(monkeypatch, tmp_path):
    """No JAVA_HOME, an empty PATH, and a Python with no Java beside it."""
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(sys, "executable", str(tmp_path / "venv" / "bin" / "python"))


def test_java_home_comes_first(make_java, monkeypatch):
    home, other = make_java("home", "21.0.2"), make_java("other", "17.0.9")
    monkeypatch.setenv("JAVA_HOME", str(home))
    monkeypatch.setenv("PATH", str(other / "bin"))

    found = find_java()

    assert (found.program, found.version, found.home) == (home / "bin" / "java", 21, home)


def test_an_unfit_one_is_passed_over(make_java, monkeypatch):
    monkeypatch.setenv("JAVA_HOME", str(make_java("old", "1.8.0_392")))
    fit = make_java("fit", "17.0.9")
    monkeypatch.setenv("PATH", f"{make_java('new', '25')}/bin:{fit}/bin")

    assert find_java().home == fit


def test_the_one_beside_python_is_the_last_resort(make_java):
    home = make_java("venv", "21.0.5")

    assert find_java().home == home


def test_no_java_is_said_with_what_to_do():
    with pytest.raises(PlatformError) as caught:
        find_java()

    message = str(caught.value)
    assert message.startswith("Spark needs Java, and no suitable one was found. Allowed: version 17 or 21")
    assert "Received: no java program at all." in message
    assert "Run ./scripts/setup" in message
    assert "apt-get install openjdk-17-jre-headless" in message


def test_unfit_ones_are_listed(make_java, monkeypatch):
    old, broken = make_java("old", "11.0.22"), make_java("broken", "17.0.9", code=1)
    monkeypatch.setenv("JAVA_HOME", str(old))
    monkeypatch.setenv("PATH", str(broken / "bin"))

    with pytest.raises(PlatformError) as caught:
        find_java()

    assert f"{old}/bin/java is Java 11; {broken}/bin/java is no working Java" in str(caught.value)


def test_variables_for_java_are_taken_back_and_those_of_others_stay(monkeypatch):
    monkeypatch.setenv("KEPT", "before")
    monkeypatch.delenv("GONE", raising=False)
    with _environment({"KEPT": "meanwhile", "GONE": "meanwhile"}):
        assert (os.environ["KEPT"], os.environ["GONE"]) == ("meanwhile", "meanwhile")
        monkeypatch.setenv("OF_ANOTHER_THREAD", "stays")
    assert (os.environ["KEPT"], os.environ.get("GONE")) == ("before", None)
    assert os.environ["OF_ANOTHER_THREAD"] == "stays"
