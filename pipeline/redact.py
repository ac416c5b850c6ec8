"""Addresses that can be shown: without users and passwords."""

from __future__ import annotations

import re

USER_INFO = re.compile(r"(?<=://)(?:[^\s/?#:@]*:[^\s?#]*|[^\s/?#]*)@(?=[^/\s])")
"""`user:password@`, where a password may hold `@` and `/` of its own, or `token@`."""


def without_user(text: str) -> str:
    """A text whose URLs show neither users nor passwords."""
    return USER_INFO.sub("", text)
