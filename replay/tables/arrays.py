"""Columns as Arrow arrays: for each kind of field its type, and how the array of the field becomes one.

1. Decimals are exact: whole numbers in 64 bits are multiplied into 128 at once where the product fits into 64, and one
   by one where it does not. No float is on the way.
2. Nothing is null, and so is a quantity whose scale the event does not name, and a time that never comes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, NamedTuple

import msgspec
import numpy as np

from ...events.kinds import FOR_GOOD_NS, Kind, kinds_of
from ...sim.quantities import RATES, SCORES, SECONDS
from ...sim.units import CONTEXT, INT64_MAX
from .arrow import pyarrow
from .columns import BodyColumn
from .declared import Declared, Steps, steps_of
from .fields import Values, array_of_values, nulled, numbers_of

__all__ = ["ArrayColumn", "array_column", "decimals_of", "names_of", "times_of"]

Fields = Mapping[str, Any]
Make = Callable[[Any, Fields], Any]
"""From the array of a field, and those of every field of the same events."""


class ArrayColumn(NamedTuple):
    """An Arrow field, the field of an event that it is, and what makes the column of its array."""

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
        return _column(column, steps.arrow_type(), lambda whole, _: decimals_of(whole, steps), steps.unit)
    if kind.name in _NAMED:
        names = getattr(declared, _NAMED[kind.name])
        return _column(column, pyarrow().string(), lambda whole, _: names_of(whole, names))
    if kind.name == "prices":
        return _column(column, *_prices(declared))
    plain = _BY_KIND.get(kind.name, _as_it_is)
    arrow_type = plain(array_of_values(kind.name, ())).type
    return _column(column, arrow_type, lambda array, _: plain(array), kind.unit if kind.name == "count" else "")


def _column(column: BodyColumn, arrow_type: Any, make: Make, unit: str = "") -> ArrayColumn:
    told = {"kind": column.kind.name, "field": column.field} | ({"unit": unit} if unit else {})
    return ArrayColumn(pyarrow().field(column.name, arrow_type, metadata=told), column.field, make)


_CONSTANT = {"score": SCORES, "duration": SECONDS}
_NAMED = {"account": "accounts", "instrument": "instruments", "asset": "assets"}


def times_of(whole: Any) -> Any:
    """Nanoseconds since 1970 as times in UTC; null for what never comes."""
    numbers = numbers_of(whole)
    if len(numbers) and numbers.max() == FOR_GOOD_NS:
        whole = nulled(whole, pyarrow().array(numbers != FOR_GOOD_NS))
    return whole.view(pyarrow().timestamp("ns", "UTC"))


def names_of(whole: Any, names: Any) -> Any:
    """What numbers stand for, which often is the same all along."""
    if len(whole) and not whole.null_count and (numbers := numbers_of(whole))[0] == numbers.max() == numbers.min():
        return pyarrow().repeat(names[int(numbers[0])], len(whole))
    return names.take(whole)


def decimals_of(whole: Any, steps: Steps, factors: Any = None) -> Any:
    """Whole steps as decimals, each of `factors` of the last decimal, or all of the only factor that there is."""
    arrow, arrow_type = pyarrow(), steps.arrow_type()
    factors = steps.only if factors is None else factors
    if arrow_type == arrow.string() or arrow_type.bit_width != _BITS or not _fits(whole, steps):
        return _one_by_one(whole.to_pylist(), factors, steps, arrow_type)
    product = numbers_of(whole) * factors
    wide = np.empty((len(whole), 2), dtype=np.int64)
    wide[:, 0], wide[:, 1] = product, product >> 63
    return arrow.Array.from_buffers(arrow_type, len(whole), [whole.buffers()[0], arrow.py_buffer(wide)])


_BITS = 128


def _fits(whole: Any, steps: Steps) -> bool:
    """Whether no product passes 64 bits."""
    numbers = numbers_of(whole)
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

    def make(whole: Any, fields: Fields) -> Any:
        numbers = fields[kind.of]
        if numbers.null_count:
            whole = nulled(whole, numbers.is_valid())
        if steps.only is not None:
            return decimals_of(whole, steps)
        places = numbers_of(numbers)
        return decimals_of(whole, steps, steps.factors_at(places if asset_of is None else asset_of[places]))

    return make


def _hex(array: Any) -> Any:
    """Bytes as text."""
    return pyarrow().array([None if one is None else one.hex() for one in array.to_pylist()], pyarrow().string())


def _as_it_is(array: Any) -> Any:
    """What needs nothing declared."""
    return array


_BY_KIND: dict[str, Callable[[Any], Any]] = {"time": times_of, "bytes": _hex}


def _prices(declared: Declared) -> tuple[Any, Make]:
    """(instrument, price) of each, as a list."""
    arrow, steps = pyarrow(), declared.steps("price")
    fields = [arrow.field("instrument", arrow.string()), arrow.field("price", steps.arrow_type())]

    def make(lists: Any, _fields: Fields) -> Any:
        numbers, ticks = lists.flatten().flatten()
        each = None if steps.only is not None else steps.factors_at(numbers_of(numbers))
        arrays = [names_of(numbers, declared.instruments), decimals_of(ticks, steps, each)]
        structs = arrow.StructArray.from_arrays(arrays, fields=fields)
        return arrow.ListArray.from_arrays(arrow.array(lists.offsets), structs)

    return arrow.list_(arrow.struct(fields)), make
