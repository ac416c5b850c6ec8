"""A model file that is odd, hostile or too large ends in one error that names it."""

from __future__ import annotations

import json
import sys
import time
import zipfile
from pathlib import Path

import pytest

keras = pytest.importorskip("keras")

from pipeline.errors import StoreError  # noqa: E402
from pipeline.losses import LOSSES  # noqa: E402
from pipeline.model.allowed_classes import LAYERS, refused_class  # noqa: E402
from pipeline.model.keras_file import load_keras_file  # noqa: E402
from pipeline.model.serving import load_network  # noqa: E402


def save(path: Path, *layers: object) -> Path:
    keras.Sequential([keras.Input((2,)), *layers]).save(path)
    return path


@pytest.fixture(scope="module")
def plain(tmp_path_factory) -> Path:
    return save(tmp_path_factory.mktemp("plain") / "m.keras", keras.layers.Dense(3, "relu", kernel_regularizer="l2"))


@pytest.fixture(autouse=True)
def _no_modules_of_other_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.registry._imported_modules", set())


def rewritten(source: Path, target: Path, **entries: bytes | None) -> Path:
    """The file with other entries, of names with `_` for a dot; None leaves one out."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as new:
        content = {name: old.read(name) for name in old.namelist()}
        content |= {name.replace("_", "."): value for name, value in entries.items()}
        for name, value in content.items():
            if value is not None:
                new.writestr(name, value)
    return target


def test_a_model_of_keras_layers_is_opened(plain):
    assert load_keras_file(plain).count_params() == 9


def test_every_allowed_layer_is_one_of_keras():
    assert {name for name in LAYERS if not issubclass(getattr(keras.layers, name), keras.layers.Layer)} == set()


@keras.saving.register_keras_serializable("stranger")
class Foreign(keras.layers.Dense):
    """Somebody registered it."""


HOSTILE = {
    "Lambda": {"module": "keras.layers", "class_name": "Lambda", "config": {}, "registered_name": None},
    "TFSMLayer": {"module": "keras.layers", "class_name": "TFSMLayer", "config": {"filepath": "/x"}},
    "StringLookup": {"module": "keras.layers", "class_name": "StringLookup", "config": {"vocabulary": "/etc/passwd"}},
    "Foreign": {"module": "tests.x", "class_name": "Foreign", "registered_name": "stranger>Foreign", "config": {}},
    "system": {"module": "os", "class_name": "system", "config": {}, "registered_name": "system"},
    "Popen": {"module": "keras.src.ops.numpy", "class_name": "Popen", "config": {}},
    "get_file": {"module": "keras.utils", "class_name": "get_file", "config": {}},
    "function": {"module": "builtins", "class_name": "function", "config": "eval", "registered_name": "function"},
    "__lambda__": {"class_name": "__lambda__", "config": {"value": "x"}},
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_class_that_is_not_allowed_is_named_wherever_it_stands(plain, tmp_path, name):
    config = json.loads(zipfile.ZipFile(plain).read("config.json"))
    config["config"]["layers"][1]["config"]["bias_initializer"] = [{"deep": HOSTILE[name]}]
    file = rewritten(plain, tmp_path / "m.keras", config_json=json.dumps(config).encode())
    with pytest.raises(StoreError, match=rf"m\.keras has the class '{name}', which is not allowed\. Allowed: Keras's"):
        load_keras_file(file)


def test_a_registered_layer_is_allowed_where_a_configuration_names_its_module(tmp_path, monkeypatch):
    file = save(tmp_path / "m.keras", Foreign(3))
    with pytest.raises(StoreError, match="has the class 'Foreign', which is not allowed"):
        load_keras_file(file)
    assert load_keras_file(file, modules=["tests"]).count_params() == 9
    (tmp_path / "strange_losses.py").write_text("loss = 1\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(ValueError, match="strange_losses:loss"):
        LOSSES.resolve("strange_losses:loss")
    monkeypatch.setattr(Foreign, "__module__", "strange_losses.layers")
    assert load_keras_file(file).count_params() == 9
    sys.modules.pop("strange_losses", None)


@pytest.mark.parametrize("content", [b"", b"no model", b"PK\x03\x04" + bytes(100)])
def test_what_is_no_archive_is_refused(tmp_path, content):
    (tmp_path / "m.keras").write_bytes(content)
    with pytest.raises(StoreError, match=r"Model .*m\.keras cannot be loaded: .*\. Train it again\."):
        load_network(tmp_path / "m.keras")


@pytest.mark.parametrize(
    "entries",
    [
        {"config_json": None},
        {"config_json": b"\xff\xfe"},
        {"config_json": b"[" * 100_000},
        {"config_json": b"[]"},
        {"config_json": b'"text"'},
        {"config_json": b"{}"},
        {"config_json": b'{"class_name": "Functional", "module": "keras", "config": 7}'},
        {"metadata_json": b"{"},
        {"model_weights_h5": None},
    ],
)
def test_an_odd_archive_is_refused(plain, tmp_path, entries):
    file = rewritten(plain, tmp_path / "m.keras", **entries)
    with pytest.raises(StoreError, match=r"Model .*m\.keras (cannot be loaded|has no network): "):
        load_network(file)


def test_a_bomb_is_refused_before_it_is_unpacked(plain, tmp_path):
    file = rewritten(plain, tmp_path / "m.keras", zeros=bytes(100 << 20))
    begun = time.process_time()
    with pytest.raises(StoreError, match=r"cannot be loaded: it holds 1048\d+ bytes in 4 files\. Allowed: "):
        load_keras_file(file)
    assert time.process_time() - begun < 1.0


def test_nothing_is_refused_in_what_keras_writes_of_a_plain_network(plain):
    assert refused_class(json.loads(zipfile.ZipFile(plain).read("config.json")), ()) is None
