"""A network that is added by one file: configuration, messages, a run from table to report, documentation."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

import pipeline.networks
from pipeline.config.load import parse_config
from pipeline.errors import ConfigError
from pipeline.networks.network import NETWORKS, NetworkInputs
from pipeline.reference import reference_page

NETWORK = '''
from typing import Literal

from pipeline.schemas.section import Count
from pipeline.networks.network import Network, NetworkConfig


class ResidualConfig(NetworkConfig):
    """One residual block.

    Attributes:
        units: of its inner layer.
    """

    type: Literal["residual"] = "residual"
    units: Count = 4

    def build(self, inputs, outputs):
        import keras

        x = inputs.flat()
        inner = keras.layers.Dense(self.units, activation="relu", name="inner")(x)
        x = keras.layers.Add(name="sum")([x, keras.layers.Dense(x.shape[-1], name="outer")(inner)])
        return keras.layers.Dense(outputs, dtype="float32", name="output")(x)

    def describe(self):
        return f"residual {self.units}"


RESIDUAL = Network("residual", "One residual block.", ResidualConfig, {"model.units": {"int": [2, 8]}})
'''
BLOCKED = """
import sys
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"tensorflow", "keras", "pyspark"}:
            raise ImportError(f"{name} is blocked")
sys.meta_path.insert(0, Blocked())
sys.path.insert(0, sys.argv[1])
from pathlib import Path
import pipeline
from pipeline.config.load import load_config
assert pipeline.__file__.startswith(sys.argv[1]), pipeline.__file__
for file in sorted(Path(sys.argv[2]).glob("*.yaml")):
    print(file.name, load_config(file, overrides=sys.argv[3:]).model.describe())
"""
MINIMAL = {"name": "n", "data": {"source": {"path": "t.csv"}, "label": "y"}}


@pytest.fixture
def added(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The network's file, in a folder that the package takes its modules from too."""
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "residual.py").write_text(NETWORK)
    monkeypatch.setattr(pipeline.networks, "__path__", [*pipeline.networks.__path__, str(tmp_path / "more")])


@pytest.mark.usefixtures("added")
def test_a_capacity_search_asks_the_network_for_its_setting(monkeypatch):
    search = {"space": {"model.units": {"int": [2, 8]}}, "sampler": "capacity", "pruner": "none"}
    content = {**MINIMAL, "model": {"type": "residual"}, "search": search}
    with pytest.raises(
        ConfigError, match=r"capacity needs a network that declares .* 'residual' does not.* Allowed: mlp"
    ):
        parse_config(content)
    residual = NETWORKS.get("residual")
    monkeypatch.setattr(NETWORKS, "get", lambda name: replace(residual, capacity="model.units"))
    assert [*parse_config(content).search.space] == ["model.units"]
    with pytest.raises(ConfigError, match=r"capacity searches model\.units alone"):
        parse_config({**content, "search": {**search, "space": {"model.depth": {"int": [2, 8]}}}})


@pytest.mark.usefixtures("added")
def test_configurations_and_documentation_know_it():
    config = parse_config({**MINIMAL, "model": {"type": "residual", "units": 3}, "search": {"space": "auto"}})
    assert config.model.describe() == "residual 3"
    assert [*config.search.space] == ["model.units"]
    with pytest.raises(ConfigError, match=r"Allowed: mlp, residual, or .* Did you mean 'residual'\?"):
        parse_config({**MINIMAL, "model": {"type": "residul"}})
    assert "| `residual` | One residual block. | `units` | `model.units` |" in reference_page()


def test_the_example_of_the_documentation_is_a_whole_file(repository, tmp_path, monkeypatch):
    page = (repository / "pipeline" / "networks" / "README.md").read_text(encoding="utf-8")
    (tmp_path / "wide.py").write_text(page.partition("```python\n")[2].partition("```")[0])
    monkeypatch.setattr(pipeline.networks, "__path__", [*pipeline.networks.__path__, str(tmp_path)])
    config = parse_config({**MINIMAL, "model": {"type": "wide", "units": 3}, "search": {"space": "auto"}})
    assert [*config.search.space] == ["model.units"]

    import keras

    column = keras.Input((2,))
    output = config.model.build(NetworkInputs({}, (column,), None), 1)
    assert [layer.name for layer in keras.Model(column, output).layers[1:]] == ["wide", "output"]


@pytest.mark.spark
@pytest.mark.usefixtures("added")
def test_it_is_trained_and_reported(spark, tmp_path):
    from mlflow import MlflowClient

    from pipeline.stages.run import run

    content = {
        "name": "flowers",
        "storage": {"root": str(tmp_path)},
        "data": {"source": {"sample": "iris"}, "label": "species"},
        "features": {"numeric": {"columns": ["sepal_length", "petal_length"]}},
        "model": {"type": "residual", "units": 3},
        "train": {"epochs": 2},
    }
    done = run(parse_config(content), spark=spark)
    assert done.evaluate.rows == done.prepare.rows["test"]
    client = MlflowClient(tracking_uri=f"sqlite:///{tmp_path}/mlflow.db")
    recorded = client.get_run(done.run_id)
    assert recorded.info.run_name.startswith("run residual 3, ")
    assert recorded.data.params["model.units"] == "3"
    report = Path(client.download_artifacts(done.run_id, "report.html", str(tmp_path)))
    assert "type: residual" in report.read_text(encoding="utf-8")


def test_all_configurations_load_from_a_zip_without_tensorflow_and_pyspark(repository, tmp_path):
    archive = tmp_path / "pipeline.zip"
    with zipfile.ZipFile(archive, "w") as written:
        for file in (repository / "pipeline").rglob("*.py"):
            written.write(file, file.relative_to(repository))
        written.writestr("pipeline/networks/residual.py", NETWORK)
    shipped = load(archive, repository / "conf")
    assert len(shipped) == len(list((repository / "conf").glob("*.yaml")))
    assert "iris.yaml 16 relu" in shipped
    (tmp_path / "c.yaml").write_text("name: n\ndata: {source: {path: t.csv}, label: y}\nmodel: {type: residual}\n")
    assert load(archive, tmp_path) == ["c.yaml residual 4"]


def load(archive: Path, folder: Path) -> list[str]:
    command = [sys.executable, "-c", BLOCKED, str(archive), str(folder)]
    done = subprocess.run(command, cwd="/", capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.splitlines()
