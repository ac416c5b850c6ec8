"""Kinds of features, a folder each, called as `kind` is in `features.json`:

    config.py   its section of the YAML file, where no other kind has it
    fitted.py   what was learned from training rows: plain numbers and texts, JSON at rest
    arrays.py   fitting and applying it on the arrays of a batch, by numpy and Arrow
    layers.py   applying it in the served model, by Keras

A section may lead to several kinds: `features.numeric` to `scaled` and, with `encoding: bucketize`, to `bucket`;
`features.categorical` and `.crosses` to `vocabulary`, `hashed` and, with `encoding: ordinal` or `target_mean`, to
`mapped`. What `text` has is common to the kinds made of texts; `date` turns dates into numbers, which are then scaled.

`interfaces.py` says what engines ask of `arrays.py` and `layers.py`; they know no kind by name.
"""
