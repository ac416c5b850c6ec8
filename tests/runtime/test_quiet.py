from __future__ import annotations

import os

from pipeline.runtime.quiet import SWITCHES, quiet_environment


def test_switches_are_set_unless_the_user_has(monkeypatch):
    for name in SWITCHES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "0")

    quiet_environment()

    assert os.environ["TF_CPP_MIN_LOG_LEVEL"] == "0"
    assert os.environ["KERAS_BACKEND"] == "tensorflow"
    for name in SWITCHES:
        monkeypatch.setenv(name, os.environ[name])  # so that monkeypatch takes them away again
