"""Addresses that can be shown: without users, passwords and other secrets."""

from __future__ import annotations

import re

USER_INFO = re.compile(r"(?<=://)(?:[^\s/?#:@]*:[^\s?#]*|[^\s/?#]*)@(?=[^/\s])")
"""`user:password@`, where a password may hold `@` and `/` of its own, or `token@`."""
SECRET_SETTING = re.compile(
    r"(?<=[?&])([^=&\s#'\"]*(?:secret|passw(?:or)?d|token|credential|signature|key|sas)[^=&\s#'\"]*)=[^&\s#'\"]*",
    re.IGNORECASE,
)
"""`secret_key=...` among the settings of an address."""
PASSWORD = re.compile(r"://[^/@:\s]*:[^/@\s]*@")
"""A user with a password; a name alone may be an account or a container, as in `abfss://container@account/`."""


def without_user(text: str) -> str:
    """A text whose URLs show neither users nor passwords, nor the values of settings that are called like secrets."""
    return SECRET_SETTING.sub(r"\1=...", USER_INFO.sub("", text))


def holds_secret(address: str) -> bool:
    """Whether an address holds a password, or a setting that is called like a secret."""
    return bool(PASSWORD.search(address) or SECRET_SETTING.search(address))
