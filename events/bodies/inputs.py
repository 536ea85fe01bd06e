"""What comes in from outside. Tags 20 to 39."""

from __future__ import annotations

from .base import BodyBase, Provenance

__all__ = [
    "BalanceStated",
    "Deposited",
    "DepthQuoted",
    "FundingRateSet",
    "InputRefused",
    "PositionStated",
    "PriceTicked",
    "TradeExecuted",
    "Transferred",
    "Withdrawn",
]


class PriceTicked(BodyBase, frozen=True, tag=20):
    """Prices of one instant: (instrument, price in ticks) pairs, each instrument at most once."""

    prices: tuple[tuple[int, int], ...]
    provenance: Provenance | None = None


class DepthQuoted(BodyBase, frozen=True, tag=21):
    """Resting depth, per side: (distance in basis points, lots up to there), nearest first, cumulative."""

    instrument: int
    bids: tuple[tuple[int, int], ...]
    asks: tuple[tuple[int, int], ...]
    provenance: Provenance | None = None


class FundingRateSet(BodyBase, frozen=True, tag=22):
    """The rate of the next funding, in parts per billion of the notional; positive: longs pay shorts."""

    instrument: int
    rate_ppb: int
    provenance: Provenance | None = None


class Deposited(BodyBase, frozen=True, tag=23):
    """Money came in from outside."""

    account: int
    amount_atoms: int
    provenance: Provenance | None = None


class Withdrawn(BodyBase, frozen=True, tag=24):
    """Money left for the outside."""

    account: int
    amount_atoms: int
    provenance: Provenance | None = None


class Transferred(BodyBase, frozen=True, tag=25):
    """Money moved between two accounts of the same asset."""

    account: int
    to_account: int
    amount_atoms: int
    provenance: Provenance | None = None


class TradeExecuted(BodyBase, frozen=True, tag=26):
    """`account` bought `size_lots` (negative: sold) from `counterparty`, worth `value_atoms` of the same sign."""

    account: int
    counterparty: int
    instrument: int
    leg: int
    counterparty_leg: int
    size_lots: int
    price_ticks: int
    value_atoms: int
    trade_id: int
    order_id: int | None = None
    maker: bool = False
    provenance: Provenance | None = None


class BalanceStated(BodyBase, frozen=True, tag=27):
    """Opening state: the account's balance is this much."""

    account: int
    balance_atoms: int
    provenance: Provenance | None = None


class PositionStated(BodyBase, frozen=True, tag=28):
    """Opening state: the account holds `size_lots` that cost `cost_atoms`; outside liquidity holds the other side."""

    account: int
    instrument: int
    leg: int
    size_lots: int
    cost_atoms: int
    provenance: Provenance | None = None


class InputRefused(BodyBase, frozen=True, tag=29):
    """An input that the ledger as it is cannot take, by the stated rule for its type."""

    account: int | None
    refused: str
    reason: str
    amount_atoms: int = 0
