"""Error handling and exit codes of a command line.

Whatever goes wrong is one line on stderr and an exit code: the error's own (`events/errors.py`), 2 for a wrong command
line, 130 after Ctrl-C (143 where SIGTERM and 129 where SIGHUP ended what was being recorded), 141 where the reader of
the output went away, 1 for anything else.
"""

from __future__ import annotations

import errno
import io
import os
import sys
import traceback
from contextlib import suppress
from typing import Any

import click

from ..events.errors import DeleverageError
from .terminal import printable_text, tell

__all__ = ["Program"]

_FAULT, _USAGE, _INTERRUPTED, _NO_READER = 1, 2, 130, 141


class Program(click.Command):
    """A command, or with a group as second base a group, whose errors end as one line and an exit code."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Run the command line and leave with its exit code."""
        kwargs["standalone_mode"] = False
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(errors="backslashreplace")  # a name that the terminal cannot show stops nothing
        try:
            code = super().main(*args, **kwargs)
        except click.ClickException as error:
            code = _say_usage(error)
        except click.Abort:
            code = _say("interrupted", _INTERRUPTED)
        except OSError as error:
            code = _say_error(error)
        sys.exit(code if isinstance(code, int) else 0)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command, and turn what it raises into an exit code."""
        try:
            try:
                return super().invoke(ctx)
            finally:
                sys.stdout.flush()
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except KeyboardInterrupt as error:
            ctx.exit(_say("interrupted", getattr(error, "exit_code", _INTERRUPTED)))
        except Exception as error:  # noqa: BLE001 - the last place where a fault can be put into words
            if ctx.params.get("debug"):
                click.echo(printable_text(traceback.format_exc()), err=True)
            ctx.exit(_say_error(error))


def _say(message: str, code: int) -> int:
    """One line on stderr, and the exit code that goes with it."""
    tell(message)
    return code


def _say_usage(error: click.ClickException) -> int:
    context = error.ctx if isinstance(error, click.UsageError) else None
    path = context.command_path if context is not None else "deleverage"
    return _say(f"{error.format_message()} See '{path} --help'.", _USAGE)


def _say_error(error: Exception) -> int:
    if isinstance(error, DeleverageError):
        return _say(str(error), error.exit_code)
    if isinstance(error, BrokenPipeError):
        _let_go_of_stdout()
        return _NO_READER
    if isinstance(error, OSError):
        _let_go_of_stdout()
        return _say(f"the system refused: {error}", _USAGE if error.errno == errno.ENAMETOOLONG else _FAULT)
    fault = f"{type(error).__name__}: {error}"
    return _say(f"a fault of deleverage itself, {fault}; `deleverage --debug ...` shows the traceback", _FAULT)


def _let_go_of_stdout() -> None:
    """Nobody takes what is still buffered; without this Python would complain again on its way out."""
    with suppress(io.UnsupportedOperation):  # not a file but a test's buffer
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
