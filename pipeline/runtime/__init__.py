"""The machine below the stages: Java, the Spark session, progress and logs."""
