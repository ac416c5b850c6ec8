"""What deltalake's client is told of a file system, which Arrow gets from the same address."""

from __future__ import annotations

import pytest

from pipeline.preparation.listing.delta_log import _options


@pytest.mark.parametrize(
    ("query", "endpoint"),
    [
        ("endpoint_override=http://minio:9000", "http://minio:9000"),
        ("endpoint_override=minio:9000&scheme=http", "http://minio:9000"),
        ("endpoint_override=minio:9000", "https://minio:9000"),
        ("endpoint_override=https://minio:9000&scheme=http", "http://minio:9000"),
    ],
)
def test_the_endpoint_may_have_its_scheme_before_it_or_beside_it(query: str, endpoint: str, monkeypatch) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    options = _options(f"{query}&region=eu-west-1")
    assert options.pop("AWS_ALLOW_HTTP", None) == ("true" if endpoint.startswith("http:") else None)
    assert options == {"AWS_REGION": "eu-west-1", "AWS_ENDPOINT_URL": endpoint}
