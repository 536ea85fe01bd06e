"""Rounds of a simulated run as reconstructed tables: what somebody who saw all of it would publish of one batch."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import NamedTuple

from deleverage.events.bodies.waterfall import DeleveragingStarted, PositionDeleveraged
from deleverage.events.ledger import Ledger
from deleverage.handlers.valuation import profit_atoms
from deleverage.replay.run import Run, open_run
from deleverage.replay.why.names import RunNames

from .adl_table import imported, row
from .crash import recorded

__all__ = ["Exported", "exported", "incident"]

_LEAST = 4


class Exported(NamedTuple):
    """One round: the facts of each row, the venue's scores, and the mark."""

    coin: str
    mark: str
    facts: tuple[Mapping[str, str], ...]
    scores: tuple[int, ...]


@cache
def exported(venue: str) -> tuple[Exported, ...]:
    """The rounds of the small crash under a venue's rulebook in which four or more were deleveraged."""
    events, ledger, found = recorded(f"venue={venue}", "insurance_fund.balance=0"), Ledger(), list[Exported]()
    taken: dict[int, list[PositionDeleveraged]] = {}
    for event in events:
        if isinstance(event.body, PositionDeleveraged):
            taken.setdefault(event.body.round, []).append(event.body)
    for event in events:
        body = event.body
        if isinstance(body, DeleveragingStarted) and len(taken.get(body.round, ())) >= _LEAST:
            found.append(_round(ledger, event.at_ns, body, taken[body.round]))
        ledger.fold(event)
    return tuple(found)


def _round(ledger: Ledger, at_ns: int, started: DeleveragingStarted, taken: list[PositionDeleveraged]) -> Exported:
    names, market = RunNames(ledger), ledger.markets[started.instrument]
    facts = []
    for one in taken:
        account = ledger.accounts[one.account]
        held = account.positions[one.instrument, one.leg]
        profits = sum(profit_atoms(ledger.markets[key[0]], each) for key, each in account.positions.items())
        facts.append(
            {
                "time_ms": str(at_ns // 10**6),
                "coin": market.listing.name,
                "adl_price": names.price_of(one.instrument, one.price_ticks).value,
                "adl_size": names.size_of(one.instrument, abs(one.size_lots)).value,
                "closed_pnl": "0",
                "position_size": names.size_of(one.instrument, held.size_lots).value,
                "entry_price": names.average_of(one.instrument, held.size_lots, held.cost_atoms).value,
                "account_value_cash": names.money_of(one.account, account.balance_atoms).value,
                "total_unrealized_pnl": names.money_of(one.account, profits).value,
                "liquidated_user": names.account(started.account),
                "user": names.account(one.account),
            }
        )
    mark = names.price_of(started.instrument, market.mark_ticks).value
    return Exported(market.listing.name, mark, tuple(facts), tuple(one.score for one in taken))


def incident(folder: Path, told: Exported, facts: tuple[Mapping[str, str], ...] | None = None) -> Run:
    """The import of a round, with other rows if they are given."""
    rows = []
    for seq, one in enumerate(told.facts if facts is None else facts):
        fields = dict(one)
        rows.append(row(seq, fields.pop("user"), **fields))
    return open_run(imported(folder, *rows, marks={told.coin: Decimal(told.mark)}).run)
