"""What came from outside or was declared, in words: one function for each type of event."""

from __future__ import annotations

from ...events.bodies.inputs import (
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
from ...events.bodies.listing import AccountOpened, AssetListed, FundAssigned, InstrumentListed
from ...events.bodies.run import RunEnded, RunForked, RunStarted, SourceOpened
from .names import Names, rate_text

__all__ = [
    "account_opened",
    "asset_listed",
    "balance_stated",
    "deposited",
    "depth_quoted",
    "fill_reported",
    "funding_rate_set",
    "input_refused",
    "instrument_listed",
    "position_stated",
    "price_ticked",
    "run_ended",
    "run_forked",
    "run_started",
    "source_opened",
    "trade_executed",
    "transferred",
    "withdrawn",
]


def run_started(body: RunStarted, _names: Names) -> str:
    """The run's own first event."""
    return f"the run of {body.scenario} began"


def run_forked(body: RunForked, _names: Names) -> str:
    """Where a fork left its parent."""
    changes = ", ".join(f"{key}={value}" for key, value in body.changes)
    return f"the run was forked before event {body.at_seq}{f', with {changes}' if changes else ''}"


def source_opened(body: SourceOpened, _names: Names) -> str:
    """A source of inputs."""
    return f"source {body.name} was opened"


def run_ended(_body: RunEnded, _names: Names) -> str:
    """The run's own last event."""
    return "the run ended"


def asset_listed(body: AssetListed, _names: Names) -> str:
    """A new asset."""
    return f"{body.name} was listed"


def instrument_listed(body: InstrumentListed, _names: Names) -> str:
    """A new instrument."""
    return f"{body.name} was listed"


def account_opened(body: AccountOpened, _names: Names) -> str:
    """A new account."""
    return f"{body.name} was opened"


def fund_assigned(body: FundAssigned, names: Names) -> str:
    """Which fund bears the losses of an instrument."""
    return f"{names.account(body.fund)} stands behind {names.instrument(body.instrument)}"


def price_ticked(body: PriceTicked, names: Names) -> str:
    """The prices of an instant."""
    prices = (f"{names.instrument(instrument)} {names.price(instrument, ticks)}" for instrument, ticks in body.prices)
    return f"prices from outside: {', '.join(prices)}"


def depth_quoted(body: DepthQuoted, names: Names) -> str:
    """Resting depth."""
    return f"the depth of {names.instrument(body.instrument)} was quoted"


def funding_rate_set(body: FundingRateSet, names: Names) -> str:
    """The rate of the next funding."""
    return f"the next funding rate of {names.instrument(body.instrument)} was set to {rate_text(body.rate_ppb)}"


def deposited(body: Deposited, names: Names) -> str:
    """Money from outside."""
    return f"{names.account(body.account)} deposited {names.money(body.account, body.amount_atoms)}"


def withdrawn(body: Withdrawn, names: Names) -> str:
    """Money to the outside."""
    return f"{names.account(body.account)} withdrew {names.money(body.account, body.amount_atoms)}"


def transferred(body: Transferred, names: Names) -> str:
    """Money between accounts."""
    amount = names.money(body.account, body.amount_atoms)
    return f"{names.account(body.account)} transferred {amount} to {names.account(body.to_account)}"


def trade_executed(body: TradeExecuted, names: Names) -> str:
    """An ordinary trade."""
    return f"{names.account(body.account)} {names.trade(body.instrument, body.size_lots, body.price_ticks)}"


def balance_stated(body: BalanceStated, names: Names) -> str:
    """An opening balance."""
    return f"{names.account(body.account)} began with {names.money(body.account, body.balance_atoms)}"


def position_stated(body: PositionStated, names: Names) -> str:
    """An opening position."""
    cost = names.value(body.instrument, body.cost_atoms)
    return f"{names.account(body.account)} began {names.held(body.instrument, body.size_lots)} that cost {cost}"


def input_refused(body: InputRefused, names: Names) -> str:
    """An input that the ledger could not take."""
    whose = "" if body.account is None else f" of {names.account(body.account)}"
    return f"{body.refused}{whose} was refused: {body.reason}"


def fill_reported(body: FillReported, names: Names) -> str:
    """One side of a trade as the venue tells it."""
    done = f"{names.account(body.account)} {names.trade(body.instrument, body.size_lots, body.price_ticks)}"
    return f"the venue reported that {done} ({body.direction})" if body.direction else f"the venue reported that {done}"
