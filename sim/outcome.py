"""What came of a run as plain data: the document that `run --json` prints. Its names are stable.

Amounts are whole atoms, times nanoseconds and, beside them, ISO 8601; `prices` says whether forced orders moved the
marks. Amounts are those of `asset`, the first one: what was in another is told by what it was worth in that when it was
paid or traded, and by itself in `sums_by_asset_atoms`; a fund of another asset is told in its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from ..events.bodies.run import SourceTally
from ..events.ledger import Ledger
from .figures import price
from .funds import OpeningFund
from .living.told import living_document
from .runner import RunResult
from .summary import owed
from .units import format_time_ns

__all__ = ["fund_of", "funds_of", "outcome", "source_tallies", "unpaid"]

Document = dict[str, Any]


def outcome(result: RunResult) -> Document:
    """The whole of it; `living` only of a market that makes its own price, `invariants` only of a run that has some."""
    scenario, summary = result.scenario, result.summary
    traded_atoms = summary.own_orders.traded_atoms
    document: Document = {
        "run": None if result.path is None else str(result.path),
        "status": result.status,
        "scenario": scenario.name,
        "seed": scenario.seed,
        "prices": scenario.prices,
        "asset": scenario.assets[0].name,
        "start": format_time_ns(result.start_ns),
        "end": format_time_ns(result.end_ns),
        "start_ns": result.start_ns,
        "end_ns": result.end_ns,
        "events": result.events,
        "head": result.head,
        "seconds": round(result.seconds, 3),
        "by_type": dict(sorted(summary.by_type.items())),
        "instruments": [_instrument(result, number) for number in range(len(scenario.instruments))],
        "liquidations": dict(sorted(summary.outcomes.items())),
        "deleveraged_accounts": len(summary.deleveraged),
        "sums_atoms": dict(sorted(summary.sums.items())),
        **_by_asset(result),
        "own_orders": {
            purpose: {"orders": orders, "traded_atoms": traded_atoms[purpose]}
            for purpose, orders in sorted(summary.own_orders.placed.items())
        },
        "fund": fund_of(result),
        "unpaid": unpaid(result),
        "sources": [_source(name, layout, sha256, tally) for name, layout, sha256, tally in source_tallies(result)],
    }
    if any(producer.slot == "invariants" for producer in scenario.producers):
        document["invariants"] = summary.invariants.document(scenario.producers)
    if summary.living is not None:
        document["living"] = living_document(result, summary.living)
    if summary.by_type["BlockMined"]:
        document["chain"] = summary.chain.document()
    return document


def _by_asset(result: RunResult) -> Document:
    """Of several assets the sums of each in its own atoms."""
    assets, sums = result.scenario.assets, result.summary.sums_of
    if len(assets) == 1:
        return {}
    return {"sums_by_asset_atoms": {assets[one].name: dict(sorted(sums[one].items())) for one in sorted(sums)}}


def _instrument(result: RunResult, number: int) -> Document:
    """One instrument's marks in ticks and as prices; nulls where it never had a mark."""
    listing, names = result.scenario.instruments[number], ("first", "low", "high", "last")
    ticks = result.summary.extremes(number)
    document: Document = {"instrument": number, "name": listing.name}
    for place, name in enumerate(names):
        document[f"{name}_ticks"] = None if ticks is None else ticks[place]
        document[name] = None if ticks is None else price(ticks[place], listing).replace(",", "")
    return document


def fund_of(result: RunResult) -> Document:
    """The insurance funds together: cash and inventory at the mark at start and end, the least seen; fees in, cash out.

    `funds` has each by itself, with the instruments that it stands behind.
    """
    summary, start = result.summary, result.scenario.fund_atoms
    end = sum(summary.fund_worth(result.ledger, fund) for fund in result.ledger.funds)
    return {
        "start_atoms": start,
        "low_atoms": min([start, end, *summary.fund_points]),
        "end_atoms": end,
        "credited_atoms": summary.sums["InsuranceFundCredited"],
        "debited_atoms": summary.sums["InsuranceFundDebited"],
        "funds": funds_of(result),
    }


def funds_of(result: RunResult) -> list[Document]:
    """Each insurance fund as the run began and ended, in its own asset."""
    ledger = result.ledger
    return [
        {
            "name": fund.name,
            "asset": ledger.assets[fund.asset].name,
            "instruments": [ledger.markets[number].listing.name for number in _behind(fund, ledger)],
            "start_atoms": fund.balance_atoms,
            "end_atoms": result.summary.fund_equity(ledger, ledger.account_ids[fund.name]),
        }
        for fund in result.scenario.funds
        if fund.name in ledger.account_ids
    ]


def _behind(fund: OpeningFund, ledger: Ledger) -> Iterable[int]:
    return ledger.instruments_of(ledger.account_ids[fund.name]) if fund.instruments is None else fund.instruments


def unpaid(result: RunResult) -> Document:
    """What nobody could pay: the deficits declared and since when trading has stopped; what accounts owe at the end."""
    summary, stopped_at_ns = result.summary, result.summary.stopped_at_ns
    owed_atoms, accounts = owed(result.ledger)
    return {
        "deficits": summary.by_type["FundDeficitDeclared"],
        "deficit_atoms": summary.sums["FundDeficitDeclared"],
        "stopped_at_ns": stopped_at_ns,
        "stopped_at": None if stopped_at_ns is None else format_time_ns(stopped_at_ns),
        "owed_at_the_end_atoms": owed_atoms,
        "accounts_owing": accounts,
    }


def source_tallies(result: RunResult) -> Iterator[tuple[str, str, bytes, SourceTally]]:
    """(name, layout, content hash, tally) of each source as far as it was read, the population last."""
    for number, source in enumerate((*result.scenario.sources, result.scenario.opening_population)):
        yield source.name, source.layout, source.sha256, source.tally(number)


def _source(name: str, layout: str, sha256: bytes, tally: SourceTally) -> Document:
    return {
        "source": tally.source,
        "name": name,
        "layout": layout,
        "sha256": sha256.hex(),
        "rows": tally.rows,
        "merged": tally.merged,
        "left_out": [{"reason": reason, "rows": rows, "first_row": first} for reason, rows, first in tally.left_out],
    }
