"""`deleverage why`: why an event is in the record, or what befell an account."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import count
from pathlib import Path

import click
import msgspec

from ...events.errors import QueryError
from ...sim.options import plugins_option
from ...sim.terminal import print_json, print_text, shell_word
from ..command_line import as_json_option, head_option, leave, opened, record_argument, tell_differences
from ..directory import nearest
from ..run import Run
from .answer import Answer, Befallen
from .befallen import befallen
from .blocks import Section
from .document import answer_document, befallen_document
from .explain import explain
from .explain_imported import with_formula
from .markdown import markdown_of
from .sections import answer_sections, befallen_sections, nothing_befell

__all__ = ["why_command"]


@click.command("why")
@record_argument
@click.argument("seq", required=False, type=int)
@click.option("--account", metavar="NAME|NUMBER", help="What befell this account, instead of one event.")
@click.option("--instrument", metavar="NAME", help="With --account: only in this instrument.")
@click.option("--not", "against", metavar="NAME|NUMBER", help="Say why this account was spared.")
@click.option("--under", metavar="POLICY", help="Of a venue's own round: the whole ranking by this formula.")
@click.option("--flips", is_flag=True, help="Search what would have spared it, by executing the run again.")
@click.option(
    "--format",
    "layout",
    type=click.Choice(("text", "md")),
    default="text",
    show_default=True,
    help="Or Markdown.",
)
@head_option
@plugins_option
@as_json_option
@click.pass_context
def why_command(
    context: click.Context,
    *,
    record: Path,
    seq: int | None,
    account: str | None,
    instrument: str | None,
    against: str | None,
    under: str | None,
    flips: bool,
    layout: str,
    head: str | None,
    plugins: tuple[Path, ...],
    as_json: bool,
) -> None:
    """Say why event SEQ is in RUN, or with --account what befell an account.

    For a reduction by auto-deleveraging: the causal chain, the bankrupt account's story, how the fund came to be unable
    to pay, and the ranking made again from the record. `--format md` gives a file to send to whoever asked.
    Of an imported event: what the venue reported, what is inferred, and its order against the published formulas.
    --flips searches the nearest fund balance, collateral, size or moment of closing that would have spared it.
    Without a plug-in that decided the answer is from what is recorded, and says what could not be made again.
    """
    _must_be_one_question(seq, account, instrument)
    run = opened(record, head, plugins)
    spared = None if against is None else run.directory.find_account(against)
    if account is None:
        assert seq is not None
        answer = explain(run, seq, against=spared)
        _show_answer(run, _added(run, answer, under, flips=flips), layout, as_json=as_json)
    else:
        number = run.directory.find_account(account)
        found = befallen(run, number, _instrument(run, instrument), against=spared)
        if found.answer is not None:
            found = msgspec.structs.replace(found, answer=_added(run, found.answer, under, flips=flips))
        _show_befallen(run, found, layout, as_json=as_json)
    leave(context, run)


def _added(run: Run, answer: Answer, under: str | None, *, flips: bool) -> Answer:
    """The answer with what else was asked for."""
    if under is not None:
        answer = with_formula(answer, under)
    return _flipped(run, answer) if flips else answer


def _flipped(run: Run, answer: Answer) -> Answer:
    """The answer with what would have flipped it. Raises QueryError for what is no reduction."""
    if answer.taken_in is not None:
        message = f"event {answer.event.seq} was taken in from a venue: nothing can be executed again, so no --flips"
        raise QueryError(message)
    from ...sim.bars import bar  # noqa: PLC0415 - SimPy and rich are only for whoever asks this
    from ..verify.playback import missing_in  # noqa: PLC0415
    from .flips import TRIALS_MAX, flips_of, no_flips  # noqa: PLC0415

    missing = missing_in(run)
    if missing:
        return msgspec.structs.replace(answer, flips=no_flips(missing[0].reason))
    with bar(TRIALS_MAX, "executing the run again") as advance:
        trials = count(1)
        found = flips_of(run, answer.event.seq, lambda tried: advance(next(trials), tried))
    tell_differences(run)
    return msgspec.structs.replace(answer, flips=found)


def _must_be_one_question(seq: int | None, account: str | None, instrument: str | None) -> None:
    """Raises QueryError where it is not clear what is asked."""
    if (seq is None) == (account is None):
        message = "give either SEQ, the number of an event, or --account, whose story it is to be"
        raise QueryError(message)
    if instrument is not None and account is None:
        message = "--instrument narrows --account; give that as well, or leave it out"
        raise QueryError(message)


def _instrument(run: Run, name: str | None) -> int | None:
    """The number of an instrument. Raises QueryError with the nearest names."""
    if name is None:
        return None
    known = {listing.name: number for number, listing in run.directory.instruments.items()}
    if name not in known:
        message = f"there is no instrument {name!r}; the record has {', '.join(known)}{nearest(name, known)}"
        raise QueryError(message)
    return known[name]


def _show_answer(run: Run, answer: Answer, layout: str, *, as_json: bool) -> None:
    asked = answer.event
    title = f"Why event {asked.seq} ({asked.type}) is in the record of {asked.scenario}"
    if as_json:
        _print_json(answer_document(answer))
    else:
        _show(run, title, answer_sections(answer), layout)


def _show_befallen(run: Run, found: Befallen, layout: str, *, as_json: bool) -> None:
    if as_json:
        _print_json(befallen_document(found))
    elif found.answer is None and layout == "text":
        print_text(nothing_befell(found))
    else:
        title = f"What befell {found.name} in {run.started.scenario}"
        _show(run, title, befallen_sections(found, shell_word(str(run.path))), layout)


def _show(run: Run, title: str, sections: Iterable[Section], layout: str) -> None:
    if layout == "md":
        head = f"whose head is `{run.sealed_head}`" if run.sealed_head else "which was never sealed"
        closing = (
            f"Worked out by `deleverage why` from nothing but the record, {head}. `deleverage verify` checks that "
            "record; whoever holds it can repeat every figure above."
        )
        print_text(markdown_of(title, sections, closing))
        return
    from ...sim.console import new_console  # noqa: PLC0415 - rich is only for what a person reads
    from .text import print_sections  # noqa: PLC0415

    print_sections(new_console(), title, sections)


def _print_json(document: bytes) -> None:
    print_json([document])
