"""`deleverage verdict`: whether a venue followed a published rule, fill by fill."""

from __future__ import annotations

from pathlib import Path

import click

from ...events.regular import check_new, write_new
from ...sim.console import new_console
from ...sim.terminal import print_json, print_text
from ..charts import chart_option, check_chart
from ..command_line import as_json_option, head_option, layout_option, leave, opened, record_argument
from ..why.page.pages import closing_of, markdown_of
from ..why.page.text import print_sections
from .parts import verdict_document
from .sections import title_of, verdict_sections
from .verdict import verdict_of

__all__ = ["verdict_command"]


@click.command("verdict")
@record_argument
@click.option("--rulebook", metavar="NAME", help="Judge by this rulebook.  [default: that of the venue]")
@click.option("--account", metavar="NAME", help="Say also what the rule takes of this one.")
@layout_option
@click.option("-o", "--output", metavar="FILE", type=click.Path(path_type=Path), help="Write the JSON there, too.")
@chart_option
@head_option
@as_json_option
@click.pass_context
def verdict_command(
    context: click.Context,
    *,
    record: Path,
    rulebook: str | None,
    account: str | None,
    layout: str,
    output: Path | None,
    chart: Path | None,
    head: str | None,
    as_json: bool,
) -> None:
    """Hold the deleveraging that a venue reported in RUN, an import, against its published rule.

    Each fill is held against what the rule takes next from the accounts as they are reconstructed: from whom, how much,
    at which price. The answer names the first that departs, with what it cost; where an unknown balance or equal scores
    leave the rule a choice, it says so. Every other published ranking is held against the same fills.
    """
    if output is not None:
        check_new(output)
    check_chart(chart)
    run = opened(record, head)
    found = verdict_of(run, rulebook, account)
    document = verdict_document(found)
    if output is not None:
        write_new(output, document + b"\n")
    if chart is not None:
        from .charts import draw_verdict  # noqa: PLC0415 - matplotlib is only for who asks for a chart

        draw_verdict(chart, found)
    if as_json:
        print_json([document])
    elif layout == "md":
        print_text(markdown_of(title_of(found), verdict_sections(found), closing_of(run, "verdict")))
    else:
        print_sections(new_console(), title_of(found), verdict_sections(found))
    leave(context, run)
