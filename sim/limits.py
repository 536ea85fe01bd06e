"""How much a scenario is about to make: said when it is loaded, and held against its limits before anything is made.

1. Inputs are what the sources give up to the run's end: of a generator and a profile that is known from the settings, a
   file is counted while it is checked. Accounts are those of the population.
2. A handler that sets a timer at every so many nanoseconds may set as many timers as there are inputs at most.
3. The limits are keys of the scenario, `limits.inputs` and `limits.accounts`, and no part of what it is: the same run
   under other limits is the same run.

Inputs that a fork has made impossible: the rule for each type, and why one is refused.

1. A withdrawal, or a transfer's payer: refused in a liquidation; with positions, where it would leave less equity than
   the maintenance requirement; without, where it would leave less than nothing. Of collateral in another asset also
   where there is not so much; what was refused of it is told by its worth in what the account settles in.
2. A trade: refused where a trader on either side is in a liquidation, since their account is no longer theirs to trade.
3. A deposit is never refused, nor a price, depth or funding rate: the world outside goes on as it did. Declarations
   and opening balances come before anything could be decided.

In the run that was forked all of these were possible, so nothing is refused where nothing was changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec

from ..events.bodies.collateral import CoinWithdrawn
from ..events.bodies.inputs import InputRefused, TradeExecuted, Transferred, Withdrawn
from ..events.bodies.run import Producer
from ..events.errors import ScenarioError
from ..events.ledger import LedgerState
from ..events.vocabulary import Body
from ..handlers.conversion import in_first
from ..handlers.valuation import BPS, margin_of, slack
from .checks import check_range
from .sources.base import Source, check
from .sources.generator import GeneratorSource
from .sources.profile import ProfileSource
from .units import INT64_MAX, format_time_ns

__all__ = [
    "ACCOUNT_BYTES",
    "LimitSettings",
    "Made",
    "admitted",
    "check_accounts",
    "check_timers",
    "count_inputs",
    "refusal",
]

ACCOUNT_BYTES = 1_600
"""What an account with three positions takes in memory, as benchmarks/memory.py measures it."""

_RAISE_IT = "make it longer, or raise the limit with --set limits.inputs=N"
_PERIODS = ("interval_ns", "pause_ns", "retry_ns", "sale_interval_ns", "sample_ns", "interest_interval_ns")
"""Parameters of handlers that set one timer after the other, so long apart."""

_IN_LIQUIDATION = "the account is in a liquidation"


class LimitSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a scenario may make at most: some 40 minutes of inputs, some 3 GB of accounts."""

    inputs: int = 50_000_000
    accounts: int = 2_000_000

    def __post_init__(self) -> None:
        """Refuse what is no limit."""
        check_range("inputs", self.inputs, 1, INT64_MAX)
        check_range("accounts", self.accounts, 1, INT64_MAX)


class Made(NamedTuple):
    """How many inputs there will be, and when the last one comes."""

    inputs: int
    last_ns: int


def count_inputs(sources: Sequence[Source], start_ns: int, end_ns: int, limits: LimitSettings) -> Made:
    """What the sources make up to `end_ns`. Files are read to their end, so that a bad row is found here.

    Raises ScenarioError as soon as it is too much.
    """
    inputs, last_ns = 0, start_ns
    for source in sorted(sources, key=lambda source: not isinstance(source, GeneratorSource | ProfileSource)):
        if isinstance(source, GeneratorSource | ProfileSource):
            made = Made(*source.ahead(end_ns))
            _check_inputs(inputs + made.inputs, source, limits)
        else:
            made = Made(*check(source, end_ns, limits.inputs - inputs))
            if made.inputs > limits.inputs - inputs:
                _check_inputs(limits.inputs + 1, source, limits)
        inputs, last_ns = inputs + made.inputs, max(last_ns, made.last_ns)
    return Made(inputs, last_ns)


def _check_inputs(inputs: int, source: Source, limits: LimitSettings) -> None:
    if inputs > limits.inputs:
        message = (
            f"$.limits.inputs: with {source.name!r} ({source.layout}) the sources make {inputs:,} inputs or more, and "
            f"{limits.inputs:,} are allowed; make the run shorter or its steps longer, or raise the limit with "
            "--set limits.inputs=N"
        )
        raise ScenarioError(message)


def check_accounts(accounts: int, limits: LimitSettings, where: str = "$.population") -> None:
    """Refuse a population that is too large. Raises ScenarioError."""
    if accounts > limits.accounts:
        gigabytes = accounts * ACCOUNT_BYTES / 10**9
        message = (
            f"{where}: {accounts:,} accounts or more take some {gigabytes:,.1f} GB, and {limits.accounts:,} are "
            "allowed; have fewer, or raise the limit with --set limits.accounts=N"
        )
        raise ScenarioError(message)


def check_timers(
    producers: Iterable[Producer], start_ns: int, end_ns: int, limits: LimitSettings, advice: str = _RAISE_IT
) -> None:
    """Refuse a handler that would set more timers than there may be inputs. Raises ScenarioError naming the key."""
    for producer in producers:
        for name in _PERIODS:
            period_ns = producer.parameters.get(name)
            if type(period_ns) is int and 0 < period_ns <= (end_ns - start_ns) // (limits.inputs + 1):
                message = (
                    f"$.{producer.handler}.{name}: a timer every {period_ns} ns up to {format_time_ns(end_ns)} is more "
                    f"than {limits.inputs:,} timers; {advice}"
                )
                raise ScenarioError(message)


def admitted(ledger: LedgerState, body: Body) -> Body:
    """The input itself, or `InputRefused` in its place."""
    reason = refusal(ledger, body)
    if reason is None:
        return body
    account, amount_atoms = getattr(body, "account", None), getattr(body, "amount_atoms", 0)
    if isinstance(body, CoinWithdrawn):
        amount_atoms = in_first(ledger, body.asset, amount_atoms)
    return InputRefused(account, type(body).__name__, reason, amount_atoms)


def refusal(ledger: LedgerState, body: Body) -> str | None:
    """Why the ledger as it is cannot take an input; None if it can. O(positions)."""
    if isinstance(body, Withdrawn | Transferred):
        return _cannot_pay(ledger, body.account, body.amount_atoms)
    if isinstance(body, CoinWithdrawn):
        return _cannot_give(ledger, body)
    if isinstance(body, TradeExecuted):
        parties = (ledger.accounts[number] for number in (body.account, body.counterparty))
        return _IN_LIQUIDATION if any(party.liquidation_id is not None for party in parties) else None
    return None


def _cannot_give(ledger: LedgerState, body: CoinWithdrawn) -> str | None:
    """The same of collateral: what stays must cover the requirement and what the account owes."""
    account = ledger.accounts[body.account]
    left_atoms = account.coins.get(body.asset, 0) - body.amount_atoms
    if left_atoms < 0:
        return "there is not enough"
    if account.liquidation_id is not None:
        return _IN_LIQUIDATION
    coins = {asset: atoms for asset, atoms in {**account.coins, body.asset: left_atoms}.items() if atoms}
    margin = margin_of(msgspec.structs.replace(account, coins=coins), ledger)
    return "it would leave less equity than the maintenance requirement" if slack(margin, BPS) < 0 else None


def _cannot_pay(ledger: LedgerState, number: int, amount_atoms: int) -> str | None:
    account = ledger.accounts[number]
    if account.kind != "user":
        return None
    if account.liquidation_id is not None:
        return _IN_LIQUIDATION
    margin = margin_of(account, ledger)
    left = msgspec.structs.replace(margin, equity_atoms=margin.equity_atoms - amount_atoms)
    if slack(left, BPS) >= 0:
        return None
    return "it would leave less equity than the maintenance requirement" if account.positions else "there is not enough"
