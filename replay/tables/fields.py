"""Fields as Arrow arrays, before names and scales: of columns that were read from bytes, and of lists of values.

Both ways give the same array. Whole numbers are int64, prices lists of (instrument, ticks), and a structure that has
no columns of its own is JSON, as `log --json` prints it. None is null.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any

import msgspec
import numpy as np

from ...events.errors import RecordOverflowError
from ...events.msgpack_columns import FieldColumn, Flags, Lists, Nothing, Texts, Wholes
from ..log.selection import plain_value
from .arrow import needed, pyarrow

__all__ = ["Values", "array_of_column", "array_of_values", "joined", "nulled", "numbers_of", "wholes_of"]

Values = Sequence[Any]


def wholes_of(values: Values) -> Any:
    """Whole numbers of 64 bits. Raises RecordOverflowError for one that has more."""
    try:  # three times as fast as the other way, which takes None
        return _whole_array(np.frombuffer(struct.pack(f"{len(values)}q", *values), np.int64))
    except struct.error:
        return _wholes_or_nothing(values)


def _wholes_or_nothing(values: Values) -> Any:
    arrow = pyarrow()
    try:
        return arrow.array(values, arrow.int64())
    except (OverflowError, arrow.ArrowInvalid) as error:
        message = f"a number does not fit a column of 64 bits ({error}); `log --json` shows it"
        raise RecordOverflowError(message) from error


def _whole_array(numbers: Any, missing: Any = None) -> Any:
    """Whole numbers from numpy's, null where one is missing; nothing is copied."""
    arrow = pyarrow()
    return arrow.Array.from_buffers(arrow.int64(), len(numbers), [_valid(missing), arrow.py_buffer(numbers)])


def numbers_of(whole: Any) -> Any:
    """The numbers of an array as numpy has them, 0 for null; nothing is copied where there is none."""
    filled = whole.fill_null(0) if whole.null_count else whole
    return np.frombuffer(filled.buffers()[1], dtype=np.int64, count=len(filled), offset=filled.offset * 8)


def nulled(whole: Any, valid: Any) -> Any:
    """The numbers where they are valid, null elsewhere."""
    return needed("pyarrow.compute").if_else(valid, whole, None)


def joined(arrays: Sequence[Any]) -> Any:
    """Arrays of one type, one behind the other."""
    return arrays[0] if len(arrays) == 1 else pyarrow().concat_arrays(arrays)


def array_of_values(kind: str, values: Values) -> Any:
    """A field of this kind, from what it holds in each event."""
    return _OF_VALUES.get(kind, wholes_of)(values)


def array_of_column(column: FieldColumn) -> Any:
    """A field, from its column."""
    return _OF_COLUMNS[type(column)](column)


def _flags(values: Values) -> Any:
    return pyarrow().array(values, pyarrow().bool_())


def _texts(values: Values) -> Any:
    return pyarrow().array(values, pyarrow().string())


def _binaries(values: Values) -> Any:
    return pyarrow().array(values, pyarrow().binary())


def _json(values: Values) -> Any:
    encode = msgspec.json.Encoder().encode
    return _texts([None if one is None else encode(plain_value(one)).decode() for one in values])


def _lists(values: Values) -> Any:
    return _list_array(_offsets(values), (wholes_of(list(chain.from_iterable(values))),))


def _pairs(values: Values) -> Any:
    flat = list(chain.from_iterable(chain.from_iterable(values)))
    return _list_array(_offsets(values), (wholes_of(flat[::2]), wholes_of(flat[1::2])))


def _offsets(values: Values) -> Any:
    return np.cumsum([0, *map(len, values)], dtype=np.int32)


_OF_VALUES: dict[str, Callable[[Values], Any]] = {
    "text": _texts,
    "flag": _flags,
    "bytes": _binaries,
    "prices": _pairs,
    "links": _lists,
    **dict.fromkeys(("structure", "provenance", "constituents", "left out", "makers", "notes", "depth"), _json),
}
"""By kind; any other is a whole number."""


def _of_wholes(column: Wholes) -> Any:
    return _whole_array(column.numbers, column.missing)


def _of_flags(column: Flags) -> Any:
    return pyarrow().array(column.true, mask=column.missing)


def _of_texts(column: Texts) -> Any:
    arrow = pyarrow()
    buffers = [_valid(column.missing), _narrow(column.offsets), arrow.py_buffer(column.data)]
    arrow_type = arrow.binary() if column.binary else arrow.string()
    return arrow.Array.from_buffers(arrow_type, len(column.offsets) - 1, buffers)


def _of_lists(column: Lists) -> Any:
    return _list_array(column.offsets, tuple(map(_whole_array, column.columns)))


def _of_nothing(column: Nothing) -> Any:
    return pyarrow().nulls(column.values, pyarrow().string())


_OF_COLUMNS: dict[type[FieldColumn], Callable[[Any], Any]] = {
    Wholes: _of_wholes,
    Flags: _of_flags,
    Texts: _of_texts,
    Lists: _of_lists,
    Nothing: _of_nothing,
}


def _list_array(offsets: Any, columns: tuple[Any, ...]) -> Any:
    """Lists of numbers, or of structs of several."""
    arrow = pyarrow()
    items = columns[0] if len(columns) == 1 else arrow.StructArray.from_arrays(columns, names=["instrument", "ticks"])
    arrow_type = arrow.list_(items.type)
    return arrow.Array.from_buffers(arrow_type, len(offsets) - 1, [None, _narrow(offsets)], children=[items])


def _narrow(offsets: Any) -> Any:
    """Offsets as Arrow has them."""
    return pyarrow().py_buffer(offsets.astype(np.int32))


def _valid(missing: Any) -> Any:
    """The bits of what is not missing; None where all is there."""
    return None if missing is None else pyarrow().py_buffer(np.packbits(~missing, bitorder="little"))
