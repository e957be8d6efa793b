"""Files that were valid once: random damage, the same for the same random numbers."""

from collections.abc import Callable, Sequence

import numpy as np

_BYTES = (0, 1, 0x20, 0x7F, 0x80, 0xFF)
_NUMBERS = (0, 1, -1, 127, 128, 255, 65535, 1 << 20, (1 << 31) - 1, 1 << 31, (1 << 32) - 1, 1 << 40)
_WORDS = b"""-1 0 1e999 -1e-320 nan .inf 1_0 0x7fffffffffffffff 99999999999999999999
1:1:1:1 2001-99-99 ../../x /etc/passwd *a &a !!python/object/apply:os.system !!int !!float !!set
!!binary !!timestamp <<: [ ] { } ? : , " ' \\ud800 \\0 null true O f8 <U0 V8 >f8 f16 (2, -2)
4294967296""".split()
_WORDS += [b"\n", b"\r\n", b"\t", b"\xef\xbb\xbf", b"\xc3\x28", b"\xed\xa0\x80", b"PK\x05\x06"]


def mutated(data: bytes, others: Sequence[bytes], rng: np.random.Generator) -> bytes:
    """One to five changes of a file; `others` are valid files to take pieces from."""
    changed = bytearray(data)
    for _ in range(int(rng.integers(1, 6))):
        change = _CHANGES[int(rng.integers(len(_CHANGES)))]
        change(changed, others, rng)
    return bytes(changed)


def _place(data: Sequence, rng: np.random.Generator) -> int:
    """A position, headers and ends more often than the middle."""
    near = int(rng.integers(0, 3))
    span = min(len(data), 200) if near else len(data)
    offset = int(rng.integers(0, span + 1))
    return len(data) - offset if near == 2 else offset


def _flip(data: bytearray, others, rng) -> None:
    place = _place(data, rng)
    if place < len(data):
        data[place] ^= 1 << int(rng.integers(8))


def _set(data: bytearray, others, rng) -> None:
    place = _place(data, rng)
    if place < len(data):
        data[place] = _BYTES[int(rng.integers(len(_BYTES)))]


def _number(data: bytearray, others, rng) -> None:
    width, place = (2, 4, 8)[int(rng.integers(3))], _place(data, rng)
    number = _NUMBERS[int(rng.integers(len(_NUMBERS)))] % (1 << (8 * width))
    data[place : place + width] = number.to_bytes(width, "little" if rng.random() < 0.7 else "big")


def _word(data: bytearray, others, rng) -> None:
    place = _place(data, rng)
    length = int(rng.integers(0, 8))
    data[place : place + length] = _WORDS[int(rng.integers(len(_WORDS)))]


def _cut(data: bytearray, others, rng) -> None:
    del data[_place(data, rng) :]


def _delete(data: bytearray, others, rng) -> None:
    place = _place(data, rng)
    del data[place : place + int(rng.integers(1, 64))]


def _repeat(data: bytearray, others, rng) -> None:
    place = _place(data, rng)
    data[place:place] = data[place : place + int(rng.integers(1, 64))] * int(rng.integers(1, 20))


def _insert(data: bytearray, others, rng) -> None:
    place = _place(data, rng)
    data[place:place] = rng.bytes(int(rng.integers(1, 32)))


def _splice(data: bytearray, others, rng) -> None:
    other = others[int(rng.integers(len(others)))]
    place, start = _place(data, rng), _place(other, rng)
    length = int(rng.integers(1, 400))
    data[place : place + length] = other[start : start + length]


_CHANGES: list[Callable[[bytearray, Sequence[bytes], np.random.Generator], None]] = [
    *(_flip, _set, _number, _word, _cut, _delete, _repeat, _insert, _splice),
    *(_flip, _set, _number, _word),
]
