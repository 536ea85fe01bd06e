"""An audit for people: the laws in a table, what could not be checked and why, the first offenders with their place."""

from __future__ import annotations

from rich.console import Console

from ....sim.console import print_line, print_rows, print_table
from ....sim.figures import count
from .audit import Audit, SourcePart
from .tally import LawReport, Offender

__all__ = ["print_audit"]

_HEADER = ("law", "market", "checked", "hold", "broken", "gaps", "unknown")


def print_audit(console: Console, found: Audit) -> None:
    """The whole page."""
    print_line(console, f"Audit of {found.scenario}", style="bold")
    rows = [("reported", _reported(found)), ("head", found.head)]
    if found.status != "complete":
        rows.append(("record", f"{found.status}: the import did not end, so this is a part of its files"))
    rows += (("file", _file(source)) for source in found.sources)
    print_rows(console, rows)
    print_line(console)
    print_table(console, _HEADER, [_figures(law) for law in found.laws])
    _print_notes(console, found)
    for law in found.laws:
        _print_offenders(console, law)
    print_line(console)
    print_line(console, _verdict(found), style="bold")


def _reported(found: Audit) -> str:
    return (
        f"{count(found.fills, 'fill')} of {count(found.trades, 'trade')}, {count(found.accounts, 'account')}, "
        f"{count(found.instruments, 'instrument')}"
    )


def _file(source: SourcePart) -> str:
    read = "read in part" if source.rows is None else count(source.rows, "row")
    left_out = "".join(f"; {reason}: {rows:,}, first in line {row:,}" for reason, rows, row in source.left_out)
    return f"{source.name}, {source.layout}, {read}{left_out}"


def _figures(law: LawReport) -> tuple[str, ...]:
    left = sum(law.not_checkable.values())
    return law.law, law.market, *(f"{n:,}" for n in (law.checked, law.holding, law.broken, law.gaps, left))


def _print_notes(console: Console, found: Audit) -> None:
    """Each law's rule, what held by an artefact only, and what could not be checked and why."""
    for law in found.laws:
        print_line(console)
        print_rows(console, [(law.law, f"{law.market}: {law.rule}.")])
        notes = [f"{times:,} checked: {what}" for what, times in law.of_which.items()]
        notes += [f"{times:,} unknown: {reason}" for reason, times in law.not_checkable.items()]
        if law.artefacts:
            notes.append(f"{law.artefacts:,} of those that hold differ by a float artefact only")
        if law.remark:
            notes.append(law.remark)
        print_rows(console, [("", note) for note in notes])


def _print_offenders(console: Console, law: LawReport) -> None:
    for what, times, shown in (("broken", law.broken, law.offenders), ("gaps", law.gaps, law.gaps_first)):
        if not shown:
            continue
        first = f", the first {len(shown)}" if times > len(shown) else ""
        print_line(console)
        print_line(console, f"{law.law}, {law.market}: {times:,} {what}{first}", style="bold")
        for one in shown:
            print_line(console, _place(one))
            print_rows(console, [("", f"{one.account} in {one.instrument} {one.text}")], 0)


def _place(one: Offender) -> str:
    line = "" if one.line is None else f"{one.file}:{one.line}, "
    return f"{line}event {one.seq}, {one.at}"


def _verdict(found: Audit) -> str:
    broken = sum(law.broken for law in found.laws)
    checked = sum(law.checked for law in found.laws)
    if broken:
        return f"{broken:,} of {count(checked, 'check')} broken."
    gaps = sum(law.gaps for law in found.laws)
    told = f" {count(gaps, 'gap')} could not be looked into." if gaps else ""
    return f"All that can be checked holds: {count(checked, 'check')}.{told}"
