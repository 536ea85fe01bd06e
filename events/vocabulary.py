"""The whole vocabulary: every type of event there is, its tag, and whether it names an account.

Tags are the format. They are never reused or renumbered; `tests/test_vocabulary.py` pins the bytes of one example each.
"""

from __future__ import annotations

from typing import get_args

from .bodies.inputs import (
    BalanceStated,
    Deposited,
    DepthQuoted,
    FillReported,
    FundingRateSet,
    InputRefused,
    PositionStated,
    PriceTicked,
    TradeExecuted,
    Transferred,
    Withdrawn,
)
from .bodies.liquidation import (
    BankruptcyDeclared,
    LiquidationEnded,
    LiquidationFilled,
    LiquidationOrdered,
    LiquidationStarted,
    OrdersCancelled,
    PositionTakenOver,
)
from .bodies.listing import AccountOpened, AssetListed, FundAssigned, InstrumentListed
from .bodies.margin import (
    CollateralAdded,
    FeeCharged,
    FundingAccrued,
    MarginCalled,
    MarginCallMet,
    MarkPriced,
    PositionReduced,
)
from .bodies.run import RunEnded, RunForked, RunStarted, SourceOpened
from .bodies.venue import HandlerStateNoted, TimerFired, TimerSet, TradingHalted, TradingResumed
from .bodies.waterfall import (
    BalanceWrittenOff,
    DeleveragingEnded,
    DeleveragingStarted,
    FundDeficitDeclared,
    InsuranceFundCredited,
    InsuranceFundDebited,
    LossSocialized,
    PositionDeleveraged,
    ProfitCapExceeded,
    ShortfallDeclared,
    ShortfallRemained,
)

__all__ = [
    "ACCOUNT_FIELDS",
    "BODY_TYPES",
    "FORCED_TYPES",
    "PUBLIC_TYPES",
    "SCHEMA",
    "TYPES_BY_NAME",
    "Body",
    "accounts_forced",
    "accounts_named",
]

SCHEMA = 1
"""Raised only when the bytes of existing events change."""

Body = (
    RunStarted
    | RunForked
    | SourceOpened
    | RunEnded
    | AssetListed
    | InstrumentListed
    | AccountOpened
    | FundAssigned
    | PriceTicked
    | DepthQuoted
    | FundingRateSet
    | Deposited
    | Withdrawn
    | Transferred
    | TradeExecuted
    | BalanceStated
    | PositionStated
    | InputRefused
    | FillReported
    | MarkPriced
    | MarginCalled
    | MarginCallMet
    | CollateralAdded
    | PositionReduced
    | FundingAccrued
    | FeeCharged
    | LiquidationStarted
    | OrdersCancelled
    | LiquidationOrdered
    | LiquidationFilled
    | PositionTakenOver
    | LiquidationEnded
    | BankruptcyDeclared
    | InsuranceFundCredited
    | InsuranceFundDebited
    | ShortfallDeclared
    | DeleveragingStarted
    | PositionDeleveraged
    | DeleveragingEnded
    | LossSocialized
    | BalanceWrittenOff
    | ProfitCapExceeded
    | ShortfallRemained
    | FundDeficitDeclared
    | TradingHalted
    | TradingResumed
    | TimerSet
    | TimerFired
    | HandlerStateNoted
)

BODY_TYPES: tuple[type[Body], ...] = get_args(Body)
TYPES_BY_NAME: dict[str, type[Body]] = {body_type.__name__: body_type for body_type in BODY_TYPES}

_ACCOUNT_FIELD_NAMES = ("account", "to_account", "counterparty", "fund", "against", "bankrupt", "owner", "parent")

ACCOUNT_FIELDS: dict[type[Body], tuple[str, ...]] = {
    body_type: tuple(name for name in _ACCOUNT_FIELD_NAMES if name in body_type.__struct_fields__)
    for body_type in BODY_TYPES
}
"""The fields of each type that hold an account."""

PUBLIC_TYPES: frozenset[type[Body]] = frozenset(t for t, fields in ACCOUNT_FIELDS.items() if not fields)
"""Types that name no account: a run of them is one leaf of the Merkle tree."""

FORCED_TYPES: frozenset[type[Body]] = frozenset(
    (
        LiquidationStarted,
        LiquidationFilled,
        PositionTakenOver,
        LiquidationEnded,
        BankruptcyDeclared,
        DeleveragingStarted,
        PositionDeleveraged,
        DeleveragingEnded,
    )
)
"""Types that say what was forced of an account."""


def accounts_named(body: Body) -> tuple[int, ...]:
    """The accounts that a body names, in the order of its fields, without None."""
    values = [getattr(body, name) for name in ACCOUNT_FIELDS[type(body)]]
    return tuple(values) if None not in values else tuple(value for value in values if value is not None)


def accounts_forced(body: Body) -> tuple[int, ...]:
    """The accounts of whom a body says that something was forced; not who took the other side."""
    if type(body) not in FORCED_TYPES:
        return ()
    named = (getattr(body, "account", None), getattr(body, "bankrupt", None))
    return tuple(account for account in named if account is not None)
