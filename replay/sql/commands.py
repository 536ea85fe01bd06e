"""`deleverage sql`: a record asked in SQL."""

from __future__ import annotations

from pathlib import Path

import click

from ...sim.console import new_console
from ...sim.terminal import print_json, print_lines
from ..command_line import as_json_option, head_option, leave, opened_all, record_argument
from .ask import ask, names_grounds
from .database import database_of
from .text import csv_lines, json_lines, print_answer

__all__ = ["sql_command"]


@click.command("sql")
@record_argument
@click.argument("question", metavar="SQL")
@click.option(
    "--format",
    "layout",
    type=click.Choice(("table", "csv", "json")),
    default="table",
    show_default=True,
    help="json: a row a line, as --json.",
)
@click.option("--at", "points", multiple=True, metavar="POINT", help="The states then, not at the end; repeatable.")
@head_option
@as_json_option
@click.pass_context
def sql_command(
    context: click.Context,
    *,
    record: Path,
    question: str,
    layout: str,
    points: tuple[str, ...],
    head: str | None,
    as_json: bool,
) -> None:
    """Ask RUN a question in SQL, as DuckDB has it.

    There is a table for each type of event (MarkPriced, LiquidationFilled, PositionDeleveraged, ...), `events` with
    what all of them have, and the states: accounts, positions, marks, funds, orders, rankings, rounds. The first
    question writes them beside RUN, once; `DESCRIBE PositionDeleveraged` and `SHOW TABLES` tell them. `grounds`,
    the events that each decision rests on, is made for the first question that names it, at some 0.1 ms a decision. Of
    the shards of a venue each table has the rows of all, with their `shard`.

    A POINT is an event's number (77241), a time (21:16, 2025-10-10 21:16:04.831) or an offset from the start (+10m).
    """
    runs = opened_all(record, head)
    with database_of(runs, points, grounds=names_grounds(question)) as connection:
        answered = ask(connection, question)
        if as_json or layout == "json":
            print_json(json_lines(answered))
        elif layout == "csv":
            print_lines(csv_lines(answered))
        else:
            print_answer(new_console(), answered)
    leave(context, runs[0])
