"""The waterfall: the insurance fund, auto-deleveraging, socialised loss. Tags 80 to 99."""

from __future__ import annotations

from typing import Literal

from .base import BodyBase, Provenance

__all__ = [
    "BalanceWrittenOff",
    "DeleveragingEnded",
    "DeleveragingStarted",
    "InsuranceFundCredited",
    "InsuranceFundDebited",
    "LossSocialized",
    "PositionDeleveraged",
    "ProfitCapExceeded",
    "ShortfallDeclared",
    "ShortfallTrigger",
]

ShortfallTrigger = Literal["bankruptcy", "inventory", "drawdown", "profit_cap"]
"""What started it: a bankrupt account the fund cannot take, its own inventory, a drawdown, a cap on profits."""


class InsuranceFundCredited(BodyBase, frozen=True, tag=80):
    """The account paid the fund: a liquidation fee."""

    liquidation_id: int
    account: int
    fund: int
    amount_atoms: int


class InsuranceFundDebited(BodyBase, frozen=True, tag=81):
    """The fund paid cash to cover the account's negative balance."""

    liquidation_id: int
    account: int
    fund: int
    amount_atoms: int


class ShortfallDeclared(BodyBase, frozen=True, tag=82):
    """The fund cannot pay: taking this on needs `needed_atoms`, the fund has `capacity_atoms` over its floor.

    `account` is the bankrupt account, or the fund itself where its inventory is the trouble.
    """

    liquidation_id: int | None
    account: int
    trigger: ShortfallTrigger
    needed_atoms: int
    capacity_atoms: int


class DeleveragingStarted(BodyBase, frozen=True, tag=83):
    """A round of auto-deleveraging: `size_lots` of `account`'s position are to be closed at `value_atoms` in all.

    `candidates` and `ranking_digest` stand for the full ranking; `base_round` names the round at the same mark and
    instant that this digest continues (then it is over the rows touched since), None where it is over the whole. Where
    the trigger is a cap on profits nobody is liquidated: `account` is outside liquidity, `liquidation_id` is 0.
    """

    round: int
    trigger: ShortfallTrigger
    liquidation_id: int
    policy: str
    account: int
    instrument: int
    leg: int
    size_lots: int
    value_atoms: int
    price_ticks: int
    candidates: int
    ranking_digest: bytes
    base_round: int | None = None


class PositionDeleveraged(BodyBase, frozen=True, tag=84):
    """`account` was made to trade `size_lots` (signed like a trade) with `against` at `value_atoms`.

    `rank` counts from 1; `score` is floor(score x 10^9), saturating at 2^63-1.
    """

    round: int
    liquidation_id: int
    against: int
    against_leg: int
    account: int
    instrument: int
    leg: int
    size_lots: int
    price_ticks: int
    value_atoms: int
    rank: int
    score: int
    provenance: Provenance | None = None


class DeleveragingEnded(BodyBase, frozen=True, tag=85):
    """The round is over: `closed_lots` found a counterparty, `left_lots` did not."""

    round: int
    trigger: ShortfallTrigger
    liquidation_id: int
    account: int
    instrument: int
    leg: int
    closed_lots: int
    left_lots: int


class LossSocialized(BodyBase, frozen=True, tag=86):
    """`account` paid `amount_atoms` of the loss that `bankrupt` left."""

    liquidation_id: int
    bankrupt: int
    account: int
    amount_atoms: int


class BalanceWrittenOff(BodyBase, frozen=True, tag=87):
    """The rest of a negative balance that nobody could pay, carried by `against`."""

    liquidation_id: int
    account: int
    against: int
    amount_atoms: int


class ProfitCapExceeded(BodyBase, frozen=True, tag=88):
    """Profit of one side of an instrument is above `max_factor_ppm` of the pool: winners are to be reduced.

    `open_lots` is what that side holds in all, negative for shorts, and `profit_atoms` its profit at the mark, losers
    counted; `pool_atoms` is the pool's value. The reduction goes down to `min_factor_ppm`.
    """

    instrument: int
    open_lots: int
    profit_atoms: int
    pool_atoms: int
    max_factor_ppm: int
    min_factor_ppm: int
