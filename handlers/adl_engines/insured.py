"""Insurance against being deleveraged, for those who want it: a premium for each interval, and what it buys.

1. At the first price, and every `interval_ns`, each account that wants it pays `premium_ppm` of its positions' worth at
   the mark, rounded up, and is insured until the next time (`AdlPremiumPaid`). `insured_bps` of the accounts want it:
   those of whom a draw keyed by seed and name says so. Who could not pay and keep its requirement does not.
2. The premium is paid to the account named `insurer`, if there is one, else to the insurance fund.
3. What it buys is `cover`: "last", to be ranked behind everybody who is not insured; or "compensated", to be ranked as
   ever and paid what a reduction cost against the mark, as far as the insurer has money (`AdlCompensated`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import ClassVar, Literal

import msgspec

from ...events.bodies.inputs import PriceTicked
from ...events.bodies.sharing import AdlCompensated, AdlPremiumPaid
from ...events.bodies.venue import HandlerStateNoted, TimerFired, TimerSet
from ...events.bodies.waterfall import PositionDeleveraged
from ...events.envelope import Event
from ...events.ledger import Account, LedgerState
from ...events.vocabulary import Body
from ..adl_engine import AdlEngine, ClosingSettings
from ..draws import account_key, draw_below
from ..inventory import money_atoms
from ..policies.ranking import RankingPolicy
from ..protocol import Product
from ..valuation import BPS, MICRO, margin_of

__all__ = ["InsuredEngine", "InsuredParameters", "insured_until_ns"]

_PREMIUM, _WANTS = "auto-deleveraging premium", "insured against auto-deleveraging"


class InsuredParameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who wants it, what it costs and how often, what it buys, and from whom."""

    insured_bps: int = 2_000
    premium_ppm: int = 20
    interval_ns: int = 60_000_000_000
    cover: Literal["last", "compensated"] = "last"
    insurer: str = "insurer-1"

    def __post_init__(self) -> None:
        """Refuse a part above all, and premiums without end in one instant."""
        if not 0 <= self.insured_bps <= BPS or self.premium_ppm < 1 or self.interval_ns < 1:
            message = "insured_bps must lie in 0..10000, premium_ppm and interval_ns be at least 1"
            raise ValueError(message)


def insured_until_ns(account: int, ledger: LedgerState) -> int:
    """Until when an account is insured, that instant included; -1 where it never was."""
    return ledger.notes.get(("adl", f"insured {account}"), (-1,))[0]


class InsuredEngine(AdlEngine):
    """The engine with an insurance beside it; the ranking policy says who gives."""

    subscribes: ClassVar[tuple[type[Body], ...]] = (*AdlEngine.subscribes, PriceTicked, TimerFired)

    def __init__(
        self, ranking_policy: RankingPolicy, parameters: InsuredParameters, settings: ClosingSettings | None = None
    ) -> None:
        super().__init__(ranking_policy, settings)
        self.rules = parameters

    def handle(self, event: Event, ledger: LedgerState, now_ns: int) -> Iterable[Product]:
        """Premiums when they are due; rounds as ever, each followed by what it is compensated with."""
        body = event.body
        if isinstance(body, TimerFired):
            return list(self._premiums(ledger, now_ns)) if body.purpose == _PREMIUM else ()
        if isinstance(body, PriceTicked):
            return () if (self.name, self._note) in ledger.notes else list(self._premiums(ledger, now_ns))
        products = super().handle(event, ledger, now_ns)
        return products if self.rules.cover == "last" else self._compensated(list(products), ledger)

    def _premiums(self, ledger: LedgerState, now_ns: int) -> Iterator[Product]:
        """What each who wants to be insured pays, and the next time; O(accounts)."""
        until_ns = now_ns + self.rules.interval_ns
        for account in ledger.accounts:
            if account.kind == "user" and account.positions and self.is_here(ledger, account.account):
                premium_atoms = self._premium_atoms(account, ledger)
                if premium_atoms:
                    yield AdlPremiumPaid(account.account, self._insurer(account, ledger), premium_atoms, until_ns)
        yield HandlerStateNoted(self.name, self._note, (until_ns,))
        yield TimerSet(_PREMIUM, until_ns)

    @property
    def _note(self) -> str:
        return self.at_venue("premiums")

    def _insurer(self, account: Account, ledger: LedgerState) -> int:
        """The account of that name, which settles in the same asset; the fund without one."""
        insurer = ledger.account_ids.get(self.at_venue(self.rules.insurer))
        if insurer is None or ledger.accounts[insurer].asset != account.asset:
            return ledger.fund(account.asset)
        return insurer

    def _premium_atoms(self, account: Account, ledger: LedgerState) -> int:
        """Nothing where it does not want it, or could not pay and keep its requirement."""
        key = account_key(ledger.name(account.account))
        if account.status != "healthy" or draw_below(ledger.seed, key, _WANTS, 0, BPS) >= self.rules.insured_bps:
            return 0
        margin = margin_of(account, ledger)
        premium_atoms = -(-sum(map(abs, margin.values_atoms)) * self.rules.premium_ppm // MICRO)
        keeps = (margin.equity_atoms - premium_atoms) * MICRO >= margin.requirement_microatoms
        return premium_atoms if keeps and account.balance_atoms >= premium_atoms else 0

    def _compensated(self, products: list[Product], ledger: LedgerState) -> list[Product]:
        """The products, with what insured accounts are paid behind the reductions."""
        paid, payouts = Counter[int](), list[Product]()
        for body in products:
            if isinstance(body, PositionDeleveraged) and insured_until_ns(body.account, ledger) >= ledger.at_ns:
                payouts += self._payout(body, paid, ledger)
        return [*products[:-1], *payouts, *products[-1:]]

    def _payout(self, body: PositionDeleveraged, paid: Counter[int], ledger: LedgerState) -> Iterator[Product]:
        """What a reduction cost against the mark, as far as the insurer has money beside what it `paid` already."""
        market, insurer = ledger.markets[body.instrument], self._insurer(ledger.accounts[body.account], ledger)
        taken_atoms = body.value_atoms - market.payoff.value_atoms(body.size_lots, market.mark_ticks)
        amount_atoms = min(taken_atoms, _money_atoms(insurer, ledger) - paid[insurer])
        if taken_atoms > 0 and amount_atoms > 0:
            paid[insurer] += amount_atoms
            yield AdlCompensated(body.round, body.account, insurer, taken_atoms, amount_atoms)


def _money_atoms(insurer: int, ledger: LedgerState) -> int:
    """What it has to give."""
    if ledger.accounts[insurer].kind == "insurance":
        return money_atoms(ledger, insurer)
    return max(0, ledger.accounts[insurer].balance_atoms)
