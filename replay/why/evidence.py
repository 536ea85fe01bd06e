"""The event that is asked about, and its evidence: an account in the state that the event came into.

1. Equity and requirement are worked out by the same `valuation` as the decision was; they agree with what the event
   recorded, or they do not.
2. There is no evidence for the venue's own accounts, and none while an instrument that the account holds has no mark.
"""

from __future__ import annotations

from ...events.bodies.liquidation import BankruptcyDeclared, LiquidationEnded, LiquidationStarted
from ...events.bodies.margin import MarginCalled, MarginCallMet
from ...events.envelope import Event
from ...events.ledger import Account, LedgerState, PositionKey
from ...events.vocabulary import Body
from ...handlers.valuation import BPS, MICRO, Margin, is_marked, margin_of, notional_atoms, profit_atoms
from ...sim.quantities import RATES, Quantity
from ...sim.units import format_time_ns
from ..log.selection import event_fields
from ..run import Run
from .answer import Asked
from .coins import coin_holdings
from .names import RunNames
from .parts import Compared, Evidence, Holding
from .story import decided_by
from .venue.taken_in import words_of

__all__ = ["asked_of", "evidence_for"]


def asked_of(run: Run, event: Event, names: RunNames, evidence: Evidence | None) -> Asked:
    """The first part of the answer."""
    producer = run.producer_of(event)
    return Asked(
        scenario=run.started.scenario,
        head=run.sealed_head,
        seq=event.seq,
        at_ns=event.at_ns,
        at=format_time_ns(event.at_ns),
        type=type(event.body).__name__,
        origin=event.origin.name.lower(),
        cause=event.cause,
        decided_by=decided_by(run, event),
        version=None if producer is None else producer.version,
        text=words_of(event, names),
        fields=event_fields(event),
        evidence=evidence,
    )


def evidence_for(body: Body, ledger: LedgerState, names: RunNames) -> Evidence | None:
    """The evidence of the account that a body is about, if it is about one."""
    account = getattr(body, "account", None)
    return None if account is None else _evidence_of(body, account, ledger, names)


def _evidence_of(body: Body, number: int, ledger: LedgerState, names: RunNames) -> Evidence | None:
    """The account `number` in this state, and what `body` recorded of it."""
    account = ledger.accounts[number] if number < len(ledger.accounts) else None
    if account is None or account.kind != "user" or not is_marked(account, ledger):
        return None
    margin = margin_of(account, ledger)
    return Evidence(
        account=number,
        name=names.account(number),
        status=account.status,
        balance=names.money_of(number, account.balance_atoms),
        equity=names.money_of(number, margin.equity_atoms),
        requirement=names.money_of(number, margin.requirement_atoms),
        positions=tuple(_holding_of(ledger, account, key, names) for key in account.positions),
        compared=_compared(body, margin, number, names),
        coins=coin_holdings(ledger, account, names),
        haircut=names.money_of(number, margin.haircut_atoms) if account.coins else None,
        counted=names.money_of(number, margin.collateral_atoms) if account.coins else None,
    )


def _holding_of(ledger: LedgerState, account: Account, key: PositionKey, names: RunNames) -> Holding:
    """One position at the mark."""
    market, held, instrument = ledger.markets[key[0]], account.positions[key], key[0]
    return Holding(
        instrument=instrument,
        name=names.instrument(instrument),
        leg=key[1],
        size=names.size_of(instrument, held.size_lots),
        entry=names.price_of(instrument, market.payoff.price_ticks(held.size_lots, held.cost_atoms)),
        mark=names.price_of(instrument, market.mark_ticks),
        notional=names.value_of(instrument, notional_atoms(market, held)),
        profit=names.money_of(account.account, profit_atoms(market, held)),
    )


def _compared(body: Body, margin: Margin, account: int, names: RunNames) -> Compared | None:
    """What the event recorded, all of the equity or what counts of it; a liquidation's end holds the equity only."""
    equity_atoms = margin.collateral_atoms if _is_of_what_counts(body) else margin.equity_atoms
    if isinstance(body, LiquidationEnded):
        equity = names.money_of(account, body.equity_atoms)
        return Compared(equity, None, None, None, body.equity_atoms == equity_atoms)
    if not isinstance(body, MarginCalled | MarginCallMet | LiquidationStarted | BankruptcyDeclared):
        return None
    level_bps = _level_bps(body)
    level, threshold = None, None
    if level_bps is not None:
        threshold_atoms = -(-margin.requirement_microatoms * level_bps // (MICRO * BPS))
        level, threshold = Quantity(level_bps, RATES["bps"]), names.money_of(account, threshold_atoms)
    recorded = (body.equity_atoms, body.requirement_atoms)
    agrees = recorded == (equity_atoms, margin.requirement_atoms)
    equity, requirement = (names.money_of(account, atoms) for atoms in recorded)
    return Compared(equity, requirement, level, threshold, agrees)


def _is_of_what_counts(body: Body) -> bool:
    """Whether what was recorded was held against the requirement; who is bankrupt or closed is told by all it has."""
    if isinstance(body, LiquidationEnded):
        return body.outcome == "restored"
    return isinstance(body, MarginCalled | MarginCallMet | LiquidationStarted)


def _level_bps(body: MarginCalled | MarginCallMet | LiquidationStarted | BankruptcyDeclared) -> int | None:
    """The level of the requirement that the equity was held against; a bankruptcy is declared at none."""
    if isinstance(body, MarginCalled):
        return body.warning_bps
    if isinstance(body, MarginCallMet):
        return body.recovery_bps
    return BPS if isinstance(body, LiquidationStarted) else None
