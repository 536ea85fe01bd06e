"""The fund when a round was decided, and how the rounds of that instant before it had changed what it had.

A round that closes a lot of the fund's at another value than the mark's changes its capacity by the difference; one
that closes a bankrupt account's position changes nothing of the fund.
"""

from __future__ import annotations

from ...events.bodies.margin import MarkPriced
from ...events.bodies.waterfall import DeleveragingStarted, PositionDeleveraged
from ...events.envelope import Event
from ...events.ledger import LedgerState
from ...handlers.inventory import Inventory
from ..run import Run
from .closed import mark_before
from .fund import rules_at
from .names import Names
from .parts import Fund, FundNow, FundRound

__all__ = ["fund_now"]


def fund_now(run: Run, fund: Fund, started: Event, ledger: LedgerState, names: Names) -> FundNow:
    """The fund at a round that the shortfall led to; `ledger` stands before the round."""
    rules, account, number = rules_at(run, started), ledger.accounts[fund.account], fund.account
    inventory = Inventory()
    inventory.rebuild(ledger)
    cost_atoms = sum(position.cost_atoms for position in account.positions.values())
    profit_atoms = inventory.profit_atoms(ledger, number)
    capacity_atoms = account.balance_atoms + profit_atoms - rules.floor_atoms
    between = run.events(fund.shortfall_seq, started.seq)
    rounds = _rounds(run, number, fund.shortfall_seq, started, ledger, names)
    rounds_atoms = sum(one.gained_atoms for one in rounds if one.started_seq > fund.shortfall_seq)

    def money(atoms: int) -> str:
        return names.money(number, atoms)

    return FundNow(
        started.seq,
        account.balance_atoms,
        money(account.balance_atoms),
        cost_atoms,
        money(cost_atoms),
        cost_atoms + profit_atoms,
        money(cost_atoms + profit_atoms),
        rules.floor_atoms,
        money(rules.floor_atoms),
        capacity_atoms,
        money(capacity_atoms),
        sum(isinstance(event.body, DeleveragingStarted) for event in between),
        rounds,
        rounds_atoms,
        capacity_atoms - fund.capacity_atoms - rounds_atoms,
    )


def _rounds(
    run: Run, fund: int, shortfall_seq: int, started: Event, ledger: LedgerState, names: Names
) -> tuple[FundRound, ...]:
    """The rounds against `fund` before `started`, from the start of its instant or from the shortfall on."""
    first_seq = min(run.first_at(started.at_ns), shortfall_seq)
    marks, rounds, gained = dict[int, int](), list[tuple[int, DeleveragingStarted]](), dict[int, int]()
    for event in run.events(first_seq, started.seq):
        body = event.body
        if isinstance(body, MarkPriced):
            marks[body.instrument] = body.mark_ticks
        elif isinstance(body, DeleveragingStarted) and body.account == fund:
            rounds.append((event.seq, body))
            if body.instrument not in marks:
                marks[body.instrument] = _mark_ticks(run, body.instrument, event.seq)
        elif isinstance(body, PositionDeleveraged) and body.against == fund:
            worth_atoms = ledger.markets[body.instrument].payoff.value_atoms(body.size_lots, marks[body.instrument])
            gained[body.round] = gained.get(body.round, 0) + body.value_atoms - worth_atoms
    return tuple(_round(seq, body, gained.get(body.round, 0), names) for seq, body in rounds)


def _mark_ticks(run: Run, instrument: int, seq: int) -> int:
    mark = mark_before(run, instrument, seq)
    assert mark is not None
    assert isinstance(mark.body, MarkPriced)
    return mark.body.mark_ticks


def _round(seq: int, body: DeleveragingStarted, gained_atoms: int, names: Names) -> FundRound:
    return FundRound(
        body.round,
        seq,
        body.instrument,
        body.size_lots,
        names.held(body.instrument, body.size_lots),
        gained_atoms,
        names.money(body.account, gained_atoms),
    )
