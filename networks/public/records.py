"""What stands in for the classes and functions of a foreign pickle: nothing here can run anything."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

_MOST_SHOWN = 60  # characters of a foreign value in an error
_MOST_TEXT = 200  # characters of a foreign text that is kept


class RefusedError(Exception):
    """Why a foreign file is not read, in words that fit behind its path; never leaves networks.public."""


@dataclass(frozen=True)
class Constructor:
    """A function of ours under the name that a pickle calls it by."""

    name: str
    build: Callable[..., Any]


@dataclass(frozen=True)
class RecordClass:
    """The name of a foreign class; calling it makes a Record."""

    name: str


@dataclass(frozen=True)
class Constant:
    """A name that a pickle may mention but not call: a type of storage, say."""

    name: str
    value: Any = None


@dataclass(eq=False, repr=False)
class Record:
    """An object of a foreign class: its name and what it held, all of it passive."""

    class_name: str
    arguments: tuple[Any, ...] = ()
    state: dict[str, Any] = field(default_factory=dict)
    items: dict[Any, Any] = field(default_factory=dict)


def shown(value: Any) -> str:
    """A foreign value for an error message: short, whatever it holds."""
    if isinstance(value, bool | float | type(None)):
        return repr(value)
    if isinstance(value, int):
        return repr(value) if value.bit_length() <= 64 else "a very large number"
    if isinstance(value, str | bytes):
        return repr(value[:_MOST_SHOWN]) + ("…" if len(value) > _MOST_SHOWN else "")
    if isinstance(value, Record | Constructor | RecordClass | Constant):
        name = value.class_name if isinstance(value, Record) else value.name
        return name[:_MOST_SHOWN]
    if isinstance(value, list | tuple) and len(value) <= 8 and all(isinstance(i, int | float | str) for i in value):
        return "[" + ", ".join(map(shown, value)) + "]"
    return f"a {type(value).__name__}"


def expect(value: Any, kind: type | tuple[type, ...], what: str) -> Any:
    """The value, known to be of a type; a bool is no number here.

    Raises:
        RefusedError: it is not.
    """
    kinds = kind if isinstance(kind, tuple) else (kind,)
    if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
        raise RefusedError(f"{what} is {shown(value)}")
    return value


def scalars(options: Any) -> dict[str, bool | int | float | str | None]:
    """The numbers and texts among an object's options, fit for JSON; anything else is left out."""
    if not isinstance(options, dict):
        return {}
    pairs = [(key, value) for key, value in options.items() if isinstance(key, str)]
    return {
        unicode(key): unicode(value) if isinstance(value, str) else value
        for key, value in pairs
        if value is None or isinstance(value, bool | float | str) or (isinstance(value, int) and abs(value) < 2**53)
    }


def unicode(text: str) -> str:
    """A foreign text, shortened, with what UTF-8 cannot write replaced."""
    return text[:_MOST_TEXT].encode("utf-8", "replace").decode("utf-8")
