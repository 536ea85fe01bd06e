"""The waterfall: the insurance fund, auto-deleveraging, socialised loss. Tags 80 to 99."""

from __future__ import annotations

from typing import Literal

from ..grounds import Ground
from .base import BodyBase, Provenance

__all__ = [
    "BalanceWrittenOff",
    "DeleveragingEnded",
    "DeleveragingStarted",
    "FundDeficitDeclared",
    "InsuranceFundCredited",
    "InsuranceFundDebited",
    "LossSocialized",
    "PositionDeleveraged",
    "ProfitCapExceeded",
    "ShortfallDeclared",
    "ShortfallRemained",
    "ShortfallTrigger",
]

ShortfallTrigger = Literal["bankruptcy", "inventory", "drawdown", "profit_cap"]
"""What started it: a bankrupt account the fund cannot take, its own inventory, a drawdown, a cap on profits."""


class InsuranceFundCredited(BodyBase, frozen=True, tag=80):
    """The account paid the fund: a liquidation fee."""

    grounds = (Ground.FILL, Ground.BALANCE, Ground.RULE)

    liquidation_id: int
    account: int
    fund: int
    amount_atoms: int


class InsuranceFundDebited(BodyBase, frozen=True, tag=81):
    """The fund paid cash to cover the account's negative balance."""

    grounds = (Ground.LIQUIDATION, Ground.BALANCE, Ground.FUND, Ground.RULE)

    liquidation_id: int
    account: int
    fund: int
    amount_atoms: int


class ShortfallDeclared(BodyBase, frozen=True, tag=82):
    """The fund cannot pay: taking this on needs `needed_atoms`, the fund has `capacity_atoms` over its floor.

    `account` is the bankrupt account, or the fund itself where its inventory is the trouble: then `needed_atoms` is
    what it lacks. The capacity is its cash and its inventory at the mark less the floor, `cash_atoms` the cash alone
    less the floor, which is all that it can pay out, or what its rule lets it pay of that (None in older records).
    """

    grounds = (Ground.LIQUIDATION, Ground.MARK, Ground.BALANCE, Ground.FUND, Ground.RULE)

    liquidation_id: int | None
    account: int
    trigger: ShortfallTrigger
    needed_atoms: int
    capacity_atoms: int
    cash_atoms: int | None = None


class DeleveragingStarted(BodyBase, frozen=True, tag=83):
    """A round of auto-deleveraging: `size_lots` of `account`'s position are to be closed at `value_atoms` in all.

    `candidates` and `ranking_digest` stand for the full ranking; `base_round` names the round at the same mark and
    instant that this digest continues (then it is over the rows touched since), None where it is over the whole. Where
    the trigger is a cap on profits nobody is liquidated: `account` is outside liquidity, `liquidation_id` is 0.
    """

    grounds = (Ground.SHORTFALL, Ground.PROFIT_CAP, Ground.MARK, Ground.BALANCE, Ground.RULE)

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

    grounds = (Ground.ROUND, Ground.MARK, Ground.BALANCE, Ground.RULE)

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

    grounds = (Ground.ROUND, Ground.RULE)

    round: int
    trigger: ShortfallTrigger
    liquidation_id: int
    account: int
    instrument: int
    leg: int
    closed_lots: int
    left_lots: int


class LossSocialized(BodyBase, frozen=True, tag=86):
    """`account` paid `amount_atoms` of the loss that `bankrupt` left.

    Where that is the fund, whose own inventory lost more than it had, nobody is liquidated: `liquidation_id` is 0.
    """

    grounds = (Ground.SHORTFALL, Ground.MARK, Ground.BALANCE, Ground.FUND, Ground.RULE)

    liquidation_id: int
    bankrupt: int
    account: int
    amount_atoms: int


class BalanceWrittenOff(BodyBase, frozen=True, tag=87):
    """The rest of a negative balance that no trader could pay, carried by `against`.

    A fund carries it as far as its money goes; what is beyond that was declared as a deficit just before.
    """

    grounds = (Ground.SHORTFALL, Ground.BALANCE, Ground.FUND, Ground.RULE)

    liquidation_id: int
    account: int
    against: int
    amount_atoms: int


class ProfitCapExceeded(BodyBase, frozen=True, tag=88):
    """Profit of one side of an instrument is above `max_factor_ppm` of the pool: winners are to be reduced.

    `open_lots` is what that side holds in all, negative for shorts, and `profit_atoms` its profit at the mark, losers
    counted; `pool_atoms` is the pool's value. The reduction goes down to `min_factor_ppm`.
    """

    grounds = (Ground.MARK, Ground.BALANCE, Ground.RULE)

    instrument: int
    open_lots: int
    profit_atoms: int
    pool_atoms: int
    max_factor_ppm: int
    min_factor_ppm: int


class ShortfallRemained(BodyBase, frozen=True, tag=89):
    """Auto-deleveraging is over for a shortfall of the fund, and its capacity is still `left_atoms` below nothing."""

    grounds = (Ground.SHORTFALL, Ground.MARK, Ground.FUND, Ground.RULE)

    account: int
    trigger: ShortfallTrigger
    left_atoms: int


class FundDeficitDeclared(BodyBase, frozen=True, tag=90):
    """Nobody is left to pay `deficit_atoms`: the venue owes them, and trading stops for good.

    `account` is whose loss it is: the bankrupt account, or the fund itself. `cash_atoms`, `inventory_atoms` (profit at
    the mark of what the fund holds) and `floor_atoms` are the fund's as they stood. Every instrument that the fund
    stands behind is halted without an end: marks go on, forced orders and sales do not.
    """

    grounds = (Ground.SHORTFALL, Ground.MARK, Ground.BALANCE, Ground.FUND, Ground.RULE)

    liquidation_id: int | None
    account: int
    fund: int
    cash_atoms: int
    inventory_atoms: int
    floor_atoms: int
    deficit_atoms: int
