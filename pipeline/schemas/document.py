"""A frozen, typed object that is JSON at rest.

Every file that the pipeline writes about data or models (contract, features, manifest, model card) is one of
these: unknown keys are refused on reading, and writing the same object twice gives the same bytes. Documents that no
other file has the hash of carry their own, see `HashedDocument`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection
from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from pipeline.errors import StoreError

SHA256 = "sha256"
"""The key of a document's own hash."""


class Document(BaseModel):
    """Base of all JSON documents."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="strings")

    def to_json(self) -> str:
        """Canonical JSON: keys in declared order, one trailing newline."""
        return self.model_dump_json(indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str | bytes, origin: str) -> Self:
        """Parse and check `text`.

        Args:
            text: what `to_json` wrote.
            origin: the file it came from, for the message.

        Raises:
            StoreError: the text is not such a document.
        """
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            path = ".".join(map(str, first["loc"])) or "the document"
            raise StoreError(
                f"{origin} is not a valid {cls.__name__}: {path}: {first['msg']}. Delete it and run the job again."
            ) from error


class HashedDocument(Document):
    """Base of documents whose file also has their hash, under `hash_key`, so that no change goes unnoticed.

    The hash is that of the parsed JSON without that key, not of the attributes: a later version may add attributes with
    defaults, and documents of an earlier one still have the hash that they were written with.
    """

    formats_without_hash: ClassVar[Collection[int | None]] = ()
    """Values of `format_key` with which a document may lack its hash; None if it has no such attribute."""
    format_key: ClassVar[str] = "format"
    hash_key: ClassVar[str] = SHA256
    remedy: ClassVar[str] = "Delete it and run the job again"

    def to_json(self) -> str:
        """The same as for every document, followed by the hash."""
        content = json.loads(super().to_json())
        return json.dumps({**content, self.hash_key: fingerprint(content)}, indent=1, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, text: str | bytes, origin: str) -> Self:
        """Parse and check `text`, with its hash.

        Raises:
            StoreError: the text is not such a document, or was altered.
        """
        try:
            content = json.loads(text)
        except ValueError:
            content = None
        if not isinstance(content, dict):
            return super().from_json(text, origin)  # which says what is wrong
        expected, actual = content.pop(cls.hash_key, None), fingerprint(content)
        if expected is None and content.get(cls.format_key) not in cls.formats_without_hash:
            raise StoreError(f"{origin} was altered: it lacks its own hash, '{cls.hash_key}'. {cls.remedy}.")
        if expected not in (None, actual):
            raise StoreError(
                f"{origin} was altered: the SHA-256 of its content is {actual} where '{cls.hash_key}' says {expected}. "
                f"{cls.remedy}."
            )
        return super().from_json(json.dumps(content), origin)


def fingerprint(content: Any) -> str:
    """SHA-256, in hexadecimal, of JSON-like `content`, whatever the order of its keys."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()
