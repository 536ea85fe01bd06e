"""`deleverage why`: the question as it is asked, and the answer as it is shown."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from functools import wraps
from itertools import count
from pathlib import Path
from typing import Any, Literal, NamedTuple

import click
import msgspec

from ...events.bodies.waterfall import PositionDeleveraged
from ...events.errors import QueryError
from ...sim.collecting import seldom_collected
from ...sim.options import plugins_option
from ...sim.terminal import print_document, print_json, print_text, shell_word
from ..command_line import (
    JOBS_MOST,
    as_json_option,
    head_option,
    layout_option,
    leave,
    opened,
    record_argument,
    tell_differences,
)
from ..forked import Aside, can_fork
from ..points import is_point, parse_point
from ..run import Run
from .accounts import Forced, Order, befallen, forced_in, forced_sections
from .answer import Answer, Befallen, Flips
from .explain import explain
from .grounds.graph import graph_of
from .page.blocks import Section
from .page.pages import (
    Layout,
    account_title,
    answer_document,
    befallen_document,
    closing_of,
    forced_document,
    markdown_of,
)
from .page.sections import answer_sections, befallen_sections, nothing_befell
from .venue.explain import is_taken_in, with_formula, with_whole_batch

__all__ = ["why_command"]

ProvedUntil = Literal["near", "start"]
"""How far back grounds are taken away: as far as takes little time, or to the start of the record."""

SparedUntil = Literal["event", "end"]
"""How far what would have spared a position is executed: to the end of the event's instant, or of the run."""

_COLLECTED_AT = 500_000
"""The collector looks for cycles after so many new objects: hundreds of thousands of events are decoded."""
_LISTED = 20
"""So many accounts of a listing are shown to a person who did not ask for all."""

_ALONE = {
    "asked": "an EVENT, TIME or ACCOUNT", "account": "--account", "point": "--at", "first": "--from", "last": "--to",
    "instrument": "--instrument", "against": "--not", "under": "--under", "prove": "--prove",
    "prove_whole": "--prove-whole", "flips": "--flips", "flips_whole": "--flips-whole",
}  # fmt: skip
"""What asks about something else than everyone, by the name that the command has for it."""


def _everyone_option(command: Callable[..., None]) -> Callable[..., None]:
    """Give `why` the options `--everyone`, `-o` and `--jobs`; without the first it is as it was."""

    @click.option("--everyone", is_flag=True, help="A page for each account that was deleveraged, and an index.")
    @click.option("-o", "folder", type=click.Path(path_type=Path), metavar="DIR", help="Where those pages go.")
    @click.option(
        "--jobs", type=click.IntRange(1, JOBS_MOST), metavar="N", help="Make them in N processes, else one a processor."
    )
    @wraps(command)
    def asked(
        context: click.Context, /, *, everyone: bool, folder: Path | None, jobs: int | None, **given: Any
    ) -> None:
        if not everyone:
            if folder is not None or jobs is not None:
                message = f"{'-o' if folder is not None else '--jobs'} is for --everyone; add that, or leave it out"
                raise QueryError(message)
            command(context, **given)
            return
        _write_everyone(context, folder, jobs or len(os.sched_getaffinity(0)), given)

    return asked


@click.command("why")
@record_argument
@click.argument("asked", metavar="[EVENT|TIME|ACCOUNT]", required=False)
@click.option("--account", metavar="NAME|NUMBER", help="The account, where its name could be a number or a time.")
@click.option("--at", "point", metavar="POINT", help="What befell the account at this event or time.")
@click.option("--from", "first", metavar="POINT", help="From this event or time on.")
@click.option("--to", "last", metavar="POINT", help="Up to this event or time, included.")
@click.option("--sort", type=click.Choice(("time", "loss")), default="time", show_default=True, help="Of a listing.")
@click.option("--all", "whole", is_flag=True, help="All of it: every account, mark, step, drain, ground, fill.")
@click.option("--instrument", metavar="NAME", help="Of an account: only in this instrument.")
@click.option("--not", "against", metavar="NAME|NUMBER", help="Say why this account was spared.")
@click.option("--under", metavar="POLICY", help="Of a venue's own round: the whole ranking by this formula.")
@click.option("--prove", is_flag=True, help="Take each ground away, by executing the run again, and say what stands.")
@click.option("--prove-whole", is_flag=True, help="The same, also of grounds from long before.")
@click.option("--flips", is_flag=True, help="Search what would have spared it, by executing the run again.")
@click.option("--flips-whole", is_flag=True, help="The same, and what is found executed to the end of the run.")
@layout_option
@head_option
@plugins_option
@as_json_option
@click.pass_context
@_everyone_option
@seldom_collected(_COLLECTED_AT)
def why_command(
    context: click.Context,
    *,
    record: Path,
    asked: str | None,
    account: str | None,
    point: str | None,
    first: str | None,
    last: str | None,
    sort: Order,
    whole: bool,
    instrument: str | None,
    against: str | None,
    under: str | None,
    prove: bool,
    prove_whole: bool,
    flips: bool,
    flips_whole: bool,
    layout: str,
    head: str | None,
    plugins: tuple[Path, ...],
    as_json: bool,
) -> None:
    """Say why an EVENT is in RUN, what befell an ACCOUNT, or who was liquidated or deleveraged at a TIME.

    An EVENT is a number (77241), a TIME is 21:16, 2025-10-10 21:16:04.831 or +10m from the start, and names all of its
    minute or second. With neither, and with --from and --to, everybody of whom something was forced is listed.
    For a reduction by auto-deleveraging: whose loss it was, mark by mark, how the fund came to be unable to pay, the
    ranking made again from the record, and what the figures rest on. `--format md` gives a file to send.
    Of an imported event: what a file states and what is inferred, the whole batch, and its order against the formulas.
    --prove says of each event that its figures rest on whether it would stand without that one.
    --flips searches the nearest collateral, size, moment of closing or fund balance that would have spared it.
    Without a plug-in that decided the answer is from what is recorded, and says what could not be made again.
    """
    run = opened(record, head, plugins, account=account or _name_in(asked))
    spared_until: SparedUntil | None = "end" if flips_whole else "event" if flips else None
    question = _question(run, asked, account, instrument, point, first, last)
    proved_until: ProvedUntil | None = "start" if prove_whole else "near" if prove else None
    more = _More(under, proved_until, spared_until, whole)
    if question.seq is not None:
        answer = more.explained(run, question.seq, against)
        _show_answer(run, answer, layout, as_json=as_json, whole=whole)
    elif question.account is None:
        _must_be_about_one(against=against, under=under, proved_until=proved_until, spared_until=spared_until)
        forced = forced_in(run, *(question.span or (0, None)), order=sort)
        _show_forced(run, forced, layout, as_json=as_json, whole=whole)
    else:
        found = more.befell(run, question.account, question.span, _instrument(run, instrument), against)
        _show_befallen(run, found, layout, as_json=as_json, whole=whole)
    leave(context, run)


def _name_in(asked: str | None) -> str | None:
    """The account that is asked about, where it is no event and no time."""
    return None if asked is None or is_point(asked) else asked


class _Question(NamedTuple):
    """What is asked: an event, or an account, or everybody; the latter two in a span of events, or in all."""

    seq: int | None = None
    account: int | None = None
    span: tuple[int, int] | None = None


def _question(
    run: Run,
    asked: str | None,
    account: str | None,
    instrument: str | None,
    point: str | None,
    first: str | None,
    last: str | None,
) -> _Question:
    """Raises QueryError where it is not clear what is asked."""
    of_time = asked is not None and is_point(asked)
    if asked is not None and not of_time:
        if account is not None:
            message = f"{asked!r} and --account name two accounts; give one of them"
            raise QueryError(message)
        account = asked
    elif asked is not None and (account or point or first or last):
        message = f"give {asked!r} alone, or as --at POINT beside an account"
        raise QueryError(message)
    if account is None and (instrument is not None or point is not None):
        narrowing = "--instrument" if instrument is not None else "--at"
        message = f"{narrowing} narrows the story of an account; name one, or leave it out"
        raise QueryError(message)
    if point is not None and (first or last):
        message = "--at is one point, --from and --to are two; give either"
        raise QueryError(message)
    if of_time and parse_point(asked or "", run.start_ns, run.end_ns).kind == "seq":
        return _Question(seq=run.last_seq(asked or ""))
    at = asked if of_time else point
    first, last = (at, at) if at is not None else (first, last)
    span = None if first is None and last is None else run.span(first, last)
    return _Question(None, None if account is None else run.directory.find_account(account), span)


def _must_be_about_one(
    *, against: str | None, under: str | None, proved_until: ProvedUntil | None, spared_until: SparedUntil | None
) -> None:
    """Raises QueryError for what only one event can be asked."""
    for name, given in (("--not", against), ("--under", under), ("--prove", proved_until), ("--flips", spared_until)):
        if given:
            message = f"{name} is about one event; give its number, or an account"
            raise QueryError(message)


class _More(NamedTuple):
    """What else was asked for about an event."""

    under: str | None
    proved_until: ProvedUntil | None
    spared_until: SparedUntil | None
    whole: bool

    def explained(self, run: Run, seq: int, against: str | None) -> Answer:
        """The answer about an event with it. What would have spared a position is searched while the rest is made."""

        def plainly() -> tuple[Answer, list[str]]:
            return explain(run, seq, against=against, whole=self.whole), run.reports

        if self.spared_until is None or against is not None or not (can_fork() and _is_searched(run, seq)):
            return self.added(run, plainly()[0])
        with Aside(plainly) as page:
            flips = _flips(run, seq, self.spared_until)
            answer, reports = page.result()
        run.reports.extend(report for report in reports if report not in run.reports)
        return self.added(run, answer, flips)

    def added(self, run: Run, answer: Answer, flips: Flips | None = None) -> Answer:
        """The answer with it; `flips` if that was searched already."""
        if self.whole:
            answer = with_whole_batch(answer)
            answer = msgspec.structs.replace(answer, graph=graph_of(run, answer.event.seq) if answer.grounds else None)
        if self.under is not None:
            answer = with_formula(answer, self.under)
        if self.proved_until is not None:
            answer = _proved(run, answer, self.proved_until)
        if self.spared_until is None:
            return answer
        _must_be_decided(answer, "--flips")
        return msgspec.structs.replace(answer, flips=flips or _flips(run, answer.event.seq, self.spared_until))

    def befell(
        self, run: Run, account: int, span: tuple[int, int] | None, instrument: int | None, against: str | None
    ) -> Befallen:
        """What befell an account, and the answer for the gravest of it with all that was asked for."""
        found = befallen(run, account, instrument, against=against, span=span, whole=self.whole)
        if found.answer is None:
            return found
        return msgspec.structs.replace(found, answer=self.added(run, found.answer))


def _proved(run: Run, answer: Answer, proved_until: ProvedUntil) -> Answer:
    """The answer with a verdict beside each ground. Raises QueryError for what was not decided here."""
    seq = answer.event.seq
    _must_be_decided(answer, "--prove")
    from ...sim.progress import bar  # noqa: PLC0415 - SimPy and rich are only for whoever asks this
    from .again.proof import EVENTS_MAX, TRIALS_MAX, proved  # noqa: PLC0415

    with bar(min(len(answer.grounds), TRIALS_MAX), "executing the run again") as advance:
        found = proved(run, seq, answer.grounds, advance, events_max=EVENTS_MAX if proved_until == "near" else None)
    tell_differences(run)
    return msgspec.structs.replace(answer, grounds=found)


def _is_searched(run: Run, seq: int) -> bool:
    """Whether event `seq` is a reduction that was decided here, so that a search may begin before it is explained."""
    event = run.event(seq)
    return isinstance(event.body, PositionDeleveraged) and not is_taken_in(event)


def _flips(run: Run, seq: int, spared_until: SparedUntil) -> Flips:
    """What would have flipped the answer. Raises QueryError for what is no reduction."""
    from ...sim.progress import bar  # noqa: PLC0415 - SimPy and rich are only for whoever asks this
    from ..verify.playback import missing_in  # noqa: PLC0415
    from .again.flips import TRIALS_MAX, flips_of, no_flips  # noqa: PLC0415

    missing = missing_in(run)
    if missing:
        return no_flips(missing[0].reason)
    with bar(TRIALS_MAX, "executing the run again", threaded=False) as advance:
        trials = count(1)
        whole = spared_until == "end"
        found = flips_of(run, seq, lambda tried: advance(next(trials), tried), whole=whole)
    tell_differences(run)
    return found


def _must_be_decided(answer: Answer, option: str) -> None:
    """Raises QueryError for what was taken in."""
    if answer.taken_in is not None:
        message = f"event {answer.event.seq} was taken in from a venue: nothing can be executed again, so no {option}"
        raise QueryError(message)


def _instrument(run: Run, name: str | None) -> int | None:
    if name is None:
        return None
    return run.directory.find_instrument(name)


def _show_answer(run: Run, answer: Answer, layout: str, *, as_json: bool, whole: bool) -> None:
    asked = answer.event
    title = f"Why event {asked.seq} ({asked.type}) is in the record of {asked.scenario}"
    if as_json:
        _print_json(answer_document(answer))
    else:
        _show(run, title, answer_sections(answer, whole=whole), layout)


def _show_befallen(run: Run, found: Befallen, layout: str, *, as_json: bool, whole: bool) -> None:
    if as_json:
        _print_json(befallen_document(found))
    elif found.answer is None and layout == "text":
        print_text(nothing_befell(found))
    else:
        _show(run, account_title(run, found), befallen_sections(found, shell_word(str(run.path)), whole=whole), layout)


def _show(run: Run, title: str, sections: Iterable[Section], layout: str) -> None:
    if layout == "md":
        print_text(markdown_of(title, sections, closing_of(run)))
        return
    from ...sim.console import new_console  # noqa: PLC0415 - rich is only for what a person reads
    from .page.text import print_sections  # noqa: PLC0415

    print_sections(new_console(), title, sections)


def _show_forced(run: Run, found: Forced, layout: str, *, as_json: bool, whole: bool) -> None:
    if as_json:
        _print_json(forced_document(found))
    else:
        sections = forced_sections(found, shell_word(str(run.path)), None if whole else _LISTED)
        _show(run, f"Whom something was forced of in {run.started.scenario}", sections, layout)


def _print_json(document: bytes) -> None:
    print_json([document])


def _write_everyone(context: click.Context, folder: Path | None, jobs: int, given: dict[str, Any]) -> None:
    """Raises QueryError for what does not go with everyone."""
    from ...sim.console import new_console  # noqa: PLC0415
    from ...sim.progress import bar  # noqa: PLC0415 - rich and processes are only for whoever asks this
    from .everyone import write_everyone  # noqa: PLC0415

    for name, told in _ALONE.items():
        if given.get(name):
            message = f"--everyone asks about everybody who was deleveraged, {told} about less; give one of them"
            raise QueryError(message)
    if folder is None:
        message = "--everyone writes a page for each account; say where with -o DIR"
        raise QueryError(message)
    run = opened(given["record"], given["head"], given["plugins"])
    layout: Layout = "json" if given["as_json"] else given["layout"]
    with bar(None, "finding who was deleveraged") as advance:
        made = write_everyone(
            run, folder, layout, new_console().width, jobs=jobs, whole=given["whole"],
            watch=lambda done, total: advance(done, f"{done:,} of {total:,} pages"),
        )  # fmt: skip
    if layout == "json":
        print_document({"pages": str(made.path), "number": made.pages})
    else:
        print_text(f"{made.path}: {made.pages:,} pages and their index")
    leave(context, run)
