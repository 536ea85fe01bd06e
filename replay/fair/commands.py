"""`deleverage fair`: what of an instant hangs on the order in which it was worked off."""

from __future__ import annotations

from pathlib import Path

import click

from ...sim.figures import count
from ...sim.options import plugins_option
from ...sim.progress import bar
from ...sim.scaled import scaled
from ...sim.terminal import print_document, print_text, tell
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
from ..why.page.pages import closing_of, markdown_of
from .beside import KIND
from .fair import Executed, FairQuestion, fair
from .reckoning import Fairness, reckoned
from .sections import fairness_sections, fairness_title
from .view import fairness_view

__all__ = ["fair_command"]

_INTERRUPTED = 130
_ORDERS_MOST, _INSTANTS_MOST = 1_000_000, 10_000


@click.command("fair")
@record_argument
@click.option("--round", "number", type=click.IntRange(min=1), metavar="N", help="Only the instant of this round.")
@click.option("--account", metavar="NAME|NUMBER", help="Only instants in which this account was or could be taken.")
@click.option(
    "--orders", type=click.IntRange(1, _ORDERS_MOST), default=400, show_default=True, help="Orders of each instant."
)
@click.option(
    "--instants",
    type=click.IntRange(1, _INSTANTS_MOST),
    default=5,
    show_default=True,
    help="So many instants, those in which most was reduced.",
)
@click.option("--all", "every", is_flag=True, help="All orders of the instant of --round, as a proof, or none.")
@jobs_option
@chart_option
@layout_option
@head_option
@plugins_option
@as_json_option
@click.pass_context
def fair_command(
    context: click.Context,
    *,
    record: Path,
    number: int | None,
    account: str | None,
    orders: int,
    instants: int,
    every: bool,
    jobs: Jobs,
    chart: Path | None,
    layout: str,
    head: str | None,
    plugins: tuple[Path, ...],
    as_json: bool,
) -> None:
    """Say who was deleveraged because of an order that the rulebook does not fix.

    What happens in one instant is worked off one after the other: whose timer fires first, who is liquidated first, who
    of equals in a ranking gives first. Each instant is executed again in all its admissible orders where they are no
    more than --orders, else in so many that are drawn, and what comes of them is held against each other.

    What is found is kept in a file beside RUN, never in it: the same question goes on where it was interrupted, and
    `why` then says of a reduction in how many orders it was made.
    """
    _check_asked(number, account, every=every)
    check_chart(chart)
    run = opened(record, head, plugins, forked=True)
    whose = None if account is None else run.directory.find_account(account)
    asked = FairQuestion(number, whose, orders, instants, every)
    found = _executed(context, run, asked, jobs, shown=not as_json)
    _show(run, found, whose, layout, as_json=as_json, file=study_path(run, KIND, asked).name)
    if chart is not None:
        from .charts import draw_chart  # noqa: PLC0415 - matplotlib is only for who asks for a chart

        draw_chart(run, found, chart)
    tell_differences(run)
    leave(context, run)


def _check_asked(number: int | None, account: str | None, *, every: bool) -> None:
    if number is not None and account is not None:
        message = "give --round or --account, not both"
        raise click.UsageError(message)
    if every and number is None:
        message = "--all is of one instant; name it by one of its rounds (--round N)"
        raise click.UsageError(message)


def _executed(context: click.Context, run: Run, asked: FairQuestion, jobs: Jobs, *, shown: bool) -> Fairness:
    """The answer, with a bar while it is worked out; an interrupted question ends the command."""
    found, done = list[Fairness](), 0

    def conclude(executed: Executed) -> object:
        found.append(reckoned(run, executed))
        return fairness_view(run, found[0])

    try:
        with bar(None, "looking for the instants", shown=shown, threaded=False) as advance:

            def progress(so_far: int, most: int) -> None:
                nonlocal done
                done = so_far
                advance(so_far, f"{so_far:,} of at most {count(most, 'order')}")

            fair(run, asked, jobs, progress=progress, conclude=conclude)
    except KeyboardInterrupt:
        tell(f"stopped after {count(done, 'order')}, which are kept; ask the same again to go on")
        context.exit(_INTERRUPTED)
    return found[0]


def _show(run: Run, found: Fairness, account: int | None, layout: str, *, as_json: bool, file: str) -> None:
    if as_json:
        print_document(scaled(fairness_view(run, found), run.directory.assets.values()))
        return
    sections, title = list(fairness_sections(run, found, account)), fairness_title(run)
    if layout == "md":
        print_text(markdown_of(title, sections, closing_of(run, "fair")))
        return
    from ...sim.console import new_console, print_line  # noqa: PLC0415 - rich is only for what a person reads
    from ..why.page.text import print_sections  # noqa: PLC0415

    console = new_console()
    print_sections(console, title, sections)
    print_line(console)
    print_line(console, f"kept beside it in {run.path.with_name(file)}")
