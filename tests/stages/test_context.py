"""What is refused before a job begins."""

from __future__ import annotations

import pytest

from pipeline.config import load_config
from pipeline.errors import ConfigError, PipelineError, PlatformError
from pipeline.stages.context import open_stage


def refused(repository, root: str, kind: type[PipelineError], message: str) -> None:
    config = load_config(repository / "conf" / "iris.yaml", overrides=[f"storage.root={root}", "track.enabled=false"])
    with pytest.raises(kind, match=message) as refusal, open_stage(config, "train"):
        pass
    assert "secret" not in str(refusal.value)


def test_a_bucket_that_cannot_be_used_is_refused_before_anything_is_done(repository, bucket):
    absent = r"storage\.root 's3a://elsewhere/team' cannot be written to: there is no bucket 'elsewhere'\. Allowed: "
    refused(repository, "s3a://elsewhere/team", PlatformError, absent)
    refused(repository, "s3a://key:secret@lake/team", ConfigError, r"'s3a://lake/team' holds credentials")


def test_a_bucket_without_a_tracking_server_is_refused_before_spark_starts(repository, bucket, monkeypatch):
    monkeypatch.setattr("pipeline.stages.context.open_session", lambda *_, **__: pytest.fail("Spark was started"))
    config = load_config(repository / "conf" / "iris.yaml", overrides=[f"storage.root={bucket}/team"])
    with (
        pytest.raises(ConfigError, match=r"cannot hold MLflow's database.*Set track\.uri"),
        open_stage(config, "train"),
    ):
        pass
