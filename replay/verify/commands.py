"""`deleverage verify` and `recover`: whether a record is sound and reproduces, and how a torn one is made whole."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import msgspec
from click.core import ParameterSource

from ...events.record import recover
from ...sim.console import new_console, print_line, print_rows
from ...sim.options import patience_option, plugins_option
from ...sim.patience import is_limited
from ...sim.progress import bar
from ...sim.terminal import print_document, print_text, printable, tell
from ..command_line import TORN, as_json_option, head_option, jobs_option_of, record_argument
from ..jobs import Jobs
from .checks import Verification
from .divergence_text import divergence_view, print_divergence
from .invariants_text import broken_told, invariant_rows
from .parts import judged_run
from .verification import verify

__all__ = ["recover_command", "verify_command"]

_UNSOUND, _IN_PART, _BROKEN = 1, 2, 4


@click.command("verify")
@record_argument
@click.option("--every", type=click.IntRange(min=1), metavar="N", help="Check the laws after every N events.")
@jobs_option_of(None, "Execute parts in N processes.  [default: one a core, of a long record]")
@click.option("--force", is_flag=True, help="Execute the handlers though other versions made the record.")
@click.option("--invariants", metavar="VENUE", help="Hold what this venue's rulebook claims against it.")
@head_option
@plugins_option
@patience_option
@as_json_option
@click.pass_context
def verify_command(
    context: click.Context,
    *,
    record: Path,
    every: int | None,
    jobs: Jobs,
    force: bool,
    invariants: str | None,
    head: str | None,
    plugins: tuple[Path, ...],
    as_json: bool,
) -> None:
    """Check RUN: every block, the head, the order of the events, the laws of the ledger, and every decision.

    The handlers are executed again from the recorded inputs, and every event that comes of it is compared, byte for
    byte. The exit code is 1 where something is not sound, 2 where not every decision could be executed again, because a
    plug-in is not at hand or something else is installed than what made the record.

    What the rulebook claims, as the run declared it or as --invariants names one, is held against every event that
    could break it. Where one is broken in a record that is sound, the exit code is 4.
    """
    chosen = None if context.get_parameter_source("jobs") is ParameterSource.DEFAULT and isinstance(jobs, int) else jobs
    _check_patience(chosen)
    with bar(100, "verifying", shown=not as_json, threaded=False) as advance:

        def watch(done: int, total: int) -> None:
            advance(100 * done // max(total, 1), f"{done:,} of {total:,}")

        found = verify(
            record, every, jobs=chosen, force=force, head=head, plugins=plugins, invariants=invariants, watch=watch
        )
    if as_json:
        print_document(_document(record, found))
    else:
        _print(record, found)
    for report in found.beside:
        tell(f"{report}")
    if found.fault is not None:
        tell(f"{record} is not sound: {found.fault.text}")
        context.exit(_UNSOUND)
    if found.refused is not None:
        tell(f"{record}: {found.refused}")
    if found.sound is None:
        context.exit(_IN_PART)
    if found.torn:
        tell(f"{found.warning}")
        context.exit(TORN)
    if found.broken:
        tell(f"{record}: {broken_told(found)}")
        context.exit(_BROKEN)


def _check_patience(jobs: Jobs | None) -> None:
    if jobs not in {None, 1} and is_limited():
        message = "--patience holds in one process; leave --jobs and --ray away."
        raise click.UsageError(message)


def _document(record: Path, found: Verification) -> dict[str, Any]:
    document: dict[str, Any] = msgspec.to_builtins(msgspec.structs.replace(found, divergence=None))
    if found.divergence is not None:
        document["divergence"] = divergence_view(judged_run(record), found.divergence)
    return document


def _print(record: Path, found: Verification) -> None:
    console, words = new_console(), {True: "ok", False: "BROKEN", None: "unknown"}
    sound = "sound" if found.reexecuted else "sound as far as it was checked"  # of an import there is no more
    verdict = {True: sound, False: "NOT SOUND", None: "CHECKED IN PART"}[found.sound]
    status = "torn" if found.torn else found.status
    print_line(console, f"{found.run}: {verdict}, {found.events:,} events, {status}", style="bold")
    print_rows(console, ((check.check, f"{words[check.ok]}: {check.text}") for check in found.checks))
    print_rows(console, invariant_rows(found))
    if found.divergence is not None:
        print_divergence(console, judged_run(record), found.divergence)


@click.command("recover")
@record_argument
@as_json_option
def recover_command(*, record: Path, as_json: bool) -> None:
    """Cut RUN, if it is torn, to its last good block and seal it; leave a sound record alone."""
    done = recover(record)
    if as_json:
        paths = {"path": str(done.path), "cut_file": None if done.cut_file is None else str(done.cut_file)}
        print_document({**msgspec.structs.asdict(done), **paths, "head": done.head.hex()})
    else:
        print_text(printable(str(done)))
