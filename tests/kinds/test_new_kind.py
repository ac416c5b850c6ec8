"""Feature kinds: one new file adds one, in a folder of `pipeline.kinds` or in a user's own package."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys

import numpy as np
import pytest
import yaml

import pipeline.kinds
from pipeline.config.features import FeaturesConfig
from pipeline.config.load import parse_config
from pipeline.errors import ConfigError
from pipeline.kinds.interfaces import arrays_of, layers_of, missing_functions
from pipeline.kinds.registry import KINDS, encodings_of, feature_kinds
from pipeline.reference import kinds_table, reference_page

NEW_FILE = '''
"""The root of a number, its sign kept: root(x) = sign(x) |x|^(1 / degree)."""

from typing import ClassVar, Literal

import numpy as np

from pipeline.schemas.section import Section
from pipeline.kinds.feature import NumberFeature, ValueFeature
from pipeline.kinds.registry import FeatureKind
from pipeline.kinds.statistics import Needs


class RootOptions(Section):
    degree: int = 2


class RootFeature(NumberFeature, ValueFeature):
    kind: Literal["NAME"] = "NAME"
    fill: float
    degree: int

    keeps_values: ClassVar[bool] = True
    edges: ClassVar[tuple[float, ...]] = ()
    width: ClassVar[int] = 1

    def examples(self, column):
        yield from (self.fill,) if column == self.source else ()


KIND = FeatureKind("the root of a number", "numeric", RootFeature, options=RootOptions)


def needs(group):
    return Needs(sample=True)


def transform(group, sample):
    return None


def fit(plan, found):
    options = KIND.parsed_options(plan.group.options)
    return RootFeature(
        name=plan.name, source=plan.source, fill=float(np.median(found.sample)), degree=options.degree
    )


def stored(feature, values, folds=None):
    from pipeline.arrays.values import finite_numbers

    return (of_numbers(feature, finite_numbers(values[feature.source])).astype(np.float32),)


def of_numbers(feature, values):
    known = np.where(np.isnan(values), feature.fill, values)
    return np.sign(known) * np.abs(known) ** (1 / feature.degree)


def beyond_float32(feature, values):
    return ()


def source_values(feature, column, missing):
    return np.sort(np.sign(column) * np.abs(column.astype(np.float64)) ** feature.degree)


def serve(features, columns):
    from keras import ops

    for place, feature in features:
        x = columns[feature.source]
        known = ops.where(ops.isnan(x), feature.fill, x)
        yield feature.columns, ops.cast(ops.sign(known) * ops.power(ops.abs(known), 1 / feature.degree), "float32")
'''
OWN = "own_kinds.root:KIND"


def section(**group):
    return {"numeric": {"columns": ["x"], **group}}


@pytest.fixture
def own_package(tmp_path):
    package = tmp_path / "own_kinds"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "root.py").write_text(NEW_FILE.replace("NAME", OWN))
    return package


def test_one_folder_adds_a_kind(tmp_path, monkeypatch):
    folder = tmp_path / "kinds" / "root"
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text(NEW_FILE.replace("NAME", "root"))
    monkeypatch.setattr(pipeline.kinds, "__path__", [*pipeline.kinds.__path__, str(folder.parent)])
    try:
        assert list(feature_kinds()) == ["scaled", "mapped", "vocabulary", "hashed", "bucket", "root"]
        assert encodings_of("numeric")["root"] == "root"
        assert "| `root` | `features.numeric` | `root` | the root of a number |" in reference_page()
        assert arrays_of("root") is layers_of("root") is sys.modules["pipeline.kinds.root"]
        with pytest.raises(ValueError, match=r"Allowed: scalar, piecewise_linear, bucketize, root, or package\.module"):
            FeaturesConfig.model_validate(section(encoding="roof"))
        group = FeaturesConfig.model_validate(section(encoding="root", options={"degree": 3})).numeric[0]
        assert (group.kind, KINDS.resolve("root").parsed_options(group.options).degree) == ("root", 3)
    finally:
        sys.modules.pop("pipeline.kinds.root", None)
        vars(pipeline.kinds).pop("root", None)


@pytest.mark.parametrize(
    ("group", "message"),
    [
        ({"encoding": "bucketise"}, r"there is no encoding 'bucketise'\. Allowed: .*Did you mean 'bucketize'\?"),
        ({"encoding": "target_mean"}, r"there is no encoding 'target_mean'\. Allowed: scalar, piecewise_linear"),
        (
            {"encoding": "nowhere.root:KIND"},
            r"'nowhere\.root:KIND' cannot be used: No module named 'nowhere'\. ",
        ),
        (
            {"encoding": "json:loads"},
            r"'json:loads' cannot be used: allowed is an instance of .*FeatureKind\. ",
        ),
        ({"encoding": "pipeline.kinds.hashed:KIND"}, r"is for features\.categorical, not for features\.numeric"),
        ({"options": {"degree": 2}}, r"scaled has no options\. Remove options"),
        ({"encoding": OWN, "options": {"degre": 2}}, r"options\.degre is unknown\. Did you mean 'degree'\?"),
    ],
)
def test_encodings_that_are_refused(own_package, monkeypatch, group, message):
    monkeypatch.syspath_prepend(str(own_package.parent))
    content = {"name": "n", "data": {"source": {"path": "rows.csv"}, "label": "y"}, "features": section(**group)}
    with pytest.raises(ConfigError, match=message):
        parse_config(content)


def test_missing_functions_are_named(tmp_path, monkeypatch):
    """Those that the class of its features asks for, all of them."""
    monkeypatch.syspath_prepend(str(tmp_path))
    head = NEW_FILE.partition("def needs(group)")[0]
    for name, text, lacks in (
        ("bare", head, "needs, fit, stored, transform, of_numbers, beyond_float32, source_values, serve"),
        ("almost", NEW_FILE.replace("def serve", "def served"), "serve"),
    ):
        reference = f"{name}_kind:KIND"
        (tmp_path / f"{name}_kind.py").write_text(text.replace("NAME", reference))
        with pytest.raises(ValueError, match=rf"the kind of feature '{reference}' lacks functions: {lacks}\. Define"):
            FeaturesConfig.model_validate(section(encoding=reference))
    for kind, entry in feature_kinds().items():
        assert missing_functions(kind, entry.feature) == ()


def test_examples_are_optional(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    text = re.sub(r"    def examples.*?\n\n\n", "", NEW_FILE, flags=re.DOTALL)
    assert "examples" not in text
    (tmp_path / "plain_kind.py").write_text(text.replace("NAME", "plain_kind:KIND"))
    feature = KINDS.resolve("plain_kind:KIND").feature(name="x", source="x", fill=0.0, degree=2)
    assert list(feature.examples("x")) == []


def test_the_documentation_lists_the_kinds(repository):
    assert kinds_table() in (repository / "pipeline" / "kinds" / "README.md").read_text(encoding="utf-8")


@pytest.mark.spark
@pytest.mark.slow
def test_a_run_with_a_kind_of_a_user_s_own(tmp_path, own_package, repository):
    random = np.random.default_rng(0)
    x = random.normal(size=600) * 9
    lines = [f"{i},{a:.3f},{np.sign(a) * abs(a) ** (1 / 3):.5f}" for i, a in enumerate(x)]
    (tmp_path / "rows.csv").write_text("\n".join(["id,x,y", *lines, "600,,0.0"]) + "\n")
    config = {
        "name": "root",
        "storage": {"root": str(tmp_path / "root")},
        "data": {"source": {"path": str(tmp_path / "rows.csv")}, "label": "y", "key": "id"},
        "features": section(encoding=OWN, options={"degree": 3}),
        "model": {"hidden": []},
        "train": {"workers": 1, "epochs": 20, "batch_size": 32, "optimizer": {"learning_rate": 0.05}},
    }
    (tmp_path / "root.yaml").write_text(yaml.safe_dump(config))
    done = subprocess.run(
        [sys.executable, str(repository / "jobs" / "run.py"), "--config", str(tmp_path / "root.yaml")],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(repository), str(tmp_path)])},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout.splitlines()[-1])
    features = next((tmp_path / "root" / "stores").rglob("features.json"))
    assert [feature["kind"] for feature in json.loads(features.read_text())["numeric"]] == [OWN]
    assert answer["evaluate"]["metrics"]["r2"] > 0.9, "a linear function of what the kind makes of x"
    report = next((tmp_path / "root").rglob("report.html")).read_text(encoding="utf-8")
    assert f"encoding: {OWN}" in report
