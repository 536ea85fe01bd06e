"""Borrowers who answer: as the health factor of one comes under a level it acts itself, in the block, before keepers.

1. Each borrower has one way, drawn by its name: of 10,000 `repay_bps` repay, `add_bps` supply more collateral and
   `sell_bps` take collateral out, sell it and repay with that; the rest do nothing. Who has a chain of collateral
   bought with a loan (`loops.py`) has nothing beside it, and sells or does nothing.
2. Whoever acts aims at `target_bps`. With T for that, W for what the collateral counts for, D for what is owed and w
   for the weight of the collateral,

       repaid: D - W / T        supplied: (T x D - W) / w        sold: (T x D - W) / (T - w),    each rounded up.

3. What it has beside is `purse_bps` of what it owed as the run began, less what it has put in since: each borrower's
   is drawn evenly up to that. It pays and supplies no more, and for less than `least_bps` of its debt nobody acts.
4. Collateral is taken out only as far as the health factor stays at 1: what is free is (W - D) / w. So a chain is
   undone in steps, each with what the one before set free, until the target is reached, or a sale would bring so
   little that the health factor would fall by it. Sellers of a block sell one after the other, in the order of their
   numbers, each into the depth that the one before left.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import ClassVar, Literal, NamedTuple

import msgspec

from ...events.bodies.chain import BlockMined, factor_told
from ...events.bodies.loans import BorrowerSold, CollateralSupplied, DebtRepaid
from ...events.envelope import Event
from ...events.ledger import Account, LedgerState
from ...events.venue_names import plain
from ...events.vocabulary import Body
from ..collateral.sale import CollateralSale, sold_of
from ..draws import account_key, draw_below
from ..protocol import Product
from .borrowers import Weights, collateral_of, debts_of, health, quote_of
from .lending import LendingParameters, settled
from .protocols.choices import rules_in_force
from .watch import Watcher
from .worth import BPS, Health, ceil_div, collateral_value, debt_value

__all__ = ["AnswerParameters", "BorrowersAnswer"]

Way = Literal["repays", "supplies", "sells", "nothing"]
_SPENT = ("repays", "supplies")


class AnswerParameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Health factors in basis points; by rules 1 to 3. Nobody acts unless a share is stated."""

    level_bps: int = 10_500
    target_bps: int = 11_500
    repay_bps: int = 0
    add_bps: int = 0
    sell_bps: int = 0
    purse_bps: int = 2_000
    least_bps: int = 50

    def __post_init__(self) -> None:
        """Refuse shares over the whole, and a target that is none."""
        shares = (self.repay_bps, self.add_bps, self.sell_bps)
        if min(shares) < 0 or sum(shares) > BPS or not (0 <= self.purse_bps <= BPS and 1 <= self.least_bps <= BPS):
            message = (
                "repay_bps, add_bps and sell_bps must not be negative, nor their sum be over 10000; purse_bps lies "
                "from 0 to 10000, least_bps from 1"
            )
            raise ValueError(message)
        if not BPS <= self.level_bps < self.target_bps:
            message = "level_bps must be at least 10000, a health factor of 1, and target_bps above level_bps"
            raise ValueError(message)


class _Standing(NamedTuple):
    """How a borrower stands: its health factor, and of collateral and of debts what is worth most, with its worth."""

    health: Health
    collateral: int
    collateral_weight: int
    debt: int


class BorrowersAnswer(Watcher):
    """Acts for borrowers, with each block, before any keeper."""

    name: ClassVar[str] = "borrowers"
    policy: ClassVar[str] = "answering"
    subscribes: ClassVar[tuple[type[Body], ...]] = (BlockMined, BorrowerSold)
    Parameters: ClassVar[type[msgspec.Struct]] = AnswerParameters

    def __init__(self, parameters: AnswerParameters) -> None:
        super().__init__(parameters)
        self.rules = parameters

    def handle(self, event: Event, ledger: LedgerState, now_ns: int) -> Iterable[Product]:
        """With a block whoever is under the level; with each step of a sale the next one, or who sells after it."""
        protocol, body = rules_in_force(ledger, self.venue), event.body
        if protocol is None:
            return ()
        spared = [*protocol.own_accounts(ledger, self.venue), *self._keepers(ledger)]
        levelled = self._levelled(protocol.weights())
        under = [ledger.accounts[number] for number in self.watch.refreshed(levelled, ledger, spared)]
        if isinstance(body, BorrowerSold):
            behind = (one for one in under if one.account > body.account and self.way_of(one, ledger) == "sells")
            return self._next_step(chain((ledger.accounts[body.account],), behind), protocol, ledger, now_ns)
        acting = [(account, self.way_of(account, ledger)) for account in under]
        paid = [one for account, way in acting for one in self._paid(account, way, protocol, ledger)]
        sellers = (account for account, way in acting if way == "sells")
        return [*paid, *self._next_step(sellers, protocol, ledger, now_ns)]

    def _keepers(self, ledger: LedgerState) -> list[int]:
        """Who is no borrower, even where a block that fell away left it short of a coin."""
        producer = ledger.producer("keepers", self.venue)
        group = None if producer is None else producer.parameters.get("group")
        return [] if group is None else [one.account for one in self.accounts_of(group, ledger)]

    def _levelled(self, weights: Weights) -> Weights:
        """Weights by which an account is unsafe where its health factor is under the level."""
        return Weights(weights.scale * self.rules.level_bps, {name: w * BPS for name, w in weights.by_name.items()})

    def way_of(self, account: Account, ledger: LedgerState) -> Way:
        """By rule 1."""
        rules, drawn = self.rules, _draw(account, "answer of a borrower", BPS, ledger)
        ways: tuple[tuple[Way, int], ...] = (
            ("repays", rules.repay_bps),
            ("supplies", rules.add_bps),
            ("sells", rules.sell_bps),
        )
        looped = account.account in ledger.chain.loops
        for way, share_bps in ways:
            if drawn < share_bps:
                return "sells" if looped else way
            drawn -= share_bps
        return "nothing"

    def _paid(self, account: Account, way: Way, protocol: LendingParameters, ledger: LedgerState) -> Iterator[Product]:
        """What an account pays or supplies, no more than it has."""
        standing = _standing(account, protocol.weights(), ledger) if way in _SPENT else None
        if standing is None:
            return
        found, spent = standing.health, ledger.chain.spent.get(account.account, 0)
        weight = found.scale * self.rules.target_bps if way == "repays" else standing.collateral_weight * BPS
        share_bps = _draw(account, "purse of a borrower", self.rules.purse_bps + 1, ledger)
        purse = (found.debt + (spent if way == "repays" else 0)) * share_bps // BPS - spent
        worth = min(ceil_div(self._missing(found), weight), purse)
        if worth * BPS < self.rules.least_bps * found.debt:
            return
        told = (found.factor_ppb, self.rules.level_bps)
        if way == "repays":
            yield from _repaid(account, standing.debt, worth, told, protocol, ledger, self.venue)
        else:
            quote = quote_of(account, standing.collateral, ledger)
            atoms = ceil_div(worth * quote.unit, quote.price)
            yield CollateralSupplied(account.account, standing.collateral, atoms, debt_value(atoms, quote), *told)

    def _missing(self, found: Health) -> int:
        """T x D - W, in parts of scale x 10^4."""
        return self.rules.target_bps * found.scale * found.debt - BPS * found.weighted

    def _next_step(
        self, sellers: Iterable[Account], protocol: LendingParameters, ledger: LedgerState, now_ns: int
    ) -> list[Product]:
        """The first of the sellers that can sell does: one at a time, so that each sees the depth as it is."""
        for account in sellers:
            steps = list(self._sold(account, protocol, ledger, now_ns))
            if steps:
                return [*settled(protocol, account, debts_of(account, ledger), ledger, self.venue), *steps]
        return []

    def _sold(
        self, account: Account, protocol: LendingParameters, ledger: LedgerState, now_ns: int
    ) -> Iterator[Product]:
        """One step by rule 4, of the collateral that is worth most, for a debt in what accounts settle in."""
        standing = _standing(account, protocol.weights(), ledger)
        if standing is None or account.balance_atoms >= 0 or standing.collateral not in account.coins:
            return
        found, weight = standing.health, standing.collateral_weight
        missing = self._missing(found)
        free = (found.weighted - found.scale * found.debt) // weight
        wanted = ceil_div(missing, self.rules.target_bps * found.scale - BPS * weight)
        if wanted * BPS < self.rules.least_bps * found.debt or free <= 0:
            return
        quote, worth = quote_of(account, standing.collateral, ledger), min(wanted, free)
        sale = CollateralSale(account, self._reason(found), None, -account.balance_atoms, BorrowerSold)
        conversion = ledger.conversions[standing.collateral]
        parts = sold_of(sale, conversion, worth * quote.unit // quote.price, ledger, now_ns)
        value = sum(part.value_atoms for part in parts)
        given = collateral_value(sum(part.amount_atoms for part in parts), quote)
        if value and value * found.weighted > given * weight * found.debt:
            yield from parts

    def _reason(self, found: Health) -> str:
        target = factor_told(self.rules.target_bps * 10**5)
        return f"its health factor was {factor_told(found.factor_ppb)}, and it aims at {target}"


def _repaid(
    account: Account,
    asset: int,
    worth: int,
    told: tuple[int, int],
    protocol: LendingParameters,
    ledger: LedgerState,
    venue: str,
) -> Iterator[Product]:
    """So much worth of a debt, no more than is owed, and the interest of it before."""
    quote, owed_atoms = quote_of(account, asset, ledger), debts_of(account, ledger)[asset]
    atoms = min(ceil_div(worth * quote.unit, quote.price), owed_atoms)
    yield from settled(protocol, account, {asset: owed_atoms}, ledger, venue)
    yield DebtRepaid(account.account, asset, atoms, debt_value(atoms, quote), *told)


def _standing(account: Account, weights: Weights, ledger: LedgerState) -> _Standing | None:
    """None of who has no collateral that counts, or owes nothing."""
    held = {asset: atoms for asset, atoms in collateral_of(account).items() if weights.of(asset, ledger)}
    debts = debts_of(account, ledger)
    if not held or not debts:
        return None
    worth = {asset: collateral_value(atoms, quote_of(account, asset, ledger)) for asset, atoms in held.items()}
    owed = {asset: debt_value(atoms, quote_of(account, asset, ledger)) for asset, atoms in debts.items()}
    collateral = max(worth, key=lambda one: (worth[one], -one))
    debt = max(owed, key=lambda one: (owed[one], -one))
    return _Standing(health(account, weights, ledger), collateral, weights.of(collateral, ledger), debt)


def _draw(account: Account, purpose: str, bound: int, ledger: LedgerState) -> int:
    return draw_below(ledger.answers_seed, account_key(plain(ledger.name(account.account))), purpose, 0, bound)
