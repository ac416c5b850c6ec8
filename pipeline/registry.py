"""Registries: what the names in a configuration stand for.

A registry searches one package: every object of the registry's class at the top level of a module is an entry under its
`name`. So adding an entry takes one new module; allowed values, messages and documentation follow. Modules are found by
the import system, in a zip too. They are imported to be listed, also by configurations, and so import pyspark,
TensorFlow and the like within functions only.

`package.module:name` stands for an object of the user's own, which must be importable wherever the pipeline runs.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from functools import lru_cache
from importlib import import_module
from pkgutil import iter_modules
from types import MappingProxyType
from typing import Any, Generic, Protocol, TypeVar, cast

from pipeline.errors import ConfigError

REFERENCE = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*")
"""`package.module:name`."""


class Named(Protocol):
    """What every entry has."""

    @property
    def name(self) -> str:
        """As configurations spell it."""


Entry = TypeVar("Entry", bound=Named)


class Registry(Generic[Entry]):
    """The entries of one kind, by name."""

    def __init__(
        self, noun: str, package: str, kind: type[Entry], *, adapt: Callable[[str, Any], Entry] | None = None
    ) -> None:
        """Imports nothing yet.

        Args:
            noun: what an entry is called in messages: `loss`.
            package: the package whose modules hold the entries, or a single module.
            kind: the class of the entries.
            adapt: makes an entry from a reference and the user's object that it names, if that is not an entry itself;
                raises TypeError where it cannot. None accepts entries only.
        """
        self.noun, self._package, self._kind, self._adapt = noun, package, kind, adapt

    @property
    def entries(self) -> Mapping[str, Entry]:
        """The entries by name, in the order of the modules' names, and within a module in their order there."""
        package = import_module(self._package)
        entries = _entries(self._package, tuple(getattr(package, "__path__", ())), self._kind)
        return cast(Mapping[str, Entry], entries)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the entries, which a configuration may use besides references."""
        return tuple(self.entries)

    def check(self, name: str, *also: str) -> str:
        """The name itself, if it is an entry's, one of `also`, or has the form of a reference.

        Raises:
            ValueError: it is none of these; names what is allowed, and the nearest name.
        """
        if name in also or name in self.entries or REFERENCE.fullmatch(name):
            return name
        names = (*also, *self.names)
        close = get_close_matches(name, names, n=1)
        meant = f". Did you mean '{close[0]}'?" if close else ""
        raise ValueError(
            f"there is no {self.noun} '{name}'. Allowed: {', '.join(names)}, or package.module:name{meant}"
        )

    def get(self, name: str) -> Entry:
        """The entry of a name or a reference.

        Raises:
            ConfigError: there is none, or the user's object cannot be imported or has another type.
        """
        try:
            entry = self.entries.get(self.check(name))
            return self._resolve(name) if entry is None else entry
        except ConfigError:
            raise
        except Exception as error:
            raise ConfigError(f"{self.noun.capitalize()} '{name}' cannot be used: {error}") from error

    def _resolve(self, reference: str) -> Entry:
        module, _, attribute = reference.partition(":")
        value = getattr(import_module(module), attribute)
        if isinstance(value, self._kind):
            return value
        if self._adapt is None:
            raise TypeError(f"allowed is a {self._kind.__name__}. Received: {type(value).__name__}")
        return self._adapt(reference, value)


@lru_cache(maxsize=64)
def _entries(package: str, path: tuple[str, ...], kind: type[Named]) -> Mapping[str, Named]:
    """The entries by name; cached by path too, so that a folder which is added to the package's path is searched."""
    names = [package, *(f"{package}.{module.name}" for module in iter_modules(path))]
    entries: dict[str, Named] = {}
    for module in names:
        for entry in vars(import_module(module)).values():
            if isinstance(entry, kind) and entries.setdefault(entry.name, entry) is not entry:
                raise ValueError(f"two entries of {package} are called '{entry.name}', one of them in {module}")
    return MappingProxyType(entries)
