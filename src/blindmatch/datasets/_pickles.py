"""The part of Python's pickle format that data sets use, read without running anything.

A pickle is a program for a stack machine that may call any function by its name. The machine here
knows containers, texts and numbers only; a call is described and not made (protocols 0 to 2, which
the published files have).
"""

import dataclasses
import math
import pickletools

import numpy as np

_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_TUPLES = {"EMPTY_TUPLE": 0, "TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
_PUTS, _GETS = ("PUT", "BINPUT", "LONG_BINPUT"), ("GET", "BINGET", "LONG_BINGET")


@dataclasses.dataclass(eq=False)
class Call:
    """A function or class that a pickle names, what it would call it with, and then set."""

    name: str
    arguments: tuple | None = None
    state: object = None


def plain_pickle(data: bytes) -> object:
    """What a pickle of plain data holds.

    Parameters
    ----------
    data : bytes
        Bytes of Python 2 become texts in Latin-1.

    Returns
    -------
    dict, list, tuple, str, bytes, int, float, bool, None or Call

    Raises
    ------
    Exception
        Of various types, if it holds anything else or is damaged.
    """
    machine = _Machine()
    for opcode, value, _ in pickletools.genops(data):
        machine.run(opcode, value)
    [content] = machine.stack
    return content


class _Machine:
    def __init__(self) -> None:
        self.stack: list = []
        self.marks: list[int] = []
        self.memo: dict[int, object] = {}

    def run(self, opcode, value) -> None:
        name, stack = opcode.name, self.stack
        if name in _CONSTANTS:
            stack.append(_CONSTANTS[name])
        elif name in _TUPLES:
            stack.append(tuple(self.taken(_TUPLES[name])))
        elif name in ("EMPTY_DICT", "EMPTY_LIST"):
            stack.append({} if name == "EMPTY_DICT" else [])
        elif name == "MARK":
            self.marks.append(len(stack))
        elif name in ("TUPLE", "LIST", "DICT"):
            found = self.since_mark()
            stack.append(tuple(found) if name == "TUPLE" else found)
            if name == "DICT":
                stack[-1] = _filled({}, found)
        elif name in ("APPEND", "APPENDS"):
            found = self.taken(1) if name == "APPEND" else self.since_mark()
            _expect(stack[-1], list).extend(found)
        elif name in ("SETITEM", "SETITEMS"):
            found = self.taken(2) if name == "SETITEM" else self.since_mark()
            _filled(stack[-1], found)
        elif name in _PUTS:
            self.memo[value] = stack[-1]
        elif name in _GETS:
            stack.append(self.memo[value])
        elif name == "GLOBAL":
            stack.append(Call(value))
        elif name == "REDUCE":
            called, arguments = self.taken(2)
            stack.append(Call(_expect(called, Call).name, _expect(arguments, tuple)))
        elif name == "BUILD":
            [state] = self.taken(1)
            _expect(stack[-1], Call).state = state
        elif value is not None and opcode.stack_after not in ([], [pickletools.anyobject]):
            stack.append(value)  # a number or a text
        elif name not in ("PROTO", "STOP"):
            raise ValueError(f"opcode {name} has no place in plain data")

    def taken(self, count: int) -> list:
        """The last values, taken off the stack."""
        first = len(self.stack) - count
        if first < (self.marks[-1] if self.marks else 0):
            raise ValueError("fewer values than needed")
        found = self.stack[first:]
        del self.stack[first:]
        return found

    def since_mark(self) -> list:
        first = self.marks.pop()
        return self.taken(len(self.stack) - first)


def _expect(value, kind: type):
    if not isinstance(value, kind):
        raise ValueError(f"{type(value).__name__} instead of {kind.__name__}")
    return value


def _filled(target: object, found: list) -> dict:
    """A dictionary with keys and values in turn added; a key that is a tuple may take forever."""
    for key, value in zip(found[::2], found[1::2], strict=True):
        _expect(target, dict)[_expect(key, str | int)] = value
    return target


def byte_array(value: object) -> np.ndarray:
    """The array of bytes that a pickle describes, as numpy writes them.

    Raises
    ------
    ValueError
        If it describes anything else.
    """
    array = _expect(value, Call)
    if array.name.split()[-1] != "_reconstruct":
        raise ValueError(f"a call of {array.name} instead of an array")
    _, shape, dtype, fortran, content = _expect(array.state, tuple)
    if not isinstance(dtype, Call) or dtype.name != "numpy dtype" or dtype.arguments[:1] != ("u1",):
        raise ValueError("an array of something else than bytes")
    if isinstance(content, Call):  # how Python 3 writes bytes, and none, for Python 2
        content = {"_codecs encode": content.arguments[:1], "__builtin__ bytes": ("",)}[
            content.name
        ][0]
    data = _expect(content, str).encode("latin-1")
    if any(_expect(length, int) < 0 for length in shape) or math.prod(shape) != len(data):
        raise ValueError(f"{len(data)} bytes for an array of shape {shape}")
    return np.frombuffer(data, np.uint8).reshape(shape, order="F" if fortran else "C")
