"""A frozen, typed object that is JSON at rest.

Every file that the pipeline writes about data or models (contract, features, manifest, model card) is one of
these: unknown keys are refused on reading, and writing the same object twice gives the same bytes.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from pipeline.errors import StoreError


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


def fingerprint(content: Any) -> str:
    """SHA-256, in hexadecimal, of JSON-like `content`, whatever the order of its keys."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()
