"""Source formats: one new file adds one, in this package or in a user's own."""

from __future__ import annotations

import importlib
import subprocess
import sys

import numpy as np
import pytest

import pipeline.sources
from pipeline.config.load import parse_config
from pipeline.errors import ConfigError
from pipeline.reference import formats_table, reference_page
from pipeline.sources.registry import FORMATS, SourceFormat, endings

NEW_FILE = '''
"""Numbers of 64 bits, row by row."""

from pipeline.schemas.section import Section
from pipeline.sources.registry import SourceFormat


class DoublesOptions(Section):
    names: tuple[str, ...]


def columns(stream, options):
    import pyarrow as pa

    return dict.fromkeys(options.names, pa.float64())


def read(stream, options):
    import numpy as np
    import pyarrow as pa

    values = np.frombuffer(stream.read(), "<f8").reshape(-1, len(options.names))
    yield pa.record_batch([pa.array(column) for column in values.T], [*options.names])


FORMAT = SourceFormat(
    "doubles", "numbers of 64 bits", endings=("f64",), options=DoublesOptions, columns=columns, read=read
)
'''


@pytest.fixture
def new_file(tmp_path, monkeypatch):
    """A new file in a temporary package that belongs to `pipeline.sources` as well."""
    from pyspark import cloudpickle

    package = tmp_path / "own_formats"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "doubles.py").write_text(NEW_FILE)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(pipeline.sources, "__path__", [*pipeline.sources.__path__, str(package)])
    modules = [importlib.import_module(name) for name in ("own_formats.doubles", "pipeline.sources.doubles")]
    for module in modules:
        # The workers of the session were started without the temporary folder.
        cloudpickle.register_pickle_by_value(module)
    yield
    for module in modules:
        cloudpickle.unregister_pickle_by_value(module)
        monkeypatch.delitem(sys.modules, module.__name__)
    monkeypatch.delattr(pipeline.sources, "doubles")


def content(tmp_path, **source):
    return {
        "name": "doubles",
        "storage": {"root": str(tmp_path / "root")},
        "track": {"enabled": False},
        "data": {"source": {"path": str(tmp_path / "rows.f64.gz"), **source}, "label": "y"},
        "features": {"numeric": {"columns": ["x"], "scale": "none"}},
    }


def write_rows(tmp_path, rows: int = 400) -> np.ndarray:
    import gzip

    values = np.random.default_rng(0).normal(size=(rows, 2)).round(3)
    (tmp_path / "rows.f64.gz").write_bytes(gzip.compress(values.astype("<f8").tobytes()))
    return values


def test_the_formats_of_this_package():
    assert list(FORMATS.names) == ["arrow", "csv", "delta", "excel", "json", "orc", "parquet", "tsv"]
    assert endings()["ndjson"] == "json"
    assert FORMATS.resolve("pipeline.sources.orc:FORMAT") is FORMATS.resolve("orc")


@pytest.mark.parametrize(
    ("format", "message"),
    [
        (
            "parqet",
            r"'data\.source\.format': there is no source format 'parqet'\. Allowed: auto, arrow, csv, delta, "
            r"excel, json, orc, parquet, tsv, or package\.module:name\. Did you mean 'parquet'\?",
        ),
        (
            "own.lines:LINES",
            r"Source format 'own\.lines:LINES' cannot be used: No module named 'own'\. Install its package, or correct",
        ),
        ("json:loads", r"'json:loads' cannot be used: allowed is an instance of .*SourceFormat\. Received: function"),
    ],
)
def test_names_that_are_no_format(tmp_path, format, message):
    with pytest.raises(ConfigError, match=message):
        parse_config(content(tmp_path, format=format))


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ({"format": "orc", "options": {"a": 1}}, "orc has no options. Remove options"),
        ({"format": "doubles", "options": {"name": "x"}}, r"options\.names: Field required|options\.name is unknown"),
        ({"format": "doubles", "options": {"names": ["x"]}, "quote": "'"}, "quote goes with format: csv or tsv, not"),
    ],
)
def test_settings_that_do_not_go_with_a_format(new_file, tmp_path, source, message):
    with pytest.raises(ConfigError, match=message):
        parse_config(content(tmp_path, **source))


def test_a_configuration_is_checked_without_spark_and_pyarrow():
    code = (
        "import sys; sys.modules['pyspark'] = sys.modules['pyarrow'] = None\n"
        "from pipeline.sources.registry import FORMATS; print(FORMATS.names)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == str(FORMATS.names)


def test_the_documentation_lists_the_formats(repository):
    assert formats_table() in (repository / "pipeline" / "sources" / "README.md").read_text(encoding="utf-8")


@pytest.mark.spark
@pytest.mark.parametrize("format", ["auto", "doubles", "own_formats.doubles:FORMAT"])
def test_one_new_file_adds_a_format(spark, tmp_path, new_file, format):
    from pipeline.stages.prepare import prepare

    values = write_rows(tmp_path)
    with pytest.raises(
        ConfigError, match=r"Allowed: auto, arrow, csv, delta, excel, json, orc, parquet, tsv, doubles, or"
    ):
        parse_config(content(tmp_path, format="double"))
    assert "| `doubles` | `.f64` | numbers of 64 bits |" in reference_page()
    if format == "own_formats.doubles:FORMAT":
        (tmp_path / "rows.f64.gz").rename(tmp_path / "rows.gz")
    path = next(tmp_path.glob("rows*"))
    config = parse_config(content(tmp_path, path=str(path), format=format, options={"names": ["x", "y"]}))
    prepared = prepare(config, spark=spark)
    assert sum(prepared.rows.values()) == len(values)
    stored = spark.read.parquet(*(f"{prepared.store}/{split}" for split in ("train", "validation", "test")))
    rows = np.array(sorted((row.x, row.y) for row in stored.select("x", "y").collect()))
    np.testing.assert_allclose(rows, values[np.lexsort(values.T[::-1])], rtol=1e-6)


@pytest.mark.spark
def test_rows_of_a_new_format_are_trained_on_and_reported(spark, tmp_path, new_file):
    from pipeline.stages.run import run

    write_rows(tmp_path)
    settings = content(tmp_path, format="doubles", options={"names": ["x", "y"]})
    done = run(parse_config({**settings, "track": {}, "train": {"epochs": 1}}), spark=spark)
    assert done.evaluate.rows == done.prepare.rows["test"]
    report = next((tmp_path / "root").rglob("report.html")).read_text(encoding="utf-8")
    assert "format: doubles" in report


@pytest.mark.spark
def test_a_file_that_its_format_cannot_read_is_named(spark, tmp_path, new_file):
    from pyspark.errors import PythonException

    from pipeline.stages.prepare import prepare

    (tmp_path / "rows.f64").write_bytes(b"\0" * 20)
    source = {"path": str(tmp_path / "rows.f64"), "options": {"names": ["x", "y"]}}
    with pytest.raises(PythonException, match=r"DataError: File '.*rows\.f64' cannot be read as doubles: buffer size"):
        prepare(parse_config(content(tmp_path, **source)), spark=spark)


def test_a_format_is_plain_data():
    assert all(isinstance(format, SourceFormat) and format.description for format in FORMATS.entries.values())
