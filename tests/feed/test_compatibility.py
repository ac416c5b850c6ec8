"""Petastorm is imported on versions that lack modules it asks for, and nothing is left of what stood in for them."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec

import pytest

from pipeline.feed.compatibility import Reader, stand_ins

PRETEND = """
import sys
lacking = {lacking}

class Lacking:
    def find_spec(self, name, path=None, target=None):
        if name in lacking:
            raise ModuleNotFoundError(f"No module named '{{name}}'", name=name)

sys.meta_path.insert(0, Lacking())
from pipeline.feed.compatibility import Reader
assert not lacking & set(sys.modules), lacking & set(sys.modules)
"""


@pytest.mark.parametrize("lacking", [set(), {"distutils", "distutils.version"}])
def test_petastorm_is_imported_with_and_without_distutils(lacking, repository):
    environment = os.environ | {"SETUPTOOLS_USE_DISTUTILS": "stdlib"}  # which Python 3.12 and later do not have
    code = PRETEND.format(lacking=lacking or "set()")
    subprocess.run(
        [sys.executable, "-W", "error::ImportWarning", "-c", code], cwd=repository, env=environment, check=True
    )


def test_stand_ins_are_there_for_a_block_and_no_longer(monkeypatch):
    monkeypatch.setattr("pipeline.feed.compatibility.DROPPED", {"nowhere.at_all": "Thing", "json": "JSONDecoder"})
    import json

    with stand_ins():
        from nowhere.at_all import Thing

        assert isinstance(Thing, type)
        assert sys.modules["json"] is json
    assert "nowhere.at_all" not in sys.modules
    assert sys.modules["json"] is json


def test_nothing_is_left_in_this_process():
    assert Reader is not None
    import pyarrow

    if find_spec("pyarrow.filesystem") is None:
        assert not hasattr(pyarrow, "filesystem")
        assert "pyarrow.filesystem" not in sys.modules
