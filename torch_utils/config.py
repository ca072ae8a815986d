"""One typed tree of options: frozen dataclasses ↔ JSON, `--set path=value`, and errors that name the path."""

import dataclasses
import difflib
import json
import math
import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, TypeVar

from torch_utils.errors import ConfigError

T = TypeVar("T")
_WORDS = {bool: "true or false", int: "a whole number", float: "a number", str: "text"}
_TOO_LARGE = 1e300  # whole numbers beyond this do not fit a float


def to_json(config: Any) -> Any:
    """A dataclass tree as plain JSON values; choices keep their `kind`."""
    if dataclasses.is_dataclass(config):
        return {field.name: to_json(getattr(config, field.name)) for field in dataclasses.fields(config)}
    if isinstance(config, tuple | list):
        return [to_json(item) for item in config]
    return config


def from_json(cls: type[T], data: Any, path: str = "") -> T:
    """Build a dataclass tree from JSON values.

    Raises:
        ConfigError: an unknown option (with its nearest neighbour), a missing one, or a value of the wrong type.
    """
    if not isinstance(data, Mapping):
        names = ", ".join(_join(path, field.name) for field in dataclasses.fields(cls))  # type: ignore[arg-type]
        raise ConfigError(f"{path or 'config'}: {data} is a value, but this is a group. Set its options: {names}.")
    hints = typing.get_type_hints(cls)
    fields = {field.name: field for field in dataclasses.fields(cls)}  # type: ignore[arg-type]
    for name in data:
        if name not in fields:
            raise _unknown(_join(path, name), name, fields)
    values = {}
    for name, field in fields.items():
        if name in data:
            values[name] = _convert(hints[name], data[name], _join(path, name))
        elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            raise ConfigError(f"{_join(path, name)}: missing. Give it a value.")
    return cls(**values)


def with_options(config: T, changes: Sequence[tuple[str, Any]]) -> T:
    """A copy of the tree with several options (paths: names joined by dots) changed at once.

    Only the result must be consistent.

    Text is read as the option's type ("0.5", "true", "none", "gender,status"). Setting the `kind` of a choice
    takes that choice with its defaults.

    Raises:
        ConfigError: no such option, or a value that does not fit.
    """
    data = to_json(config)
    for path, value in changes:
        _put(type(config), data, path.split("."), value, path)
    return from_json(type(config), data)


def with_settings(config: T, settings: Sequence[str]) -> T:
    """Apply `path=value` texts; see `with_options`."""
    changes = []
    for setting in settings:
        path, equals, value = setting.partition("=")
        if not equals:
            raise ConfigError(f"--set {setting}: not of the form path=value, for example losses.r1.gamma=1.")
        changes.append((path.strip(), value.strip()))
    return with_options(config, changes)


def overlaid(base: Any, over: Any) -> Any:
    """JSON values of a tree with those of another laid over them; a choice of another `kind` is replaced whole."""
    if (
        not isinstance(base, dict)
        or not isinstance(over, dict)
        or over.get("kind", base.get("kind")) != base.get("kind")
    ):
        return over
    return base | {name: overlaid(base.get(name), value) for name, value in over.items()}


def flatten(config: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """(path, value) of every option in the tree."""
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        if dataclasses.is_dataclass(value):
            yield from flatten(value, _join(path, field.name))
        else:
            yield _join(path, field.name), value


def differences(old: Any, new: Any) -> dict[str, tuple[Any, Any]]:
    """Options whose values differ between two trees: path → (old, new); None where a tree lacks the option."""
    before, after = dict(flatten(old)), dict(flatten(new))
    paths = [*before, *(path for path in after if path not in before)]
    pairs = {path: (before.get(path), after.get(path)) for path in paths}
    return {path: pair for path, pair in pairs.items() if pair[0] != pair[1]}


def _put(cls: type, data: dict[str, Any], parts: list[str], value: Any, path: str) -> None:
    """Change one option in the JSON form of a tree of type `cls`."""
    head, rest = parts[0], parts[1:]
    fields = {field.name: field for field in dataclasses.fields(cls)}
    here = path.removesuffix("." + ".".join(rest)) if rest else path
    if head not in fields:
        raise _unknown(here, head, fields)
    hint = typing.get_type_hints(cls)[head]
    choices = _choices(hint)
    if not rest:
        data[head] = _read(value, hint)
    elif rest == ["kind"] and choices:
        data[head] = {"kind": value}
    else:
        groups = [member for member in _members(hint) if dataclasses.is_dataclass(member)]
        group = choices.get(data[head].get("kind"), groups[0]) if groups else None
        if group is None:
            raise ConfigError(f"{path}: no such option. {here} is a value, not a group.")
        _put(group, data[head], rest, value, path)  # type: ignore[arg-type]


def _read(value: Any, hint: Any) -> Any:
    """Text from the command line → JSON value; anything else stays."""
    if not isinstance(value, str):
        return value
    options = _members(hint)
    if value.lower() in ("none", "null", "off") and type(None) in options:
        return None
    lists = [option for option in options if typing.get_origin(option) is tuple]
    if lists and not value.startswith("["):
        kind = typing.get_args(lists[0])[0]
        return [_read(item.strip(), kind) for item in value.split(",") if item.strip()]
    if str in options or any(typing.get_origin(option) is Literal for option in options):
        return value
    try:
        return json.loads(value.lower() if value in ("True", "False") else value)
    except (ValueError, RecursionError):  # no JSON, or a number or nesting too long for Python to read
        return value


def _members(hint: Any) -> tuple[Any, ...]:
    return typing.get_args(hint) if typing.get_origin(hint) in (typing.Union, types.UnionType) else (hint,)


def _choices(hint: Any) -> dict[str, type]:
    """kind → dataclass, for a union of tagged dataclasses (or a single one)."""
    found = {}
    for member in _members(hint):
        if dataclasses.is_dataclass(member) and "kind" in (names := typing.get_type_hints(member)):
            found[typing.get_args(names["kind"])[0]] = member
    return found


def _convert(hint: Any, value: Any, path: str) -> Any:
    members = _members(hint)
    if value is None and type(None) in members:
        return None
    groups = [member for member in members if dataclasses.is_dataclass(member)]
    if groups:
        choices = _choices(hint)
        if not choices:
            return from_json(groups[0], value, path)  # type: ignore[arg-type]
        kind = value.get("kind") if isinstance(value, Mapping) else value
        if not isinstance(kind, str) or kind not in choices:
            raise ConfigError(f"{path}.kind: {kind} is not a choice. Use one of {', '.join(choices)}.")
        return from_json(choices[kind], value, path)
    plain = [member for member in members if member is not type(None)]
    return _plain(plain[0], value, path)


def _plain(hint: Any, value: Any, path: str) -> Any:
    origin = typing.get_origin(hint)
    if origin is Literal:
        allowed = typing.get_args(hint)
        if value not in allowed:
            raise ConfigError(f"{path}: {value} is not a choice. Use one of {', '.join(map(str, allowed))}.")
        return value
    if origin is tuple:
        if not isinstance(value, list | tuple):
            raise ConfigError(f"{path}: {json.dumps(value)} is not a list. Use values separated by commas.")
        return tuple(_convert(typing.get_args(hint)[0], item, path) for item in value)
    if hint is float and isinstance(value, int) and not isinstance(value, bool) and abs(value) < _TOO_LARGE:
        return float(value)
    if not isinstance(value, hint) or (hint is int and isinstance(value, bool)) or _not_finite(value):
        raise ConfigError(f"{path}: {value} is not {_WORDS.get(hint, hint)}. Use {_WORDS.get(hint, hint)}.")
    return value


def _not_finite(value: Any) -> bool:
    return isinstance(value, float) and not math.isfinite(value)


def _unknown(path: str, name: str, there: Mapping[str, Any]) -> ConfigError:
    near = difflib.get_close_matches(name, there, n=1, cutoff=0.5)
    hint = f"Did you mean {near[0]}?" if near else f"There are: {', '.join(there)}."
    return ConfigError(f"{path}: no such option. {hint}")


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
