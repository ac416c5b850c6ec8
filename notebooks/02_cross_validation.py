# Databricks notebook source
# MAGIC %md
# MAGIC # Cross-validation
# MAGIC
# MAGIC How good a configuration is, and how certain that is: a model a fold, evaluated on rows that it never saw.
# MAGIC The same as `jobs/crossval.py`.
# MAGIC
# MAGIC Needs a dedicated (single-user) cluster with this project's packages. Every cell may be run again: finished
# MAGIC folds are reused.

# COMMAND ----------

# MAGIC %md
# MAGIC ## What to run
# MAGIC
# MAGIC The configuration is one of `conf/`, or your own. The other widgets override it; an empty one leaves it as it
# MAGIC is. `parallel_folds` are trained at a time, each on `train.workers` ranks; `compare_to` is the `id` of an
# MAGIC earlier cross-validation of the same folds.

# COMMAND ----------

dbutils.widgets.text("config", "../conf/iris.yaml", "Configuration file")
dbutils.widgets.text("root", "../artifacts", "Storage root")
dbutils.widgets.text("folds", "", "Folds")
dbutils.widgets.text("parallel_folds", "", "Folds at a time")
dbutils.widgets.text("epochs", "", "Epochs at most")
dbutils.widgets.text("compare_to", "", "Compare with")

# COMMAND ----------

from pipeline import cross_validate, load_config

keys = {
    "storage.root": "root",
    "crossval.folds": "folds",
    "crossval.parallel_folds": "parallel_folds",
    "train.epochs": "epochs",
    "crossval.compare_to": "compare_to",
}
chosen = {key: dbutils.widgets.get(widget).strip() for key, widget in keys.items()}
config = load_config(
    dbutils.widgets.get("config"), overrides=[f"{key}={value}" for key, value in chosen.items() if value]
)
config.crossval

# COMMAND ----------

# MAGIC %md
# MAGIC ## Train and evaluate the folds
# MAGIC
# MAGIC Rows of the test split take no part. Each fold fits its features on its own training rows.

# COMMAND ----------

found = cross_validate(config)
found.id

# COMMAND ----------

import pandas as pd

folds = pd.DataFrame([dict(fold) for fold in found.folds]).rename_axis("fold")
folds

# COMMAND ----------

# MAGIC %md
# MAGIC The mean of each metric with its 95 % confidence interval, and the metric of all held-out rows together.

# COMMAND ----------

intervals = pd.DataFrame({name: list(bounds) for name, bounds in found.intervals.items()}, index=["from", "to"]).T
metrics = pd.DataFrame({"mean": dict(found.mean), "deviation": dict(found.std)}).join(intervals)
metrics = metrics.assign(together=pd.Series(dict(found.pooled)))
metrics

# COMMAND ----------

found.comparison

# COMMAND ----------

# MAGIC %md
# MAGIC ## Out-of-fold predictions
# MAGIC
# MAGIC A row for each held-out row, by the model of its fold.

# COMMAND ----------

from pyspark.sql import SparkSession

predictions = SparkSession.active().read.parquet(found.predictions).toPandas()
predictions.head(10)
