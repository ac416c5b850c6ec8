"""A published model: its card, `model.json`, and the folder of files whose hash is in the card.

    <root>/models/<name>/<model_id>/{model.json, bundle-<hash>/{model.keras, features.json, config.yaml, ...}}

`model_id` is derived from the store and from the configuration of network and training, so that a later job with
the same configuration finds the model. Training again replaces it by replacing one file, the card: the new folder is
complete before the card names it. Readers never write. `bundle.py` lists what is in the folder.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import StringConstraints

from pipeline.errors import Problem, StoreError, gather
from pipeline.schemas.decision import DecisionRule
from pipeline.schemas.document import HashedDocument, fingerprint
from pipeline.store import filesystem as files
from pipeline.store.filesystem import UNFINISHED, StoragePath
from pipeline.store.large_files import sha256_of
from pipeline.store.layout import MODEL, MODEL_CARD, TEST_CARD, bundle_folder
from pipeline.store.private import links_below
from pipeline.store.publish import replace_folder

FORMAT = 3
"""Format 3 has a hash of the card, format 2 has none."""
READABLE = (2, FORMAT)
AGAIN = "Train it again"

FilePath = Annotated[str, StringConstraints(pattern=r"^\w[\w.-]*(/\w[\w.-]*)*$")]
"""Path of a file within a folder: relative, and never above the folder."""


class ModelCard(HashedDocument):
    """What the training run records about its model; its hash covers all of it.

    Attributes:
        format: format of this document and of the folder.
        name: name of the experiment.
        model_id: id of this model.
        store_id: id of the store that it was trained on.
        run_id: id of the tracked run that trained it, if any.
        files: SHA-256 of each file of the folder, by path.
        weights: SHA-256 over the network's weights.
        epochs: number of epochs that were trained.
        best_epoch: the epoch whose weights were kept, counted from 1.
        metrics: metrics of that epoch, by name.
        decision: how probabilities become classes; also part of the Keras file.
        versions: versions of the libraries that it was made with.
    """

    formats_without_hash = (2,)
    remedy = AGAIN

    format: int = FORMAT
    name: str
    model_id: str
    store_id: str
    run_id: str | None
    files: Mapping[FilePath, str]
    weights: str
    epochs: int
    best_epoch: int
    metrics: Mapping[str, float]
    decision: DecisionRule = DecisionRule()
    versions: Mapping[str, str] = {}

    @property
    def folder(self) -> str:
        """The name of the folder, which no other content has."""
        return bundle_folder(fingerprint(dict(self.files)))

    @property
    def sha256(self) -> str:
        """SHA-256 of the Keras file."""
        return self.files[MODEL]


@dataclass(frozen=True)
class PublishedModel:
    """A model whose files match its card.

    Attributes:
        path: path of its folder, which holds the card.
        card: the card.
    """

    path: StoragePath
    card: ModelCard

    @property
    def folder(self) -> StoragePath:
        """The folder of its files."""
        return self.path.child(self.card.folder)

    @property
    def file(self) -> StoragePath:
        """The Keras file."""
        return self.folder.child(MODEL)


def hashes_of(folder: StoragePath) -> dict[str, str]:
    """SHA-256 of every file below a folder, by path."""
    return {path: sha256_of(folder.child(path)) for path in files.list_files(folder)}


def publish_model(finished: StoragePath, target: StoragePath, card: ModelCard) -> PublishedModel:
    """Publish the folder `finished` with its card; it replaces a predecessor, whose folder is deleted.

    Only the folder that the previous card named is deleted: another job may be about to publish any other one.

    Args:
        finished: the complete folder, on the same file system as `target`.
        target: the folder where readers look for the card.
        card: the card, with the hashes of the files in `finished`.
    """
    model, predecessor = PublishedModel(target, card), None
    with suppress(StoreError):
        predecessor = _read(target)
    if files.exists(model.folder) and not _problems(model):
        files.remove_folder(finished)
    else:
        replace_folder(finished, model.folder)  # also over an altered or unfinished one
    files.write_atomically(target.child(MODEL_CARD), card.to_json().encode())
    if predecessor is not None and predecessor.card.folder != card.folder:
        files.remove_folder(predecessor.folder)
    return model


def open_model(folder: StoragePath) -> PublishedModel:
    """Open a published model, and verify every file by its card.

    Raises:
        StoreError: there is no model, or a file is missing, altered or not part of the model.
    """
    model = _read(folder)
    while True:
        problems = _problems(model)
        if not problems:
            return model
        # Another job may have replaced the model since the card was read: then its card differs, and is verified next.
        model, before = _read(folder), model
        if model == before:
            raise StoreError(gather(f"Model {model.folder} does not match its card", problems))


def read_model(file: StoragePath, sha256: str) -> bytes:
    """The content of a model file, verified by the hash that the opened model had, perhaps in another process.

    Raises:
        StoreError: it is gone, or was altered.
    """
    try:
        content = files.read_bytes(file)
    except FileNotFoundError as error:
        raise StoreError(str(_gone(str(file)))) from error
    actual = hashlib.sha256(content).hexdigest()
    if actual != sha256:
        raise StoreError(str(_altered(str(file), sha256, actual)))
    return content


@contextmanager
def local_copy(file: StoragePath, sha256: str) -> Iterator[Path]:
    """The same, as a local file that exists while a block runs: Keras reads no other.

    Raises:
        StoreError: it is gone, or was altered.
    """
    content = read_model(file, sha256)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / MODEL
        path.write_bytes(content)
        yield path


def _read(folder: StoragePath) -> PublishedModel:
    try:
        text = files.read_bytes(folder.child(MODEL_CARD))
    except FileNotFoundError as error:
        raise StoreError(
            f"There is no model for this configuration at {folder}. Run jobs/train.py with the same configuration."
        ) from error
    card = ModelCard.from_json(text, f"{folder}/{MODEL_CARD}")
    if card.format not in READABLE:
        allowed = ", ".join(map(str, READABLE))
        raise StoreError(
            f"Model {folder} has format {card.format}. Allowed: {allowed}. Train it again with this version."
        )
    if MODEL not in card.files:
        raise StoreError(f"{folder}/{MODEL_CARD} names no {MODEL}. Train it again.")
    return PublishedModel(folder, card)


def _problems(model: PublishedModel) -> list[Problem]:
    if links := links_below(model.folder):
        return [Problem(f"{path} is a link or a special file", "ordinary files", remedy=AGAIN) for path in links]
    present, problems = _present(model), []
    for path, sha256 in model.card.files.items():
        file = model.folder.child(path).path
        if path not in present:
            problems.append(_gone(file))
        elif present[path] != sha256:
            problems.append(_altered(file, sha256, present[path]))
    for path in sorted(present.keys() - model.card.files.keys() - {TEST_CARD}):
        what = f"{model.folder.child(path)} is not part of this model"
        problems.append(Problem(what, remedy="Delete it"))
    return problems


def _present(model: PublishedModel) -> dict[str, str]:
    """Hashes of the existing files, by path; none if the folder is deleted meanwhile."""
    try:
        return {path: sha256 for path, sha256 in hashes_of(model.folder).items() if not path.endswith(UNFINISHED)}
    except FileNotFoundError:
        return {}


def _altered(file: str, sha256: str, actual: str) -> Problem:
    return Problem(f"Model {file} was altered", f"SHA-256 {sha256}", actual, AGAIN)


def _gone(file: str) -> Problem:
    return Problem(f"Model {file} is missing: it was deleted, or replaced by another training run", remedy=AGAIN)
