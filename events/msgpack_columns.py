"""MessagePack read at many places at once: a value of each of many messages, as one array.

1. `Cursors` stand at one place of each message. A call reads the value there of all of them and goes on behind it.
2. Numbers and lengths may be encoded in as many ways as there are; each way that occurs is read in one go.
3. What a call cannot read raises `UnreadError`: whoever asked reads those messages one by one. Nothing is guessed.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "Bytes",
    "Column",
    "Cursors",
    "FieldColumn",
    "Flags",
    "Lists",
    "Mask",
    "Nothing",
    "Texts",
    "UnreadError",
    "Wholes",
    "padded",
    "wide_at",
]

Bytes = NDArray[np.uint8]
Column = NDArray[np.int64]
Mask = NDArray[np.bool_]

_NIL = 0xC0
_PADDING = bytes(8)


class UnreadError(Exception):
    """A value that is not of the kind asked for, or in a form that is not read in columns."""


class Wholes(NamedTuple):
    """Whole numbers, 0 where one is missing; `missing` is None where none is."""

    numbers: Column
    missing: Mask | None = None

    def at(self, places: Column) -> Wholes:
        """Some of them."""
        return Wholes(self.numbers[places], None if self.missing is None else self.missing[places])


class Flags(NamedTuple):
    """Which are true."""

    true: Mask
    missing: Mask | None


class Texts(NamedTuple):
    """Texts in UTF-8, or `binary` ones, one behind the other: the nth from `offsets[n]` to `offsets[n + 1]`."""

    offsets: Column
    data: Bytes
    missing: Mask | None
    binary: bool


class Lists(NamedTuple):
    """Lists of numbers, or of tuples of numbers: one array for each place in the tuple, with offsets as of texts."""

    offsets: Column
    columns: tuple[Column, ...]

    def at(self, places: Column) -> Lists:
        """Some of them."""
        lengths = np.diff(self.offsets)[places]
        spread = _spread(self.offsets[places], lengths)
        return Lists(_offsets(lengths), tuple(column[spread] for column in self.columns))


class Nothing(NamedTuple):
    """So many values, all of them missing."""

    values: int


FieldColumn = Wholes | Flags | Texts | Lists | Nothing
"""A field of many messages."""


class _Form:
    """How a kind of value begins: in one byte that stands for a number, or in one that says how many follow."""

    def __init__(self, short: dict[int, int], wide: dict[int, str]) -> None:
        self.short, self.wide = np.zeros(256, np.int64), wide
        self.short[list(short)] = list(short.values())
        self.known = frozenset((*short, *wide, _NIL))


_WHOLE = _Form(
    {number % 256: number for number in range(-32, 128)},
    {0xCC: ">u1", 0xCD: ">u2", 0xCE: ">u4", 0xCF: ">i8", 0xD0: ">i1", 0xD1: ">i2", 0xD2: ">i4", 0xD3: ">i8"},
)
_UNSIGNED_64 = 0xCF
_FLAG = _Form({0xC2: 0, 0xC3: 1}, {})
_TEXT = _Form({code: code - 0xA0 for code in range(0xA0, 0xC0)}, {0xD9: ">u1", 0xDA: ">u2", 0xDB: ">u4"})
_BINARY = _Form({}, {0xC4: ">u1", 0xC5: ">u2", 0xC6: ">u4"})
_LIST = _Form({code: code - 0x90 for code in range(0x90, 0xA0)}, {0xDC: ">u2", 0xDD: ">u4"})


def padded(data: bytes) -> Bytes:
    """Bytes to go over: behind them some more, so that a wide number can be looked for anywhere."""
    return np.frombuffer(data + _PADDING, np.uint8)


def wide_at(data: Bytes, places: Column, kind: str) -> Column:
    """The numbers of this numpy type that begin at these places."""
    layout = np.dtype(kind)
    # numpy's own way would copy each number's bytes first; this is a view of one number at every byte
    anywhere: Any = np.ndarray((len(data) - layout.itemsize + 1,), layout, buffer=data, strides=(1,))
    return np.asarray(anywhere[places], np.int64)


class Cursors:
    """A place in each of many messages, moving on together. Costs some 10 ns a value."""

    def __init__(self, data: Bytes, places: Column) -> None:
        """At these places of bytes as `padded` gives them, one in each message."""
        self.data, self.places = data, places

    def wholes(self) -> Wholes:
        """A whole number of 64 bits each, or nothing."""
        return self._read(_WHOLE)

    def flags(self) -> Flags:
        """True or false each, or nothing."""
        read = self._read(_FLAG)
        return Flags(read.numbers != 0, read.missing)

    def texts(self) -> Texts:
        """A text each, or nothing."""
        return self._texts(_TEXT)

    def binaries(self) -> Texts:
        """Bytes each, or nothing."""
        return self._texts(_BINARY)

    def lists(self, width: int = 1) -> Lists:
        """A list of numbers each, or of tuples of so many numbers."""
        lengths = self.lengths()
        offsets = _offsets(lengths)
        columns = tuple(np.empty(offsets[-1], np.int64) for _ in range(width))
        for place in range(int(lengths.max())):
            here = np.flatnonzero(lengths > place)
            inner = Cursors(self.data, self.places[here])
            if width > 1:
                inner.header(width)
            for column in columns:
                column[offsets[here] + place] = inner._all(_WHOLE)
            self.places[here] = inner.places
        return Lists(offsets, columns)

    def header(self, length: int) -> None:
        """The beginning of a list that has this length everywhere."""
        if not (self.lengths() == length).all():
            raise UnreadError

    def lengths(self) -> Column:
        """The beginning of a list: how many values follow."""
        return self._all(_LIST)

    def nothing(self) -> Nothing:
        """No value anywhere."""
        if not (self.data[self.places] == _NIL).all():
            raise UnreadError
        self.places = self.places + 1
        return Nothing(len(self.places))

    def _texts(self, form: _Form) -> Texts:
        lengths, missing = self._read(form)
        found = self.data[_spread(self.places, lengths)]
        self.places = self.places + lengths
        return Texts(_offsets(lengths), found, missing, binary=form is _BINARY)

    def _all(self, form: _Form) -> Column:
        """What is missing nowhere."""
        read = self._read(form)
        if read.missing is not None:
            raise UnreadError
        return read.numbers

    def _read(self, form: _Form) -> Wholes:
        codes = self.data[self.places]
        alike = bool((codes == codes[0]).all())
        present = [int(codes[0])] if alike else np.flatnonzero(np.bincount(codes, minlength=256)).tolist()
        if not form.known.issuperset(present):
            raise UnreadError
        if alike and present[0] in form.wide:
            numbers = self._wide(form, present[0], self.places + 1)
            self.places = self.places + (1 + np.dtype(form.wide[present[0]]).itemsize)
            return Wholes(numbers)
        numbers, behind = form.short[codes], self.places + 1
        for code in form.wide.keys() & set(present):
            here = np.flatnonzero(codes == code)
            numbers[here] = self._wide(form, code, behind[here])
            behind[here] += np.dtype(form.wide[code]).itemsize
        self.places = behind
        return Wholes(numbers, codes == _NIL if _NIL in present else None)

    def _wide(self, form: _Form, code: int, places: Column) -> Column:
        numbers = wide_at(self.data, places, form.wide[code])
        if code == _UNSIGNED_64 and len(numbers) and numbers.min() < 0:
            raise UnreadError  # it has more than 63 bits
        return numbers


def _offsets(lengths: Column) -> Column:
    offsets = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(lengths, out=offsets[1:])
    return offsets


def _spread(starts: Column, lengths: Column) -> Column:
    """The places from each start on, so many of each."""
    offsets = _offsets(lengths)
    return np.repeat(starts - offsets[:-1], lengths) + np.arange(offsets[-1])
