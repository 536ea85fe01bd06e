"""Whoever keeps the rules of collateral: rates each asset, sells what is owed over the limit, charges interest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from typing import ClassVar

import msgspec

from ...events.bodies.collateral import CollateralSold, ConversionSet, InterestCharged
from ...events.bodies.listing import AssetListed
from ...events.bodies.margin import FeeCharged, MarkPriced
from ...events.bodies.run import RunForked
from ...events.bodies.venue import TimerFired, TimerSet
from ...events.envelope import Event
from ...events.ledger import Account, LedgerState
from ...events.ledger.conversion import Conversion
from ...events.ledger.postings import POSTINGS
from ...events.venue_names import plain
from ...events.vocabulary import Body, accounts_named
from ..faults import failure_at
from ..order import by_account
from ..protocol import Handler, Product
from .rules import SLOT, CollateralParameters, Rating, first_interest, rated
from .sale import CollateralSale, haircut_atoms, sold

__all__ = ["CollateralKeeper"]

_INTEREST = "interest"
_REPAID = "the account owed more than it may"
_PPB, _BPS = 10**9, 10**4


class CollateralKeeper(Handler):
    """The rules of `rules.py` as a haircut on each asset; nobody in a liquidation is sold anything here."""

    name: ClassVar[str] = SLOT
    policy: ClassVar[str] = "haircut"
    subscribes: ClassVar[tuple[type[Body], ...]] = (ConversionSet, RunForked, MarkPriced, TimerFired)
    observes: ClassVar[tuple[type[Body], ...]] = tuple(POSTINGS)
    Parameters: ClassVar[type[msgspec.Struct]] = CollateralParameters

    def __init__(self, parameters: CollateralParameters) -> None:
        self.rules = parameters
        self._over: set[int] = set()
        self._debtors: set[int] = set()

    def observe(self, event: Event, ledger: LedgerState) -> None:
        """Keep who owes something, and who more than it may: read off the balances of those whom an event names."""
        for number in accounts_named(event.body):
            account = ledger.accounts[number]
            if (account.coins or number in self._debtors) and self.is_here(ledger, number):
                self._note(account)

    def prime(self, ledger: LedgerState, past: Iterable[Event]) -> None:
        """All of it follows from the balances."""
        self._over.clear()
        self._debtors.clear()
        for account in ledger.accounts:
            if account.coins and self.is_here(ledger, account.account):
                self._note(account)

    def _note(self, account: Account) -> None:
        owed_atoms = -account.balance_atoms if account.coins else 0
        for kept, least_atoms in ((self._over, self.rules.debt_most_atoms), (self._debtors, 0)):
            change = kept.add if owed_atoms > least_atoms else kept.discard
            change(account.account)

    def gate(self, kind: type[Body]) -> Collection[object]:
        """For marks, who owes more than it may."""
        return self._over if kind is MarkPriced else super().gate(kind)

    def handle(self, event: Event, ledger: LedgerState, now_ns: int) -> Iterable[Product]:
        """Each thing it hears of has one answer."""
        body = event.body
        if isinstance(body, MarkPriced):
            return list(self._repaid(ledger, now_ns)) if failure_at(ledger, self.venue) is None else ()
        if isinstance(body, ConversionSet):
            return self._rated(body.asset, ledger, now_ns)
        if isinstance(body, RunForked):
            return [p for asset in sorted(ledger.conversions) for p in self._rated(asset, ledger, now_ns)]
        assert isinstance(body, TimerFired)
        return list(self._interest(ledger, now_ns)) if body.purpose == _INTEREST else ()

    def _rated(self, asset: int, ledger: LedgerState, now_ns: int) -> list[Product]:
        """How much of an asset counts, where that is news; and the first timer of interest."""
        listed = ledger.assets[asset]
        if listed.venue != self.venue:
            return []
        due_ns = now_ns + self.rules.interest_interval_ns
        interest = first_interest(ledger, asset, _INTEREST, due_ns) if self.rules.rate_ppb else ()
        return [*self.rated(listed, ledger.conversions[asset]), *interest]

    def rated(self, listed: AssetListed, conversion: Conversion) -> Iterable[Rating]:
        """How much of an asset counts, where that is news: asked when it is listed, and after a fork."""
        return rated(self.rules, listed, conversion)

    def _repaid(self, ledger: LedgerState, now_ns: int) -> Iterator[Product]:
        for number in by_account(self._over, ledger):
            account = ledger.accounts[number]
            if account.liquidation_id is not None:
                continue
            sales, fee_atoms = self._sales(account, ledger, now_ns)
            if not sales or _leaves_only_debt(account, sales, fee_atoms):
                continue
            yield from sales
            if fee_atoms:
                yield FeeCharged(number, fee_atoms, "conversion of collateral")
            return  # the depth that the next one meets is what this sale leaves of it

    def _sales(self, account: Account, ledger: LedgerState, now_ns: int) -> tuple[list[CollateralSold], int]:
        """What is sold for a debt, of what counts for anything, and what the account pays for that."""
        left_atoms = self.rules.debt_most_atoms * self.rules.left_bps // _BPS
        coins, conversions = account.coins, ledger.conversions
        worthless = [one for one, atoms in coins.items() if not conversions[one].counted_microatoms(atoms)]
        sale = CollateralSale(account, _REPAID, None, -account.balance_atoms - left_atoms, spared=worthless)
        haircuts = {asset: self.haircut_ppm(asset, ledger) for asset in account.coins}
        sales = sold(sale, self.rules.order, ledger, now_ns, haircuts)
        fee_atoms = sum(one.value_atoms for one in sales) * self.rules.fee_bps // _BPS
        return sales, fee_atoms + sum(haircut_atoms(one, haircuts[one.asset]) for one in sales)

    def haircut_ppm(self, asset: int, ledger: LedgerState) -> int:
        """What a conversion of an asset costs, in millionths of what it brings: under a million."""
        return self.rules.conversion_haircuts_ppm.get(plain(ledger.assets[asset].name), 0)

    def _interest(self, ledger: LedgerState, now_ns: int) -> Iterator[Product]:
        for number in sorted(self._debtors):
            debt_atoms = -ledger.accounts[number].balance_atoms - self.rules.free_debt_atoms
            charged_atoms = debt_atoms * self.rules.rate_ppb // _PPB
            if charged_atoms > 0:
                yield InterestCharged(number, charged_atoms, debt_atoms, self.rules.rate_ppb)
        yield TimerSet(_INTEREST, now_ns + self.rules.interest_interval_ns)


def _leaves_only_debt(account: Account, sales: Iterable[CollateralSold], fee_atoms: int) -> bool:
    """Whether an account would have nothing but a debt then; such a one is for a liquidation to sell."""
    gone = Counter[int]()
    for one in sales:
        gone[one.asset] += one.amount_atoms
    owes = account.balance_atoms + sum(one.value_atoms for one in sales) < fee_atoms
    return owes and not account.positions and gone == account.coins
