"""`deleverage receipt` and `check`: an event proved to whoever has no record, and the proof checked.

1. A receipt is written whole or not at all, and never over a file that is there.
2. A head is asked for because a receipt proves nothing without one that came from elsewhere.
3. What is no receipt ends with 2, what is one and does not hold with 1.
"""

from __future__ import annotations

import os
from pathlib import Path

import click

from ...events.errors import QueryError, RecordDamagedError, RecordNotFoundError
from ...events.regular import check_new, write_new
from ...sim.console import new_console, print_line, print_rows
from ...sim.figures import count
from ...sim.options import plugins_option
from ...sim.terminal import print_document, print_text, tell
from ..command_line import JOBS_MOST, as_json_option, digits_of, head_option, leave, one_record, record_argument
from ..run import Run, open_run
from .check import check_receipt
from .file import encode_receipt, read_bytes
from .receipt import receipt_of
from .text import print_checked, print_written
from .view import checked_view, refused_view, written_view

__all__ = ["check_command", "receipt_command"]

_PATH = click.Path(path_type=Path)


def _check_report(path: Path, data: bytes, head: bytes, signer: Path, *, as_json: bool) -> None:
    from ..report.signing import check_signed  # noqa: PLC0415 - only for a signed report

    found = check_signed(data, head, signer)
    if as_json:
        print_document({"report": str(path), "head": head.hex(), "holds": True, "public_key": found.public_key})
        return
    report = found.report
    print_line(new_console(), f"{path}: the signature holds", style="bold")
    rows = [
        ("head", head.hex()),
        ("signed by", found.public_key),
        ("about", f"{report['scenario']}, {report['events']:,} events"),
    ]
    print_rows(new_console(), rows)


def _bytes_of(context: click.Context, option: click.Parameter, text: str | None) -> bytes | None:
    """32 bytes from 64 hexadecimal digits."""
    digits = digits_of(context, option, text)
    return None if digits is None else bytes.fromhex(digits)


@click.command("receipt")
@record_argument
@click.argument("seq", metavar="[SEQ]", required=False, type=click.IntRange(min=0))
@click.option("--account", metavar="NAME", help="Of several records of a venue, that with this account.")
@click.option("--everyone", is_flag=True, help="One for each position that was auto-deleveraged, into a folder.")
@click.option("-o", "--output", "path", required=True, metavar="FILE|DIR", type=_PATH, help="What to write, new.")
@click.option("--jobs", type=click.IntRange(1, JOBS_MOST), metavar="N", help="Processes for --everyone.")
@head_option
@plugins_option
@as_json_option
@click.pass_context
def receipt_command(
    context: click.Context,
    *,
    record: Path,
    seq: int | None,
    account: str | None,
    everyone: bool,
    path: Path,
    jobs: int | None,
    head: str | None,
    plugins: tuple[Path, ...],
    as_json: bool,
) -> None:
    """Write a receipt for event SEQ of RUN: a file that proves the event without the record.

    It has the chain of events down to SEQ with their proofs under the head of RUN and, for a position that was
    auto-deleveraged, the ranking with other accounts under pseudonyms. If a plug-in ranked them, it must be at hand.
    What was taken in from a venue's files has the file's hash and the row in place of a ranking.

    With --everyone there is one for each such position, named by the account and the event, in the folder DIR. Of a
    ranking of thousands each is some hundred kilobytes.
    """
    if everyone == (seq is not None) or (jobs is not None and not everyone):
        message = "give the number of one event, or --everyone (with --jobs, if you like); not both and not neither"
        raise QueryError(message)
    run = open_run(*one_record(record, head, account), plugins)
    if seq is None:
        _write_everyone(run, path, jobs or len(os.sched_getaffinity(0)), as_json=as_json)
    else:
        _write_one(run, seq, path, as_json=as_json)
    leave(context, run)


def _write_one(run: Run, seq: int, path: Path, *, as_json: bool) -> None:
    check_new(path)
    receipt = receipt_of(run, seq)
    data = encode_receipt(receipt)
    write_new(path, data)
    written = written_view(path, receipt, len(data))
    if as_json:
        print_document(written)
    else:
        print_written(new_console(), written)


def _write_everyone(run: Run, path: Path, jobs: int, *, as_json: bool) -> None:
    from ...sim.progress import bar  # noqa: PLC0415
    from .everyone import write_receipts  # noqa: PLC0415 - a simulation is loaded only for whoever asks this

    with bar(None, "finding who was deleveraged", shown=not as_json) as advance:
        made = write_receipts(
            run, path, jobs=jobs, watch=lambda done, total: advance(done, f"{done:,} of {count(total, 'receipt')}")
        )
    if as_json:
        print_document({"receipts": str(path), "number": made.receipts, "bytes": made.size_bytes, "head": run.head})
    else:
        print_text(f"{path}: {count(made.receipts, 'receipt')}, {count(made.size_bytes, 'byte')} in all")


@click.command("check")
@click.argument("path", metavar="FILE", type=_PATH)
@click.option("--head", required=True, metavar="HEX", callback=_bytes_of, help="The head that the venue has published.")
@click.option("--key", metavar="HEX", callback=_bytes_of, help="The run key, to check this account's pseudonym.")
@click.option("--signer", metavar="KEY", type=_PATH, help="Whose signature of a report: the public key (PEM).")
@as_json_option
@click.pass_context
def check_command(
    context: click.Context, *, path: Path, head: bytes, key: bytes | None, signer: Path | None, as_json: bool
) -> None:
    """Check the receipt in FILE, without the record, under a published head; or a signed report, with --signer.

    A receipt proves nothing without the head, and the head in FILE is only what FILE says: take it from the venue. No
    plug-in is ever executed for it. Of a report the signature is checked, which says who stands behind it; what it
    says is checked against the record (`deleverage verify`, `deleverage report`).
    """
    data = read_bytes(path)
    try:
        if signer is not None:
            _check_report(path, data, head, signer, as_json=as_json)
            return
        checked = check_receipt(data, head, key)
    except RecordDamagedError as error:
        if as_json:
            print_document(refused_view(path, head, str(error)))
        tell(f"{path} does not hold: {error}")
        context.exit(error.exit_code)
    except (QueryError, RecordNotFoundError) as error:
        message = f"{path}: {error}"
        raise type(error)(message) from error
    if as_json:
        print_document(checked_view(path, checked))
    else:
        print_checked(new_console(), path, checked)
