"""`deleverage receipt` and `check`: an event proved to whoever has no record, and the proof checked.

1. A receipt is written whole or not at all, and never over a file that is there.
2. A head is asked for because a receipt proves nothing without one that came from elsewhere.
3. What is no receipt ends with 2, what is one and does not hold with 1.
"""

from __future__ import annotations

from pathlib import Path

import click

from ...events.errors import QueryError, RecordDamagedError, RecordNotFoundError
from ...sim.console import new_console
from ...sim.options import plugins_option
from ...sim.terminal import print_document, tell
from ..command_line import as_json_option, digits_of, head_option, leave, record_argument
from ..run import open_run
from .check import check_receipt
from .file import check_new, encode_receipt, read_bytes, write_new
from .receipt import receipt_of
from .text import print_checked, print_written
from .view import checked_view, refused_view, written_view

__all__ = ["check_command", "receipt_command"]

_PATH = click.Path(path_type=Path)


def _bytes_of(context: click.Context, option: click.Parameter, text: str | None) -> bytes | None:
    """32 bytes from 64 hexadecimal digits."""
    digits = digits_of(context, option, text)
    return None if digits is None else bytes.fromhex(digits)


@click.command("receipt")
@record_argument
@click.argument("seq", metavar="SEQ", type=click.IntRange(min=0))
@click.option("-o", "--output", "path", required=True, metavar="FILE", type=_PATH, help="The file to write, a new one.")
@head_option
@plugins_option
@as_json_option
@click.pass_context
def receipt_command(
    context: click.Context,
    *,
    record: Path,
    seq: int,
    path: Path,
    head: str | None,
    plugins: tuple[Path, ...],
    as_json: bool,
) -> None:
    """Write a receipt for event SEQ of RUN: a file that proves the event without the record.

    It has the chain of events down to SEQ with their proofs under the head of RUN and, for a position that was
    auto-deleveraged, the ranking with other accounts under pseudonyms. If a plug-in ranked them, it must be at hand.
    """
    check_new(path)
    run = open_run(record, head, plugins)
    receipt = receipt_of(run, seq)
    data = encode_receipt(receipt)
    write_new(path, data)
    written = written_view(path, receipt, len(data))
    if as_json:
        print_document(written)
    else:
        print_written(new_console(), written)
    leave(context, run)


@click.command("check")
@click.argument("path", metavar="FILE", type=_PATH)
@click.option("--head", required=True, metavar="HEX", callback=_bytes_of, help="The head that the venue has published.")
@click.option("--key", metavar="HEX", callback=_bytes_of, help="The run key, to check this account's pseudonym.")
@as_json_option
@click.pass_context
def check_command(context: click.Context, *, path: Path, head: bytes, key: bytes | None, as_json: bool) -> None:
    """Check the receipt in FILE, without the record, under a published head.

    A receipt proves nothing without the head, and the head in FILE is only what FILE says: take it from the venue. No
    plug-in is ever executed for it.
    """
    data = read_bytes(path)
    try:
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
