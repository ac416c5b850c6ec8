"""The machine below the stages: Java, the Spark session, ranks, signals, progress and logs."""
