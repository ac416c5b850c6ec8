"""Registries: what a name in a configuration stands for.

A registry looks through one package: what any of its modules defines at the top level and is of the registry's kind is
an entry under its `name`. So a new module is all that it takes to add one, and allowed values, messages and documents
follow. Modules are found by the import system, in a zip as well. They are imported to be listed, by configurations too,
and so import pyspark, TensorFlow and the like within their functions only.

`package.module:name` stands for an object of the user's own, importable wherever the pipeline runs.
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
        """Looks at nothing yet.

        Args:
            noun: what an entry is called in messages: `loss`.
            package: whose modules hold the entries; a single module is looked at by itself.
            kind: the class of the entries.
            adapt: makes an entry of a reference and the user's object that it names, where that is none itself; raises
                TypeError where it cannot. None takes entries only.
        """
        self.noun, self._package, self._kind, self._adapt = noun, package, kind, adapt

    @property
    def entries(self) -> Mapping[str, Entry]:
        """By name, in the order of the modules' names and within a module as they stand there."""
        package = import_module(self._package)
        entries = _entries(self._package, tuple(getattr(package, "__path__", ())), self._kind)
        return cast(Mapping[str, Entry], entries)

    @property
    def names(self) -> tuple[str, ...]:
        """Of the entries; what a configuration may say, references apart."""
        return tuple(self.entries)

    def check(self, name: str, *also: str) -> str:
        """The name itself, if there is such an entry, or it is one of `also`, or reads like a reference.

        Raises:
            ValueError: naming what is allowed, and the nearest name.
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
            ConfigError: there is none, or the user's own cannot be imported or is something else.
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
    """By name; anew for another path, so that a folder which is added to the package's path is seen."""
    names = [package, *(f"{package}.{module.name}" for module in iter_modules(path))]
    entries: dict[str, Named] = {}
    for module in names:
        for entry in vars(import_module(module)).values():
            if isinstance(entry, kind) and entries.setdefault(entry.name, entry) is not entry:
                raise ValueError(f"two entries of {package} are called '{entry.name}', one of them in {module}")
    return MappingProxyType(entries)
