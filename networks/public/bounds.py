"""Bounds on what a foreign pickle may cost: instructions, copies, and what hashing its keys takes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from networks.public.records import RefusedError, expect

MOST_NUMBERS = 2**28  # in a network: tensors can share their numbers in a file, and have their own once read
_MOST_KEY_BITS = 32  # of a whole number as a key: larger ones can be chosen to collide


@dataclass
class Budget:
    """How many instructions a file may take, nested parts included; a large network takes some ten thousand."""

    left: int = 2_000_000

    def take(self, count: int = 1) -> None:
        """Count instructions, or values that one instruction copies.

        Raises:
            RefusedError: too many.
        """
        self.left -= count
        if self.left < 0:
            raise RefusedError("it takes more instructions than any network does")


def keys(values: list[Any]) -> list[Any]:
    """The values, known to be fit for keys and members: hashing a nested tuple would recurse as deep as a file says."""
    for value in values:
        if isinstance(expect(value, (str, int, type(None)), "a key"), int) and value.bit_length() > _MOST_KEY_BITS:
            raise RefusedError("a key is a very large number")
    return values


def pairs(values: list[Any]) -> Mapping[Any, Any]:
    """[key, value, key, value, …] → a dict."""
    if len(values) % 2:
        raise RefusedError("damaged: a key without a value")
    return dict(zip(keys(values[::2]), values[1::2], strict=True))


def size(value: Any) -> int:
    """How many values a copy of it copies."""
    if isinstance(value, str):
        return len(value) // 64
    return len(value) if isinstance(value, list | tuple | dict | set | frozenset) else 0
