"""Inputs that lie ahead, as columns: how far they are prices of the same instruments, and how much of that is quiet."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from operator import attrgetter
from typing import Any, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..core import native
from ..events.bodies.inputs import PriceTicked
from ..events.codec import same_width
from ..events.quiet_ticks import Column, QuietTicks
from ..events.vocabulary import Body
from ..handlers.quiet import ALWAYS_NS, QuietSpan

__all__ = ["TicksAhead"]

_EVERYWHERE = (1, ALWAYS_NS)
_PROVENANCE = attrgetter("provenance")


class TicksAhead:
    """The inputs as far as they are alike: prices from outside, all of the same instruments, and of no file's row."""

    def __init__(self, entries: Sequence[tuple[int, Body]], start: int) -> None:
        """Reads those from `start` on once; some 0.1 us an input."""
        read = native.ticks_ahead(entries, start, PriceTicked) if native is not None else None
        self._instruments, self._times_ns, self._prices_ticks = (
            _read(entries, start) if read is None else _of_bytes(*read)
        )
        self._start, self.stop = start, start + len(self._times_ns)

    @property
    def instruments(self) -> int:
        """How many instruments each of them has a price of."""
        return len(self._instruments)

    def quiet_from(self, place: int, most: int, now_ns: int, span: QuietSpan, producer: int) -> QuietTicks:
        """Of the inputs from a place on, `most` at most, those that stay within a span; they come after `now_ns`."""
        part = slice(place - self._start, place - self._start + max(0, most))
        times_ns, prices_ticks = self._times_ns[part], self._prices_ticks[part]
        count = 0
        if len(times_ns) and now_ns < times_ns[0]:
            until_ns = min(span.until_ns, same_width(int(times_ns[0]))[1])
            rising = 1 + _leading(times_ns[1:] > times_ns[:-1])
            count = min(rising, int(times_ns.searchsorted(until_ns, "right")))
            count = _within(self._instruments, prices_ticks[:count], span)
        return QuietTicks(self._instruments, times_ns[:count], prices_ticks[:count], producer)


_Columns = tuple[tuple[int, ...], Column, Column]
"""Instruments, times, and a row of prices for each of these."""


def _of_bytes(instruments: tuple[int, ...], times_ns: bytes, prices_ticks: bytes) -> _Columns:
    times = np.frombuffer(times_ns, np.int64)
    return instruments, times, np.frombuffer(prices_ticks, np.int64).reshape(len(times), len(instruments))


def _read(entries: Sequence[tuple[int, Body]], start: int) -> _Columns:
    """In plain Python, some 0.2 us an input."""
    entries = entries[start:] if start else entries
    instruments, prices_ticks = _in_columns(_prices([body for _, body in entries]))
    count = len(prices_ticks)
    return instruments, np.fromiter([at_ns for at_ns, _ in entries[:count]], np.int64, count), prices_ticks


def _prices(bodies: Sequence[Body]) -> list[tuple[tuple[int, int], ...]]:
    """Those of the first bodies that are prices, of no file's row, and of as many instruments as the first."""
    if set(map(type, bodies)) != {PriceTicked}:
        bodies = bodies[: _leading([type(body) is PriceTicked for body in bodies])]
    ticked = cast("Sequence[PriceTicked]", bodies)
    if any(map(_PROVENANCE, ticked)):
        ticked = ticked[: _leading([body.provenance is None for body in ticked])]
    prices = [body.prices for body in ticked]
    if len(set(map(len, prices))) > 1:
        prices = prices[: _leading([len(one) == len(prices[0]) for one in prices])]
    return prices


def _in_columns(prices: Sequence[tuple[tuple[int, int], ...]]) -> tuple[tuple[int, ...], Column]:
    """The instruments of the first, and the prices of all the first that are of these, a row each."""
    instruments = tuple(number for number, _ in prices[0]) if prices else ()
    shape = len(prices) if instruments else 0, len(instruments), 2
    try:
        flat = np.fromiter(chain.from_iterable(chain.from_iterable(prices)), np.int64)
    except OverflowError:  # a price that no event holds: the plain way says so
        return (), np.empty((0, 0), np.int64)
    table = flat.reshape(shape)
    alike = _leading((table[:, :, 0] == instruments).all(axis=1))
    return instruments, np.ascontiguousarray(table[:alike, :, 1])


def _within(instruments: Sequence[int], prices_ticks: Column, span: QuietSpan) -> int:
    """How many of the first rows stay within the bounds, and are encoded in as many bytes as the first."""
    count = len(prices_ticks)
    for place, instrument in enumerate(instruments):
        column = prices_ticks[:count, place]
        if not count or column[0] < 1:
            return 0
        limits = span.bounds.get(instrument, _EVERYWHERE), same_width(int(column[0])), _EVERYWHERE
        low, high = max(low for low, _ in limits), min(high for _, high in limits)
        if low > high:
            return 0
        if column.min() < low or column.max() > high:
            count = _leading((column >= low) & (column <= high))
    return count


def _leading(holds: ArrayLike) -> int:
    """How many of the first are true."""
    array: NDArray[Any] = np.asarray(holds, np.bool_)
    return len(array) if array.all() else int(array.argmin())
