"""An instant executed in one admissible order, and what came of it for everyone.

1. The run is taken up again just before the instant begins, with its own handlers and inputs, and driven to its end.
   Nothing is put in to mark it as a fork, so in the engine's own order it is the record, byte for byte.
2. Amounts are at the mark at which they were reduced, in atoms of the asset that the instrument settles in.
3. What the venue comes to is counted as well: whatever is the same in every order does not hang on it.
"""

from __future__ import annotations

from collections import Counter
from typing import Literal

import msgspec

from ...events.bodies.liquidation import (
    BankruptcyDeclared,
    LiquidationFilled,
    LiquidationStarted,
    PositionTakenOver,
)
from ...events.bodies.waterfall import DeleveragingStarted, LossSocialized, PositionDeleveraged
from ...events.envelope import Event
from ...events.ledger import Ledger, LedgerState
from ...events.ledger.ordering import Ordering
from ..fork.fork import Fork, NoSink
from ..run import Run
from .instants import Instant

__all__ = ["InstantStanding", "Met", "OrderOutcome", "ReducedAmount", "Total", "TotalOf", "executed_in"]

TotalOf = Literal[
    "rounds", "liquidated", "bankrupt", "reduced lots", "reduced", "forced fills", "taken over", "socialised", "fund"
]
"""Counts; lots of an instrument; atoms of an asset; the cash of a fund at the instant's end."""

_TAPPED = (
    LiquidationStarted,
    LiquidationFilled,
    BankruptcyDeclared,
    PositionTakenOver,
    DeleveragingStarted,
    PositionDeleveraged,
    LossSocialized,
)


class Met(msgspec.Struct, frozen=True, array_like=True):
    """A choice that was met: where, the number of the order that was taken, and how many there were in each group."""

    after: int
    place: int
    number: str
    sizes: tuple[int, ...]


class ReducedAmount(msgspec.Struct, frozen=True, array_like=True):
    """What of an account was reduced in an instrument: lots without a sign, and their value at the mark."""

    account: int
    instrument: int
    lots: int
    value_atoms: int


class Total(msgspec.Struct, frozen=True, array_like=True):
    """A figure of the venue; `number` is the instrument, asset or account that it is of, None for a count."""

    of: TotalOf
    number: int | None
    value: int


class OrderOutcome(msgspec.Struct, frozen=True, array_like=True):
    """What came of an order: the choices met, what was reduced, who was liquidated (began to be), the totals."""

    order: str
    met: tuple[Met, ...]
    reduced: tuple[ReducedAmount, ...]
    liquidated: tuple[int, ...]
    totals: tuple[Total, ...]


class _Watched(Ordering, frozen=True, array_like=True):
    """An ordering that is asked in any case, and notes what it was asked."""

    met: list[Met] = msgspec.field(default_factory=list)

    def __bool__(self) -> bool:
        """Also the engine's own order."""
        return True

    def chosen(self, after: int, place: int, sizes: tuple[int, ...]) -> int:
        """As its base."""
        number = super().chosen(after, place, sizes)
        self.met.append(Met(after, place, str(number), sizes))
        return number


class InstantStanding:
    """A run just before an instant, with its handlers primed there; one order can be executed from it."""

    def __init__(self, run: Run, instant: Instant) -> None:
        """Costs the state there, and a look at every account. Raises what `Fork` does."""
        self.fork, self.at_ns = Fork(run, instant.after_seq), instant.at_ns
        self.fork.differs = True
        self.resumption = self.fork.resumption(NoSink())
        self.resumption.prepare()


def executed_in(standing: InstantStanding, order: str) -> OrderOutcome:
    """What comes of the instant in an order; the standing is used up."""
    ledger, counted = standing.fork.ledger, _Counted()
    wanted = Ordering.of(order, ledger.seq)
    ledger.ordering = watched = _Watched(wanted.key, wanted.choices, wanted.since_seq)
    standing.resumption.bus.tap(counted.tap, _TAPPED)
    standing.fork.drive(standing.resumption, until_ns=standing.at_ns)
    return counted.outcome(order, tuple(watched.met), ledger)


class _Counted:
    """Takes events, and says what they came to."""

    def __init__(self) -> None:
        self._totals = Counter[tuple[TotalOf, int | None]]()
        self._lots, self._atoms = Counter[tuple[int, int]](), Counter[tuple[int, int]]()
        self._liquidated = set[int]()

    def tap(self, event: Event, ledger: LedgerState) -> None:
        """As a tap on a bus."""
        body = event.body
        if isinstance(body, PositionDeleveraged):
            self._reduce(body, ledger)
        elif isinstance(body, LiquidationStarted):
            self._liquidated.add(body.account)
            self._totals["liquidated", None] += 1
        elif isinstance(body, BankruptcyDeclared):
            self._totals["bankrupt", None] += 1
        elif isinstance(body, DeleveragingStarted):
            self._totals["rounds", None] += 1
        elif isinstance(body, LiquidationFilled | PositionTakenOver):
            of: TotalOf = "forced fills" if isinstance(body, LiquidationFilled) else "taken over"
            asset = ledger.markets[body.instrument].listing.asset
            self._totals[of, asset] += abs(body.value_atoms)
        elif isinstance(body, LossSocialized):
            self._totals["socialised", ledger.accounts[body.account].asset] += body.amount_atoms

    def _reduce(self, body: PositionDeleveraged, ledger: LedgerState) -> None:
        market, key = ledger.markets[body.instrument], (body.account, body.instrument)
        value_atoms = abs(market.payoff.value_atoms(body.size_lots, market.mark_ticks))
        self._lots[key] += abs(body.size_lots)
        self._atoms[key] += value_atoms
        self._totals["reduced lots", body.instrument] += abs(body.size_lots)
        self._totals["reduced", market.listing.asset] += value_atoms

    def outcome(self, order: str, met: tuple[Met, ...], ledger: Ledger) -> OrderOutcome:
        """All of it, in the order of the numbers."""
        reduced = tuple(ReducedAmount(*key, lots, self._atoms[key]) for key, lots in sorted(self._lots.items()))
        for fund in ledger.funds:
            self._totals["fund", fund] = ledger.accounts[fund].balance_atoms
        named = sorted(self._totals.items(), key=lambda one: (one[0][0], one[0][1] or 0))
        totals = tuple(Total(of, number, value) for (of, number), value in named)
        return OrderOutcome(order, met, reduced, tuple(sorted(self._liquidated)), totals)
