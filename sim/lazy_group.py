"""A group of commands given as a table, each imported when it is called: `--help` needs the table and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import ClassVar, NamedTuple

import click

__all__ = ["Entry", "LazyGroup"]


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
        if args[0] not in self.entries and not args[0].startswith("-"):
            matches = import_module("difflib").get_close_matches(args[0], self.entries)
            nearest = f" The nearest is {matches[0]!r}." if matches else ""
            ctx.fail(f"No such command {args[0]!r}.{nearest}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The table, for `--help`."""
        with formatter.section(self.heading):
            formatter.write_dl([(name, entry.summary) for name, entry in self.entries.items()])
