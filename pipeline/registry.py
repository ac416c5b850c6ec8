"""Registries: what the names in a configuration stand for.

A registry searches one package: every object of the registry's class at the top level of a module is an entry under its
`name`. So adding an entry takes one new module; allowed values, messages and documentation follow. Modules are found by
the import system, in a zip too. They are imported to be listed, also by configurations, and so import pyspark,
TensorFlow and the like within functions only.

`package.module:name` stands for an object of the user's own, which must be importable wherever the pipeline runs.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from importlib import import_module
from pkgutil import iter_modules
from types import MappingProxyType
from typing import Any, Generic, Protocol, TypeVar, cast

from pipeline.errors import ConfigError, did_you_mean

REFERENCE = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*")
"""`package.module:name`."""


class Named(Protocol):
    """What every entry has."""

    @property
    def name(self) -> str:
        """As configurations spell it."""


Entry = TypeVar("Entry", bound=Named)

_imported_modules: set[str] = set()


def imported_modules() -> frozenset[str]:
    """The top-level modules that references in configurations of this process have named."""
    return frozenset(_imported_modules)


class Registry(Generic[Entry]):
    """The entries of one kind, by name."""

    def __init__(
        self,
        noun: str,
        package: str,
        kind: type[Entry],
        *,
        adapt: Callable[[str, Any], Entry] | None = None,
        folders_only: bool = False,
    ) -> None:
        """Imports nothing yet.

        Args:
            noun: what an entry is called in messages: `loss`.
            package: the package whose modules hold the entries, or a single module.
            kind: the class of the entries.
            adapt: makes an entry from a reference and the user's object that it names, if that is not an entry itself;
                raises TypeError where it cannot. None accepts entries only.
            folders_only: whether the entries are in the `__init__.py` of folders, so that the package's files, which
                may load TensorFlow, are not imported to list them.
        """
        self.noun, self._package, self._kind = noun, package, kind
        self._adapt, self._folders_only = adapt, folders_only

    @property
    def entries(self) -> Mapping[str, Entry]:
        """The entries by name, in the order of the modules' names, and within a module in their order there."""
        path = tuple(getattr(import_module(self._package), "__path__", ()))
        return cast(Mapping[str, Entry], _entries(self._package, path, self._kind, self._folders_only))

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
        raise ValueError(unknown_name(self.noun, name, (*also, *self.names)))

    def resolve(self, name: str) -> Entry:
        """The entry of a name or a reference, for validators of a configuration or document.

        Raises:
            ValueError: there is none, or the user's own cannot be imported or is something else.
        """
        entry = self.entries.get(self.check(name))
        return self._imported(name) if entry is None else entry

    def get(self, name: str) -> Entry:
        """The same wherever else an entry is needed.

        Raises:
            ConfigError: there is none, or the user's object cannot be imported or has another type.
        """
        try:
            return self.resolve(name)
        except ValueError as error:
            message = str(error)
            stop = "" if message.endswith((".", "?")) else "."
            raise ConfigError(f"{message[0].upper()}{message[1:]}{stop}") from error

    def _imported(self, reference: str) -> Entry:
        value = referenced(self.noun, reference)
        try:
            return value if isinstance(value, self._kind) else self._adapted(reference, value)
        except Exception as error:  # whatever the user's object raises
            raise ValueError(f"{self.noun.capitalize()} '{reference}' cannot be used: {error}") from error

    def _adapted(self, reference: str, value: Any) -> Entry:
        if self._adapt is None:
            allowed = f"{self._kind.__module__}.{self._kind.__name__}"
            raise TypeError(f"allowed is an instance of {allowed}. Received: {type(value).__name__}")
        return self._adapt(reference, value)


def referenced(noun: str, reference: str) -> Any:
    """The user's object that a reference names.

    Args:
        noun: what it is called in messages: `loss`.
        reference: `package.module:name`.

    Raises:
        ValueError: its module cannot be imported or lacks the name; says which of the two.
    """
    module, _, attribute = reference.partition(":")
    _imported_modules.add(module.partition(".")[0])
    failure = f"{noun.capitalize()} '{reference}' cannot be used"
    try:
        found = import_module(module)
    except Exception as error:  # whatever the user's module raises
        raise ValueError(f"{failure}: {_reason(error)}{_import_remedy(module, error)}") from error
    if not hasattr(found, attribute):
        meant = did_you_mean(attribute, [name for name in vars(found) if not name.startswith("_")])
        raise ValueError(f"{failure}: module '{module}' has no attribute '{attribute}'. {meant or 'Correct the name'}")
    return getattr(found, attribute)


def _reason(error: Exception) -> str:
    """The message of an error; its class where the message is empty, or is no sentence by itself."""
    text = str(error)
    return text if text and isinstance(error, (ImportError, SyntaxError)) else f"{type(error).__name__}: {text}"


def _import_remedy(module: str, error: Exception) -> str:
    missing = error.name or "" if isinstance(error, ModuleNotFoundError) else ""
    if not missing:
        return ""
    if not f"{module}.".startswith(f"{missing}."):  # a module that the user's module imports
        return ". Install its package"
    return ". Correct the name" if "." in missing else ". Install its package, or correct the name"


def unknown_name(noun: str, name: str, allowed: Sequence[str]) -> str:
    """The message for a name that stands for nothing: what is allowed, and the nearest name."""
    message = f"there is no {noun} '{name}'. Allowed: {', '.join(allowed)}, or package.module:name"
    meant = did_you_mean(name, allowed)
    return f"{message}. {meant}" if meant else message


@lru_cache(maxsize=64)
def _entries(package: str, path: tuple[str, ...], kind: type[Named], folders_only: bool) -> Mapping[str, Named]:
    """The entries by name; cached by path too, so that a folder which is added to the package's path is searched."""
    modules = [f"{package}.{module.name}" for module in iter_modules(path) if module.ispkg or not folders_only]
    entries: dict[str, Named] = {}
    for module in [package, *modules]:
        for entry in vars(import_module(module)).values():
            if isinstance(entry, kind) and entries.setdefault(entry.name, entry) is not entry:
                raise ValueError(f"two entries of {package} are called '{entry.name}', one of them in {module}")
    return MappingProxyType(entries)
