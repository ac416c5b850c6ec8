"""What is loaded when; each case in a fresh interpreter."""

from __future__ import annotations

import configparser
import subprocess
import sys

import pytest

import pipeline

HEAVY = {"pyspark", "tensorflow", "keras", "horovod", "petastorm", "mlflow", "optuna", "pandas", "sklearn"}


def run(code: str, *arguments: str) -> str:
    command = [sys.executable, "-c", code, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize(
    "statement",
    ["import pipeline", "from pipeline import load_config", "import pipeline.cli", "import pipeline.runtime.progress"],
)
def test_light_imports_load_nothing_heavy(statement):
    loaded = run(f"import sys; {statement}; print(' '.join({{name.partition('.')[0] for name in sys.modules}}))")

    assert HEAVY & set(loaded.split()) == set()


BLOCKED = """
import sys
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"tensorflow", "keras", "pyspark", "horovod", "mlflow", "optuna", "sklearn"}:
            raise ImportError(f"{name} is blocked")
sys.meta_path.insert(0, Blocked())
"""


def test_configurations_load_without_tensorflow_and_pyspark(repository):
    """What names stand for is looked up in the registries, whose entries import these where they are used."""
    files = [str(file) for file in sorted((repository / "conf").glob("*.yaml"))]
    code = f"""{BLOCKED}
from pipeline.config.load import load_config
from pipeline.reference import reference_page
print(len([load_config(file) for file in {files}]), "`huber`" in reference_page())
"""

    assert len(files) > 5
    assert run(code) == f"{len(files)} True"


def test_the_page_of_names_is_up_to_date(repository):
    """Else `python -m pipeline.reference > docs/names.md` writes it anew."""
    written = run("from pipeline.reference import reference_page; print(reference_page())")

    assert (repository / "docs" / "names.md").read_text().strip() == written


def test_a_stage_that_is_asked_for_is_loaded():
    loaded = run("import sys; from pipeline import prepare; print(' '.join(sys.modules))").split()

    assert "pyspark" in loaded
    assert "tensorflow" not in loaded, "the Spark side does without TensorFlow"


FORKS = """
import os, sys
import numpy, pandas, pyarrow.compute, pyspark.sql, matplotlib.figure, sklearn.linear_model
for code in sys.argv[1:]:
    sys.stdout.flush()
    if os.fork() == 0:
        exec(code)
        sys.stdout.flush()
        os._exit(0)
    os.wait()
"""


def test_steps_are_functions_whatever_was_imported_before():
    """Each case in a fork of an interpreter that has imported nothing of ours; libraries take most of the time."""
    steps = "from pipeline import evaluate, train\nprint(train.__module__, evaluate.__module__)"
    first = ["pass", "import pipeline.training.job", "import pipeline.evaluation.class_metrics"]
    again = (
        "from pipeline import train\nfrom pipeline.training.job import RankJob\nfrom pipeline import train as again\n"
        "print(train is again, RankJob.__module__)"
    )

    found = run(FORKS, *(f"{statement}\n{steps}" for statement in first), again).splitlines()

    assert found == ["pipeline.stages.train pipeline.stages.evaluate"] * 3 + ["True pipeline.training.job"]


def test_no_package_is_named_like_a_step(repository):
    packages = {path.parent.name for path in (repository / "pipeline").glob("*/__init__.py")}
    steps = set(run("import pipeline; print(type(pipeline).__name__, *dir(pipeline))").split())

    assert {"module", "train", "search"} <= steps and {"training", "tuning"} <= packages
    assert packages & steps == set()


def test_unknown_names_are_refused():
    with pytest.raises(AttributeError, match="module 'pipeline' has no attribute 'trian'"):
        _ = pipeline.trian


def test_the_steps_are_listed():
    assert {"evaluate", "load_config", "prepare", "run", "train"} <= set(dir(pipeline))


def test_the_version_is_the_distribution_s(repository):
    setup = configparser.ConfigParser(interpolation=None)
    setup.read(repository / "setup.cfg")

    assert pipeline.__version__ == setup["metadata"]["version"]
