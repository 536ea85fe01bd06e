"""One example of every type of event: every field set, each to a value of its own where that is possible."""

from __future__ import annotations

from deleverage.events.bodies.base import Provenance
from deleverage.events.bodies.inputs import (
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
from deleverage.events.bodies.liquidation import (
    BankruptcyDeclared,
    LiquidationEnded,
    LiquidationFilled,
    LiquidationOrdered,
    LiquidationStarted,
    OrdersCancelled,
    PositionTakenOver,
)
from deleverage.events.bodies.listing import AccountOpened, AssetListed, FundAssigned, InstrumentListed, Tier
from deleverage.events.bodies.margin import (
    CollateralAdded,
    FeeCharged,
    FundingAccrued,
    MarginCalled,
    MarginCallMet,
    MarkPriced,
    PositionReduced,
)
from deleverage.events.bodies.run import Producer, RunEnded, RunForked, RunStarted, SourceOpened, SourceTally
from deleverage.events.bodies.venue import HandlerStateNoted, TimerFired, TimerSet, TradingHalted, TradingResumed
from deleverage.events.bodies.waterfall import (
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
from deleverage.events.vocabulary import Body

__all__ = ["EXAMPLES"]

_FROM = Provenance(1, 17, 1_000, 1_001)
_PRODUCER = Producer("margin", "tiered", "1", {"warning_bps": 12_500}, 50)
_TIERS = (Tier(0, 5_000, 0), Tier(1_000, 10_000, 5_000_000))

EXAMPLES: tuple[Body, ...] = (
    RunStarted(1, "calm", b"\x01", "generic", b"\x02", (_PRODUCER,), 7, b"\x03", "endogenous"),
    RunForked(b"\x04", 99, (("adl.policy", "profit-share"),)),
    SourceOpened(1, "trades.csv.gz", "tardis", b"\x05"),
    RunEnded((SourceTally(0, 100, 2, (("malformed", 1, 57),)),)),
    AssetListed(0, "USDT", 6),
    InstrumentListed(2, "BTC-PERP", "generic", "linear", 0, "0.1", "0.001", 100, _TIERS, 30, 5_000, 4_000),
    AccountOpened(8, "alice:1", "generic", "user", "isolated", 0, 7, 6),
    FundAssigned(2, 4),
    PriceTicked(((0, 1_170_000), (1, 415_000)), _FROM),
    DepthQuoted(1, ((10, 500), (50, 2_000)), ((10, 400), (50, 1_900)), _FROM),
    FundingRateSet(1, -100_000, _FROM),
    Deposited(5, 1_000_000, _FROM),
    Withdrawn(5, 250_000, _FROM),
    Transferred(5, 6, 10_000, _FROM),
    TradeExecuted(5, 6, 1, 2, 3, -40, 415_000, -16_600_000, 77, 78, True, _FROM),
    BalanceStated(5, 999, _FROM),
    PositionStated(5, 1, 2, -40, -16_600_000, _FROM),
    InputRefused(5, "Withdrawn", "the balance is gone", 250_000),
    FillReported(
        5, 1, 2, 77, 78, -40, 415_000, 60, -999, 42, 3, "Close Long", True, (("fee", "4.20000000001"),), _FROM
    ),
    MarkPriced(1, 415_000, -12, 414_988, 415_000_250_000),
    MarginCalled(5, 1_200, 1_000, 12_500),
    MarginCallMet(5, 1_501, 1_000, 15_000),
    CollateralAdded(5, 800),
    PositionReduced(5, 1, 1, 2, 20, 415_001, 8_300_020, 20),
    FundingAccrued(1, 100_000, 415_000, 41_500_000_000),
    FeeCharged(5, 42, "trade"),
    LiquidationStarted(3, 5, 999, 1_000),
    OrdersCancelled(3, 5, 9, 11, "no depth within the limit"),
    LiquidationOrdered(3, 9, 5, 1, 2, -8, 414_000, 1, False),
    LiquidationFilled(3, 9, 10, 5, 1, 1, 2, -8, 414_100, -3_312_800, 3, 28, _FROM),
    PositionTakenOver(3, 5, 2, 1, 4, -32, -13_000_000, 406_250, _FROM),
    LiquidationEnded(3, 5, "bankrupt", 0),
    BankruptcyDeclared(3, 5, -17, 1_000, "no equity left"),
    InsuranceFundCredited(3, 5, 2, 16_564),
    InsuranceFundDebited(3, 5, 2, 17),
    ShortfallDeclared(3, 5, "bankruptcy", 18_000, 17_000, -3),
    DeleveragingStarted(1, "inventory", 3, "profit-leverage", 2, 1, 4, -32, -13_000_000, 406_250, 6, b"\x07", 8),
    PositionDeleveraged(1, 3, 2, 4, 6, 1, 7, -16, 406_250, -6_500_000, 5, 9_223_372_036_854_775_807, _FROM),
    DeleveragingEnded(1, "inventory", 3, 2, 1, 4, 16, 15),
    LossSocialized(3, 5, 6, 7),
    BalanceWrittenOff(3, 5, 2, 9),
    ProfitCapExceeded(1, -900, 86_000, 100_000, 850_000, 770_000),
    ShortfallRemained(2, "inventory", 501),
    FundDeficitDeclared(3, 5, 2, 40, -30, 10, 61),
    TradingHalted(1, 415_000, 370_000, 5_000),
    TradingResumed(1),
    TimerSet("margin response", 6_000, 5, 1, 3),
    TimerFired(44, "margin response", 5, 1, 3),
    HandlerStateNoted("insurance_fund", "peak", (1, -2)),
)
