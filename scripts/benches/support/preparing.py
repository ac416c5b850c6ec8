"""Ways from a table to features at rest: by the pipeline, by spark.ml, and unchanged, as a plain copy."""

from __future__ import annotations

import io
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pyspark.ml import Pipeline
from pyspark.ml.feature import Imputer, OneHotEncoder, StandardScaler, StringIndexer, VectorAssembler
from pyspark.ml.functions import vector_to_array
from pyspark.sql import SparkSession
from pyspark.sql.types import StructType
from report import say, seconds_of

from pipeline.config.load import parse_config
from pipeline.config.run import RunConfig, SparkConfig
from pipeline.preparation.listing.source import open_source
from pipeline.preparation.planning.store_spec import StoreSpec
from pipeline.preparation.writing.build_store import build_store
from pipeline.runtime.progress import Progress
from pipeline.runtime.spark import open_session
from pipeline.runtime.terminal import Terminal
from pipeline.store.filesystem import storage_path
from pipeline.store.store import Store, open_store
from support.tables import QUICK, TABLES

LAKE = "viewfs:/lake"
"""The workplace's folder by a name that Hadoop's client knows and Arrow does not: what lies there, Spark reads."""


@dataclass(frozen=True)
class Workplace:
    """Where stores are prepared.

    Attributes:
        spark: a session with two task slots.
        folder: of the tables and of what is written.
        is_quick: whether tables are to be small.
    """

    spark: SparkSession
    folder: Path
    is_quick: bool

    @classmethod
    def at(cls, folder: Path, is_quick: bool) -> Workplace:
        """The same, with a new session."""
        link = {"spark.hadoop.fs.viewfs.mounttable.default.link./lake": folder.as_uri()}
        config = SparkConfig(master="local[2]", conf={"spark.driver.memory": "4g", **link})
        return cls(open_session(config, app="bench", workers=2), folder, is_quick)

    def table(self, name: str, format: str = "parquet") -> Path:
        """A table, made when it is first asked for."""
        table_folder = self.folder / f"{name}_{format}"
        if not table_folder.exists():
            say(f"making {table_folder.name}: {seconds_of(lambda: self._make(name, format, table_folder))} s")
        return table_folder

    def _make(self, name: str, format: str, table_folder: Path) -> None:
        write, rows = TABLES[name]
        if format == "parquet":
            write(self.spark, rows // QUICK if self.is_quick else rows, table_folder)
        else:
            table = self.spark.read.parquet(str(self.table(name)))
            table.write.format(format).option("header", True).save(str(table_folder))

    def schema(self, name: str) -> StructType:
        """The columns of a table."""
        return self.spark.read.parquet(str(self.table(name))).schema

    def copy(self, table: Path, format: str = "parquet", schema: StructType | None = None) -> None:
        """Read and write as Parquet: the limit. Without a schema, CSV is read as text."""
        reader = self.spark.read.format(format).option("header", True)
        rows = (reader if schema is None else reader.schema(schema)).load(str(table))
        rows.write.mode("overwrite").parquet(str(self.folder / "copy"))

    def by_spark_ml(self, table: Path) -> None:
        """Impute, index, one-hot, scale and assemble, as spark.ml's users do."""
        rows = self.spark.read.parquet(str(table))
        model = Pipeline(stages=_stages(rows.columns)).fit(rows)
        stored = model.transform(rows).select(vector_to_array("features", "float32").alias("features"), "y")
        stored.write.mode("overwrite").parquet(str(self.folder / "spark_ml"))

    def prepare(self, source: str, names: Sequence[str], format: str = "parquet", **categorical: Any) -> Store:
        """A store with the usual features of some columns."""
        return self.build(
            {
                "data": {"source": {"path": source, "format": format}, "label": "y", "key": "id"},
                "features": usual_features(names, **categorical),
            }
        )

    def build(self, settings: dict[str, Any]) -> Store:
        """A store by a configuration, which needs neither name nor storage."""
        storage = {"root": str(self.folder / "root")}
        return self.build_configured(parse_config({"name": "bench", "storage": storage, **settings}))

    def build_configured(self, config: RunConfig) -> Store:
        """The store of a configuration whose storage is this workplace's, made anew."""
        root, store_spec = storage_path(config.storage.root), StoreSpec.of(config)
        shutil.rmtree(config.storage.root, ignore_errors=True)
        source = open_source(self.spark, store_spec.data.source, root)
        build_store(self.spark, store_spec, source, root=root, progress=Progress(Terminal(io.StringIO())))
        return open_store(store_spec.folder(source, root))


def usual_features(names: Sequence[str], **categorical: Any) -> dict[str, Any]:
    """Numbers are scaled, texts get ids."""
    return {
        "numeric": [{"columns": [name for name in names if name.startswith("n")]}],
        "categorical": [{"columns": [name], **categorical} for name in names if name.startswith("c")],
    }


def _stages(names: Sequence[str]) -> list[Any]:
    numbers = [name for name in names if name.startswith("n")]
    texts = [name for name in names if name.startswith("c")]
    indexed, encoded = [f"{name}_x" for name in texts], [f"{name}_o" for name in texts]
    stages = [
        Imputer(inputCols=numbers, outputCols=[f"{name}_i" for name in numbers]),
        VectorAssembler(inputCols=[f"{name}_i" for name in numbers], outputCol="numeric"),
        StandardScaler(inputCol="numeric", outputCol="scaled", withMean=True),
    ]
    if texts:
        stages += [
            StringIndexer(inputCols=texts, outputCols=indexed, handleInvalid="keep"),
            OneHotEncoder(inputCols=indexed, outputCols=encoded),
        ]
    return [*stages, VectorAssembler(inputCols=["scaled", *encoded], outputCol="features")]
