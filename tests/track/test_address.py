"""Where runs go by default, what cannot hold them, and that addresses are shown without passwords."""

from __future__ import annotations

from pathlib import Path

import pytest
from pyarrow import fs

from pipeline.config.run import TrackConfig
from pipeline.errors import ConfigError
from pipeline.store.filesystem import Root, open_root
from pipeline.track.address import Address, address_of, check_reachable, without_user


def test_default_is_a_database_beside_the_stores(tmp_path: Path) -> None:
    address = address_of(TrackConfig(), open_root(str(tmp_path)))
    assert address == Address(f"sqlite:///{tmp_path}/mlflow.db", f"file://{tmp_path}/mlartifacts")


def test_signs_with_a_meaning_in_urls_are_escaped() -> None:
    address = address_of(TrackConfig(), Root(fs.LocalFileSystem(), "/a b/50%20#?", "file:///a b/50%20#?"))
    assert address.uri == "sqlite:////a b/50%2520%23%3F/mlflow.db"


def test_configured_address_leaves_artifacts_to_the_server(tmp_path: Path) -> None:
    config = TrackConfig(uri="http://127.0.0.1:5000")
    assert address_of(config, open_root(str(tmp_path))) == Address("http://127.0.0.1:5000")


def test_remote_root_cannot_hold_a_database() -> None:
    root = Root(fs._MockFileSystem(), "bucket/lake", "s3a://key:hush@bucket/lake")
    with pytest.raises(ConfigError, match=r"'s3a://bucket/lake' cannot hold MLflow's database.*Set track\.uri"):
        address_of(TrackConfig(), root)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://me:pass@host/path", "https://host/path"),
        ("https://token@host", "https://host"),
        ("postgresql://me:p@ss/w0rd@db:5432/runs", "postgresql://db:5432/runs"),
        ("no answer from http://u:p@a/b and http://u:p@c", "no answer from http://a/b and http://c"),
        ("https://host/path?to=me@example.org", "https://host/path?to=me@example.org"),
        ("sqlite:////a/b@c.db", "sqlite:////a/b@c.db"),
    ],
)
def test_users_and_passwords_are_not_shown(text: str, shown: str) -> None:
    assert without_user(text) == shown


def test_database_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").mkdir()
    with pytest.raises(OSError, match=r"mlflow\.db: unable to open database file"):
        check_reachable(Address(f"sqlite:///{tmp_path}/mlflow.db"))
    (tmp_path / "broken.db").write_bytes(b"not a database " * 100)
    with pytest.raises(OSError, match=r"broken\.db: file is not a database"):
        check_reachable(Address(f"sqlite:///{tmp_path}/broken.db"))


def test_database_server_that_is_down_is_noticed_at_once(unused_port: int) -> None:
    with pytest.raises(ConnectionRefusedError):
        check_reachable(Address(f"postgresql://me:hush@127.0.0.1:{unused_port}/runs"))
