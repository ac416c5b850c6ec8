"""What is refused before a job begins."""

from __future__ import annotations

import pytest

from pipeline.config import load_config
from pipeline.errors import ConfigError
from pipeline.stages.context import open_stage


def test_an_object_store_is_refused_before_anything_is_done(repository):
    settings = ["storage.root=s3a://key:secret@lake/team?region=us-east-1", "track.enabled=false"]
    config = load_config(repository / "conf" / "iris.yaml", overrides=settings)
    with (
        pytest.raises(
            ConfigError, match=r"could be published there\. Allowed: .* Received: s3a://lake/team"
        ) as refusal,
        open_stage(config, "train"),
    ):
        pass
    assert "secret" not in str(refusal.value)
