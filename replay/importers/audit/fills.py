"""The fills of a record as the venue tells them, trade by trade: what the laws of the audit are held against.

1. A fill is one side of a trade, from its `FillReported`. The sides of a trade stand together, before the event that
   moves the position; on a spot market nothing moves, and there is none.
2. Figures are the venue's own: where a value was snapped, its text as written counts, so that the audit sees what the
   file said and not what was made of it.
3. Sizes and prices are whole numbers of 10^-12, money of 10^-24, so that size x price is exact and nothing is a float.
   A text with more decimals is rounded half to even.
4. What the importer says is missing (blocks, rows left out) is an `InputRefused` that it inferred. `missed` counts
   those up to a fill, of everyone or of its account: where it has risen since the fill before, some may be missing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Literal, NamedTuple

from ....events.bodies.inputs import FillReported, InputRefused, PositionStated, TradeExecuted
from ....events.bodies.liquidation import LiquidationFilled, PositionTakenOver
from ....events.bodies.listing import InstrumentListed
from ....events.bodies.run import SourceOpened
from ....events.bodies.waterfall import PositionDeleveraged
from ....events.envelope import Event, Origin
from ....events.errors import ScenarioError
from ....sim.units import divide_half_even, parse_decimal
from ...directory import Directory
from ...run import Run

__all__ = [
    "FINE",
    "FINE_MONEY",
    "NO_TRADE_ID",
    "FineScales",
    "Kind",
    "ReportedFill",
    "ReportedTrade",
    "Watch",
    "trades_of",
]

FINE = 10**12
"""Sizes and prices are counted in this part of a unit."""
FINE_MONEY = FINE * FINE
"""Money is counted in this part of a unit."""

Kind = Literal["perpetual", "spot"]

Watch = Callable[[int], None]

NO_TRADE_ID = 0
"""What a venue gives to what it did itself: such a fill has no other side."""

_WATCHED = 1 << 14
_MOVING = (TradeExecuted, LiquidationFilled, PositionTakenOver, PositionDeleveraged)


class FineScales(NamedTuple):
    """What a lot and a tick of an instrument are in fine units, and which kind of market it is."""

    name: str
    kind: Kind
    lot: int
    tick: int


class ReportedFill(NamedTuple):
    """One side of a trade in fine units; `size` is signed like a trade, `said` the texts that were kept as written.

    `start`, `profit` and `fee` are None where the venue is silent. `base_fee` is what of the fee changes the position:
    on a spot market a charge is taken from what is received, and paid back in what is given.
    """

    seq: int
    at_ns: int
    source: int | None
    row: int | None
    account: int
    instrument: int
    leg: int
    scales: FineScales
    trade_id: int
    size: int
    price: int
    start: int | None
    profit: int | None
    fee: int | None
    base_fee: int
    builder_fee: int
    fee_asset: int | None
    maker: bool
    direction: str
    missed: int
    said: dict[str, str]

    @property
    def end(self) -> int | None:
        """The position after the fill, by the venue's own figures."""
        return None if self.start is None else self.start + self.size - self.base_fee


class ReportedTrade(NamedTuple):
    """The sides of one trade and the event that moved the position; None where no such event follows."""

    fills: tuple[ReportedFill, ...]
    event: Event | None
    layout: str


def trades_of(run: Run, watch: Watch = lambda _seq: None) -> Iterator[ReportedTrade]:
    """The trades of a record that a venue reported, in their order; one reading of the record, O(1) memory a trade.

    `watch` is told the event that was reached, every `_WATCHED` of them.
    """
    reader, sides = _Reader(), list[Event]()
    for event in run.events():
        if not event.seq % _WATCHED:
            watch(event.seq)
        body = event.body
        if isinstance(body, FillReported):
            if sides and not _belong_together(sides[-1].body, body):
                yield reader.trade(sides, None)
                sides = []
            sides.append(event)
            continue
        if sides:
            if isinstance(body, PositionStated):
                continue
            yield reader.trade(sides, event if isinstance(body, _MOVING) else None)
            sides = []
        reader.learn(event)
    if sides:
        yield reader.trade(sides, None)


def _belong_together(before: object, body: FillReported) -> bool:
    """Whether two reports are of one trade; what has no id is a trade of its own."""
    if not isinstance(before, FillReported) or body.trade_id == NO_TRADE_ID:
        return False
    return (before.trade_id, before.instrument) == (body.trade_id, body.instrument)


class _Reader:
    """What is declared so far, and fills by it."""

    def __init__(self) -> None:
        self._directory = Directory(())
        self._scales: dict[int, FineScales] = {}
        self._layouts: dict[int, str] = {}
        self._missed: Counter[int | None] = Counter()

    def learn(self, event: Event) -> None:
        """Take in what an event declares."""
        body = event.body
        self._directory.learn(event)
        if isinstance(body, SourceOpened):
            self._layouts[body.source] = body.layout
        elif isinstance(body, InstrumentListed):
            self._scales[body.instrument] = _scales(body)
        elif isinstance(body, InputRefused) and event.origin is Origin.INFERRED:
            self._missed[body.account] += 1

    def trade(self, sides: list[Event], event: Event | None) -> ReportedTrade:
        """The sides as fills."""
        fills = tuple(self._fill(side) for side in sides)
        source = fills[0].source
        return ReportedTrade(fills, event, "" if source is None else self._layouts.get(source, ""))

    def _fill(self, event: Event) -> ReportedFill:
        body = event.body
        assert isinstance(body, FillReported)
        scales, said = self._scales[body.instrument], dict(body.raw)
        decimals = self._directory.assets[self._directory.instruments[body.instrument].asset].decimals
        size = body.size_lots * scales.lot
        fee = _money(said.get("fee_atoms"), body.fee_atoms, self._fee_decimals(body))
        place = body.provenance
        return ReportedFill(
            seq=event.seq,
            at_ns=event.at_ns,
            source=None if place is None else place.source,
            row=None if place is None else place.row,
            account=body.account,
            instrument=body.instrument,
            leg=body.leg,
            scales=scales,
            trade_id=body.trade_id,
            size=size,
            price=body.price_ticks * scales.tick,
            start=_size(said.get("start_lots"), body.start_lots, scales.lot),
            profit=_money(said.get("closed_profit_atoms"), body.closed_profit_atoms, decimals),
            fee=fee,
            base_fee=_base_fee(scales, size, fee),
            builder_fee=_money(said.get("builder_fee"), 0, decimals) or 0,
            fee_asset=body.fee_asset,
            maker=body.maker,
            direction=body.direction,
            missed=self._missed[None] + self._missed[body.account],
            said=said,
        )

    def _fee_decimals(self, body: FillReported) -> int:
        return 0 if body.fee_asset is None else self._directory.assets[body.fee_asset].decimals


def _scales(listing: InstrumentListed) -> FineScales:
    spot = listing.kind == "spot" or listing.name.startswith("@") or "/" in listing.name
    lot, tick = (_fine(text, FINE) or 1 for text in (listing.lot_size, listing.tick_size))
    return FineScales(listing.name, "spot" if spot else "perpetual", lot, tick)


def _base_fee(scales: FineScales, size: int, fee: int | None) -> int:
    """What of a fee is in the token that is traded: a charge to a buyer, or what a seller is paid back."""
    if fee is None or scales.kind == "perpetual" or (size > 0) != (fee > 0):
        return 0
    return divide_half_even(fee, FINE)


def _size(text: str | None, lots: int | None, lot: int) -> int | None:
    if text is not None:
        return _fine(text, FINE)
    return None if lots is None else lots * lot


def _money(text: str | None, atoms: int | None, decimals: int) -> int | None:
    if text is not None:
        return _fine(text, FINE_MONEY)
    return None if atoms is None else divide_half_even(atoms * FINE_MONEY, 10**decimals)


def _fine(text: str, scale: int) -> int | None:
    """A text as written; None where it is no number, which says as little as silence."""
    try:
        numerator, denominator = parse_decimal(text).as_integer_ratio()
    except ScenarioError:
        return None
    return divide_half_even(numerator * scale, denominator)
