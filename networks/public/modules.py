"""A foreign network: its tensors by name, and what its modules say of themselves."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from networks.public.arrays import PickledArray, as_tensor
from networks.public.bounds import MOST_NUMBERS
from networks.public.records import Record, RefusedError, expect, shown

_MOST_ENTRIES, _DEEPEST, _LONGEST_NAME = 20_000, 16, 200
_PARTS = ("_modules", "_parameters", "_buffers")
_MISSING = object()


@dataclass(frozen=True, kw_only=True)
class ForeignNetwork:
    """A module tree taken apart.

    title: what errors call it ("G_ema").
    tensors: parameters and persistent buffers by their full names.
    modules: what each module holds besides, by its full name; "" is the network itself.
    """

    title: str
    tensors: dict[str, Tensor]
    modules: dict[str, dict[str, Any]]

    def number(self, module: str, attribute: str, low: int, high: int) -> int:
        """A whole number that a module says of itself.

        Raises:
            RefusedError: it is missing, no whole number, or out of bounds.
        """
        value = self.modules.get(module, {}).get(attribute)
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise RefusedError(f"{self.title}: {_dotted(module, attribute)} is {shown(value)}")
        return value

    def common(self, pattern: str, attribute: str, *, default: Any = _MISSING) -> Any:
        """What all modules whose names fit the pattern say alike; those without the attribute have no say.

        Raises:
            RefusedError: they differ, or (without a default) none says it.
        """
        said = [
            (name, held[attribute])
            for name, held in self.modules.items()
            if re.fullmatch(pattern, name) and attribute in held
        ]
        if not said:
            if default is _MISSING:
                raise RefusedError(f"{self.title}: no module says its {attribute}")
            return default
        for name, value in said:
            scalar = value is None or isinstance(value, bool | int | float | str)
            if not scalar or type(value) is not type(said[0][1]) or value != said[0][1]:
                raise RefusedError(
                    f"{self.title}: {_dotted(name, attribute)} is {shown(value)}, elsewhere {shown(said[0][1])}"
                )
        return said[0][1]

    def count(self, pattern: str, attribute: str) -> int:
        """How many modules whose names fit the pattern say True."""
        return sum(held.get(attribute) is True for name, held in self.modules.items() if re.fullmatch(pattern, name))

    def require(self, pattern: str, attribute: str, accepted: Iterable[Any]) -> None:
        """Refuse, by name and value, any module that says what our networks cannot be."""
        allowed = list(accepted)
        for name, held in self.modules.items():
            if re.fullmatch(pattern, name) and attribute in held and not _among(held[attribute], allowed):
                raise RefusedError(
                    f"{self.title}: {_dotted(name, attribute)} is {shown(held[attribute])}, "
                    f"here it can be {' or '.join(map(shown, allowed))}"
                )


def _among(value: Any, allowed: list[Any]) -> bool:
    """True where it is one of them; a number also where it is off by rounding alone."""
    if isinstance(value, float | int) and not isinstance(value, bool):
        return any(isinstance(one, float | int) and abs(one - value) <= 1e-6 * max(1, abs(one)) for one in allowed)
    return any(type(one) is type(value) and one == value for one in allowed)


def foreign_network(record: Any, title: str) -> ForeignNetwork:
    """Take a module record apart.

    Raises:
        RefusedError: it is no module, or its tree is deeper or larger than any network's.
    """
    tensors: dict[str, Tensor] = {}
    modules: dict[str, dict[str, Any]] = {}
    entries = numbers = 0
    for name, held in _walk(expect(record, Record, title), title):
        entries += 1 + sum(len(_part(held, part, title)) for part in _PARTS)
        if entries > _MOST_ENTRIES:
            raise RefusedError(f"{title}: it has more modules and tensors than any network")
        modules[name] = held
        for tensor_name, value in _values(held, title):
            numbers += value.values.size if isinstance(value, PickledArray) else value.numel()
            if numbers > MOST_NUMBERS:
                raise RefusedError(f"{title}: it has more numbers than any network")
            tensors[_dotted(name, tensor_name)] = as_tensor(value)
    return ForeignNetwork(title=title, tensors=tensors, modules=modules)


def _walk(record: Record, title: str, name: str = "", depth: int = 0) -> Iterator[tuple[str, dict[str, Any]]]:
    if depth > _DEEPEST:
        raise RefusedError(f"{title}: its modules are nested too deeply")
    yield name, record.state
    for child, inner in _part(record.state, "_modules", title).items():
        if inner is not None:
            inner = expect(inner, Record, f"{title}: module {child}")
            yield from _walk(inner, title, _dotted(name, _name(child, title)), depth + 1)


def _values(held: Mapping[str, Any], title: str) -> Iterator[tuple[str, PickledArray | Tensor]]:
    passing = held.get("_non_persistent_buffers_set", ())
    passing = passing if isinstance(passing, set | frozenset) else ()
    for part in ("_parameters", "_buffers"):
        for name, value in _part(held, part, title).items():
            if value is None or name in passing:
                continue
            if not isinstance(value, PickledArray | Tensor):
                raise RefusedError(f"{title}: {shown(name)} is {shown(value)}, not a tensor")
            yield _name(name, title), value


def _name(name: Any, title: str) -> str:
    """Of a module or a tensor: a full name repeats those of all modules around it."""
    if len(expect(name, str, f"{title}: a name")) > _LONGEST_NAME:
        raise RefusedError(f"{title}: it has a name of {len(name)} characters, {shown(name)}")
    return name


def _part(held: Mapping[str, Any], part: str, title: str) -> dict[Any, Any]:
    return expect(held.get(part, {}), dict, f"{title}: {part}")


def _dotted(module: str, name: str) -> str:
    return f"{module}.{name}" if module else name
