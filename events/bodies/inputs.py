"""What comes in from outside. Tags 20 to 39."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..kinds import (
    AccountAmount,
    AccountNumber,
    AssetNumber,
    CounterpartyLeg,
    Depth,
    FeeAmount,
    InstrumentAmount,
    InstrumentNumber,
    Leg,
    Price,
    Prices,
    RatePpb,
    Size,
    VenueNumber,
)
from .base import BodyBase, Provenance
from .declaring import LIQUIDITY, OUTSIDE, Payment, Trade

if TYPE_CHECKING:
    from ..envelope import Event
    from ..ledger import Ledger
    from ..phrases import Names

__all__ = [
    "BalanceStated",
    "Deposited",
    "DepthQuoted",
    "FillReported",
    "FundingRateSet",
    "InputRefused",
    "InputsBody",
    "PositionStated",
    "PriceTicked",
    "TradeExecuted",
    "Transferred",
    "Withdrawn",
]


class PriceTicked(BodyBase, frozen=True, tag=20):
    """Prices of one instant: (instrument, price in ticks) pairs, each instrument at most once."""

    grounds = ()
    sets = True
    private = True

    prices: Prices
    provenance: Provenance | None = None

    def alters(self, ledger: Ledger, event: Event) -> None:
        for instrument, ticks in self.prices:
            ledger.markets[instrument].tick(ticks, event.at_ns)

    def says(self, names: Names) -> str:
        prices = (
            f"{names.instrument(instrument)} {names.price(instrument, ticks)}" for instrument, ticks in self.prices
        )
        return f"prices from outside: {', '.join(prices)}"


class DepthQuoted(BodyBase, frozen=True, tag=21):
    """Resting depth, per side: (distance in basis points, lots up to there), nearest first, cumulative."""

    grounds = ()
    sets = True
    private = True

    instrument: InstrumentNumber
    bids: Depth
    asks: Depth
    provenance: Provenance | None = None

    def alters(self, ledger: Ledger, event: Event) -> None:
        market = ledger.markets[self.instrument]
        market.bids, market.asks = self.bids, self.asks

    def says(self, names: Names) -> str:
        return f"the depth of {names.instrument(self.instrument)} was quoted"


class FundingRateSet(BodyBase, frozen=True, tag=22):
    """The rate of the next funding, in parts per billion of the notional; positive: longs pay shorts."""

    grounds = ()
    sets = True
    private = True

    instrument: InstrumentNumber
    rate_ppb: RatePpb
    provenance: Provenance | None = None

    def alters(self, ledger: Ledger, event: Event) -> None:
        ledger.markets[self.instrument].funding_rate_ppb = self.rate_ppb

    def says(self, names: Names) -> str:
        return f"the next funding rate of {names.instrument(self.instrument)} was set to {names.rate(self.rate_ppb)}"


class Deposited(BodyBase, frozen=True, tag=23):
    """Money came in from outside."""

    grounds = ()
    posting = Payment(OUTSIDE, "account")
    private = True

    account: AccountNumber
    amount_atoms: AccountAmount
    provenance: Provenance | None = None

    def alters(self, ledger: Ledger, event: Event) -> None:
        ledger.rule_funds(self.account)

    def says(self, names: Names) -> str:
        return f"{names.account(self.account)} deposited {names.money(self.account, self.amount_atoms)}"


class Withdrawn(BodyBase, frozen=True, tag=24):
    """Money left for the outside."""

    grounds = ()
    posting = Payment("account", OUTSIDE)
    private = True

    account: AccountNumber
    amount_atoms: AccountAmount
    provenance: Provenance | None = None

    def alters(self, ledger: Ledger, event: Event) -> None:
        ledger.rule_funds(self.account)

    def says(self, names: Names) -> str:
        return f"{names.account(self.account)} withdrew {names.money(self.account, self.amount_atoms)}"


class Transferred(BodyBase, frozen=True, tag=25):
    """Money moved between two accounts of the same asset."""

    grounds = ()
    posting = Payment("account", "to_account")
    private = True

    account: AccountNumber
    to_account: AccountNumber
    amount_atoms: AccountAmount
    provenance: Provenance | None = None

    def alters(self, ledger: Ledger, event: Event) -> None:
        ledger.rule_funds(self.account, self.to_account)

    def says(self, names: Names) -> str:
        amount = names.money(self.account, self.amount_atoms)
        return f"{names.account(self.account)} transferred {amount} to {names.account(self.to_account)}"


class TradeExecuted(BodyBase, frozen=True, tag=26):
    """`account` bought `size_lots` (negative: sold) from `counterparty`, worth `value_atoms` of the same sign."""

    grounds = ()
    posting = Trade("account", "counterparty", giver_leg="counterparty_leg")
    private = True

    account: AccountNumber
    counterparty: AccountNumber
    instrument: InstrumentNumber
    leg: Leg
    counterparty_leg: CounterpartyLeg
    size_lots: Size
    price_ticks: Price
    value_atoms: InstrumentAmount
    trade_id: VenueNumber
    order_id: VenueNumber | None = None
    maker: bool = False
    provenance: Provenance | None = None

    def says(self, names: Names) -> str:
        return f"{names.account(self.account)} {names.trade(self.instrument, self.size_lots, self.price_ticks)}"


class BalanceStated(BodyBase, frozen=True, tag=27):
    """Opening state: the account's balance is this much."""

    grounds = ()
    posting = Payment(OUTSIDE, "account", "balance_atoms", stated=True)
    private = True

    account: AccountNumber
    balance_atoms: AccountAmount
    provenance: Provenance | None = None

    def alters(self, ledger: Ledger, event: Event) -> None:
        ledger.rule_funds(self.account)

    def says(self, names: Names) -> str:
        return f"{names.account(self.account)} began with {names.money(self.account, self.balance_atoms)}"


class PositionStated(BodyBase, frozen=True, tag=28):
    """Opening state: the account holds `size_lots` that cost `cost_atoms`; outside liquidity holds the other side."""

    grounds = ()
    posting = Trade("account", LIQUIDITY, value="cost_atoms")
    private = True

    account: AccountNumber
    instrument: InstrumentNumber
    leg: Leg
    size_lots: Size
    cost_atoms: InstrumentAmount
    provenance: Provenance | None = None

    def says(self, names: Names) -> str:
        cost = names.value(self.instrument, self.cost_atoms)
        return f"{names.account(self.account)} began {names.held(self.instrument, self.size_lots)} that cost {cost}"


class InputRefused(BodyBase, frozen=True, tag=29):
    """An input that the ledger as it is cannot take, by the stated rule for its type."""

    grounds = ()
    private = True

    account: AccountNumber | None
    refused: str
    reason: str
    amount_atoms: AccountAmount = 0

    def says(self, names: Names) -> str:
        whose = "" if self.account is None else f" of {names.account(self.account)}"
        return f"{self.refused}{whose} was refused: {self.reason}"


class FillReported(BodyBase, frozen=True, tag=30):
    """What a venue says of one side of a trade; nothing moves by it, the event of the trade itself follows.

    `size_lots` is signed like a trade; `start_lots` is the position before it, `closed_profit_atoms` what it realised
    in the instrument's asset, `fee_atoms` what was paid (negative: received) in `fee_asset`; each None where the venue
    is silent or a whole number cannot hold it. `direction` is the venue's own word. `raw` holds (field, text as
    written) of each value that was snapped to whole lots or atoms, or that has no whole number.
    """

    grounds = ()
    private = True

    account: AccountNumber
    instrument: InstrumentNumber
    leg: Leg
    trade_id: VenueNumber
    order_id: VenueNumber | None
    size_lots: Size
    price_ticks: Price
    start_lots: Size | None
    closed_profit_atoms: InstrumentAmount | None
    fee_atoms: FeeAmount | None
    fee_asset: AssetNumber | None
    direction: str
    maker: bool = False
    raw: tuple[tuple[str, str], ...] = ()
    provenance: Provenance | None = None

    def says(self, names: Names) -> str:
        done = f"{names.account(self.account)} {names.trade(self.instrument, self.size_lots, self.price_ticks)}"
        return (
            f"the venue reported that {done} ({self.direction})"
            if self.direction
            else f"the venue reported that {done}"
        )


InputsBody = (
    PriceTicked
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
)
