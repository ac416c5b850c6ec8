"""An S3 server on loopback, with a bucket, that notes what it is asked for."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from pyarrow import fs

from pipeline.store import filesystem as files
from pipeline.store.filesystem import StoragePath, storage_path

SECRET = "not-to-be-shown"


@dataclass(frozen=True)
class Server:
    """A running server.

    Attributes:
        address: HOST:PORT.
        requests: method and path of all so far.
        copies: the paths that objects were copied to, as a rename does.
    """

    address: str
    requests: list[tuple[str, str]] = field(default_factory=list)
    copies: list[str] = field(default_factory=list)

    @property
    def environment(self) -> dict[str, str]:
        """The usual variables, for whoever is to reach it."""
        return {
            "AWS_ENDPOINT_URL": f"http://{self.address}",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def new_bucket(self) -> str:
        """Make a bucket; its URI, which tells nothing of the server."""
        name = f"lake-{uuid.uuid4().hex[:12]}"
        maker = fs.S3FileSystem(
            endpoint_override=self.address,
            scheme="http",
            region="us-east-1",
            access_key="test",
            secret_key=SECRET,
            allow_bucket_creation=True,
        )
        maker.create_dir(name)
        return f"s3a://{name}"


@contextmanager
def serving() -> Iterator[Server]:
    """A server for the length of a block."""
    moto = pytest.importorskip("moto.server")
    serving = pytest.importorskip("werkzeug.serving")
    server = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    patch = pytest.MonkeyPatch()

    def note(handler: Any, code: object = "-", size: object = "-") -> None:
        path = handler.path.partition("?")[0]
        found.requests.append((handler.command, path))
        if handler.headers.get("x-amz-copy-source"):
            found.copies.append(path)

    patch.setattr(serving.WSGIRequestHandler, "log_request", note)
    server.start()
    host, port = server.get_host_and_port()
    found = Server(f"{host}:{port}")
    try:
        yield found
    finally:
        server.stop()
        patch.undo()


def content_of(place: str) -> dict[str, bytes]:
    """All files below a URI, by path."""
    root: StoragePath = storage_path(place)
    return {path: files.read_bytes(root.child(path)) for path in files.list_files(root)}
