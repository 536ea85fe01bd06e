"""Who is unsafe now, without a sweep: the ranges of prices and of debts' indices in which a borrower surely is not.

1. An account's slack H is what its collateral counts for less what it owes, `health.weighted - scale x debt`. Each
   collateral, each debt that has a price, and each index of a debt gets a share of H, rounded down. While every price
   and index stays where it uses up no more than its share, the account is safe, however prices of others move.
2. Axes are numbered as those of assets: the price of asset n is axis 2n, the index of debts in it axis 2n + 1.
3. An index only grows: it gets a sixty-fourth of H. Of a debt in another asset the index is bounded first and the
   price then for the debt as grown as that allows.
4. The index of ranges says who *may* be unsafe. Each of them is tested exactly; who is safe is armed again, who is not
   is looked at again once a price has moved.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

import msgspec

from ...events.bodies.chain import DebtIndexed
from ...events.bodies.collateral import CollateralRated, ConversionPriced
from ...events.envelope import Event
from ...events.ledger import Account, LedgerState
from ...events.ledger.postings import POSTINGS
from ...events.vocabulary import Body, accounts_named
from ..protocol import Handler
from ..ranges import CEILING, FLOOR, conversion_slot, new_index
from ..valuation import coins_are_priced
from .borrowers import Weights, collateral_of, debts_of, health, quote_of
from .worth import Health, collateral_value, debt_value

__all__ = ["HealthWatch", "Watcher"]

_INDEX_SHARE = 64


class HealthWatch:
    """Unsafe accounts of one venue."""

    def __init__(self) -> None:
        self._index, self._assets = new_index(), 0
        self.due: set[int] = set()
        self.unsafe: set[int] = set()
        self._repriced = False
        self.looks = 0

    def observe(self, event: Event, ledger: LedgerState) -> None:
        """Note who may have become unsafe, or safe."""
        body = event.body
        self._grow(ledger)
        if isinstance(body, ConversionPriced | CollateralRated):
            self._repriced = True
        if isinstance(body, ConversionPriced):
            self.due.update(self._index.crossed_by_conversion(2 * body.asset, body.price_ticks))
        elif isinstance(body, DebtIndexed):
            self.due.update(self._index.crossed_by_conversion(2 * body.asset + 1, body.index))
        elif isinstance(body, CollateralRated):
            self.due.update(account.account for account in ledger.accounts if body.asset in account.coins)
        else:
            accounts = ledger.accounts
            self.due.update(number for number in accounts_named(body) if accounts[number].kind == "user")

    def prime(self, ledger: LedgerState) -> None:
        """Everybody is due."""
        self._index, self._assets = new_index(), 0
        self._grow(ledger)
        self.unsafe.clear()
        self.due.update(account.account for account in ledger.accounts if account.kind == "user")

    def _grow(self, ledger: LedgerState) -> None:
        if len(ledger.assets) != self._assets:
            self._assets = len(ledger.assets)
            self._index.grow(0, 2 * self._assets)

    def refreshed(self, weights: Weights, ledger: LedgerState, spared: Iterable[int] = ()) -> list[int]:
        """The accounts that are unsafe as the ledger is, by number; O(those who may be).

        `spared` are nobody's to liquidate, such as the protocol's own and the keepers'.
        """
        left_out = frozenset(spared)
        looked_at = sorted(self.due | self.unsafe if self._repriced else self.due)
        self.due.clear()
        self._repriced = False
        for number in looked_at:
            account = ledger.accounts[number]
            if number in left_out or not coins_are_priced(account, ledger):
                if number not in left_out:
                    self.due.add(number)
                continue
            self.looks += 1
            found = health(account, weights, ledger)
            if found.is_unsafe:
                self.unsafe.add(number)
                self._index.arm(number, {})
            else:
                self.unsafe.discard(number)
                self._index.arm(number, _safe_ranges(account, found, weights, ledger))
        self._index.settle()
        return sorted(self.unsafe)


class Watcher(Handler):
    """A handler that acts on who is unsafe: `watch` knows, by what it observes or from the ledger alone."""

    observes: ClassVar[tuple[type[Body], ...]] = (ConversionPriced, CollateralRated, DebtIndexed, *POSTINGS)

    def __init__(self, parameters: msgspec.Struct) -> None:
        super().__init__(parameters)
        self.watch = HealthWatch()

    def observe(self, event: Event, ledger: LedgerState) -> None:
        """Who may have become unsafe, or safe again."""
        self.watch.observe(event, ledger)

    def prime(self, ledger: LedgerState, past: Iterable[Event]) -> None:
        """All of it follows from the ledger."""
        self.watch.prime(ledger)


def _safe_ranges(account: Account, found: Health, weights: Weights, ledger: LedgerState) -> dict[int, int]:
    """By rules 1 to 3; nothing of who owes nothing."""
    if not found.debt:
        return {}
    slack = found.weighted - found.scale * found.debt
    debts = debts_of(account, ledger)
    worths = {asset: debt_value(atoms, quote_of(account, asset, ledger)) for asset, atoms in debts.items()}
    index_part = slack // (_INDEX_SHARE * len(debts))
    left = slack - index_part * len(debts)
    moved = found.weighted + found.scale * sum(worth for asset, worth in worths.items() if asset != account.asset)
    ends: dict[int, int] = {}
    for asset, atoms in collateral_of(account).items():
        weight = weights.of(asset, ledger)
        if asset == account.asset or not weight:
            continue
        quote = quote_of(account, asset, ledger)
        value = collateral_value(atoms, quote)
        least = value - left * value // moved
        ends[conversion_slot(2 * asset, FLOOR)] = _price_at_least(atoms, least, asset, ledger)
    for asset, worth in worths.items():
        _bound_debt(ends, account, asset, worth, (index_part, left * found.scale * worth // moved), found.scale, ledger)
    return ends


def _bound_debt(
    ends: dict[int, int],
    account: Account,
    asset: int,
    worth: int,
    parts: tuple[int, int],
    scale: int,
    ledger: LedgerState,
) -> None:
    """How far the index of a debt may grow, and, of a debt in another asset, its price may rise."""
    index_part, price_part = parts
    quote, most = quote_of(account, asset, ledger), worth + index_part // scale
    grown = most * quote.unit // quote.price
    settled = ledger.chain.settled(account.account, asset)
    ends[conversion_slot(2 * asset + 1, CEILING)] = grown * settled // -account.amount_of(asset)
    if asset != account.asset:
        conversion, dearest = ledger.conversions[asset], most + price_part // scale
        ceiling = dearest * conversion.asset_atoms // (grown * conversion.quote_atoms)
        ends[conversion_slot(2 * asset, CEILING)] = ceiling


def _price_at_least(atoms: int, value: int, asset: int, ledger: LedgerState) -> int:
    """The lowest price at which so much is worth so much or more."""
    conversion = ledger.conversions[asset]
    return -(-value * conversion.asset_atoms // (atoms * conversion.quote_atoms))
