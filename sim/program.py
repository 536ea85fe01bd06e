"""Error handling and exit codes of a command line.

Whatever goes wrong is one line on stderr and an exit code: the error's own (`events/errors.py`), 2 for a wrong command
line, 130 after Ctrl-C (143 where SIGTERM and 129 where SIGHUP ended what was being recorded), 141 where the reader of
the output went away, 1 for anything else.

A group of commands given as a table, each imported when it is called: `--help` needs the table and nothing else.
"""

from __future__ import annotations

import atexit
import errno
import gc
import io
import os
import sys
import traceback
from collections.abc import Mapping
from contextlib import suppress
from importlib import import_module
from typing import Any, ClassVar, NamedTuple

import click

from ..events.errors import DeleverageError
from .terminal import printable_text, tell

__all__ = ["Entry", "LazyGroup", "Program"]

_FAULT, _USAGE, _INTERRUPTED, _NO_READER = 1, 2, 130, 141


class Program(click.Command):
    """A command, or with a group as second base a group, whose errors end as one line and an exit code."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Run the command line and leave with its exit code."""
        kwargs["standalone_mode"] = False
        atexit.register(gc.freeze)  # the process ends then, and walking all that was made once more frees nothing
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


class Entry(NamedTuple):
    """Where a command lives, as "module:function" relative to `LazyGroup.package`, and what it does, in one line."""

    home: str
    summary: str


class LazyGroup(click.Group):
    """Base of a group over `entries`, whose homes are relative to `package`."""

    entries: ClassVar[Mapping[str, Entry]]
    package: ClassVar[str]
    heading: ClassVar[str] = "Commands"

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, in the order of the table."""
        return list(self.entries)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command."""
        entry = self.entries.get(cmd_name)
        if entry is None:
            return None
        module, _, function = entry.home.partition(":")
        command = getattr(import_module(module, self.package), function)
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that the first argument names; a mistyped one is answered with the nearest."""
        if not args[0].startswith("-") and self.get_command(ctx, args[0]) is None:
            matches = import_module("difflib").get_close_matches(args[0], self.entries)
            nearest = f" The nearest is {matches[0]!r}." if matches else ""
            ctx.fail(f"No such command {args[0]!r}.{nearest}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The table, for `--help`."""
        with formatter.section(self.heading):
            formatter.write_dl([(name, entry.summary) for name, entry in self.entries.items()])
