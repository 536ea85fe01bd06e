"""Prices and depth from a plug-in: what it gives is looked at, numbered and named by the content of its code.

1. A plug-in says what comes so many nanoseconds after the start, never earlier than what it said before: prices in
   ticks, depth in lots. What it says first, at the start, prices every instrument.
2. It sees the instruments and the seed, and no more than a record keeps of them: so whoever has the record and the
   code can make its inputs again. Chance is drawn by `handlers/draws.py`.
3. What it gives counts as rows, from 1 on: a price says which one it was.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Any, ClassVar, NamedTuple

import msgspec

from ...events.bodies.base import Provenance
from ...events.bodies.inputs import DepthQuoted, PriceTicked
from ...events.bodies.run import Producer, SourceTally
from ...events.errors import HandlerError
from ...handlers.plugins.complaints import called, complaint, shown
from ..patience import in_time
from ..reading.tally import Tally
from ..units import INT64_MAX
from .base import InstrumentScale, canonical_sha256

__all__ = ["PLUGIN_LAYOUT", "Own", "OwnDepth", "OwnPrices", "OwnSettings", "SourceView", "each", "view_of"]

PLUGIN_LAYOUT = "plug-in"
_BPS_MOST = 9_999
_END = object()


class OwnSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="source", tag="plugin"):
    """The plug-in as it is named, and its parameters: `source = "waves.py:Waves"` and the other keys of the table."""

    plugin: str
    parameters: dict[str, Any] = {}


class Own(NamedTuple):
    """A room's plug-in in a run: how the record names it, and its own instance."""

    producer: Producer
    provider: Any

    @property
    def name(self) -> str:
        """What records call it."""
        return self.producer.policy

    def sha256(self, **given: object) -> bytes:
        """The content of what it gives: its code, its parameters and what it is shown."""
        declared = (self.producer.version, self.producer.parameters)
        return canonical_sha256(PLUGIN_LAYOUT, {"plugin": self.name, "declared": declared}, **given)


class SourceView(msgspec.Struct, frozen=True):
    """What a source's plug-in may know: the seed, and the instruments by name, with their tick and lot sizes."""

    seed: int
    instruments: dict[str, InstrumentScale]


def view_of(scales: Iterable[InstrumentScale], seed: int) -> SourceView:
    """The view of these instruments by name: a record keeps neither what they cost at first nor their order."""
    ordered = enumerate(sorted(scales, key=lambda one: one.name))
    return SourceView(
        seed, {one.name: msgspec.structs.replace(one, instrument=place, start_price=None) for place, one in ordered}
    )


def each(plugin: str, what: str, call: Callable[[], Iterable[Any]], most: int) -> Iterator[Any]:
    """What a plug-in gives, one after the other. Raises HandlerError where it raises, or gives more than `most`."""

    def asked(call: Callable[[], Any]) -> Any:
        return in_time(f"plug-in {plugin}: {what}", lambda: called(plugin, what, call))

    given = asked(lambda: iter(call()))
    count = 0
    while (item := asked(lambda: next(given, _END))) is not _END:
        count += 1
        if count > most:
            raise complaint(plugin, f"{what} gave more than {most:,}; let it end, or raise the limit under limits")
        yield item


class _OwnSource:
    """What the two have in common; `method` is what the plug-in is asked."""

    layout = PLUGIN_LAYOUT
    method: ClassVar[str]

    def __init__(
        self, own: Own, scales: Sequence[InstrumentScale], *, start_ns: int, seed: int, most: int = INT64_MAX
    ) -> None:
        """Ask nothing yet. `most` is how many inputs it may give."""
        self._own, self._start_ns, self._most = own, start_ns, most
        self._view, self._tally = view_of(scales, seed), Tally()
        self._numbers = {one.name: one.instrument for one in scales}
        self.name, self.sha256 = own.name, own.sha256(view=self._view, start_ns=start_ns)

    def tally(self, number: int) -> SourceTally:
        """How much it gave."""
        return self._tally.closed(number)

    def _told(self, size: int) -> Iterator[tuple[int, Any]]:
        """(time, what was said) of each, numbered in the tally."""
        self._tally, before = Tally(), 0
        ask = getattr(self._own.provider, self.method)
        for told in each(self.name, f"{self.method}()", lambda: ask(self._view), self._most):
            if not isinstance(told, tuple) or len(told) != size:
                raise self._wrong(told, f"{size} values in a tuple are due")
            after_ns = told[0]
            if type(after_ns) is not int or not before <= after_ns <= INT64_MAX - self._start_ns:
                raise self._wrong(after_ns, f"for the time; whole nanoseconds from {before} on are due")
            before = after_ns
            self._tally.rows += 1
            yield self._start_ns + after_ns, told[1:]

    def _number(self, name: object) -> int:
        number = self._numbers.get(name) if isinstance(name, str) else None
        if number is None:
            raise self._wrong(name, f"for an instrument; choose from {', '.join(self._numbers)}")
        return number

    def _wrong(self, what: object, due: str) -> HandlerError:
        return complaint(self.name, f"{self.method}() gave {shown(what)}: {due}")

    def _row(self, number: int, at_ns: int) -> Provenance:
        return Provenance(number, self._tally.rows, at_ns)


class OwnPrices(_OwnSource):
    """A plug-in's prices as `PriceTicked`."""

    method = "prices"

    def __init__(
        self, own: Own, scales: Sequence[InstrumentScale], *, start_ns: int, seed: int, most: int = INT64_MAX
    ) -> None:
        """Ask for what it says first. Raises HandlerError where that does not price every instrument at the start."""
        super().__init__(own, scales, start_ns=start_ns, seed=seed, most=most)
        self.start_ns, self.opening = start_ns, tuple[tuple[int, int], ...]()
        for at_ns, body in self.inputs(0):
            self.opening = body.prices if at_ns == start_ns else ()
            break
        if len(self.opening) != len(self._view.instruments):
            raise complaint(
                self.name, f"{self.method}() must begin with (0, {{instrument: ticks}}) of every instrument"
            )

    def inputs(self, number: int) -> Iterator[tuple[int, PriceTicked]]:
        """One `PriceTicked` for each time that it names. Raises HandlerError for what cannot be a price."""
        for at_ns, (prices,) in self._told(2):
            if not isinstance(prices, dict) or not prices:
                raise self._wrong(prices, "prices by instrument are due")
            ticks = tuple(sorted((self._number(name), self._ticks(name, of)) for name, of in prices.items()))
            yield at_ns, PriceTicked(ticks, self._row(number, at_ns))

    def _ticks(self, name: str, ticks: object) -> int:
        if type(ticks) is not int or not 0 < ticks <= INT64_MAX:
            raise self._wrong(ticks, f"for {name}; whole ticks above 0 are due")
        return ticks


class OwnDepth(_OwnSource):
    """A plug-in's depth as `DepthQuoted`."""

    method = "quotes"

    def inputs(self, number: int) -> Iterator[tuple[int, DepthQuoted]]:
        """A quote for each that it gives. Raises HandlerError for bands that cannot rest in a book."""
        for at_ns, (name, bids, asks) in self._told(4):
            instrument, told_bids, told_asks = self._number(name), self._side(name, bids), self._side(name, asks)
            yield at_ns, DepthQuoted(instrument, told_bids, told_asks, self._row(number, at_ns))

    def _side(self, name: object, bands: Any) -> tuple[tuple[int, int], ...]:
        try:
            side = msgspec.convert(bands, tuple[tuple[int, int], ...])
        except msgspec.ValidationError:
            raise self._wrong(bands, f"for {name}; pairs of basis points and lots are due") from None
        inside = all(0 < bps <= _BPS_MOST and 0 <= lots <= INT64_MAX for bps, lots in side)
        if not inside or any(a[0] >= b[0] or a[1] > b[1] for a, b in pairwise(side)):
            raise self._wrong(bands, f"for {name}; bands are nearest first, with lots that are cumulative")
        return side
