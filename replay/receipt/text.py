"""A receipt that holds, for a person: what happened, the score with its numbers, the chain, and what all this proves.

It fits 60 columns but for hashes and the lines of events, which stay whole so that they can be copied.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rich.console import Console

from ...events.bodies.listing import AssetListed, InstrumentListed
from ...events.bodies.waterfall import PositionDeleveraged
from ...handlers.ranking import Row
from ...sim.console import print_line, print_rows
from ...sim.figures import count, exact_money, price, score_text, size
from ...sim.units import format_time_ns
from ..arithmetic import FigureScale, arithmetic_of
from ..directory import Directory
from ..log.text import event_line
from .check import Checked
from .standing import Standing, candidate_in
from .words import not_proved, proved, shown

__all__ = ["directory_of", "print_checked", "print_written"]

_STEPS_WHOLE, _STEPS_ENDS = 12, 4

Rows = Iterator[tuple[str, str]]


def print_written(console: Console, written: dict[str, Any]) -> None:
    """What `written_view` says of a receipt that was written."""
    print_line(console, f"{written['receipt']}: the receipt of event {written['event']}", style="bold")
    ranking = f" and the rows of {count(written['rounds'], 'round')}" if written["rounds"] else ""
    shows = f"{count(written['events'], 'event')}{ranking}, in {count(written['bytes'], 'byte')}"
    print_rows(console, [("shows", shows)])
    print_rows(console, [("check it", "with the head that the venue has published; this is the record's own:")])
    print_line(console, written["check"])


def print_checked(console: Console, path: Path, checked: Checked) -> None:
    """Everything that there is to say about a receipt that holds."""
    directory = directory_of(checked)
    print_line(console, f"{path}: the receipt holds", style="bold")
    print_rows(console, _what(checked, directory))
    _print_chain(console, checked, directory)
    for title, sentences in (
        ("What this proves", proved(checked)),
        ("What it does not prove", not_proved(checked)),
        ("Whom it shows", shown(checked)),
    ):
        print_line(console)
        print_line(console, title, style="bold")
        print_rows(console, sentences)


def directory_of(checked: Checked) -> Directory:
    """The names that the events of the file declare."""
    directory = Directory(())
    for event in checked.events.values():
        directory.learn(event)
    return directory


def _what(checked: Checked, directory: Directory) -> Rows:
    """The event, whom it is about, and for a reduction how it came to be chosen."""
    event, account = checked.event, checked.receipt.account
    yield "head", checked.receipt.head
    yield "event", f"{event.seq}, {type(event.body).__name__}, at {format_time_ns(event.at_ns)}"
    if account is not None:
        yield "account", f"{directory.account_name(account)}, number {account}"
    body = event.body if checked.standing is None else checked.standing.reduction
    if isinstance(body, PositionDeleveraged):
        yield from _reduction(body, checked.standing, directory)
    if checked.source is not None:
        yield "reported", f"in {checked.source[0].name}, row {checked.source[1]:,}"


def _reduction(body: PositionDeleveraged, standing: Standing | None, directory: Directory) -> Rows:
    listing = directory.instruments.get(body.instrument)
    asset = None if listing is None else directory.assets.get(listing.asset)
    if standing is not None:
        candidates = standing.rounds[-1].body.candidates
        yield "ranked", f"{body.rank:,} of {candidates:,}, with a score of {score_text(body.score)}"
    if listing is None or asset is None:
        return
    lots, verb = f"{size(abs(body.size_lots), listing)} {listing.name}", "bought" if body.size_lots > 0 else "sold"
    value = f"{exact_money(abs(body.value_atoms), asset)} {asset.name}"
    yield "closed", f"{lots}, {verb} at {price(body.price_ticks, listing)} for {value}"
    if standing is not None and standing.row is not None:
        yield from _score(standing.row, standing, listing, asset)


def _score(row: Row, standing: Standing, listing: InstrumentListed, asset: AssetListed) -> Rows:
    """The figures of a row, and how the formula comes to the score."""
    side = "long" if row.size > 0 else "short"
    yield "held", f"{side} {size(abs(row.size), listing)} {listing.name} when it was ranked"
    figures = {name: exact_money(getattr(row, name), asset) for name in ("profit", "notional", "cost", "equity")}
    for name, text in figures.items():
        yield name, f"{text} {asset.name}"
    if standing.formula is None or row.saturated:
        yield "score", f"{score_text(row.score)}, not worked out again"
        return
    yield "score", standing.formula.text
    scale = FigureScale(asset.decimals, listing.lot_size)
    yield "", arithmetic_of(standing.formula, candidate_in(row), row.score, scale).text


def _print_chain(console: Console, checked: Checked, directory: Directory) -> None:
    """The chain of events: whole, or its two ends."""
    chain = checked.chain
    whole = len(chain) <= _STEPS_WHOLE
    print_line(console)
    print_line(console, "How it came about, from the first cause down", style="bold")
    for event in chain if whole else chain[:_STEPS_ENDS]:
        print_line(console, event_line(event, directory))
    if whole:
        return
    print_line(console, f"... {count(len(chain) - 2 * _STEPS_ENDS, 'event')} in between; --json has them all ...")
    for event in chain[-_STEPS_ENDS:]:
        print_line(console, event_line(event, directory))
