"""Prepares a source for training. The packages are the steps that its rows go through, in this order:

    listing     finds the source: its files, version and fingerprint
    reading     reads some columns as Arrow batches in Spark's tasks
    rows        types the values of a batch, assigns rows to splits and folds, detects bad rows
    planning    turns the configuration and the columns of a source into a plan of features
    statistics  collects counts, moments and samples of all rows in one pass
    fitting     fits features to the training rows
    profile     describes the rows of a store, and measures the drift of other rows
    audit       looks for rows that leak from one split into another
    writing     writes the files of a store and publishes it
    estimator   offers the same features as a stage of pyspark.ml

Each package imports only from those above it.
"""
