"""Features on Spark: fitted on training rows, executed as Catalyst expressions."""
