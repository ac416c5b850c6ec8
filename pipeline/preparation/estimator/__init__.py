"""Features as a stage of pyspark.ml."""
