"""The address of the tracking store, and whether it can be reached."""

from __future__ import annotations

import os
import socket
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from pipeline.config.run import TrackConfig
from pipeline.errors import ConfigError
from pipeline.redact import redacted
from pipeline.store.filesystem import StoragePath

PORTS = {"postgresql": 5432, "mysql": 3306, "mssql": 1433}
TIMEOUT = 4.0
REMOTE_FOLDERS = ("/Volumes/", "/dbfs/")
"""Databricks' storage, mounted as folders: SQLite can neither lock nor update a file there."""


@dataclass(frozen=True)
class Address:
    """A tracking store.

    Attributes:
        uri: the address as MLflow takes it.
        artifacts: URI of the folder for the artifacts of new experiments; None lets the server choose.
    """

    uri: str
    artifacts: str | None = None


def address_of(config: TrackConfig, root: StoragePath) -> Address:
    """The configured tracking store, else Databricks' own there, else `<root>/mlflow.db` with `<root>/mlartifacts`.

    Raises:
        ConfigError: none is configured, and the root cannot hold a database.
    """
    if config.uri is not None:
        return Address(config.uri)
    if "DATABRICKS_RUNTIME_VERSION" in os.environ:
        return Address("databricks")
    if not root.is_local or root.path.startswith(REMOTE_FOLDERS):
        raise ConfigError(
            f"storage.root '{redacted(root.uri)}' cannot hold MLflow's database, which needs a local folder. "
            "Set track.uri to a tracking server, or track.enabled: false."
        )
    return Address(f"sqlite:///{quote(root.path, safe='/ ')}/mlflow.db", Path(root.path, "mlartifacts").as_uri())


def check_reachable(address: Address) -> None:
    """Open the database file or the database server's port for a moment: MLflow would retry for two minutes.

    HTTP servers are not checked here, because MLflow's time-out for them can be set.

    Raises:
        OSError: it cannot be opened.
    """
    scheme, parts = address.uri.partition(":")[0], urlsplit(address.uri)
    if scheme == "sqlite":
        _open_database(Path(unquote(address.uri.removeprefix("sqlite:///").partition("?")[0])))
    elif parts.hostname and (port := parts.port or PORTS.get(scheme.partition("+")[0])):
        socket.create_connection((parts.hostname, port), TIMEOUT).close()


def _open_database(file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    try:
        with closing(sqlite3.connect(file, timeout=TIMEOUT)) as connection:
            connection.execute("PRAGMA schema_version").fetchone()
    except sqlite3.Error as error:
        raise OSError(f"{file}: {error}") from error
