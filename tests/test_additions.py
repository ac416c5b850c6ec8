"""A target, a loss, a metric, ... that are added as one new file are allowed, used, reported and documented.

The same of a network in `networks/test_added.py`, of a source format in `sources/test_registry.py`, and of a kind of
feature in `kinds/test_new_kind.py`.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pipeline.config.load import parse_config
from pipeline.config.run import RunConfig
from pipeline.errors import ConfigError

Add = Callable[[str, str, str], None]

PAGE = (Path(__file__).parents[1] / "CONTRIBUTING.md").read_text(encoding="utf-8")
COUNTS, PINBALL, BIAS = re.findall(r"^```python\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
"""The examples of the page for those who change the code."""

ELASTIC = '''
"""The absolute values of a kernel, and a tenth of their squares."""

from pipeline.regularizers import Regularizer


def _build(weight):
    import keras

    return keras.regularizers.L1L2(l1=weight, l2=0.1 * weight)


ELASTIC = Regularizer("elastic", "l1 and a tenth of l2", _build, {"loguniform": [1e-3, 1e-1]})
'''


@pytest.fixture
def add(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Add:
    """Adds a module to a package of the pipeline, from a folder of its own."""

    def added(package: str, name: str, text: str) -> None:
        folder = tmp_path / "added" / package
        folder.mkdir(parents=True)
        (folder / f"{name}.py").write_text(text)
        parent = importlib.import_module(package)
        monkeypatch.setattr(parent, "__path__", [*parent.__path__, str(folder)])

    return added


@pytest.fixture
def config(tmp_path: Path) -> Callable[..., RunConfig]:
    """Of a small table of numbers, `y` being a count that grows with `x`."""
    generator = np.random.default_rng(3)
    x = generator.uniform(-1.0, 1.0, 400)
    y = generator.poisson(np.exp(1.0 + x))
    lines = [f"{row},{a:.6f},{b}" for row, (a, b) in enumerate(zip(x, y, strict=True))]
    (tmp_path / "rows.csv").write_text("\n".join(["id,x,y", *lines]) + "\n")

    def made(*, task: str = "regression", model: object = None, search: object = None, **train: object) -> RunConfig:
        return parse_config(
            {
                "name": "added",
                "storage": {"root": str(tmp_path / "root")},
                "data": {"source": {"path": str(tmp_path / "rows.csv")}, "label": "y", "key": ["id"], "task": task},
                "features": {"numeric": [{"columns": ["x"]}], "target": {"transform": "none"}},
                "model": model or {"hidden": [8]},
                "search": search or {},
                "train": {"epochs": 3, "batch_size": 32, **train},
            }
        )

    return made


def page_of(root: Path) -> str:
    """The report of the only run below a root."""
    return next(root.rglob("report.html")).read_text()


@pytest.mark.spark
def test_a_target_is_one_file(add, config, tmp_path, spark):
    from pipeline.reference import reference_page
    from pipeline.stages.run import run

    with pytest.raises(ConfigError, match=r"there is no task 'counts'. Allowed: auto, binary, multiclass, regression"):
        config(task="counts")
    add("pipeline.targets", "counts", COUNTS)
    done = run(config(task="counts"), spark=spark)
    assert done.evaluate.metrics["mae"] < done.evaluate.baselines["mean"]["mae"] * 1.5
    assert done.train.history[-1].metrics["loss"] < done.train.history[0].metrics["loss"]
    assert "Counts of" in page_of(tmp_path / "root")
    with pytest.raises(ConfigError, match=r"there is no task 'count'. .*Did you mean 'counts'\?"):
        config(task="count")
    assert "| `counts` | `" in reference_page()


@pytest.mark.spark
def test_a_loss_and_a_metric_are_one_file_each(add, config, tmp_path, spark):
    from pipeline.config.evaluate import EvaluateConfig
    from pipeline.config.search import SearchConfig
    from pipeline.reference import reference_page
    from pipeline.stages.run import run

    with pytest.raises(ConfigError, match=r"there is no loss 'pinball'\. Allowed: auto, .*mse"):
        config(loss="pinball")
    with pytest.raises(ValueError, match=r"there is no metric 'bias'\. Allowed: accuracy, "):
        EvaluateConfig(metrics=("bias",))
    add("pipeline.losses", "pinball", PINBALL)
    add("pipeline.metrics", "bias", BIAS)
    with pytest.raises(ConfigError, match=r"there is no loss 'pinbal'\. .*Did you mean 'pinball'\?"):
        config(loss="pinbal")
    with pytest.raises(ValueError, match=r"there is no metric 'biass'\. .*Did you mean 'bias'\?"):
        EvaluateConfig(metrics=("biass",))
    done = run(config(loss="pinball", metrics=["bias", "mae"]), spark=spark)
    low, high = done.evaluate.intervals["bias"]
    assert low <= done.evaluate.metrics["bias"] <= high
    assert done.evaluate.metrics["bias"] == pytest.approx(abs(done.evaluate.metrics["mean_error"]))
    assert {"bias", "val_bias"} <= set(done.train.history[-1].metrics)
    page = page_of(tmp_path / "root")
    assert "Absolute bias" in page
    assert "loss: pinball" in page
    assert not SearchConfig(metric="val_bias").maximizes
    assert "| `pinball` | quantile loss at 0.9 |" in reference_page()
    assert "| `bias` | absolute bias | lower | 0 to | numbers |" in reference_page()


@pytest.mark.spark
def test_a_regularizer_is_one_file(add, config, tmp_path, spark):
    from pipeline.model.serving import load_network
    from pipeline.reference import reference_page
    from pipeline.stages.run import run

    elastic = {"hidden": [8], "regularizer": {"name": "elastic", "weight": 1.0}}
    with pytest.raises(ConfigError, match=r"there is no regularizer 'elastic'\. Allowed: l1, l2, l1_l2, or package"):
        config(model=elastic)
    add("pipeline.regularizers", "elastic", ELASTIC)
    with pytest.raises(ConfigError, match=r"there is no regularizer 'elastc'\. .*Did you mean 'elastic'\?"):
        config(model={"regularizer": "elastc"})
    run(config(model=elastic), spark=spark)
    network = load_network(next((tmp_path / "root" / "models").rglob("model.keras")))
    for name in ("hidden_0", "output"):
        assert network.get_layer(name).kernel_regularizer.get_config() == pytest.approx({"l1": 1.0, "l2": 0.1})
    assert "name: elastic" in page_of(tmp_path / "root")
    assert "| `elastic` | l1 and a tenth of l2 |" in reference_page()
    searched = config(model=elastic, search={"space": "auto"}).search.space
    assert searched["model.regularizer.weight"].loguniform == (1e-3, 1e-1)


OWN = """
import keras


class Slow(keras.optimizers.SGD):
    pass


def halves(p, e):
    return 0.5 ** e


def square(x):
    return x * x


def lasso(weight):
    return keras.regularizers.L1(weight)
"""


def test_the_users_own_stand_as_references(tmp_path, monkeypatch, config):
    """Wherever a name stands."""
    (tmp_path / "house.py").write_text(PINBALL + BIAS + OWN)
    monkeypatch.syspath_prepend(str(tmp_path))
    from pipeline.activations import ACTIVATIONS
    from pipeline.model.losses import loss_of
    from pipeline.schemas.label import LabelSpec
    from pipeline.training.metrics import build_metric
    from pipeline.training.optimizer import build_optimizer
    from pipeline.training.schedule import build_schedule
    from pipeline.training.world import SingleWorld

    label = LabelSpec(name="y", task="regression")
    made = config(loss="house:PINBALL", metrics=["house:BIAS"], optimizer="house:Slow", schedule="house:halves").train
    assert loss_of(label, made.loss).name == "pinball"
    assert build_metric(made.metrics[0], label).name == "bias"
    assert type(build_optimizer(made.optimizer, SingleWorld())).__name__ == "Slow"
    rate = build_schedule(made.schedule, peak=0.8, epoch_steps=2.0, epochs=4)
    assert float(rate(4)) == pytest.approx(0.2)
    assert ACTIVATIONS.get("house:square").keras(3) == 9
    regularizer = config(model={"regularizer": {"name": "house:lasso", "weight": 0.5}}).model.regularizer.build()
    assert regularizer.get_config() == {"l1": 0.5}


def test_a_reference_that_is_none_is_named(config):
    with pytest.raises(ConfigError, match="Loss 'nowhere:LOSS' cannot be used: No module named 'nowhere'"):
        config(loss="nowhere:LOSS")
    with pytest.raises(ConfigError, match=r"there is no optimizer 'adm'\. Allowed: adam, .*Did you mean 'adam'\?"):
        config(optimizer="adm")
    with pytest.raises(ConfigError, match=r"there is no schedule 'cosin'\. .*Did you mean 'cosine'\?"):
        config(schedule="cosin")


def test_all_references_are_imported_when_a_configuration_is_loaded(tmp_path, monkeypatch):
    """In one message; a configuration at rest is read where its references cannot be imported."""
    (tmp_path / "barn.py").write_text(PINBALL)
    monkeypatch.syspath_prepend(str(tmp_path))
    content = {
        "name": "n",
        "data": {"source": {"path": "rows.csv"}, "label": "y", "task": "barn:AMUNT"},
        "model": {"activation": "barn:act", "regularizer": {"name": "barn:reg", "weight": 0.1}},
        "train": {
            "loss": "barn:PINBAL",
            "metrics": ["mae", "barn:train_metric"],
            "optimizer": "barn:opt",
            "schedule": "barn:sched",
            "callbacks": ["barn:callback"],
        },
        "evaluate": {"metrics": ["mae", "barn:NO"]},
        "search": {"sampler": "barn:sampler"},
    }
    with pytest.raises(ConfigError, match=r"\(10 problems\)") as caught:
        parse_config(content)
    message = str(caught.value)
    for name in ("AMUNT", "act", "reg", "train_metric", "opt", "sched", "callback", "NO", "sampler"):
        assert f"'barn:{name}' cannot be used: module 'barn' has no attribute '{name}'. " in message, name
    assert "no attribute 'PINBAL'. Did you mean 'PINBALL'?" in message
    assert "Install" not in message
    assert parse_config(content, at_rest=True).train.loss == "barn:PINBAL"
