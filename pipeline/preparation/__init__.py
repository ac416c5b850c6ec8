"""Prepares a source for training: the folders below are steps that its rows take, in this order.

    listing     finds the source: its files, its version, its fingerprint
    reading     reads rows of some columns as Arrow batches in Spark's tasks
    rows        types the values of a batch, assigns splits and folds, tells bad rows
    planning    turns the configuration and the columns of a source into a plan of features
    statistics  collects counts, moments and samples of all rows in one pass
    fitting     learns features from training rows
    profile     describes a store's rows, and compares others with them
    audit       looks for rows that leak from one split into another
    writing     writes the files of a store and publishes it
    estimator   the same features as a stage of pyspark.ml

Each imports from those above it only.
"""
