"""Columns as Arrow arrays: for each kind of field its type, and how a list of values becomes one.

1. Decimals are exact: whole numbers in 64 bits are multiplied into 128 at once where the product fits into 64, and one
   by one where it does not. No float is on the way.
2. Nothing is null, and so is a quantity whose scale the event does not name, and a time that never comes.
3. A structure that has no columns of its own is JSON, as `log --json` prints it.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from itertools import chain
from typing import Any, NamedTuple, get_args

import msgspec
import numpy as np

from ...events.errors import RecordOverflowError
from ...events.kinds import FOR_GOOD_NS, Kind, kinds_of
from ...sim.quantities import RATES, SCORES, SECONDS
from ...sim.units import CONTEXT, INT64_MAX
from ..log.selection import plain_value
from .arrow import pyarrow
from .columns import BodyColumn
from .declared import Declared, Steps, steps_of

__all__ = ["ArrayColumn", "array_column", "decimals_of", "names_of", "texts_of", "times_of", "wholes_of"]

Values = Sequence[Any]
Make = Callable[[Values, Mapping[str, Values]], Any]
"""From the values of a field, and those of every field of the same events."""


class ArrayColumn(NamedTuple):
    """An Arrow field, the field of an event that it is, and what makes an array of its values."""

    arrow_field: Any
    field: str
    make: Make


def array_column(body_type: type[msgspec.Struct], column: BodyColumn, declared: Declared) -> ArrayColumn:
    """The column of a type's table."""
    kind = column.kind
    if kind.name in ("amount", "price", "size"):
        steps = declared.steps(kind.name, kind.finer)
        make = _scaled(body_type, kind, steps, declared)
        return _column(column, steps.arrow_type(), make, steps.unit)
    if kind.name in _CONSTANT or kind.name == "rate":
        steps = steps_of([RATES[kind.unit] if kind.name == "rate" else _CONSTANT[kind.name]], "")
        return _column(column, steps.arrow_type(), lambda values, _: decimals_of(values, steps), steps.unit)
    if kind.name in _NAMED:
        names = getattr(declared, _NAMED[kind.name])
        return _column(column, pyarrow().string(), lambda values, _: names_of(values, names))
    if kind.name in _LISTS:
        list_type, make = _LISTS[kind.name](declared)
        return _column(column, list_type, make)
    arrow_type, make = _PLAIN.get(kind.name, _plain_number)()
    return _column(column, arrow_type, make, kind.unit if kind.name == "count" else "")


def _column(column: BodyColumn, arrow_type: Any, make: Make, unit: str = "") -> ArrayColumn:
    told = {"kind": column.kind.name, "field": column.field} | ({"unit": unit} if unit else {})
    return ArrayColumn(pyarrow().field(column.name, arrow_type, metadata=told), column.field, make)


_CONSTANT = {"score": SCORES, "duration": SECONDS}
_NAMED = {"account": "accounts", "instrument": "instruments", "asset": "assets"}


def wholes_of(values: Values) -> Any:
    """Whole numbers of 64 bits. Raises RecordOverflowError for one that has more."""
    arrow = pyarrow()
    try:  # three times as fast as the other way, which takes None
        packed = struct.pack(f"{len(values)}q", *values)
    except struct.error:
        return _wholes_or_nothing(values)
    return arrow.Array.from_buffers(arrow.int64(), len(values), [None, arrow.py_buffer(packed)], 0)


def _wholes_or_nothing(values: Values) -> Any:
    arrow = pyarrow()
    try:
        return arrow.array(values, arrow.int64())
    except (OverflowError, arrow.ArrowInvalid) as error:
        message = f"a number does not fit a column of 64 bits ({error}); `log --json` shows it"
        raise RecordOverflowError(message) from error


def times_of(values: Values) -> Any:
    """Nanoseconds since 1970 as times in UTC; null for what never comes."""
    whole = wholes_of(values)
    if len(whole) and _numbers(whole).max() == FOR_GOOD_NS:
        whole = wholes_of([None if value == FOR_GOOD_NS else value for value in values])
    return whole.view(pyarrow().timestamp("ns", "UTC"))


def names_of(values: Values, names: Any) -> Any:
    """What numbers stand for, which often is the same all along."""
    if values and values[0] is not None and values.count(values[0]) == len(values):
        return pyarrow().repeat(names[values[0]], len(values))
    return names.take(wholes_of(values))


def texts_of(values: Values) -> Any:
    """Text, which often is the same all along."""
    arrow = pyarrow()
    if values and type(values[0]) is str and values.count(values[0]) == len(values):
        return arrow.repeat(values[0], len(values))
    return arrow.array(values, arrow.string())


def decimals_of(values: Values, steps: Steps, factors: Any = None) -> Any:
    """Whole steps as decimals, each of `factors` of the last decimal, or all of the only factor that there is."""
    arrow, arrow_type = pyarrow(), steps.arrow_type()
    whole, factors = wholes_of(values), steps.only if factors is None else factors
    if arrow_type == arrow.string() or arrow_type.bit_width != _BITS or not _fits(whole, steps):
        return _one_by_one(values, factors, steps, arrow_type)
    product = _numbers(whole) * factors
    wide = np.empty((len(whole), 2), dtype=np.int64)
    wide[:, 0], wide[:, 1] = product, product >> 63
    buffers = [whole.buffers()[0], arrow.py_buffer(wide)]
    return arrow.Array.from_buffers(arrow_type, len(whole), buffers, whole.null_count)


_BITS = 128


def _numbers(whole: Any) -> Any:
    """The numbers of an array as numpy has them, 0 for null; nothing is copied where there is none."""
    filled = whole.fill_null(0) if whole.null_count else whole
    return np.frombuffer(filled.buffers()[1], dtype=np.int64, count=len(filled), offset=filled.offset * 8)


def _fits(whole: Any, steps: Steps) -> bool:
    """Whether no product passes 64 bits."""
    numbers = _numbers(whole)
    largest = max(int(numbers.max()), -int(numbers.min())) if len(numbers) else 0
    return largest * max(steps.factors, default=1) <= INT64_MAX


def _one_by_one(values: Values, factors: Any, steps: Steps, arrow_type: Any) -> Any:
    each = [factors] * len(values) if isinstance(factors, int) else [int(factor) for factor in factors]
    made = [
        None if value is None else Decimal(value * factor).scaleb(-steps.decimals, CONTEXT_WIDE)
        for value, factor in zip(values, each, strict=True)
    ]
    if arrow_type == pyarrow().string():
        return pyarrow().array([None if value is None else format(value, "f") for value in made], arrow_type)
    return pyarrow().array(made, arrow_type)


CONTEXT_WIDE = CONTEXT.copy()
CONTEXT_WIDE.prec = 200
"""Of decimals that have more digits than a price ever has."""


def _scaled(body_type: type[msgspec.Struct], kind: Kind, steps: Steps, declared: Declared) -> Make:
    """Of quantities: one factor for all, or each by the asset or instrument that the event names."""
    of = kinds_of(body_type)[kind.of]
    assert of is not None, "the scale is that of something that has a number"
    asset_of = declared.asset_of[of.name] if kind.name == "amount" else None
    always = not _may_be_none(body_type, kind.of)

    def make(values: Values, fields: Mapping[str, Values]) -> Any:
        if steps.only is not None and always:
            return decimals_of(values, steps)
        numbers = fields[kind.of]
        if not always:
            values = [None if number is None else value for number, value in zip(numbers, values, strict=True)]
            numbers = [number or 0 for number in numbers]
        places = _numbers(wholes_of(numbers))
        return decimals_of(values, steps, steps.factors_at(places if asset_of is None else asset_of[places]))

    return make


def _may_be_none(body_type: type[msgspec.Struct], field: str) -> bool:
    hints = {one.name: one.type for one in msgspec.structs.fields(body_type)}
    return type(None) in get_args(hints[field])


def _plain_number() -> tuple[Any, Make]:
    return pyarrow().int64(), lambda values, _: wholes_of(values)


def _time() -> tuple[Any, Make]:
    return pyarrow().timestamp("ns", "UTC"), lambda values, _: times_of(values)


def _text() -> tuple[Any, Make]:
    string = pyarrow().string()
    return string, lambda values, _: texts_of(values)


def _flag() -> tuple[Any, Make]:
    boolean = pyarrow().bool_()
    return boolean, lambda values, _: pyarrow().array(values, boolean)


def _hex() -> tuple[Any, Make]:
    string = pyarrow().string()
    return string, lambda values, _: pyarrow().array([None if one is None else one.hex() for one in values], string)


def _json() -> tuple[Any, Make]:
    string, encode = pyarrow().string(), msgspec.json.Encoder().encode
    return string, lambda values, _: pyarrow().array(
        [None if one is None else encode(plain_value(one)).decode() for one in values], string
    )


_PLAIN: dict[str, Callable[[], tuple[Any, Make]]] = {
    "time": _time,
    "text": _text,
    "flag": _flag,
    "bytes": _hex,
    "structure": _json,
    "provenance": _json,
    "constituents": _json,
    "left out": _json,
    "makers": _json,
    "depth": _json,
}
"""By kind; any other is a whole number."""


def _prices(declared: Declared) -> tuple[Any, Make]:
    """(instrument, price) of each, as a list."""
    arrow, steps = pyarrow(), declared.steps("price")
    fields = [arrow.field("instrument", arrow.string()), arrow.field("price", steps.arrow_type())]

    def make(values: Values, _fields: Mapping[str, Values]) -> Any:
        offsets = np.cumsum([0, *map(len, values)], dtype=np.int32)
        flat = list(chain.from_iterable(chain.from_iterable(values)))
        numbers, ticks = flat[::2], flat[1::2]
        each = None if steps.only is not None else steps.factors_at(_numbers(wholes_of(numbers)))
        arrays = [names_of(numbers, declared.instruments), decimals_of(ticks, steps, each)]
        structs = arrow.StructArray.from_arrays(arrays, fields=fields)
        return arrow.ListArray.from_arrays(arrow.array(offsets), structs)

    return arrow.list_(arrow.struct(fields)), make


_LISTS: dict[str, Callable[[Declared], tuple[Any, Make]]] = {"prices": _prices}
