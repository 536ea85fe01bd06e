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

_SAMPLES = 512


class _Series:
    """A path kept at about so many points: when there are twice as many, every other one goes."""

    def __init__(self) -> None:
        self.points: list[int] = []
        self._every, self._seen = 1, 0

    def add(self, value: int) -> None:
        """Take the next value in, if it is its turn."""
        if self._seen % self._every == 0:
            self.points.append(value)
            if len(self.points) >= 2 * _SAMPLES:
                self.points = self.points[::2]
                self._every *= 2
        self._seen += 1


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
        series.add(body.mark_ticks)
        first_low_high_last = self.extremes[body.instrument]
        first_low_high_last[1] = min(first_low_high_last[1], body.mark_ticks)
        first_low_high_last[2] = max(first_low_high_last[2], body.mark_ticks)
        first_low_high_last[3] = body.mark_ticks
        if body.instrument == 0 and self.by_type["MarkPriced"] % 64 == 0:
            self.fund.add(fund_equity(ledger, ledger.markets[0].listing.asset))

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
