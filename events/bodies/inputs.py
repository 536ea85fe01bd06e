"""What comes in from outside. Tags 20 to 39."""

from __future__ import annotations

from .base import BodyBase, Provenance

__all__ = [
    "BalanceStated",
    "Deposited",
    "DepthQuoted",
    "FillReported",
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

    grounds = ()

    prices: tuple[tuple[int, int], ...]
    provenance: Provenance | None = None


class DepthQuoted(BodyBase, frozen=True, tag=21):
    """Resting depth, per side: (distance in basis points, lots up to there), nearest first, cumulative."""

    grounds = ()

    instrument: int
    bids: tuple[tuple[int, int], ...]
    asks: tuple[tuple[int, int], ...]
    provenance: Provenance | None = None


class FundingRateSet(BodyBase, frozen=True, tag=22):
    """The rate of the next funding, in parts per billion of the notional; positive: longs pay shorts."""

    grounds = ()

    instrument: int
    rate_ppb: int
    provenance: Provenance | None = None


class Deposited(BodyBase, frozen=True, tag=23):
    """Money came in from outside."""

    grounds = ()

    account: int
    amount_atoms: int
    provenance: Provenance | None = None


class Withdrawn(BodyBase, frozen=True, tag=24):
    """Money left for the outside."""

    grounds = ()

    account: int
    amount_atoms: int
    provenance: Provenance | None = None


class Transferred(BodyBase, frozen=True, tag=25):
    """Money moved between two accounts of the same asset."""

    grounds = ()

    account: int
    to_account: int
    amount_atoms: int
    provenance: Provenance | None = None


class TradeExecuted(BodyBase, frozen=True, tag=26):
    """`account` bought `size_lots` (negative: sold) from `counterparty`, worth `value_atoms` of the same sign."""

    grounds = ()

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

    grounds = ()

    account: int
    balance_atoms: int
    provenance: Provenance | None = None


class PositionStated(BodyBase, frozen=True, tag=28):
    """Opening state: the account holds `size_lots` that cost `cost_atoms`; outside liquidity holds the other side."""

    grounds = ()

    account: int
    instrument: int
    leg: int
    size_lots: int
    cost_atoms: int
    provenance: Provenance | None = None


class InputRefused(BodyBase, frozen=True, tag=29):
    """An input that the ledger as it is cannot take, by the stated rule for its type."""

    grounds = ()

    account: int | None
    refused: str
    reason: str
    amount_atoms: int = 0


class FillReported(BodyBase, frozen=True, tag=30):
    """What a venue says of one side of a trade; nothing moves by it, the event of the trade itself follows.

    `size_lots` is signed like a trade; `start_lots` is the position before it, `closed_profit_atoms` what it realised
    in the instrument's asset, `fee_atoms` what was paid (negative: received) in `fee_asset`; each None where the venue
    is silent or a whole number cannot hold it. `direction` is the venue's own word. `raw` holds (field, text as
    written) of each value that was snapped to whole lots or atoms, or that has no whole number.
    """

    grounds = ()

    account: int
    instrument: int
    leg: int
    trade_id: int
    order_id: int | None
    size_lots: int
    price_ticks: int
    start_lots: int | None
    closed_profit_atoms: int | None
    fee_atoms: int | None
    fee_asset: int | None
    direction: str
    maker: bool = False
    raw: tuple[tuple[str, str], ...] = ()
    provenance: Provenance | None = None
