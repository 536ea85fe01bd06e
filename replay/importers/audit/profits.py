"""The second law: the closed profit of a fill follows from the entry price and the price of the fill.

1. The entry of a position is known once it was opened from zero, or from its first closing fill on: the profit stated
   there gives the entry, and what follows is held against it. So the first closing fill of a position that was held
   before the record begins cannot be checked.
2. Everything is an interval, as a stated profit says no more of the cost than its own last digit. A check narrows it.
3. Perpetuals: opening adds to the cost, closing takes its share of it, and the stated profit is as if the entry price
   were cut down to a whole tick. Spot: a fee in the token changes how much is held and not what it cost.
4. Fills that open state no profit.
5. A table that states the entry price itself is checked by that, within a unit of the last digit printed: the venue
   cuts an entry price down where a table rounds it.
6. Where fills may be missing since the entry was last borne out, a position that stands where it stood may have been
   closed and opened again in between: a difference is a gap and no break, and the stated profit gives the entry anew.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import NamedTuple

from .fills import FINE, FINE_MONEY, ReportedFill
from .tally import LawTally, money, units

__all__ = ["Profits"]

_ATOM = FINE_MONEY // 10**6
_SPOT_UNIT = FINE_MONEY // 10**8
_SPOT_UNITS_OFF = 2


class _Costs(NamedTuple):
    """The least and the greatest that a position, without its sign, can have cost.

    `missed` is what was known to be missing (`Fill.missed`) when the entry was last borne out.
    """

    low: int
    high: int
    missed: int


class Profits:
    """What everyone's position can have cost, as far as fills have told it."""

    def __init__(self) -> None:
        self.perpetual = LawTally("profit", "perpetual", "closed profit = closed size x (price - entry)")
        self.spot = LawTally("profit", "spot", "closed profit = closed size x (price - average cost)")
        self._costs: dict[tuple[int, int, int], _Costs] = {}

    @property
    def tallies(self) -> Iterable[LawTally]:
        """One for each kind of market."""
        return self.perpetual, self.spot

    def take(self, fill: ReportedFill, *, continued: bool) -> None:
        """Check the next fill; `continued` says whether its position follows from what is known."""
        tally = self.spot if fill.scales.kind == "spot" else self.perpetual
        key = fill.account, fill.instrument, fill.leg
        known = self._costs.pop(key, None) if continued else None
        if fill.start is None or fill.profit is None:
            tally.skip("the venue states no profit" if fill.profit is None else "its start is not known")
            return
        if "entry_price" in fill.said:
            _stated(tally, fill, fill.profit)
            return
        if not fill.start:
            known = _Costs(0, 0, fill.missed)
        opens = fill.start * fill.size >= 0
        left = _opened(tally, fill, known) if opens else _closed(tally, fill, known, fill.profit)
        if left is not None and fill.end:
            self._costs[key] = left


def _closed(tally: LawTally, fill: ReportedFill, known: _Costs | None, profit: int) -> _Costs:
    """The cost of what is left after a fill that closes at this stated profit."""
    held, closed = _held(fill)
    told = _told(fill, profit, held, closed)
    if known is None:
        tally.skip("the first closing of a position from before: it gives the entry")
    else:
        told = _held_against(tally, fill, known, told)
    if abs(fill.size) > held:
        cost = (abs(fill.size) - held) * fill.price
        return _Costs(cost, cost, fill.missed)
    left = held - closed
    return told._replace(low=told.low * left // held, high=-(-told.high * left // held))


def _held(fill: ReportedFill) -> tuple[int, int]:
    """How much was held before a fill, and how much of it was closed."""
    assert fill.start is not None
    return abs(fill.start), min(abs(fill.size), abs(fill.start))


def _held_against(tally: LawTally, fill: ReportedFill, known: _Costs, told: _Costs) -> _Costs:
    """What both the known entry and the stated profit allow; the latter's alone where they differ."""
    low, high = max(told.low, known.low), min(told.high, known.high)
    if low > high and known.missed != fill.missed:
        tally.gap(fill, _difference(fill, known))
        return told
    tally.of_which["closings held against an entry that is known"] += 1
    if low > high:
        tally.breaks(fill, _difference(fill, known))
        return told
    tally.hold()
    return told._replace(low=low, high=high)


def _opened(tally: LawTally, fill: ReportedFill, known: _Costs | None) -> _Costs | None:
    """The cost after a fill that opens or adds."""
    tally.of_which["openings, which realise nothing"] += 1
    if fill.profit:
        tally.breaks(fill, f"opens, and yet states a profit of {money(fill.profit)}")
    else:
        tally.hold()
    if known is None:
        return None
    cost = abs(fill.size) * fill.price
    return _Costs(known.low + cost - _ATOM, known.high + cost + _ATOM, known.missed)


def _told(fill: ReportedFill, profit: int, held: int, closed: int) -> _Costs:
    """What the whole position can have cost by the profit stated of a part of it."""
    worth = closed * fill.price
    if fill.scales.kind == "spot":
        off = _SPOT_UNITS_OFF * _SPOT_UNIT
        return _Costs((worth - profit - off) * held // closed, -(-(worth - profit + off) * held // closed), fill.missed)
    cost = worth - profit if fill.size < 0 else worth + profit
    most = -(-cost * held // closed) + held * fill.scales.tick + _ATOM
    return _Costs(cost * held // closed - _ATOM, most, fill.missed)


def _difference(fill: ReportedFill, known: _Costs) -> str:
    assert fill.profit is not None
    held, closed = _held(fill)
    sign = 1 if fill.size < 0 else -1
    expected = sign * (closed * fill.price - (known.low + known.high) // 2 * closed // held)
    return (
        f"states a closed profit of {money(fill.profit)} where {units(closed)} at {units(fill.price)} from the entry "
        f"known give {money(expected)}"
    )


def _stated(tally: LawTally, fill: ReportedFill, profit: int) -> None:
    """Against the entry price that the row itself states."""
    text = fill.said["entry_price"]
    tally.of_which["closings held against the entry that the row states"] += 1
    entry, size = Decimal(text), abs(fill.size)
    stated, digit = int(entry * FINE), int(Decimal(1).scaleb(int(entry.as_tuple().exponent)) * FINE)
    expected = size * (fill.price - stated) * (1 if fill.size < 0 else -1)
    if abs(profit - expected) <= size * digit + _ATOM:
        tally.hold()
        return
    implied = fill.price + (1 if fill.size > 0 else -1) * profit // size
    tally.breaks(
        fill,
        f"states a closed profit of {money(profit)}, which is an entry of {units(implied)} and not the {text} of the "
        "same row",
    )
