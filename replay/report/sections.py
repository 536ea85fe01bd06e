"""The report for a person: the document's parts as sections, the longest tables cut and the rest counted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ...sim.figures import count
from ...sim.quantities import Quantity, Scale, amount_scale_of
from ...sim.terminal import shell_word
from ..diff.ending import Totals
from ..run import Run
from ..verify.invariants import OneInvariant
from ..why.page.blocks import Block, Commands, Node, Prose, Section, Table, Tree
from .regulator import Happening, RegulatorReport

__all__ = ["report_sections", "sums_of", "title_of"]

_ROWS_MOST = 20
"""So many rows of a table stand here; the document has all."""


def title_of(report: RegulatorReport) -> str:
    """The title of the page."""
    return f"Report on {report.scenario}, {report.first_at} to {report.last_at}"


def report_sections(run: Run, report: RegulatorReport, *, whole: bool) -> list[Section]:
    """All sections in their order; with `whole` no row is left out."""
    most = None if whole else _ROWS_MOST
    return [
        Section("", tuple(_record(report))),
        Section("By which rules", tuple(_rules(report, most))),
        Section("What it came to", tuple(_totals(report))),
        Section("Who was deleveraged", tuple(_deleveraged(report, most))),
        Section("Who was liquidated", tuple(_liquidated(report, most))),
        Section("Shortfalls, shared losses and debts", tuple(_happened(report.losses, most))),
        Section("Halts and faults", tuple(_happened(report.stops, most))),
        Section("What the rulebook claims", tuple(_invariants(report.invariants))),
        Section("What was asked further", tuple(_studies(report))),
        Section("How to check this", (Commands(_checks(run, report)),)),
    ]


def _record(report: RegulatorReport) -> Iterator[Block]:
    how = {
        "endogenous": "forced orders moved the marks",
        "held": "the path of prices was kept",
        "imported": "all of it was taken in from a venue's files or streams; nothing was decided by this program",
    }
    yield Prose(
        f"{count(report.events, 'event')}, from {report.first_at} to {report.last_at}, {report.status}: "
        f"{how[report.prices]}. Made by deleverage {report.program}. Every figure here is read off the events of the "
        "record with the head"
    )
    yield Commands((report.head,))


def _rules(report: RegulatorReport, most: int | None) -> Iterator[Block]:
    rulebook = f", SHA-256 {report.rulebook_sha256}" if report.rulebook_sha256 else ""
    yield Prose(f"Rulebook {report.rulebook}{rulebook}.")
    if report.deciding:
        rows = [(one.handler, one.policy, one.version, f"{one.from_seq:,}") for one in report.deciding]
        yield Table(("handler", "policy", "version", "from event"), tuple(rows))
    else:
        yield Prose("Nobody decided anything in it.")
    if report.rules:
        yield from _happened(report.rules, most)
    else:
        yield Prose("No rule changed.")


def _totals(report: RegulatorReport) -> Iterator[Block]:
    for asset, totals in report.totals.items():
        if totals.liquidations or totals.reductions or totals.margin_calls:
            yield Table(("what", asset), tuple(sums_of(totals, amount_scale_of(asset, report.decimals[asset]))))


def sums_of(totals: Totals, scale: Scale) -> Iterator[tuple[str, str]]:
    """What totals say, each with its figure: as many rows for any."""

    def amount(atoms: int | None) -> str:
        return "unknown" if atoms is None else Quantity(atoms, scale).text

    yield f"margin calls, to {count(totals.accounts_called, 'account')}", f"{totals.margin_calls:,}"
    yield f"liquidations, of {count(totals.accounts_liquidated, 'account')}", f"{totals.liquidations:,}"
    yield "accounts declared bankrupt", f"{totals.accounts_bankrupt:,}"
    yield f"reductions, of {count(totals.accounts_deleveraged, 'account')}", f"{totals.reductions:,}"
    yield "of positions closed by them", amount(totals.deleveraged_value_atoms)
    gave = "given by their prices, held against the marks, to whoever was reduced (-: taken)"
    yield gave, amount(totals.equity_taken_atoms)
    yield "used of the insurance fund", amount(totals.fund_used_atoms)
    yield "of losses socialised", amount(totals.socialised_loss_atoms)
    yield "written off", amount(totals.written_off_atoms)
    yield "still owed at the end", amount(totals.owed_atoms)


def _deleveraged(report: RegulatorReport, most: int | None) -> Iterator[Block]:
    if not report.deleveraged:
        yield Prose("Nobody.")
        return
    header = ("event", "at", "account", "closed", "price", "mark", "against the mark", "rank", "loss of")
    shown = report.deleveraged[:most]
    rows = (
        (
            str(one.seq),
            one.at,
            one.account,
            f"{one.size} {one.instrument}",
            one.price,
            one.mark or "",
            "" if one.against_mark is None else f"{one.against_mark} {one.asset}",
            "" if one.rank is None else f"{one.rank:,} of {one.candidates:,}",
            one.loser,
        )
        for one in shown
    )
    yield Table(header, tuple(rows))
    yield from _left_out(report.deleveraged, shown)


def _liquidated(report: RegulatorReport, most: int | None) -> Iterator[Block]:
    if not report.liquidations:
        yield Prose("Nobody.")
        return
    shown = report.liquidations[:most]
    rows = ((str(one.seq), one.at, one.account, one.outcome or "not over") for one in shown)
    yield Table(("event", "at", "account", "came to"), tuple(rows))
    yield from _left_out(report.liquidations, shown)


def _happened(happenings: Sequence[Happening], most: int | None) -> Iterator[Block]:
    if not happenings:
        yield Prose("None.")
        return
    shown = happenings[:most]
    nodes = (Node(f"{one.seq} {one.at}: {one.text}") for one in shown)
    yield Tree(f"{count(len(happenings), 'event')}", tuple(nodes))
    yield from _left_out(happenings, shown)


def _left_out(all_of_it: Sequence[object], shown: Sequence[object]) -> Iterator[Block]:
    if len(shown) < len(all_of_it):
        yield Prose(f"The first {len(shown):,} of {len(all_of_it):,}; --all shows, and --json has, every one.")


def _invariants(invariants: Sequence[OneInvariant]) -> Iterator[Block]:
    if not invariants:
        yield Prose("The run declares nothing that always holds (`deleverage verify --invariants VENUE` tries one).")
        return
    rows = (
        (one.invariant, f"broken {count(one.broken, 'time')}, first in event {one.first_seq}" if one.broken else "held")
        for one in invariants
    )
    yield Table(("invariant", "in this record"), tuple(rows))


def _studies(report: RegulatorReport) -> Iterator[Block]:
    if not report.studies:
        yield Prose("Nothing: there is no study of this record beside it (`deleverage stress`, `fair`).")
    for kind, found in report.studies.items():
        yield Prose(f"{count(len(found), 'answer')} of `{kind}`, kept beside the record; --json has them whole.")


def _checks(run: Run, report: RegulatorReport) -> tuple[str, ...]:
    record = shell_word(str(run.path))
    return (
        f"deleverage verify {record} --head {report.head}",
        f"deleverage report {record} --head {report.head} --json",
        f"deleverage receipt {record} --everyone -o receipts",
    )
