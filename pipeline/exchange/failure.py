"""How an exchange fails; nothing here loads TensorFlow."""

from __future__ import annotations

CONSEQUENCE = "between ranks broke off"
"""Part of the message of an exchange that fails because of another rank; see `tell_failure` in operation.c."""


class ExchangeUnavailableError(Exception):
    """This process cannot share memory with others; the message says why, as part of a sentence."""
