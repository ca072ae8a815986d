"""Reads a pickle without Python's unpickler: few opcodes, no imports, every step counted.

Python's own reader resolves names by importing them and grows with what a file claims. This one knows containers,
numbers and a table of names; the rest is refused by name. The instructions come from `pickletools`, which only parses.
"""

import pickletools
import struct
import warnings
from collections.abc import Callable
from io import BytesIO
from typing import Any

from networks.public.arrays import PickledArray, PickledType
from networks.public.bounds import Budget, keys, pairs, size
from networks.public.records import Constructor, Record, RecordClass, RefusedError, expect, shown

Globals = Callable[[str], Any]  # full name → Constructor, RecordClass or Constant; refuses others
Persistent = Callable[[Any], Any]  # a persistent id → what it stands for

_MOST_BITS = 128  # of a whole number; torch's magic number has 80
_MOST_MEMO = 2**32  # as far as binary pickles reach: larger numbers, as text, can be chosen to collide
_MARK = object()


class Machine:
    """One run over one pickle.

    Args:
        stream: where it begins; afterwards stands behind its last byte.
        names: what a name in the pickle stands for.
        persistent: what a persistent id stands for; None refuses them.
    """

    def __init__(self, stream: BytesIO, names: Globals, budget: Budget, persistent: Persistent | None = None):
        self._stream, self._names, self._budget, self._persistent = stream, names, budget, persistent
        self._stack: list[Any] = []
        self._memo: dict[int, Any] = {}

    def run(self) -> Any:
        """What the pickle holds.

        Raises:
            RefusedError: damaged, or anything in it that is not let in.
        """
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # pickletools' of odd escapes in names
                return self._run()
        except (ValueError, IndexError, OverflowError, struct.error) as error:
            raise RefusedError(f"damaged or no pickle ({_first_words(error)})") from error

    def _run(self) -> Any:
        for opcode, argument, _ in pickletools.genops(self._stream):
            self._budget.take()
            if opcode.name == "STOP":
                return self._only()
            action = _ACTIONS.get(opcode.name)
            if action is None:
                raise RefusedError(f"the instruction {opcode.name} is not let in")
            action(self, argument)
        raise RefusedError("damaged: it does not end")

    def _only(self) -> Any:
        if len(self._stack) != 1 or self._stack[0] is _MARK:
            raise RefusedError("damaged: it does not end in one value")
        return self._stack[0]

    def take(self) -> Any:
        """The last value, taken off the stack."""
        if not self._stack or self._stack[-1] is _MARK:
            raise RefusedError("damaged: a value is missing")
        return self._stack.pop()

    def _top(self) -> Any:
        if not self._stack or self._stack[-1] is _MARK:
            raise RefusedError("damaged: a value is missing")
        return self._stack[-1]

    def take_to_mark(self) -> list[Any]:
        """The values since the last mark."""
        for place in range(len(self._stack) - 1, -1, -1):
            if self._stack[place] is _MARK:
                values = self._stack[place + 1 :]
                del self._stack[place:]
                return values
        raise RefusedError("damaged: a mark is missing")

    def nothing(self, argument: Any) -> None:
        """PROTO, FRAME."""

    def push(self, value: Any) -> None:
        """Numbers, texts, bytes."""
        if isinstance(value, int) and value.bit_length() > _MOST_BITS:
            raise RefusedError("it holds a very large number")
        self._stack.append(value)

    def mark(self, argument: Any) -> None:
        """MARK."""
        self._stack.append(_MARK)

    def pop(self, argument: Any) -> None:
        """POP."""
        if not self._stack:
            raise RefusedError("damaged: a value is missing")
        self._stack.pop()

    def pop_mark(self, argument: Any) -> None:
        """POP_MARK."""
        self.take_to_mark()

    def store(self, index: int) -> None:
        """BINPUT and kin; a dict, so that a large index costs nothing."""
        if not 0 <= index < _MOST_MEMO:
            raise RefusedError("damaged: it keeps a value at a very large number")
        self._memo[index] = self._top()

    def memoize(self, argument: Any) -> None:
        """MEMOIZE."""
        self._memo[len(self._memo)] = self._top()

    def fetch(self, index: int) -> None:
        """BINGET and kin."""
        if index not in self._memo:
            raise RefusedError("damaged: it refers to a value that is not there")
        self._stack.append(self._memo[index])

    def append(self, argument: Any) -> None:
        """APPEND."""
        self._extend([self.take()])

    def appends(self, argument: Any) -> None:
        """APPENDS."""
        self._extend(self.take_to_mark())

    def _extend(self, values: list[Any]) -> None:
        expect(self._top(), list, "what values are appended to").extend(values)

    def set_item(self, argument: Any) -> None:
        """SETITEM."""
        value, key = self.take(), self.take()
        self._update([key, value])

    def set_items(self, argument: Any) -> None:
        """SETITEMS."""
        self._update(self.take_to_mark())

    def _update(self, values: list[Any]) -> None:
        target = self._top()
        target = target.items if isinstance(target, Record) else target
        expect(target, dict, "what items are put into").update(pairs(values))

    def add_items(self, argument: Any) -> None:
        """ADDITEMS."""
        values = keys(self.take_to_mark())
        expect(self._top(), set, "what members are added to").update(values)

    def global_name(self, argument: str) -> None:
        """GLOBAL: `module name`."""
        self._stack.append(self._names(argument.replace(" ", ".", 1)))

    def stack_global(self, argument: Any) -> None:
        """STACK_GLOBAL."""
        name, module = self.take(), self.take()
        self._stack.append(self._names(f"{expect(module, str, 'a module')}.{expect(name, str, 'a name')}"))

    def reduce(self, argument: Any) -> None:
        """REDUCE: the names of our table are called with what stands in the pickle; a foreign class gives a record."""
        arguments, callee = self.take(), self.take()
        arguments = expect(arguments, tuple, "a call's arguments")
        if isinstance(callee, RecordClass):
            self._stack.append(Record(callee.name, arguments))
        elif isinstance(callee, Constructor):
            self._budget.take(sum(size(value) for value in arguments))
            self._stack.append(called(callee, arguments))
        else:
            raise RefusedError(f"a call of {shown(callee)} is not let in")

    def new_object(self, argument: Any) -> None:
        """NEWOBJ."""
        self.reduce(argument)

    def build(self, argument: Any) -> None:
        """BUILD: what an object held."""
        state, target = self.take(), self._top()
        self._budget.take(size(_first(state)))
        if isinstance(target, PickledArray | PickledType):
            target.set_state(state)
        elif isinstance(target, Record):
            target.state.update(expect(_first(state), dict, f"the state of {target.class_name}"))
        elif isinstance(target, dict):
            expect(state, dict, "a container's attributes")  # such as _metadata of a state dict: of no use here
        else:
            raise RefusedError(f"a state for {shown(target)} is not let in")

    def persistent_id(self, argument: Any) -> None:
        """BINPERSID."""
        if self._persistent is None:
            raise RefusedError("the instruction BINPERSID is not let in")
        self._stack.append(self._persistent(self.take()))


def called(callee: Constructor, arguments: tuple[Any, ...]) -> Any:
    """What one of our functions makes of arguments out of a pickle."""
    try:
        return callee.build(*arguments)
    except (TypeError, ValueError, OverflowError, RuntimeError, LookupError, MemoryError) as error:
        raise RefusedError(f"damaged: {callee.name} cannot be made ({_first_words(error)})") from error


def _first(state: Any) -> Any:
    """The attributes, where a state is (attributes, slots)."""
    return state[0] if isinstance(state, tuple) and len(state) == 2 else state


def _first_words(error: Exception) -> str:
    return " ".join(str(error).split())[:80] or type(error).__name__


def _constant(value: Any) -> Callable[[Machine, Any], None]:
    """None, True, False, ()."""
    return lambda machine, argument: machine.push(value)


def _empty(kind: type) -> Callable[[Machine, Any], None]:
    """A new empty container."""
    return lambda machine, argument: machine.push(kind())


def _tuple_of(count: int) -> Callable[[Machine, Any], None]:
    """The last few values as a tuple."""
    return lambda machine, argument: machine.push(tuple(reversed([machine.take() for _ in range(count)])))


def _marked(build: Callable[[list[Any]], Any]) -> Callable[[Machine, Any], None]:
    """A container of all values since the mark."""
    return lambda machine, argument: machine.push(build(machine.take_to_mark()))


_ACTIONS: dict[str, Callable[[Machine, Any], None]] = {
    **dict.fromkeys(("PROTO", "FRAME"), Machine.nothing),
    **dict.fromkeys(
        (
            *("BININT", "BININT1", "BININT2", "LONG1", "LONG4", "BINFLOAT", "BINUNICODE", "SHORT_BINUNICODE"),
            *("BINUNICODE8", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8"),
        ),
        Machine.push,
    ),
    "NONE": _constant(None),
    "NEWTRUE": _constant(True),
    "NEWFALSE": _constant(False),
    "EMPTY_TUPLE": _constant(()),
    "EMPTY_LIST": _empty(list),
    "EMPTY_DICT": _empty(dict),
    "EMPTY_SET": _empty(set),
    "MARK": Machine.mark,
    "POP": Machine.pop,
    "POP_MARK": Machine.pop_mark,
    **dict.fromkeys(("BINPUT", "LONG_BINPUT", "PUT"), Machine.store),
    **dict.fromkeys(("BINGET", "LONG_BINGET", "GET"), Machine.fetch),
    "MEMOIZE": Machine.memoize,
    "TUPLE1": _tuple_of(1),
    "TUPLE2": _tuple_of(2),
    "TUPLE3": _tuple_of(3),
    "TUPLE": _marked(tuple),
    "FROZENSET": _marked(lambda values: frozenset(keys(values))),
    "APPEND": Machine.append,
    "APPENDS": Machine.appends,
    "SETITEM": Machine.set_item,
    "SETITEMS": Machine.set_items,
    "ADDITEMS": Machine.add_items,
    "GLOBAL": Machine.global_name,
    "STACK_GLOBAL": Machine.stack_global,
    "REDUCE": Machine.reduce,
    "NEWOBJ": Machine.new_object,
    "BUILD": Machine.build,
    "BINPERSID": Machine.persistent_id,
}
