"""Where everything lies under a storage root, and what a store is called.

<root>/stores/<name>/<store_id>/{train,validation,test}/*.parquet, contract.json, features.json, manifest.json
<root>/models/<name>/<model_id>/model.keras, model.json
<root>/samples/<sample>-<...>.parquet
<root>/mlflow.db, <root>/mlartifacts/
"""

from __future__ import annotations

from pipeline.store.filesystem import Root

SPLITS = ("train", "validation", "test")
CONTRACT, FEATURES, MANIFEST = "contract.json", "features.json", "manifest.json"
MODEL, MODEL_CARD = "model.keras", "model.json"


def store_place(root: Root, name: str, store_id: str) -> Root:
    """The folder of a published store."""
    return root.within("stores", name, store_id)


def model_place(root: Root, name: str, model_id: str) -> Root:
    """The folder of a published model."""
    return root.within("models", name, model_id)


def scratch_place(root: Root, token: str) -> Root:
    """A folder for work in progress, on the same file system as what it will become."""
    return root.within("scratch", token)
