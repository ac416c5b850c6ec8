"""Code that AutoGraph generates leaves no files, and errors in it are one line."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from pipeline.errors import TrainError
from pipeline.runtime.failures import failures_recorded, first_cause
from pipeline.store.filesystem import storage_path

tf = pytest.importorskip("tensorflow")
from pipeline.model.tracing import traced  # noqa: E402

NUMBER = tf.TensorSpec([], tf.float32)


def halved(x):
    while x > 1.0:
        x = x / 2.0
    return x


def broken(x):
    if x.dtype == tf.float32:
        raise TypeError("no such type.")
    return x


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_generated_files_are_removed(temporary: Path) -> None:
    function = tf.function(halved, input_signature=[NUMBER])
    traced(function)
    assert float(function(6.0)) == 0.75
    assert [*temporary.iterdir()] == []
    with pytest.raises(TypeError):
        traced(tf.function(broken, input_signature=[NUMBER]))
    assert [*temporary.iterdir()] == []


def test_an_error_in_traced_code_is_told_with_its_place_alone(tmp_path: Path) -> None:
    launch = storage_path(str(tmp_path))
    with pytest.raises(TypeError) as caught, failures_recorded(launch, 0):
        traced(tf.function(broken, input_signature=[NUMBER]))
    cause = first_cause(launch, caught.value, 2)
    assert type(cause) is TrainError
    assert str(cause) == f"Rank 0 failed: TypeError: no such type ({__file__}, line 28)"
