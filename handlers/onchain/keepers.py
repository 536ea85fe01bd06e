"""Keepers: actors with capital who act on a lending protocol, and only if that pays.

1. With each block a keeper may send one transaction. It lands if the block's base fee with the keeper's tip is no more
   than the keeper's own limit: the group's, moved by a draw that is keyed by the keeper's name.
2. What a keeper reckons with:

       profit = what selling what it gets brings in the depth as it is + what it is paid - what it pays - gas

   An offer that a smaller amount may suit better is reckoned as a whole, a half, a quarter and an eighth. A keeper
   takes nothing that brings less than `least_profit`, or costs more than it has.
3. The keeper with the highest limit comes first, and takes what pays best; no two act on one offer in a block. They
   look at the `looks` unsafe accounts that owe most.
4. What a keeper got it sells at once, into the asset's own market: so liquidations press the price that they rest on,
   and several in a block get less than each reckoned with.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import ClassVar, NamedTuple

import msgspec

from ...events.bodies.chain import BlockMined, CollateralSeized, GasCharged
from ...events.bodies.lots import CoinsSold, LotSold, ReserveSold
from ...events.envelope import Event
from ...events.ledger import Account, LedgerState
from ...events.venue_names import plain
from ...events.vocabulary import Body
from ..collateral.sale import CollateralSale, parts_given, sold
from ..draws import account_key, draw_below
from ..protocol import Product
from .offers import Deal, Offer
from .protocols.choices import rules_in_force
from .watch import Watcher

__all__ = ["KeeperParameters", "Keepers"]

_SELLS = "a keeper turns what it got into money"
_BPS, _GAS_UNIT = 10**4, 10**18

_Got = (CollateralSeized, LotSold, ReserveSold)


class KeeperParameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`gas_asset` is what gas is paid in, an asset with a price; without one it costs nothing.

    `most_fee_wei` is what a keeper pays for a unit of gas at most, each up to `spread_bps` more or less.
    """

    group: str = "keeper"
    gas_asset: str = ""
    most_fee_wei: int = 500 * 10**9
    spread_bps: int = 5_000
    tip_wei: int = 2 * 10**9
    looks: int = 50
    least_profit_atoms: int = 0

    def __post_init__(self) -> None:
        """Refuse amounts below zero, and a spread beyond everything."""
        if min(self.most_fee_wei, self.tip_wei, self.least_profit_atoms) < 0 or not 0 <= self.spread_bps <= _BPS:
            message = "most_fee_wei, tip_wei and least_profit must not be negative, spread_bps lie from 0 to 10000"
            raise ValueError(message)
        if self.looks < 1:
            message = "looks must be at least 1"
            raise ValueError(message)


class _Keeper(NamedTuple):
    """A keeper, and what it pays for a unit of gas at most."""

    account: Account
    most_wei: int


class _Chance(NamedTuple):
    """A deal that pays, what its gas costs, and what a keeper reckons to gain by it."""

    offer: Offer
    deal: Deal
    gas_atoms: int
    profit_atoms: int


class Keepers(Watcher):
    """Acts with each block on what the venue's lending protocol offers."""

    name: ClassVar[str] = "keepers"
    policy: ClassVar[str] = "paid"
    subscribes: ClassVar[tuple[type[Body], ...]] = (BlockMined, *_Got)
    Parameters: ClassVar[type[msgspec.Struct]] = KeeperParameters

    def __init__(self, parameters: KeeperParameters) -> None:
        super().__init__(parameters)
        self.rules = parameters

    def handle(self, event: Event, ledger: LedgerState, now_ns: int) -> Iterable[Product]:
        """With a block whatever pays; with what was got the sale of it."""
        body = event.body
        if isinstance(body, BlockMined):
            return list(self._acted(body, ledger, now_ns))
        assert isinstance(body, _Got)
        keeper = ledger.accounts[body.counterparty]
        return sold(CollateralSale(keeper, _SELLS, kind=CoinsSold), "listed", ledger, now_ns)

    def _acted(self, block: BlockMined, ledger: LedgerState, now_ns: int) -> Iterator[Product]:
        protocol, price_wei = rules_in_force(ledger, self.venue), block.base_fee_wei + self.rules.tip_wei
        keepers = [one for one in self._keepers(ledger) if one.most_wei >= price_wei]
        if protocol is None or not keepers:
            return
        own = [one.account for one in self.accounts_of(self.rules.group, ledger)]
        spared = own + protocol.own_accounts(ledger, self.venue)
        unsafe = self.watch.refreshed(protocol.weights(), ledger, spared)
        largest = sorted(unsafe, key=lambda one: (ledger.accounts[one].balance_atoms, one))[: self.rules.looks]
        offers = protocol.offers(largest, ledger, self.venue, now_ns)
        reckoned = [one for offer in offers if (one := self._best(offer, None, price_wei, ledger, now_ns)) is not None]
        ranked = sorted(reckoned, key=lambda one: -one.profit_atoms)
        for keeper in keepers:
            found = self._affordable(keeper.account, ranked, price_wei, ledger, now_ns)
            if found is None:
                continue
            place, chance = found
            del ranked[place]
            if chance.gas_atoms:
                yield GasCharged(keeper.account.account, chance.gas_atoms, chance.offer.gas, price_wei)
            yield from chance.deal.recorded(keeper.account.account, chance.profit_atoms)

    def _keepers(self, ledger: LedgerState) -> list[_Keeper]:
        """Who pays most for gas comes first."""
        found = [_Keeper(one, self._most_wei(one, ledger)) for one in self.accounts_of(self.rules.group, ledger)]
        return sorted(found, key=lambda one: (-one.most_wei, one.account.account))

    def _most_wei(self, keeper: Account, ledger: LedgerState) -> int:
        spread = self.rules.most_fee_wei * self.rules.spread_bps // _BPS
        key = account_key(plain(ledger.name(keeper.account)))
        return self.rules.most_fee_wei - spread + draw_below(ledger.seed, key, "most for gas", 0, 2 * spread + 1)

    def _affordable(
        self, keeper: Account, ranked: Sequence[_Chance], price_wei: int, ledger: LedgerState, now_ns: int
    ) -> tuple[int, _Chance] | None:
        """The first of what pays best that a keeper has the money for, if only for a part of it; and its place."""
        for place, chance in enumerate(ranked):
            most_atoms = keeper.balance_atoms - chance.gas_atoms
            if chance.deal.barred == keeper.account:
                continue
            if chance.deal.paid_atoms <= most_atoms:
                return place, chance
            smaller = self._best(chance.offer, most_atoms, price_wei, ledger, now_ns) if most_atoms > 0 else None
            if smaller is not None and smaller.deal.barred != keeper.account:
                return place, smaller
        return None

    def _best(
        self, offer: Offer, most_atoms: int | None, price_wei: int, ledger: LedgerState, now_ns: int
    ) -> _Chance | None:
        """The part of an offer that a keeper with so much money (None: enough) gains most by, if any of it pays."""
        best: _Chance | None = None
        gas_atoms = self._gas_atoms(offer.gas, price_wei, ledger)
        for part_bps in offer.parts_bps if offer.pays else offer.parts_bps[:1]:
            deal = offer.deal(most_atoms, part_bps)
            if deal is None or (most_atoms is not None and deal.paid_atoms > most_atoms):
                continue
            profit = _proceeds(deal, ledger, now_ns) + deal.income_atoms - deal.paid_atoms - gas_atoms
            if (offer.opens or profit >= self.rules.least_profit_atoms) and (
                best is None or profit > best.profit_atoms
            ):
                best = _Chance(offer, deal, gas_atoms, profit)
        return best

    def _gas_atoms(self, gas: int, price_wei: int, ledger: LedgerState) -> int:
        """What so much gas costs in what accounts settle in, rounded up."""
        asset = next((a for a in ledger.assets if a.name == self.at_venue(self.rules.gas_asset)), None)
        if asset is None:
            return 0
        atoms = -(-gas * price_wei * 10**asset.decimals // _GAS_UNIT)
        conversion = ledger.conversions.get(asset.asset)
        return atoms if conversion is None else -conversion.worth_atoms(-atoms)


def _proceeds(deal: Deal, ledger: LedgerState, now_ns: int) -> int:
    """What selling what a deal brings gives in the depth as it is."""
    if not deal.got_atoms:
        return 0
    parts = parts_given(ledger.conversions[deal.asset], deal.got_atoms, ledger, now_ns)
    return sum(part.value_atoms for part in parts)
