"""The fund's books: its account alone, folded from the events that name it, and where each atom came from.

1. Postings are those of the ledger's own table, booked by the ledger's own `trade`: at the end balance and lots are the
   ledger's to the atom.
2. What a lot realises goes to the liquidation it came from; every other amount to what kind of event paid it.
3. Of the markets a lone account must know when funding accrued. A handler sets its next funding timer together with
   the accrual, so from the timer that is pending one can go back from accrual to accrual, without reading what lies
   between. What was found is held against the cumulative funding of the ledger. Where that differs (another way of
   setting timers, a delivery under way), the whole record up to the point is read instead.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from ...events.bodies.inputs import BalanceStated
from ...events.bodies.liquidation import PositionTakenOver
from ...events.bodies.margin import FundingAccrued
from ...events.bodies.venue import TimerFired
from ...events.bodies.waterfall import BalanceWrittenOff, InsuranceFundCredited, InsuranceFundDebited, LossSocialized
from ...events.envelope import Event
from ...events.ledger import Account, LedgerState
from ...events.ledger.account import funding_of, trade
from ...events.ledger.postings import POSTINGS, Payment, Trade
from ...events.vocabulary import Body
from ...handlers.funding import Funding
from ...handlers.valuation import profit_atoms
from ..run import Run

__all__ = ["Accruals", "FundBooks", "accruals_of"]

_KINDS: dict[type[Body], str] = {
    BalanceStated: "opening",
    InsuranceFundCredited: "fees",
    InsuranceFundDebited: "cash_paid",
    BalanceWrittenOff: "cash_paid",
    LossSocialized: "socialised",
}


class FundBooks:
    """The fund's account as far as it was folded; sums by kind, by liquidation, and who each liquidation was of.

    It begins as an empty account like `fund`.
    """

    def __init__(self, fund: Account, accruals: Accruals) -> None:
        self.account = Account(fund.account, fund.kind, fund.mode, fund.asset, fund.owner, fund.parent, 0, {})
        self.paid_atoms: Counter[str] = Counter()
        self.payments: Counter[str] = Counter()
        self.realised_atoms: dict[int, int] = {}
        self.sources: dict[int, int] = {}
        self._accruals = accruals

    def fold(self, event: Event) -> None:
        """Take the next event that names the fund; one that moves nothing of it changes nothing."""
        body: Any = event.body
        row = POSTINGS.get(type(body))
        if isinstance(row, Payment):
            self._pay(body, row)
        elif isinstance(row, Trade):
            self._trade(event, body, row)
        if isinstance(body, PositionTakenOver):
            self.sources[body.liquidation_id] = body.account

    def _pay(self, body: Any, row: Payment) -> None:
        fund, atoms = self.account, getattr(body, row.amount)
        if getattr(body, row.payee, None) == fund.account:
            change = atoms - fund.balance_atoms if row.stated else atoms
        elif getattr(body, row.payer, None) == fund.account:
            change = -atoms
        else:
            return
        fund.balance_atoms += change
        kind = _KINDS.get(type(body), "other")
        self.paid_atoms[kind] += change
        self.payments[kind] += 1

    def _trade(self, event: Event, body: Any, row: Trade) -> None:
        """A trade of one of its lots; the leg is the liquidation that the lot came from."""
        if getattr(body, row.taker) == self.account.account:
            sign, leg = 1, getattr(body, row.taker_leg)
        elif getattr(body, row.giver, None) == self.account.account:
            sign, leg = -1, getattr(body, row.giver_leg) if row.giver_leg else 0
        else:
            return
        lots, atoms, before = getattr(body, row.size), getattr(body, row.value), self.account.balance_atoms
        funding = funding_of(lots, self._accruals.before(body.instrument, event.seq))
        trade(self.account, (body.instrument, leg), sign * lots, sign * atoms, sign * funding)
        realised = self.account.balance_atoms - before
        self.realised_atoms[leg] = self.realised_atoms.get(leg, 0) + realised

    def unrealised_atoms(self, ledger: LedgerState) -> dict[int, int]:
        """What the lots still held are worth at the marks of `ledger` over what they cost, by liquidation."""
        gained: Counter[int] = Counter()
        for (instrument, leg), held in self.account.positions.items():
            gained[leg] += profit_atoms(ledger.markets[instrument], held)
        return dict(gained)

    def agree_with(self, ledger: LedgerState) -> bool:
        """Whether balance and lots are those of the ledger."""
        fund = ledger.accounts[self.account.account]
        return (fund.balance_atoms, fund.positions) == (self.account.balance_atoms, self.account.positions)


class Accruals:
    """Cumulative funding per instrument before any event, from the accruals in any order."""

    def __init__(self, events: Iterable[Event]) -> None:
        self._seqs: dict[int, list[int]] = {}
        self._totals: dict[int, list[int]] = {}
        for event in sorted(events, key=lambda event: event.seq):
            body = event.body
            assert isinstance(body, FundingAccrued)
            totals = self._totals.setdefault(body.instrument, [0])
            totals.append(totals[-1] + body.payment_nanoatoms)
            self._seqs.setdefault(body.instrument, []).append(event.seq)

    def before(self, instrument: int, seq: int) -> int:
        """The cumulative funding of an instrument, in nanoatoms a lot, before event `seq`; O(log accruals)."""
        seqs = self._seqs.get(instrument)
        return 0 if seqs is None else self._totals[instrument][bisect_left(seqs, seq)]

    def explain(self, ledger: LedgerState) -> bool:
        """Whether the cumulative funding of every market of a ledger follows from these."""
        return all(
            market.cumulative_funding_nanoatoms == self.before(number, ledger.seq)
            for number, market in enumerate(ledger.markets)
        )


def accruals_of(run: Run, ledger: LedgerState) -> Accruals:
    """All accruals before the point at which `ledger` stands; a few events for each, or one reading of the record."""
    found = Accruals(_walked(run, ledger))
    if found.explain(ledger):
        return found
    return Accruals(event for event in run.events(0, ledger.seq) if isinstance(event.body, FundingAccrued))


def _walked(run: Run, ledger: LedgerState) -> Iterator[Event]:
    """Back from each funding timer that is pending."""
    for seq, pending in ledger.timers.items():
        if pending.producer is None or ledger.producers[pending.producer].slot != Funding.name:
            continue
        timer: int | None = seq
        while timer is not None:
            fired = run.event(timer).cause
            accrual = run.event(timer - 1)
            if isinstance(accrual.body, FundingAccrued) and accrual.cause == fired:
                yield accrual
            timer = _timer_of(run, fired)


def _timer_of(run: Run, fired: int | None) -> int | None:
    """The timer whose firing a funding followed from; None at the first one."""
    body = None if fired is None else run.event(fired).body
    return body.timer if isinstance(body, TimerFired) else None
