from __future__ import annotations

import pytest

from pipeline.redact import holds_secret, without_user


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://me:pass@host/path", "https://host/path"),
        ("https://token@host", "https://host"),
        ("postgresql://me:p@ss/w0rd@db:5432/runs", "postgresql://db:5432/runs"),
        ("no answer from http://u:p@a/b and http://u:p@c", "no answer from http://a/b and http://c"),
        ("https://host/path?to=me@example.org", "https://host/path?to=me@example.org"),
        ("sqlite:////a/b@c.db", "sqlite:////a/b@c.db"),
        ("s3a://lake/x?region=eu&secret_key=a/b&AccessKey=c", "s3a://lake/x?region=eu&secret_key=...&AccessKey=..."),
        ("'https://host/x?X-Amz-Signature=0af' is gone", "'https://host/x?X-Amz-Signature=...' is gone"),
    ],
)
def test_users_and_passwords_are_not_shown(text: str, shown: str) -> None:
    assert without_user(text) == shown


@pytest.mark.parametrize(
    ("address", "is_secret"),
    [
        ("s3://me:hidden@lake/x", True),
        ("s3://lake/x?region=r&secret_key=a/b", True),
        ("s3://lake/x?credential=a", True),
        ("abfss://lake@account.dfs/x?sas=a", True),
        ("abfss://lake@account.dfs/x", False),
        ("s3://lake/token=1/x?region=r", False),
    ],
)
def test_addresses_with_secrets_are_told_apart_by_the_words_that_are_hidden(address: str, is_secret: bool) -> None:
    assert holds_secret(address) == is_secret
    assert not is_secret or ("hidden" not in without_user(address) and "=a" not in without_user(address))
