from __future__ import annotations

import time

import pytest

from pipeline.redact import holds_secret, redacted


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
    assert redacted(text) == shown


@pytest.mark.parametrize(
    ("address", "is_secret"),
    [
        ("s3://me:hidden@lake/x", True),
        ("s3://lake/x?region=r&secret_key=a/b", True),
        ("s3://lake/x?credential=a", True),
        ("abfss://lake@account.dfs/x?sas=a", True),
        ("abfss://lake@account.dfs/x", False),
        ("s3://lake/token=1/x?region=r", False),
        ("s3://lake/a (key=1);key=2/x", False),
    ],
)
def test_addresses_with_secrets_are_told_apart_by_the_words_that_are_hidden(address: str, is_secret: bool) -> None:
    assert holds_secret(address) == is_secret
    assert not is_secret or ("hidden" not in redacted(address) and "=a" not in redacted(address))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("jdbc:sqlserver://db;user=me;password=a/b", "jdbc:sqlserver://db;user=me;password=..."),
        ("jdbc:oracle:thin:scott/tiger@//db:1521/x", "jdbc:oracle:thin:(hidden)@//db:1521/x"),
        ("(host=db)(user=me)(password=tiger)", "(host=db)(user=me)(password=...)"),
        ("AccountName=a;AccountKey=b+/==;Suffix=c", "AccountName=a;AccountKey=...;Suffix=c"),
        ("https://a.blob/x?sv=1&sig=ab%3D&se=2", "https://a.blob/x?sv=1&sig=...&se=2"),
        ("DB_PWD=tiger and PGPASSWORD='a b'", "DB_PWD=... and PGPASSWORD=..."),
        ('{"api_key": "abc", "n": 1}', '{"api_key": ..., "n": 1}'),
        ("conf:\n  client_secret: abc\n  other: 1", "conf:\n  client_secret: ...\n  other: 1"),
        ("-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY----- x", "(hidden) x"),
        ("-----BEGIN EC PRIVATE KEY-----\nMIIE", "(hidden)"),
        ("Authorization: Bearer abcdefgh.ijkl", "Authorization: Bearer (hidden)"),
        ("as AKIAIOSFODNN7EXAMPLE to", "as (hidden) to"),
        ("dapi0123456789abcdef0123456789abcdef", "(hidden)"),
    ],
)
def test_shapes_of_secrets_are_not_shown(text: str, shown: str) -> None:
    assert redacted(text) == shown
    assert redacted(shown) == shown


@pytest.mark.parametrize(
    "text",
    [
        "data.source.path holds a password: 's3a://lake/x'",
        "s3a://lake/token=1/secret=2/part.csv",
        "tokens=5, key=3, keys: 4, primary_key: id",
        "Give them by AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.",
        "tests/a/b@c.db",
        "jdbc:mysql://db/x?useSSL=true",
        "Column 'password' must be numeric. Received: 'a'",
        "abfss://lake at account",
    ],
)
def test_what_only_looks_like_a_secret_is_shown(text: str) -> None:
    assert redacted(text) == text


@pytest.mark.parametrize(
    "unit",
    [
        *(
            "key",
            "&key",
            "&a=",
            "a=",
            'a="',
            "a='",
            "://",
            "://a:",
            "a:@",
            "token.",
            "{a:",
            "\n  ",
            "jdbc:oracle:a:",
            "jdbc:oracle:a:b/",
            "eyJa-",
            "Bearer a",
        )
    ],
)
def test_time_grows_with_the_length_of_a_text(unit: str) -> None:
    begun = time.process_time()
    redacted(unit * 20_000)
    assert time.process_time() - begun < 5.0
