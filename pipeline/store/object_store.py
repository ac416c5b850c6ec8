"""Buckets of S3 and compatible object stores, through Arrow's own file system.

Credentials are those that AWS's libraries look for: environment variables (AWS_ACCESS_KEY_ID, ...), profile files, the
role of the machine. The endpoint is `endpoint_override` of the address, else AWS_ENDPOINT_URL_S3 or AWS_ENDPOINT_URL.
Driver, tasks and ranks each open the file system themselves, so all of them need these.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl

from pyarrow import fs

from pipeline.errors import ConfigError, nearest
from pipeline.redact import redacted

OBJECT_STORES = ("s3", "gcs", "abfs")
"""Arrow's type names of their file systems."""
S3_SCHEMES = ("s3", "s3a")
QUERY = ("endpoint_override", "region", "scheme", "tls_ca_file_path")
ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
REGIONS = ("AWS_REGION", "AWS_DEFAULT_REGION")
QUICK_ATTEMPTS = 2
"""Attempts of the first request, so that a wrong endpoint is reported within seconds."""

# With it, small files take one request, not the three of an upload in parts; available from pyarrow 17 on.
_DELAYED: Mapping[str, Any] = (
    {"allow_delayed_open": True} if "allow_delayed_open" in (fs.S3FileSystem.__doc__ or "") else {}
)


@dataclass(frozen=True)
class Connection:
    """How a bucket is reached.

    Attributes:
        scheme: `https` or `http`.
        endpoint: HOST or HOST:PORT; empty for AWS.
        region: of the bucket.
        certificates: a file of certificate authorities; empty for those of the machine.
    """

    scheme: str
    endpoint: str
    region: str
    certificates: str = ""

    def open(self, **settings: Any) -> fs.FileSystem:
        """The file system; nothing is asked of it yet."""
        if self.certificates:
            settings["tls_ca_file_path"] = self.certificates
        return fs.S3FileSystem(
            scheme=self.scheme, endpoint_override=self.endpoint or None, region=self.region, **_DELAYED, **settings
        )


def is_bucket(uri: str) -> bool:
    """Whether a URI is an address in S3."""
    return uri.partition("://")[0] in S3_SCHEMES


def open_bucket(uri: str) -> tuple[fs.FileSystem, str]:
    """The file system of an address, and the path in it: bucket and key, in which `%` has no special meaning.

    Raises:
        ConfigError: the address holds credentials, `#`, or an unknown setting.
        OSError: the bucket's region cannot be determined.
    """
    return _filesystem(_connection(uri), os.getpid(), client_environment("AWS_")), _path(uri).rstrip("/")


def quick_bucket(uri: str) -> fs.FileSystem:
    """The same file system for a first request, which gives up quickly."""
    retries = fs.AwsStandardS3RetryStrategy(max_attempts=QUICK_ATTEMPTS)
    return _connection(uri).open(retry_strategy=retries)


def client_environment(*prefixes: str) -> tuple[tuple[str, str], ...]:
    """The variables that clients of file systems look at, which may change while a notebook lives."""
    return tuple(sorted(item for item in os.environ.items() if item[0].startswith(prefixes)))


def _path(uri: str) -> str:
    """The part of a URI between its scheme and its settings."""
    return uri.partition("?")[0].partition("://")[2]


def _connection(uri: str) -> Connection:
    bucket = _path(uri).partition("/")[0]
    if "@" in bucket:
        raise ConfigError(
            f"The address '{redacted(uri)}' holds credentials, which would be logged with it. Allowed: "
            f"{uri.partition(':')[0]}://BUCKET/FOLDER. Give them by AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, by a "
            "profile, or by the role of the machine."
        )
    if "#" in uri:
        raise ConfigError(
            f"The address '{redacted(uri)}' has a '#', at which other programs cut an address. Allowed: all other "
            "characters. Rename the folder."
        )
    settings = dict(parse_qsl(uri.partition("?")[2]))
    if unknown := sorted(settings.keys() - set(QUERY)):
        raise ConfigError(
            f"The address '{redacted(uri)}' has an unknown setting '{unknown[0]}'. Allowed: {', '.join(QUERY)}. "
            f"{nearest(unknown[0], QUERY)}"
        )
    endpoint = settings.get("endpoint_override") or _variable(ENDPOINTS)
    given, _, host = endpoint.rpartition("://")
    scheme = settings.get("scheme") or given or "https"
    region = settings.get("region") or (_variable(REGIONS) or "us-east-1" if host else _region(bucket))
    return Connection(scheme, host.rstrip("/"), region, settings.get("tls_ca_file_path", ""))


@lru_cache(maxsize=32)
def _filesystem(connection: Connection, process: int, environment: tuple[tuple[str, str], ...]) -> fs.FileSystem:
    """One for each process and environment: connections do not survive a fork, and credentials may change."""
    return connection.open()


@lru_cache(maxsize=32)
def _region(bucket: str) -> str:
    """The region where AWS keeps a bucket."""
    return str(fs.resolve_s3_region(bucket))


def _variable(names: tuple[str, ...]) -> str:
    return next((os.environ[name] for name in names if os.environ.get(name)), "")
