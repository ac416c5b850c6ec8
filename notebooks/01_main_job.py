# Databricks notebook source
# MAGIC %md
# MAGIC # The main job
# MAGIC
# MAGIC From a table to a trained, tracked Keras model: Spark prepares the features, Horovod trains on `workers` ranks,
# MAGIC MLflow records the run. The same as `jobs/run.py`, step by step.
# MAGIC
# MAGIC Needs a dedicated (single-user) cluster with this project's packages. Every cell may be run again: a store
# MAGIC that is already prepared is reused.

# COMMAND ----------

# MAGIC %md
# MAGIC ## What to run
# MAGIC
# MAGIC The configuration is one of `conf/`, or your own. The other widgets override it; an empty one leaves it as it
# MAGIC is. `root` is where stores, models and runs are kept; on Databricks use a volume, such as
# MAGIC `/Volumes/main/default/pipeline`.

# COMMAND ----------

dbutils.widgets.text("config", "../conf/bank.yaml", "Configuration file")
dbutils.widgets.text("root", "../artifacts", "Storage root")
dbutils.widgets.text("workers", "", "Horovod ranks")
dbutils.widgets.text("epochs", "", "Epochs at most")

# COMMAND ----------

from pipeline import evaluate, load_config, prepare, train

keys = {"storage.root": "root", "train.workers": "workers", "train.epochs": "epochs"}
chosen = {key: dbutils.widgets.get(widget).strip() for key, widget in keys.items()}
config = load_config(
    dbutils.widgets.get("config"), overrides=[f"{key}={value}" for key, value in chosen.items() if value]
)
config

# COMMAND ----------

# MAGIC %md
# MAGIC ## Prepare
# MAGIC
# MAGIC Reads and checks the source, splits it, fits the features on the training rows alone, and publishes a store.

# COMMAND ----------

store = prepare(config)
store

# COMMAND ----------

# MAGIC %md
# MAGIC ## Train
# MAGIC
# MAGIC The weights of the best epoch are kept. Learning curves are in the tracked run.

# COMMAND ----------

trained = train(config)
trained.metrics

# COMMAND ----------

import pandas as pd

history = pd.DataFrame([{"epoch": record.epoch, **record.metrics} for record in trained.history]).set_index("epoch")
history

# COMMAND ----------

# MAGIC %md
# MAGIC ## Evaluate
# MAGIC
# MAGIC On the whole test split, compared with a linear model on the same rows.

# COMMAND ----------

evaluated = evaluate(config)
metrics = pd.DataFrame({"network": dict(evaluated.metrics), "linear": dict(evaluated.baselines["linear"])})
metrics

# COMMAND ----------

# MAGIC %md
# MAGIC ## Where to look
# MAGIC
# MAGIC On Databricks: *Experiments*, in the sidebar. Elsewhere: `./scripts/mlflow-ui`.

# COMMAND ----------

print(f"Experiment {config.track.experiment or config.name}, run {trained.run_id}. The model: {trained.model}")
