"""What insurance funds hold, summed per instrument: an index, so that its lots need not be added up.

1. A fund's capacity is its cash and its inventory at the mark, less its floor.
2. What it has to give is the lesser of that and its cash over the floor: a gain that is not realised pays nobody, and
   cash that a loss of the inventory has used up is not its own any more.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
from sortedcontainers import SortedDict

from ..events.bodies.liquidation import LiquidationFilled, PositionTakenOver
from ..events.bodies.waterfall import PositionDeleveraged
from ..events.envelope import DecidedRow, Event
from ..events.ledger import LedgerState, Market, PositionKey
from ..events.ledger.account import funding_of
from ..events.vocabulary import Body
from .valuation import profit_atoms

__all__ = ["Inventory", "capacity_atoms", "inventory_atoms", "losing_lots", "money_atoms"]


class _Sum(msgspec.Struct, frozen=True, gc=False):
    """Lots, cost and funding basis, of one lot or of all of an instrument."""

    lots: int = 0
    cost: int = 0
    funding: int = 0


_NOTHING = _Sum()


class Inventory:
    """All lots of all funds, sorted, and their sums per instrument.

    `observe`: O(log lots); `profit_atoms`: O(instruments); `following`: O(log lots) for the first. A lot that
    is still held is looked at when somebody asks for a sum: a round of pro rata closes it a thousand times.
    """

    KINDS: tuple[type[Body], ...] = (LiquidationFilled, PositionTakenOver, PositionDeleveraged)

    def __init__(self) -> None:
        """Nothing is held; `lots_held` is changed in place, never replaced, and has the keys of all that is held."""
        self.lots_held: SortedDict[PositionKey, _Sum] = SortedDict()
        self._sums: dict[int, _Sum] = {}
        self._noted: set[PositionKey] = set()

    def observe(self, event: Event, ledger: LedgerState) -> None:
        """What an event of `KINDS`, already folded, did to a lot: taken over, sold or closed against a counterparty."""
        body: Any = event.body
        kind, accounts = type(body), ledger.accounts
        if kind is LiquidationFilled:
            if accounts[body.account].kind == "insurance":
                self._note(ledger, (body.instrument, body.leg))
        elif kind is PositionTakenOver:
            self._note(ledger, (body.instrument, body.liquidation_id))
        elif kind is PositionDeleveraged and accounts[body.against].kind == "insurance":
            key = (body.instrument, body.against_leg)
            if key in accounts[body.against].positions and key in self.lots_held:
                self._noted.add(key)
            else:
                self._note(ledger, key)

    def observe_reductions(self, row: DecidedRow, ledger: LedgerState) -> None:
        """The same for reductions in a row, all of them folded: the last of each lot is seen, which is enough."""
        last = {row.bodies[-1].against_leg: row[-1]}
        if len(row.values("against")) > 1 or len(row.values("against_leg")) > 1:
            last = dict(zip(zip(row.column("against"), row.column("against_leg"), strict=True), row, strict=True))
        for event in last.values():
            self.observe(event, ledger)

    def following(self, ledger: LedgerState, fund: int, after: PositionKey | None) -> Iterator[PositionKey]:
        """The lots of a fund after one of them, or all, by instrument and liquidation."""
        for key in self.lots_held.irange(after, inclusive=(False, False)):
            if ledger.fund_of(key[0]) == fund:
                yield key

    def _look(self, ledger: LedgerState) -> dict[int, _Sum]:
        """The sums, with what was only noted."""
        while self._noted:
            self._note(ledger, self._noted.pop())
        return self._sums

    def _note(self, ledger: LedgerState, key: PositionKey) -> None:
        """The lot under this key (instrument, liquidation) changed."""
        self._noted.discard(key)
        held = ledger.inventory(ledger.fund_of(key[0])).get(key)
        now = _NOTHING if held is None else _Sum(held.size_lots, held.cost_atoms, held.funding_atoms)
        before = self.lots_held.get(key, _NOTHING)
        if now.lots:
            self.lots_held[key] = now
        else:
            self.lots_held.pop(key, None)
        total = self._sums.get(key[0], _NOTHING)
        self._sums[key[0]] = _Sum(
            total.lots + now.lots - before.lots,
            total.cost + now.cost - before.cost,
            total.funding + now.funding - before.funding,
        )

    def rebuild(self, ledger: LedgerState) -> None:
        """All lots of the ledger."""
        lots = _lots_of(ledger)
        self.lots_held.clear()
        self.lots_held.update(lots)
        self._sums = _sums_of(lots)
        self._noted.clear()

    def lots(self, ledger: LedgerState, instrument: int) -> int:
        """The net lots of an instrument."""
        return self._look(ledger).get(instrument, _NOTHING).lots

    def profit_atoms(self, ledger: LedgerState, fund: int) -> int:
        """What all lots of a fund are worth at the mark over what they cost, funding included."""
        return _profit_atoms(self._look(ledger), ledger, fund)

    def gained_atoms(self, ledger: LedgerState, instrument: int) -> int:
        """What the fund behind an instrument has gained by it, realised or not (`events/ledger/books.py`)."""
        market = ledger.markets[instrument]
        paid = _Sum(self.lots(ledger, instrument), market.fund_paid_atoms, market.fund_funding_atoms)
        return _worth_atoms(paid, market)


def _lots_of(ledger: LedgerState) -> dict[PositionKey, _Sum]:
    """All lots of all funds, each where the fund of its instrument holds it."""
    lots: dict[PositionKey, _Sum] = {}
    for key in (key for fund in ledger.funds for key in ledger.inventory(fund)):
        held = ledger.inventory(ledger.fund_of(key[0])).get(key)
        if held is not None and held.size_lots:
            lots[key] = _Sum(held.size_lots, held.cost_atoms, held.funding_atoms)
    return lots


def _sums_of(lots: Mapping[PositionKey, _Sum]) -> dict[int, _Sum]:
    """Lots summed per instrument."""
    sums: dict[int, list[int]] = {}
    for (instrument, _), lot in lots.items():
        total = sums.setdefault(instrument, [0, 0, 0])
        total[0], total[1], total[2] = total[0] + lot.lots, total[1] + lot.cost, total[2] + lot.funding
    return {instrument: _Sum(*total) for instrument, total in sums.items()}


def _profit_atoms(sums: Mapping[int, _Sum], ledger: LedgerState, fund: int) -> int:
    """What the lots of a fund are worth at the mark over what they cost, from the sums of all."""
    own = ((one, held) for one, held in sums.items() if ledger.fund_of(one) == fund)
    return sum(_worth_atoms(held, ledger.markets[one]) for one, held in own)


def _worth_atoms(held: _Sum, market: Market) -> int:
    """What lots are worth at the mark over what they cost, funding included."""
    owed = funding_of(held.lots, market.cumulative_funding_nanoatoms) - held.funding
    return market.payoff.value_atoms(held.lots, market.mark_ticks) - held.cost - owed


def capacity_atoms(ledger: LedgerState, fund: int) -> int:
    """Cash and inventory at the mark, less the least that its cash may be; O(its lots).

    So what was declared to be beyond the floor is not lacking a second time.
    """
    return ledger.accounts[fund].balance_atoms + inventory_atoms(ledger, fund) - ledger.least_cash_atoms(fund)


def inventory_atoms(ledger: LedgerState, fund: int) -> int:
    """What all lots of a fund are worth at the mark over what they cost; O(its lots)."""
    return _profit_atoms(_sums_of(_lots_of(ledger)), ledger, fund)


def money_atoms(ledger: LedgerState, fund: int) -> int:
    """What a fund has to give, by rule 2; O(its lots)."""
    cash_atoms = ledger.accounts[fund].balance_atoms - ledger.least_cash_atoms(fund)
    return max(0, min(cash_atoms, capacity_atoms(ledger, fund)))


def losing_lots(ledger: LedgerState, fund: int) -> list[PositionKey]:
    """The lots that stand at a loss, by instrument and liquidation; O(its lots)."""
    held = ledger.accounts[fund].positions
    return [key for key in sorted(held) if profit_atoms(ledger.markets[key[0]], held[key]) < 0]
