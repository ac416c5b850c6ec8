"""Addresses that can be shown: without users, passwords and other secrets."""

from __future__ import annotations

import re

USER_INFO = re.compile(r"(?<=://)(?:[^\s/?#:@]*:[^\s?#]*|[^\s/?#]*)@(?=[^/\s])")
"""`user:password@`, where a password may hold `@` and `/` of its own, or `token@`."""
SECRET_SETTING = re.compile(
    r"(?<=[?&])([^=&\s#'\"]*(?:secret|password|passwd|token|credential|signature|access[._-]?key)[^=&\s#'\"]*)=[^&\s#'\"]*",
    re.IGNORECASE,
)
"""`secret_key=...` among the settings of an address."""


def without_user(text: str) -> str:
    """A text whose URLs show neither users nor passwords, nor the values of settings that are called like secrets."""
    return SECRET_SETTING.sub(r"\1=...", USER_INFO.sub("", text))
