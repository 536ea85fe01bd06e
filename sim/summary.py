"""What a run has to tell: counted while it runs, by taps that decide nothing."""

from __future__ import annotations

from collections import Counter
from typing import Any

from ..events.bodies.liquidation import LiquidationEnded, LiquidationFilled, PositionTakenOver
from ..events.bodies.margin import CollateralAdded, MarkPriced, PositionReduced
from ..events.bodies.waterfall import (
    BalanceWrittenOff,
    InsuranceFundCredited,
    InsuranceFundDebited,
    LossSocialized,
    PositionDeleveraged,
)
from ..events.envelope import Event
from ..events.ledger import Ledger
from ..events.vocabulary import BODY_TYPES
from ..handlers.valuation import margin_of
from .bus import Bus

__all__ = ["Summary"]

_SAMPLES_MOST = 1024
_FIRST_STEP_NS = 10**6


class _Series:
    """A path over time, kept at no more than so many points: when it outgrows them, every other one goes."""

    def __init__(self) -> None:
        self.points: list[int] = []
        self._first_ns, self._step_ns = 0, _FIRST_STEP_NS

    def is_due(self, at_ns: int) -> bool:
        """Whether a value at this time would begin a new point."""
        return not self.points or (at_ns - self._first_ns) // self._step_ns >= len(self.points)

    def add(self, at_ns: int, value: int) -> None:
        """The value from this time on."""
        if not self.points:
            self._first_ns = at_ns
        while (at_ns - self._first_ns) // self._step_ns >= _SAMPLES_MOST:
            self.points, self._step_ns = self.points[1::2] or self.points, 2 * self._step_ns
        place = (at_ns - self._first_ns) // self._step_ns
        while len(self.points) <= place:
            self.points.append(self.points[-1] if self.points else value)
        self.points[-1] = value


class Summary:
    """Counts by type, sums of what was forced, and the paths of marks and fund."""

    def __init__(self) -> None:
        """Nothing happened yet."""
        self.by_type: Counter[str] = Counter()
        self.marks: dict[int, _Series] = {}
        self.fund = _Series()
        self.extremes: dict[int, list[int]] = {}
        self.outcomes: Counter[str] = Counter()
        self.sums: Counter[str] = Counter()
        self.deleveraged: set[int] = set()

    def attach(self, bus: Bus) -> None:
        """Listen on a bus."""
        for kind in BODY_TYPES:
            name = kind.__name__
            bus.tap(lambda _event, _ledger, name=name: self._count(name), (kind,))  # type: ignore[misc]
        bus.tap(self._mark, (MarkPriced,))
        bus.tap(self._forced, (LiquidationFilled, PositionTakenOver, PositionDeleveraged))
        bus.tap(self._paid, (InsuranceFundCredited, InsuranceFundDebited, LossSocialized, BalanceWrittenOff))
        bus.tap(self._answered, (CollateralAdded, PositionReduced))
        bus.tap(self._ended, (LiquidationEnded,))

    def _count(self, name: str) -> None:
        self.by_type[name] += 1

    def _mark(self, event: Event, ledger: Ledger) -> None:
        body: Any = event.body
        series = self.marks.get(body.instrument)
        if series is None:
            series = self.marks[body.instrument] = _Series()
            self.extremes[body.instrument] = [body.mark_ticks] * 4
        series.add(event.at_ns, body.mark_ticks)
        first_low_high_last = self.extremes[body.instrument]
        first_low_high_last[1] = min(first_low_high_last[1], body.mark_ticks)
        first_low_high_last[2] = max(first_low_high_last[2], body.mark_ticks)
        first_low_high_last[3] = body.mark_ticks
        if self.fund.is_due(event.at_ns):
            self.fund.add(event.at_ns, fund_equity(ledger, ledger.markets[body.instrument].listing.asset))

    def _forced(self, event: Event, ledger: Ledger) -> None:
        body: Any = event.body
        name = type(body).__name__
        if name == "LiquidationFilled" and ledger.accounts[body.account].kind == "insurance":
            name = "InventorySold"
        self.sums[name] += abs(body.value_atoms)
        if name == "PositionDeleveraged":
            self.deleveraged.add(body.account)

    def _paid(self, event: Event, _ledger: Ledger) -> None:
        body: Any = event.body
        self.sums[type(body).__name__] += body.amount_atoms

    def _answered(self, event: Event, _ledger: Ledger) -> None:
        body: Any = event.body
        self.sums[type(body).__name__] += (
            body.amount_atoms if isinstance(body, CollateralAdded) else abs(body.value_atoms)
        )

    def _ended(self, event: Event, _ledger: Ledger) -> None:
        body: Any = event.body
        self.outcomes[body.outcome] += 1


def fund_equity(ledger: Ledger, asset: int) -> int:
    """The insurance fund's cash and inventory at the mark; 0 where there is no fund."""
    fund = ledger.venue(asset).insurance
    return 0 if fund is None else margin_of(ledger.accounts[fund], ledger.markets).equity_atoms
