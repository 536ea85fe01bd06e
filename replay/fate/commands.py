"""`deleverage fate`: what lay ahead of an account or of the fund, seen from instants back in time."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, NoReturn

import click
import msgspec

from ...events.errors import QueryError
from ...sim.figures import count
from ...sim.options import plugins_option
from ...sim.progress import bar
from ...sim.scenario import Scenario
from ...sim.sparkline import UNICODE_BARS
from ...sim.terminal import print_document, print_text, tell
from ...sim.units import parse_duration_ns
from ..charts import chart_option, check_chart
from ..command_line import (
    as_json_option,
    head_option,
    jobs_option,
    layout_option,
    leave,
    opened,
    record_argument,
    tell_differences,
)
from ..jobs import Jobs
from ..run import Run
from ..studies import study_path
from ..why.page.blocks import Section
from ..why.page.pages import closing_of, markdown_of
from .calibration import KIND as CALIBRATION
from .calibration import Calibration, ForecastsAsked, calibrated
from .charts import draw_fate
from .fate import KIND, Fate, fate
from .processes import PROCESSES, own_scenario, process_named
from .question import FateQuestion
from .reliability import calibration_sections, calibration_title, calibration_view
from .sections import fate_sections, fate_title
from .view import fate_view

__all__ = ["fate_command"]

_INTERRUPTED = 130
_INSTANTS_MOST, _DRAWS_MOST, _SEEDS_MOST = 10_000, 100_000, 10_000
_VOLATILITY_MOST = 100
_END = "end"


class _Options(msgspec.Struct, frozen=True):
    """What the command line gave."""

    record: Path
    account: str | None
    fund: bool
    instants: int
    draws: int
    first: str | None
    last: str | None
    horizon: str
    process: str | None
    scenario: str | None
    settings: tuple[str, ...]
    volatility: str | None
    memory: str
    keep_answers: bool
    keep_order: bool
    of: str | None
    no_remedies: bool
    calibrate: int | None
    jobs: Jobs
    chart: Path | None
    layout: str
    head: str | None
    plugins: tuple[Path, ...]
    as_json: bool


@click.command("fate")
@record_argument
@click.option("--account", metavar="NAME|NUMBER", help="Whose fate.")
@click.option("--fund", is_flag=True, help="That of the insurance fund.")
@click.option("--instants", type=click.IntRange(1, _INSTANTS_MOST), default=12, show_default=True, help="So many.")
@click.option("--draws", type=click.IntRange(1, _DRAWS_MOST), default=40, show_default=True, help="From each instant.")
@click.option("--from", "first", metavar="POINT", help="The first instant.  [default: a horizon before the last]")
@click.option("--to", "last", metavar="POINT", help="The last one.  [default: just before what befell it]")
@click.option("--horizon", default="10m", show_default=True, metavar="TIME|end", help="How far ahead of an instant.")
@click.option("--process", metavar="NAME", help=f"{', '.join(PROCESSES)}.  [default: scenario, else walk]")
@click.option("--scenario", metavar="NAME|FILE", help="The scenario that RUN was made from, for its process.")
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="As RUN was made with; may be repeated.")
@click.option("--volatility", metavar="NUMBER", help="Of a walk, per square root of a day, such as 0.05.")
@click.option("--memory", default="30m", show_default=True, metavar="TIME", help="A walk is estimated from so much.")
@click.option("--keep-answers", is_flag=True, help="Traders answer as they did.")
@click.option("--keep-order", is_flag=True, help="What may come in any order comes as the engine does it.")
@click.option("--of", metavar="FATE", help="Point of no return of: liquidated, deleveraged, empty (of a fund).")
@click.option("--no-remedies", is_flag=True, help="Do not look for what could have been done.")
@click.option(
    "--calibrate", type=click.IntRange(2, _SEEDS_MOST), metavar="SEEDS", help="How good forecasts at --from are."
)
@jobs_option
@chart_option
@layout_option
@head_option
@plugins_option
@as_json_option
@click.pass_context
def fate_command(context: click.Context, /, **given: Any) -> None:
    """Say how likely it was, at instants back in time, that an account of RUN is liquidated or deleveraged.

    From each instant the run is taken up again from the kept state, as often as --draws says, with what was not yet
    seen drawn anew: prices from a named process, traders' answers, and the order within an instant. With --fund it
    is how likely the insurance fund falls short, and anybody is deleveraged.

    The point of no return is the last instant at which it came in fewer than half of the draws. Beyond it, the least
    more collateral and the least closing at the mark are looked for that would have brought it under half again.

    With --calibrate the scenario that RUN was made from is run under so many other seeds. In each the liquidation of
    every account is forecast at --from and held against what happened there: a Brier score, and the forecasts by bins.

    What is drawn is kept in a file beside RUN, never in it: the same question goes on where it was interrupted.

    A POINT is an event's number (77241), a time (21:16, 2025-10-10 21:16:04.831) or an offset from the start (+10m).
    """
    options = _Options(**given)
    if (options.account is not None) + options.fund + (options.calibrate is not None) != 1:
        message = "give --account NAME, --fund or --calibrate SEEDS"
        raise click.UsageError(message)
    check_chart(options.chart)
    run = opened(options.record, options.head, options.plugins, forked=True)
    if options.calibrate is not None:
        _calibrate(context, run, options, options.calibrate)
        return
    question = _question(run, options)
    found = _drawn(context, run, question, options)
    _show(run, found, options, study_path(run, KIND, question))
    if options.chart is not None:
        draw_fate(run, found, options.chart)
    tell_differences(run)
    leave(context, run)


def _question(run: Run, options: _Options) -> FateQuestion:
    question = FateQuestion(
        account=None if options.account is None else run.directory.find_account(options.account),
        instants=options.instants,
        draws=options.draws,
        horizon_ns=0 if options.horizon == _END else parse_duration_ns(options.horizon),
        process=process_named(run, options.process, options.scenario, options.settings),
        volatility=None if options.volatility is None else _decimal(options.volatility),
        memory_ns=parse_duration_ns(options.memory),
        answers=not options.keep_answers,
        order=not options.keep_order,
        first=options.first,
        last=options.last,
        of=options.of,
        remedies=not options.no_remedies,
    )
    if question.of not in (None, *question.watched):
        message = f"--of {question.of}: what is watched for is {' and '.join(question.watched)}"
        raise QueryError(message)
    if question.volatility is not None and question.process != "walk":
        message = (
            f"--volatility is of a walk, and prices are drawn from {question.process!r}; give --process walk as well"
        )
        raise QueryError(message)
    return question


def _decimal(text: str) -> Decimal:
    try:
        number = Decimal(text)
    except InvalidOperation:
        number = Decimal(-1)
    if not (number.is_finite() and 0 <= number <= _VOLATILITY_MOST):
        message = f"--volatility {text}: give a number from 0 to {_VOLATILITY_MOST}, such as 0.05"
        raise QueryError(message)
    return number


def _drawn(context: click.Context, run: Run, question: FateQuestion, options: _Options) -> Fate:
    """The answer, with a bar while it is worked out; an interrupted question ends the command."""
    done, scenario = 0, None
    if question.process == "scenario":
        scenario = own_scenario(run, options.scenario, options.settings)
    try:
        with bar(None, "draws", shown=not options.as_json, threaded=False) as advance:

            def progress(draws: int, so_far: int) -> None:
                nonlocal done
                done = so_far
                more = " and what could have been done" if so_far > draws else ""
                advance(so_far, f"{min(so_far, draws):,} of {count(draws, 'draw')}{more}")

            return fate(
                run,
                question,
                options.jobs,
                scenario=scenario,
                progress=progress,
                conclude=lambda found: fate_view(run, found),
            )
    except KeyboardInterrupt:
        _stop(context, count(done, "draw"))


def _stop(context: click.Context, done: str) -> NoReturn:
    tell(f"stopped after {done}, which are kept; ask the same again to go on")
    context.exit(_INTERRUPTED)


def _calibrate(context: click.Context, run: Run, options: _Options, seeds: int) -> None:
    """The whole of --calibrate."""
    if options.chart is not None:
        message = "--chart is of one fate; leave it out with --calibrate"
        raise click.UsageError(message)
    asked = ForecastsAsked.of(run, _question(run, options), seeds)
    own_scenario(run, options.scenario, options.settings)
    found = _forecast(context, run, asked, options)
    if options.as_json:
        print_document(calibration_view(run, asked, found))
    else:
        kept = study_path(run, CALIBRATION, asked)
        _print(run, options, calibration_title(run), calibration_sections(asked, found), kept)
    leave(context, run)


def _forecast(context: click.Context, run: Run, asked: ForecastsAsked, options: _Options) -> Calibration:
    name, folders, done = options.scenario or run.started.scenario, run.plugin_folders, 0
    try:
        with bar(len(asked.seeds), "seeds", shown=not options.as_json, threaded=False) as advance:

            def told(so_far: int) -> None:
                nonlocal done
                done = so_far
                advance(so_far, f"{so_far:,} of {count(len(asked.seeds), 'seed')}")

            return calibrated(
                run,
                lambda seed: Scenario.load(name, options.settings, seed=seed, plugins=folders),
                asked,
                options.jobs,
                told,
                lambda found: calibration_view(run, asked, found),
            )
    except KeyboardInterrupt:
        _stop(context, count(done, "seed"))


def _show(run: Run, found: Fate, options: _Options, kept: Path) -> None:
    if options.as_json:
        print_document(fate_view(run, found))
        return
    from ...sim.console import bars_for, new_console  # noqa: PLC0415 - rich is only for what a person reads

    bars = UNICODE_BARS if options.layout == "md" else bars_for(new_console())
    _print(run, options, fate_title(run, found), fate_sections(run, found, bars), kept)


def _print(run: Run, options: _Options, title: str, sections: Iterable[Section], kept: Path) -> None:
    """As text or as Markdown."""
    if options.layout == "md":
        print_text(markdown_of(title, sections, closing_of(run, "deleverage fate")))
        return
    from ...sim.console import new_console, print_line  # noqa: PLC0415
    from ..why.page.text import print_sections  # noqa: PLC0415

    console = new_console()
    print_sections(console, title, sections)
    print_line(console)
    print_line(console, f"kept in {kept}")
