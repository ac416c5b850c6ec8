"""Names under which earlier versions saved stages of pyspark.ml; nothing here is imported by the pipeline itself."""
