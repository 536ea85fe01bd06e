"""`deleverage fork`: the same past, something changed, the remaining inputs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from ...events.errors import QueryError
from ...events.ledger import LedgerState
from ...events.ledger.ordering import RECORDED
from ...sim.console import new_console, print_line, print_rows
from ...sim.options import patience_option, plugins_option
from ...sim.progress import bar
from ...sim.terminal import print_document
from ...sim.units import format_time_ns
from ..command_line import as_json_option, head_option, leave, record_argument, tell_differences
from ..run import Run, open_run
from .changes import Changes, Deposit, OutsideTrade
from .fork import ForkResult, fork

__all__ = ["fork_command"]

_TIME_OF_DAY = slice(11, 19)


@click.command("fork")
@record_argument
@click.option("--at", "point", metavar="POINT", required=True, help="After this event, or after this time.")
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="Another policy, figure or fund balance.")
@click.option(
    "--deposit", "deposits", multiple=True, metavar="ACCOUNT=AMOUNT", help="Money in, or 5 ASSET; negative: out."
)
@click.option(
    "--trade", "trades", multiple=True, metavar="ACCOUNT:INSTRUMENT=SIZE", help="A trade at the mark; negative sells."
)
@click.option(
    "--fault", "faults", multiple=True, metavar="FAULT", help="A fault from there on, such as 'outage for=5m'."
)
@click.option("--remove", "removed", multiple=True, type=int, metavar="SEQ", help="Take this input away.")
@click.option(
    "--order",
    default=RECORDED,
    show_default=True,
    metavar="ORDER",
    help="What may come in any order comes in this: a KEY, or choices as `fair` prints them.",
)
@click.option("-o", "--output", type=click.Path(path_type=Path), metavar="RUN", help="Write the child's record there.")
@head_option
@plugins_option
@patience_option
@as_json_option
@click.pass_context
def fork_command(
    context: click.Context,
    *,
    record: Path,
    point: str,
    settings: tuple[str, ...],
    deposits: tuple[str, ...],
    trades: tuple[str, ...],
    faults: tuple[str, ...],
    removed: tuple[int, ...],
    order: str,
    output: Path | None,
    head: str | None,
    plugins: tuple[Path, ...],
    as_json: bool,
) -> None:
    """Take RUN up again after POINT with something changed, and record what then happens.

    The past up to there is shared with RUN, not copied. Each option may be repeated. Without any of --set, --deposit,
    --trade, --fault, --remove and --order the future is the same, byte for byte. `deleverage diff` tells what became of
    the rest.

    The handlers of RUN are executed: its plug-ins must be at hand (--plugins), with the content that is recorded. A
    policy in --set is named by you, and looked for in the working directory and in --plugins.

    A FAULT is its kind and its figures, as in a scenario's [[faults]] without the ending _ns: 'outage for=5m',
    'gateway for=2m delay=500ms from=30s', 'oracle-wrong for=1m offset_bps=-500'. Its times count from POINT.

    A POINT is an event's number (77241), a time (2025-10-10T21:16:04.831Z) or an offset from the start (+00:12:03.5).
    """
    run = open_run(record, head, plugins)
    after_seq = run.last_seq(point)
    changes = Changes(settings, _deposits(run, deposits), _trades(run, trades, after_seq), removed, faults, order)
    with bar(run.count, "taking the run up again", shown=not as_json) as advance:

        def progress(seq: int, at_ns: int) -> None:
            advance(seq, f"{seq:,} events {format_time_ns(at_ns)[_TIME_OF_DAY]}")

        result = fork(run, after_seq, changes, output, progress=progress)
    document = _document(run, result, changes)
    if as_json:
        print_document(document)
    else:
        _print(run, result, changes)
    tell_differences(run)
    leave(context, run)


def _deposits(run: Run, given: tuple[str, ...]) -> tuple[Deposit, ...]:
    """`ACCOUNT=AMOUNT` in the asset of the account, or `ACCOUNT=AMOUNT ASSET` in another one."""
    found = []
    for text in given:
        name, written = _split(text, "--deposit", "trader-7=250.5")
        amount, _, asset = written.partition(" ")
        found.append(Deposit.of(run.directory, name, amount, asset or None))
    return tuple(found)


def _trades(run: Run, given: tuple[str, ...], after_seq: int) -> tuple[OutsideTrade, ...]:
    """`ACCOUNT:INSTRUMENT=SIZE` in units, on the leg that the account holds at the fork."""
    if not given:
        return ()
    ledger = run.at(seq=after_seq)
    return tuple(_trade_of(run, ledger, text) for text in given)


def _trade_of(run: Run, ledger: LedgerState, text: str) -> OutsideTrade:
    what, size = _split(text, "--trade", "trader-7:BTC-PERP=-0.25")
    name, _, instrument = what.rpartition(":")
    return OutsideTrade.of(run.directory, ledger, name, instrument, size)


def _split(text: str, option: str, example: str) -> tuple[str, str]:
    key, equals, value = text.rpartition("=")
    if not (equals and key and value):
        message = f"{option} {text!r}: write it like {example}"
        raise QueryError(message)
    return key, value.replace("_", "")


def _document(run: Run, result: ForkResult, changes: Changes) -> dict[str, Any]:
    """What `fork --json` prints; its names are stable."""
    return {
        "run": None if result.path is None else str(result.path),
        "parent": str(run.path),
        "parent_head": run.head,
        "shared_events": result.boundary,
        "changes": [list(change) for change in changes.described(result.ledger)],
        "status": result.status,
        "events": result.events,
        "head": result.head,
        "same_future": result.head == run.head,
    }


def _print(run: Run, result: ForkResult, changes: Changes) -> None:
    console = new_console()
    print_line(console, f"{run.path}, forked after event {result.boundary - 1}: {result.status}", style="bold")
    told = changes.described(result.ledger)
    own, theirs = result.events - result.boundary, run.count - result.boundary
    print_rows(console, [("changed", f"{key} = {value}") for key, value in told] or [("changed", "nothing")])
    print_rows(
        console,
        [
            ("shared", f"{result.boundary:,} events"),
            (
                "own",
                f"{own:,} events; the parent goes on for {theirs:,}",
            ),
            ("record", "none; give -o RUN to keep it" if result.path is None else str(result.path)),
            ("head", result.head + (", the parent's" if result.head == run.head else "")),
        ],
    )
    if result.path is not None and result.head != run.head:
        print_rows(console, [("next", f"deleverage diff {run.path} {result.path}")])
