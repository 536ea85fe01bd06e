"""The audit of a record: every law over every fill, in one reading. Its names are stable; `--json` prints them so.

    status            of the record: `complete`, or that it is `broken off` or `torn`
    fills, trades     what was reported
    sources           the files: name, layout, rows read (null where the import did not end), what was left out and why
    laws              a line for each law and kind of market, see `tally.py`
    holds             whether nothing that could be checked is broken

1. Only what the record says is used: the audit of a record is the same wherever it is made.
2. A law that had nothing to check on a kind of market is left out.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain

import msgspec

from ....events.bodies.run import RunEnded, SourceOpened, SourceTally
from ....events.errors import QueryError
from ....sim.units import format_time_ns
from ...run import Ending, Run
from .fees import Fees
from .fills import Watch, trades_of
from .positions import Positions
from .profits import Profits
from .sides import Sides
from .tables import Tables
from .tally import LawReport, LawTally, Offence, Offender

__all__ = ["Audit", "SourcePart", "audit_of"]


class SourcePart(msgspec.Struct, frozen=True):
    """A file that was taken in; `rows` is None where the import did not end. `left_out`: (reason, rows, first row)."""

    name: str
    layout: str
    sha256: str
    rows: int | None
    left_out: tuple[tuple[str, int, int], ...]


class Audit(msgspec.Struct, frozen=True):
    """What the laws came to."""

    scenario: str
    head: str
    status: Ending
    fills: int
    trades: int
    accounts: int
    instruments: int
    sources: tuple[SourcePart, ...]
    laws: tuple[LawReport, ...]
    holds: bool


def audit_of(run: Run, watch: Watch = lambda _seq: None) -> Audit:
    """Hold the record's fills against the laws; one reading (15 us a fill), memory by account and instrument.

    Raises QueryError for a record without a reported fill.
    """
    positions, profits, sides, fees, tables = Positions(), Profits(), Sides(), Fees(), Tables()
    accounts, instruments, fills, trades = set[int](), set[int](), 0, 0
    for trade in trades_of(run, watch):
        trades += 1
        sides.take(trade)
        for fill in trade.fills:
            fills += 1
            accounts.add(fill.account)
            instruments.add(fill.instrument)
            profits.take(fill, continued=positions.take(fill))
            fees.take(fill)
            tables.take(fill)
    if not fills:
        message = (
            f"{run.path}: no venue reported a fill here, so there is nothing to audit; "
            "`deleverage import` takes a venue's own files in"
        )
        raise QueryError(message)
    sources = _sources(run)
    tallies = chain(positions.tallies, profits.tallies, sides.tallies, fees.tallies, tables.tallies)
    laws = tuple(_reports(run, tallies, {n: one.name for n, one in enumerate(sources)}))
    holds = not any(law.broken for law in laws)
    return Audit(
        scenario=run.started.scenario,
        head=run.head,
        status=run.ending,
        fills=fills,
        trades=trades,
        accounts=len(accounts),
        instruments=len(instruments),
        sources=sources,
        laws=laws,
        holds=holds,
    )


def _sources(run: Run) -> tuple[SourcePart, ...]:
    """The files, with the tally that ends the record."""
    opened = []
    for event in run.events(1):
        if not isinstance(event.body, SourceOpened):
            break
        opened.append(event.body)
    last = run.event(run.count - 1).body
    tallies = {one.source: one for one in last.sources} if isinstance(last, RunEnded) else {}
    return tuple(_source(one, tallies.get(one.source)) for one in opened)


def _source(opened: SourceOpened, tally: SourceTally | None) -> SourcePart:
    rows, left_out = (None, ()) if tally is None else (tally.rows, tally.left_out)
    return SourcePart(opened.name, opened.layout, opened.sha256.hex(), rows, left_out)


def _reports(run: Run, tallies: Iterable[LawTally], files: dict[int, str]) -> Iterable[LawReport]:
    for tally in tallies:
        if tally.checked or tally.not_checkable:
            yield LawReport(
                law=tally.law,
                market=tally.market,
                rule=tally.rule,
                checked=tally.checked,
                holding=tally.holding,
                artefacts=tally.artefacts,
                broken=tally.broken,
                gaps=tally.gaps,
                of_which=dict(tally.of_which),
                not_checkable=dict(tally.not_checkable.most_common()),
                offenders=tuple(_offender(run, one, files) for one in tally.offences),
                gaps_first=tuple(_offender(run, one, files) for one in tally.gap_offences),
                remark=tally.remark,
            )


def _offender(run: Run, offence: Offence, files: dict[int, str]) -> Offender:
    fill = offence.fill
    return Offender(
        fill.seq,
        format_time_ns(fill.at_ns),
        None if fill.source is None else files.get(fill.source),
        fill.row,
        run.directory.account_name(fill.account),
        fill.scales.name,
        offence.text,
    )
