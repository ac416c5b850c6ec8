"""What is kept out of logs, messages, tracked runs and published models: passwords, keys and the like.

Secrets are known by name, where they are settings, and by shape, wherever they stand.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

HIDDEN = "(hidden)"

_KEYS = r"(?:access|account|api|auth|client|encryption|private|shared|signing|storage|subscription)[._-]?key"
_WORDS = rf"passw(?:or)?d|passphrase|secret|token(?!s)|credential|signature|connection[._-]?string|{_KEYS}"
SECRET_NAME = re.compile(rf"{_WORDS}|(?:^|[._-])(?:pass|sas|sig)(?=$|[._-])|pwd(?=$|[._-])", re.IGNORECASE)
"""A setting whose text is a secret."""
PASSWORD_NAME = re.compile(r"passw(?:or)?d|passphrase|pwd|secret", re.IGNORECASE)
"""A setting whose value is a secret even if it is a number."""
KEY_NAME = re.compile(rf"{SECRET_NAME.pattern}|key|sas", re.IGNORECASE)
"""A setting of an address whose value is a secret."""

# Names are matched whole, without giving back (`++`), and looked at afterwards: time grows with the text, no faster.
AUTHORITY = re.compile(r"(?<=://)(?:(?!://)[^\s?#])++")
"""Of an address, what follows `://`, up to its settings."""
HAS_PASSWORD = re.compile(r"[^/:@]*:")
ORACLE_USER = re.compile(r"(\bjdbc:oracle:\w+:)[^\s/:@]+/[^\s@]{1,200}(?=@)", re.IGNORECASE)
"""`user/password` in `jdbc:oracle:thin:user/password@host`."""
SETTING = re.compile(r"(?<=[?&;(])([^=&;()\s#'\"]++)=([^&;()\s#'\"]*)")
"""`secret_key=...` among the settings of an address."""
_VALUE = r"('[^'\n]*'|\"[^\"\n]*\"|[^\s,;&'\"()]+)"
ASSIGNMENT = re.compile(rf"(?<![\w/.-])([\w.-]++)(['\"]?[ \t]*=[ \t]*){_VALUE}")
"""`password = ...` in any text."""
ENTRY = re.compile(rf"(?:(?<=[{{,\[(])|^)([ \t]*+['\"]?[\w.-]++)(['\"]?[ \t]*:[ \t]*){_VALUE}", re.MULTILINE)
"""`api_key: ...` of YAML or JSON; in a sentence, the text after a colon is another part of the sentence."""
PRIVATE_KEY = re.compile(r"-----BEGIN ([A-Z ]*PRIVATE KEY)-----.*?(?:-----END \1-----|\Z)", re.DOTALL)
BEARER = re.compile(r"\b(Bearer|Authorization: *Basic) +[\w.~+/=-]{8,}", re.IGNORECASE)
ISSUED = re.compile(
    r"(?<![\w-])(?:(?:AKIA|ASIA)[0-9A-Z]{16}|gh[pousr]_[A-Za-z0-9]{30,}|dapi[0-9a-f]{32}(?:-\d)?|AIza[\w-]{35}"
    r"|xox[abprs]-[\w-]{10,}|eyJ[\w-]{10,}\.[\w-]{10,}\.[\w-]*)"
)
"""Keys and tokens whose issuers have given them a shape: AWS, GitHub, Databricks, Google, Slack, JWT."""
PASSWORD = re.compile(r"://[^/@:\s]*:[^/@\s]*@")
"""A user with a password; a name alone may be an account or a container, as in `abfss://container@account/`."""


def redacted(text: str) -> str:
    """A text without what has the shape of a secret: users and passwords of addresses, keys, tokens."""
    text = AUTHORITY.sub(_without_user_info, ORACLE_USER.sub(rf"\1{HIDDEN}", PRIVATE_KEY.sub(HIDDEN, text)))
    text = SETTING.sub(lambda match: f"{match[1]}=..." if KEY_NAME.search(match[1]) else match[0], text)
    for assignment in (ASSIGNMENT, ENTRY):
        text = assignment.sub(lambda match: f"{match[1]}{match[2]}..." if is_secret_name(match[1]) else match[0], text)
    return ISSUED.sub(HIDDEN, BEARER.sub(rf"\1 {HIDDEN}", text))


def holds_secret(address: str) -> bool:
    """Whether an address holds a password, or a setting that is called like a secret."""
    settings = (match[1] for match in SETTING.finditer(address) if address[match.start() - 1] in "?&")
    return bool(PASSWORD.search(address) or ISSUED.search(address) or any(map(KEY_NAME.search, settings)))


def without_secrets(content: Any, name: str = "") -> Any:
    """Settings, mappings and lists of them, with secrets hidden.

    Args:
        content: the settings.
        name: the name of this one.
    """
    match content:
        case Mapping():
            return {key: without_secrets(value, str(key)) for key, value in content.items()}
        case list() | tuple():
            return [without_secrets(value, name) for value in content]
        case str():
            return HIDDEN if is_secret_name(name) else redacted(content)
        case int() if not isinstance(content, bool) and PASSWORD_NAME.search(name):
            return HIDDEN
    return content


def hidden_names(content: Any, *names: str) -> list[str]:
    """The dotted names of settings of which `without_secrets` hides something, such as `spark.conf.x`."""
    if isinstance(content, Mapping):
        return [name for key, value in content.items() for name in hidden_names(value, *names, str(key))]
    if isinstance(content, (list, tuple)):
        return [*dict.fromkeys(name for value in content for name in hidden_names(value, *names))]
    return [".".join(names)] if without_secrets(content, *names[-1:]) != content else []


def _without_user_info(address: re.Match[str]) -> str:
    """Without `user:password@`, where a password may hold `@` and `/` of its own, or `token@`."""
    text = address[0]
    head = text if HAS_PASSWORD.match(text) else text.partition("/")[0]
    at = head.rfind("@")
    return text[at + 1 :] if at >= 0 and text[at + 1 : at + 2] not in ("", "/") else text


def is_secret_name(name: str) -> bool:
    """Whether the value of a setting of this name is a secret."""
    return SECRET_NAME.search(name) is not None
