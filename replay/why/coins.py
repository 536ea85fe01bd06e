"""Collateral in other assets in an answer: what of it an account had, at whose price, and how much of it counted.

1. `worth` is the amount at the price, rounded down to an atom; `counted` is what of that counts as collateral: of each
   part of the amount the share that its tier has, rounded down once. `Evidence.equity` holds the worth; what the event
   compared is `Evidence.counted`, the equity less the haircut, which is what of the worth does not count.
2. From the first mark of a loss (`losing.py`) to the decision the price of a coin has its own part: what each change
   of the price at which it is converted did to the worth of what was held of it then. So have its sales: what each
   brought, less what the amount was worth as it was converted. These and `otherwise`, which is what marks, trades,
   fees and funding did, sum to the change of the equity, exactly.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple, TypeVar

import msgspec

from ...events.envelope import Event
from ...events.ledger import Account, LedgerState
from ...events.ledger.conversion import Conversion
from ...events.venue_names import venue_of
from ...handlers.conversion import HeldCoin, coins_of
from ...sim.quantities import RATES, Quantity
from .names import RunNames

__all__ = [
    "CoinHolding",
    "CoinPart",
    "CoinSale",
    "ConvertedMove",
    "PriceChange",
    "SoldCoins",
    "coin_holdings",
    "coin_sentence",
    "coins_sold",
    "converted_moves",
    "converted_sentence",
]

_ORACLE = "oracle"
_OWN_MARKET = "own-market"


class CoinPart(msgspec.Struct, frozen=True):
    """So much of an amount of an asset counts for that share of its worth."""

    amount: Quantity
    ratio: Quantity


class CoinHolding(msgspec.Struct, frozen=True):
    """What an account had of an asset, and what that came to; `priced_by` is the policy that had set the price."""

    asset: int
    name: str
    amount: Quantity
    price: Quantity
    own_price: Quantity
    priced_seq: int | None
    priced_by: str
    worth: Quantity
    parts: tuple[CoinPart, ...]
    counted: Quantity


class ConvertedMove(msgspec.Struct, frozen=True):
    """How the price of an asset moved over the marks of a loss, how much was held of it first, and what that did."""

    asset: int
    name: str
    from_seq: int | None
    begun: Quantity
    to_seq: int
    ended: Quantity
    held: Quantity
    gained: Quantity


class SoldCoins(msgspec.Struct, frozen=True):
    """What was sold of an asset on the way, in how many sales, what it was worth as converted, and what it brought."""

    asset: int
    name: str
    sales: int
    from_seq: int
    to_seq: int
    amount: Quantity
    worth: Quantity
    brought: Quantity
    gained: Quantity


class CoinSale(NamedTuple):
    """A sale of collateral, and what the amount had been worth at the price at which the asset is converted."""

    event: Event
    asset: int
    amount_atoms: int
    brought_atoms: int
    worth_atoms: int


class PriceChange(NamedTuple):
    """A new price of an asset of which an account held something: the one before, and what it did to its worth."""

    event: Event
    asset: int
    instrument: int
    before_seq: int | None
    before_ticks: int
    ticks: int
    held_atoms: int
    gained_atoms: int


def coin_holdings(ledger: LedgerState, account: Account, names: RunNames) -> tuple[CoinHolding, ...]:
    """All of them, by asset."""
    return tuple(_holding(ledger, account, one, names) for one in coins_of(ledger, account))


def _holding(ledger: LedgerState, account: Account, held: HeldCoin, names: RunNames) -> CoinHolding:
    conversion = ledger.conversions[held.asset]
    producer = ledger.producer(_ORACLE, venue_of(names.asset(held.asset)))
    return CoinHolding(
        asset=held.asset,
        name=names.asset(held.asset),
        amount=names.amount_of(held.asset, held.atoms),
        price=names.price_of(conversion.instrument, conversion.price_ticks),
        own_price=names.price_of(conversion.instrument, conversion.index_ticks),
        priced_seq=conversion.priced_seq,
        priced_by=_OWN_MARKET if producer is None else producer.policy,
        worth=names.money_of(account.account, held.worth_atoms),
        parts=tuple(_parts(conversion, held.atoms, names)),
        counted=names.money_of(account.account, held.counted_atoms),
    )


def _parts(conversion: Conversion, atoms: int, names: RunNames) -> Iterator[CoinPart]:
    """The tiers that the amount reaches into; of a debt all counts."""
    ends = [above.floor_atoms for _, above in pairwise(conversion.tiers)]
    for tier, end in zip(conversion.tiers, [*ends, max(atoms, 0)], strict=True):
        part_atoms = min(atoms, end) - tier.floor_atoms
        if part_atoms > 0:
            yield CoinPart(names.amount_of(conversion.asset, part_atoms), Quantity(tier.ratio_ppm, RATES["ppm"]))


def coin_sentence(found: CoinHolding) -> str:
    """What it came to, so that it can be worked out again."""
    whose = "the price of its own market"
    if found.priced_by != _OWN_MARKET:
        whose = f"the price that {found.priced_by} sets, its own market being at {found.own_price.text}"
    counts = f"of that {found.parts[0].ratio.text} counts" if len(found.parts) == 1 else "nothing of that counts"
    if len(found.parts) > 1:
        told = [f"{part.ratio.text} of {part.amount}" for part in found.parts]
        counts = f"{', '.join(told[:-1])} and {told[-1]} count"
    worth = f"{found.amount} of collateral at {found.price.text}, {whose}, were worth {found.worth}"
    return f"{worth}; {counts}: {found.counted}."


_Noted = TypeVar("_Noted", PriceChange, CoinSale)


def _by_asset(noted: Sequence[_Noted], first_seq: int, last_seq: int) -> Iterator[tuple[int, list[_Noted]]]:
    """What was noted behind one event up to another, asset by asset."""
    within = [one for one in noted if first_seq < one.event.seq <= last_seq]
    for asset in sorted({one.asset for one in within}):
        yield asset, [one for one in within if one.asset == asset]


def converted_moves(
    changes: Sequence[PriceChange], first_seq: int, last_seq: int, account: int, names: RunNames
) -> Iterator[ConvertedMove]:
    """What the prices of coins did between two rows, asset by asset."""
    for asset, own in _by_asset(changes, first_seq, last_seq):
        instrument = own[0].instrument
        yield ConvertedMove(
            asset=asset,
            name=names.asset(asset),
            from_seq=own[0].before_seq,
            begun=names.price_of(instrument, own[0].before_ticks),
            to_seq=own[-1].event.seq,
            ended=names.price_of(instrument, own[-1].ticks),
            held=names.amount_of(asset, own[0].held_atoms),
            gained=names.money_of(account, sum(one.gained_atoms for one in own)),
        )


def coins_sold(
    sales: Sequence[CoinSale], first_seq: int, last_seq: int, account: int, names: RunNames
) -> Iterator[SoldCoins]:
    """What sales of coins brought and cost between two events, asset by asset."""
    for asset, own in _by_asset(sales, first_seq, last_seq):
        worth_atoms, brought_atoms = sum(one.worth_atoms for one in own), sum(one.brought_atoms for one in own)
        yield SoldCoins(
            asset=asset,
            name=names.asset(asset),
            sales=len(own),
            from_seq=own[0].event.seq,
            to_seq=own[-1].event.seq,
            amount=names.amount_of(asset, sum(one.amount_atoms for one in own)),
            worth=names.money_of(account, worth_atoms),
            brought=names.money_of(account, brought_atoms),
            gained=names.money_of(account, brought_atoms - worth_atoms),
        )


def _did(gained: Quantity) -> str:
    return f"cost it {abs(gained)}" if gained.number <= 0 else f"brought it {gained}"


def _sold_sentence(found: SoldCoins) -> str:
    events = f"event {found.from_seq}" if found.sales == 1 else f"events {found.from_seq} to {found.to_seq}"
    how = "sold" if found.sales == 1 else f"sold in {found.sales} sales"
    return (
        f"{found.amount} of its collateral were {how} for {found.brought} ({events}), while the price at which it is "
        f"converted made that {found.worth}: that {_did(found.gained)}."
    )


def converted_sentence(moves: Sequence[ConvertedMove], sold: Sequence[SoldCoins], otherwise: Quantity) -> str:
    """What the prices of its collateral and the sales of it cost, beside all else."""
    told = []
    for one in moves:
        since = "" if one.from_seq is None else f" (event {one.from_seq})"
        went = "fell" if one.ended.number < one.begun.number else "rose"
        if one.ended == one.begun:
            went = "went"
        told.append(
            f"The price at which {one.name} is converted {went} from {one.begun.text}{since} to {one.ended.text} "
            f"(event {one.to_seq}), which on the {one.held} that it held at first {_did(one.gained)}."
        )
    told += map(_sold_sentence, sold)
    return f"{' '.join(told)} All else, marks and trades and fees, {_did(otherwise)} up to this decision."
