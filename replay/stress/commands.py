"""`deleverage stress`: the smallest shock found that breaks a venue, and what else a stress test is asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from ...events.regular import must_be_free
from ...sim.console import new_console
from ...sim.options import plugins_option
from ...sim.progress import bar
from ...sim.scaled import scaled
from ...sim.terminal import print_document, print_text, tell
from ..charts import chart_option, check_chart
from ..command_line import as_json_option, head_option, jobs_option, layout_option, leave, tell_differences
from ..run import Run
from .chart import draw_stress
from .kept import record_shock
from .question import Options, question_of
from .stress import Stress, stress
from .tables import markdown, print_stress
from .trial import TARGETS
from .view import stress_view

__all__ = ["stress_command"]

_INTERRUPTED = 130


@click.command("stress")
@click.argument("asked", metavar="SCENARIO|RUN@POINT")
@click.option(
    "--until", "target", type=click.Choice(tuple(TARGETS)), default="adl", show_default=True, help="The target."
)
@click.option("--within", default="1m", show_default=True, metavar="TIME", help="How long a shock takes to arrive.")
@click.option("--hold", default="10m", show_default=True, metavar="TIME", help="How long it is held after that.")
@click.option(
    "--most", type=click.IntRange(100, 9_900), default=9_500, show_default=True, help="Bound of a price, in bps."
)
@click.option("--resolution", type=click.IntRange(1, 1_000), default=10, show_default=True, help="Of a shock, in bps.")
@click.option("--mixtures", type=click.IntRange(0, 20), default=3, show_default=True, help="Rounds of mixtures.")
@click.option(
    "--covariance", type=click.Path(path_type=Path), metavar="FILE", help="Deviations and correlations, TOML."
)
@click.option(
    "--fault", metavar="FAULT", help="A fault as one more direction, such as 'outage'; its length is searched."
)
@click.option(
    "--cover", type=click.IntRange(1, 3), default=2, show_default=True, help="Accounts that default together."
)
@click.option("--largest", type=click.IntRange(1, 1_000), default=10, show_default=True, help="Positions in the table.")
@click.option("--volume", "volumes", multiple=True, metavar="NAME=SIZE", help="A day's volume; may be repeated.")
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="Of a scenario; may be repeated.")
@click.option("--seed", type=click.IntRange(0), help="Of a scenario.")
@click.option("-o", "--output", type=click.Path(path_type=Path), metavar="RUN", help="Where a scenario is recorded.")
@click.option("--keep", type=click.Path(path_type=Path), metavar="RUN", help="Record the shock that is found there.")
@jobs_option
@chart_option
@layout_option
@head_option
@plugins_option
@as_json_option
@click.pass_context
def stress_command(context: click.Context, /, **given: Any) -> None:
    """Look for the smallest shock that empties a fund, starts ADL or socialises loss, from a point of RUN on.

    A SCENARIO is run up to its first prices, and recorded that far. From there, or from POINT, prices move, depth goes
    or a fault begins, and the engine goes on by itself; the record's own inputs are left out. How large a shock is, is
    its Mahalanobis distance against a covariance: that of the source's own prices, or of --covariance FILE.

    Prints four tables: reverse (what breaks it), credit (what the default of the largest accounts costs), concentration
    (what closing the largest positions costs) and recovery (what comes of the shock found and of four past crashes).

    With --keep the shock found is executed once more, and recorded as a fork of RUN: `why`, `verify` and `diff` work on
    it. What is found is kept in a file beside the record, never in it; stopped or killed, the same command goes on. If
    no shock meets the target within the bounds, that is said in one line, and the exit code is 0.

    A POINT is an event's number (77241), a time (21:16, 2025-10-10 21:16:04.831) or an offset from the start (+10m).
    """
    options = Options(**given)
    if options.chart is not None:
        check_chart(options.chart)
    if options.keep is not None:
        must_be_free(options.keep)
    run, question = question_of(options)
    done = 0
    try:
        with bar(None, "executions", shown=not options.as_json, threaded=False) as advance:

            def progress(so_far: int, doing: str) -> None:
                nonlocal done
                done = so_far
                advance(so_far, f"{so_far:,} executions, {doing}")

            found, study = stress(run, question, jobs=options.jobs, progress=progress, told=stress_view)
    except KeyboardInterrupt:
        tell(f"stopped after {done:,} executions; the same command goes on")
        context.exit(_INTERRUPTED)
    _show(run, found, options)
    tell(f"kept in {study.path}")
    if options.keep is not None and found.found is not None:
        kept = record_shock(run, found, options.keep)
        tell(f"the shock is recorded in {kept.path}: {kept.events:,} events, head {kept.head}")
    tell_differences(run)
    leave(context, run)


def _show(run: Run, found: Stress, options: Options) -> None:
    if options.chart is not None:
        draw_stress(options.chart, run, found)
    if options.as_json:
        print_document(scaled(stress_view(run, found), run.directory.assets.values()))
    elif options.layout == "md":
        print_text(markdown(run, found))
    else:
        print_stress(new_console(), run, found)
