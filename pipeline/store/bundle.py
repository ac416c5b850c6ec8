"""Everything that scoring needs of a published model; neither its store nor a configuration is needed.

    model.keras     raw columns in, classes and probabilities or numbers out
    features.json   the fitted features and label
    table.json      the contract of the source, where there is one
    profile.json    what training rows looked like, for drift
    config.yaml     the configuration, without secrets
    history.json    metrics of the training run, epoch by epoch
    saved_model/    in TensorFlow's own format, where `export.formats` asks for it
    test.json       metrics of the test split, once it was evaluated

The card holds the hash of each file but the last, which holds its own hash.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass

from pipeline.errors import StoreError
from pipeline.kinds.fitted_features import FittedFeatures
from pipeline.schemas.decision import DecisionRule
from pipeline.schemas.document import HashedDocument
from pipeline.schemas.profile import DataProfile
from pipeline.schemas.source_contract import SourceContract
from pipeline.store import filesystem as files
from pipeline.store.filesystem import StoragePath
from pipeline.store.layout import CONFIG, FEATURES, PROFILE, TABLE, TEST_CARD
from pipeline.store.model import ModelCard, PublishedModel, open_model, read_model
from pipeline.store.store import Store
from pipeline.store.versions import library_versions

logger = logging.getLogger(__name__)

COMPUTING = ("keras", "tensorflow")
"""Libraries on which a model's predictions depend."""


class ModelTest(HashedDocument):
    """What a model reached on a test split.

    Attributes:
        model: SHA-256 of the Keras file.
        store_id: id of the store whose test split was used.
        rows: number of rows in that split.
        metrics: values by name; None where these rows do not define a metric.
        intervals: 95 % intervals by metric.
    """

    remedy = "Delete it and run jobs/evaluate.py"

    model: str
    store_id: str
    rows: int
    metrics: Mapping[str, float | None]
    intervals: Mapping[str, tuple[float, float]] = {}


@dataclass(frozen=True)
class Bundle:
    """A model with all that scoring needs, verified.

    Attributes:
        model: the published model.
        features: the fitted features and label.
        config: the configuration, as YAML without secrets.
        table: the contract of the source; None if there was none.
        profile: profile of the training rows; None for a store without one.
        test: metrics of the test split; None before it was evaluated.
    """

    model: PublishedModel
    features: FittedFeatures
    config: str
    table: SourceContract | None
    profile: DataProfile | None
    test: ModelTest | None

    @property
    def card(self) -> ModelCard:
        """The card of the model."""
        return self.model.card

    @property
    def decision(self) -> DecisionRule:
        """How probabilities become classes."""
        return self.card.decision

    @property
    def file(self) -> StoragePath:
        """The Keras file."""
        return self.model.file


def write_bundle(folder: StoragePath, store: Store, config: str) -> None:
    """Write what a bundle holds of its store, and the configuration as YAML, beside a Keras file."""
    for name in (FEATURES, TABLE, PROFILE):
        if name in store.manifest.documents:
            files.write_bytes(folder.child(name), files.read_bytes(store.path.child(name)))
    files.write_bytes(folder.child(CONFIG), config.encode())


def open_bundle(folder: StoragePath) -> Bundle:
    """Open the bundle of a published model; logs a warning if libraries differ in more than a patch version.

    Args:
        folder: the model's folder, with its card.

    Raises:
        StoreError: there is no model, or a file is missing, altered or not part of the model.
    """
    model = open_model(folder)
    _compare(model.card)
    config = _read(model, CONFIG)
    features = _read(model, FEATURES)
    if config is None or features is None:
        absent = CONFIG if config is None else FEATURES
        raise StoreError(f"Model {folder} has no {absent}. Train it again with this version.")
    table, profile = _read(model, TABLE), _read(model, PROFILE)
    return Bundle(
        model=model,
        features=FittedFeatures.from_json(features, str(model.folder.child(FEATURES))),
        config=config.decode(),
        table=None if table is None else SourceContract.from_json(table, str(model.folder.child(TABLE))),
        profile=None if profile is None else DataProfile.from_json(profile, str(model.folder.child(PROFILE))),
        test=read_test(model),
    )


def add_test(
    model: PublishedModel,
    *,
    rows: int,
    metrics: Mapping[str, float | None],
    intervals: Mapping[str, tuple[float, float]],
) -> ModelTest:
    """Store a model's metrics on the test split of its store with the model; replaces earlier ones."""
    card = model.card
    test = ModelTest(model=card.sha256, store_id=card.store_id, rows=rows, metrics=metrics, intervals=intervals)
    files.write_atomically(model.folder.child(TEST_CARD), test.to_json().encode())
    return test


def read_test(model: PublishedModel) -> ModelTest | None:
    """A model's metrics on the test split; None before it was evaluated.

    Raises:
        StoreError: they were altered, or are another model's.
    """
    file = model.folder.child(TEST_CARD)
    try:
        test = ModelTest.from_json(files.read_bytes(file), str(file))
    except FileNotFoundError:
        return None
    if test.model != model.card.sha256:
        raise StoreError(
            f"{file} is another model's: of SHA-256 {test.model}, not {model.card.sha256}. {ModelTest.remedy}."
        )
    return test


def _read(model: PublishedModel, name: str) -> bytes | None:
    """Read a file of the folder, verified again, since a newer model may have replaced it."""
    if name not in model.card.files:
        return None
    return read_model(model.folder.child(name), model.card.files[name])


def _compare(card: ModelCard) -> None:
    here = library_versions()
    for name in COMPUTING:
        trained_with, installed = card.versions.get(name), here.get(name)
        if trained_with and installed and trained_with.split(".")[:2] != installed.split(".")[:2]:
            logger.warning(
                "Model %s was made with %s %s; here is %s. Its predictions may differ: install %s, or train it again.",
                card.model_id, name, trained_with, installed, trained_with,
            )  # fmt: skip
