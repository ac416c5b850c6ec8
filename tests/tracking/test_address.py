"""Where runs go by default, and what cannot hold them."""

from __future__ import annotations

from pathlib import Path

import pytest
from pyarrow import fs

from pipeline.config.run import TrackConfig
from pipeline.errors import ConfigError
from pipeline.store.filesystem import StoragePath, storage_path
from pipeline.tracking.address import Address, address_of, check_reachable


def test_default_is_a_database_beside_the_stores(tmp_path: Path) -> None:
    address = address_of(TrackConfig(), storage_path(str(tmp_path)))
    assert address == Address(f"sqlite:///{tmp_path}/mlflow.db", f"file://{tmp_path}/mlartifacts")


def test_signs_with_a_meaning_in_urls_are_escaped() -> None:
    address = address_of(TrackConfig(), StoragePath(fs.LocalFileSystem(), "/a b/50%20#?", "file:///a b/50%20#?"))
    assert address.uri == "sqlite:////a b/50%2520%23%3F/mlflow.db"


def test_configured_address_leaves_artifacts_to_the_server(tmp_path: Path) -> None:
    config = TrackConfig(uri="http://127.0.0.1:5000")
    assert address_of(config, storage_path(str(tmp_path))) == Address("http://127.0.0.1:5000")


def test_remote_root_cannot_hold_a_database() -> None:
    root = StoragePath(fs._MockFileSystem(), "bucket/lake", "s3a://key:hush@bucket/lake")
    with pytest.raises(ConfigError, match=r"'s3a://bucket/lake' cannot hold MLflow's database.*Set track\.uri"):
        address_of(TrackConfig(), root)


def test_databricks_has_a_store_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in ("/Volumes/c/s/v", "/dbfs/x"):
        with pytest.raises(ConfigError, match=rf"'file://{folder}' cannot hold MLflow's database"):
            address_of(TrackConfig(), storage_path(folder))
    monkeypatch.setenv("DATABRICKS_RUNTIME_VERSION", "16.4")
    for folder in ("/Volumes/c/s/v", "/dbfs/x", str(tmp_path)):
        assert address_of(TrackConfig(), storage_path(folder)) == Address("databricks")
    assert address_of(TrackConfig(uri="http://here:1"), storage_path("/dbfs/x")) == Address("http://here:1")


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
