"""Draws docs/options.md from the command line: python docs/draw_commands.py > docs/options.md."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterator

import click

from deleverage.__main__ import main

BEGINNING = """\
Every command with every option, as `--help` has them. Drawn from the code by `python docs/draw_commands.py`; a test
compares the two. [Commands and Python](commands.md) says what each is for, what a POINT is, and what exit codes are."""


def cell(text: str) -> str:
    """A text that may stand in a table."""
    return " ".join(text.split()).replace("|", "\\|")


def words_of(command: click.Command) -> Iterator[str]:
    """What a command says of itself, a paragraph each."""
    for paragraph in re.split(r"\n\s*\n", inspect.cleandoc(command.help or "")):
        yield ""
        yield cell(paragraph)


def taken_by(option: click.Option) -> str:
    """What follows the option; nothing after a flag."""
    if option.is_flag:
        return ""
    if isinstance(option.type, click.Choice) and option.metavar is None:
        return " or ".join(f"`{choice}`" for choice in option.type.choices)
    return option.metavar or "NUMBER"


def default_of(option: click.Option) -> str:
    """What an option is when it is not given, where `--help` says so."""
    if option.required:
        return "required"
    shown = option.show_default if isinstance(option.show_default, str) else option.default
    return f"{shown}" if option.show_default else ""


def options_of(command: click.Command) -> Iterator[str]:
    """The options of a command."""
    options = [one for one in command.params if isinstance(one, click.Option)]
    if not options:
        return
    yield from ("", "| option | does | without it |", "|---|---|---|")
    for one in options:
        names = ", ".join(f"`{name}`" for name in (*one.opts, *one.secondary_opts))
        yield f"| {f'{names} {cell(taken_by(one))}'.rstrip()} | {cell(one.help or '')} | {cell(default_of(one))} |"


def told(command: click.Command, name: str, depth: int, parent: click.Context) -> Iterator[str]:
    """A command, and those beneath it."""
    context = click.Context(command, parent=parent, info_name=name)
    pieces = " ".join(piece for piece in command.collect_usage_pieces(context) if piece != "[OPTIONS]")
    yield from ("", f"{'#' * depth} {name}", "", "```", f"{context.command_path} {pieces}".rstrip(), "```")
    yield from words_of(command)
    yield from options_of(command)
    if isinstance(command, click.Group):
        for each in command.list_commands(context):
            below = command.get_command(context, each)
            if below is not None:
                yield from told(below, each, depth + 1, context)


def page() -> Iterator[str]:
    """The whole page."""
    context = click.Context(main, info_name="deleverage")
    yield from ("# Commands and options", "", BEGINNING)
    yield from options_of(main)
    for name in main.list_commands(context):
        command = main.get_command(context, name)
        if command is not None:
            yield from told(command, name, 2, context)


if __name__ == "__main__":
    sys.stdout.write("\n".join(page()) + "\n")
