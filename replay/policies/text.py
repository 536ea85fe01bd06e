"""The policies as text for people: slot by slot, each with what it does and what can be set."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from rich.console import Console

from ...sim.console import print_line, print_rows
from ...sim.figures import duration
from .listing import Listed, Parameter

__all__ = ["print_policies"]

_LABEL_WIDTH = 12
_VERSION_LONGEST = 40


def print_policies(console: Console, policies: Sequence[Listed]) -> None:
    """All of them; they come slot by slot but for the plug-ins, which are put where they belong."""
    order = list(dict.fromkeys(one.slot for one in policies))
    together = sorted(policies, key=lambda one: order.index(one.slot))
    for place, (slot, group) in enumerate(groupby(together, key=lambda one: one.slot)):
        if place:
            print_line(console)
        print_line(console, slot or "(no slot)", style="bold underline")
        for one in group:
            _print_policy(console, one)


def _print_policy(console: Console, one: Listed) -> None:
    print_line(console, one.policy + (" (default)" if one.default else ""), style="bold")
    set_with = ", ".join(f"{parameter.name} = {_default(parameter)}" for parameter in one.parameters)
    rows = (
        ("  does", one.does),
        ("  formula", one.formula),
        ("  rule", one.rule),
        ("  source", one.source),
        ("  parameters", set_with),
        ("  version", _version(one.version) if "+" in one.version else ""),
        ("  origin", one.origin),
        ("  fault", one.fault),
    )
    print_rows(console, (row for row in rows if row[1]), label_width=_LABEL_WIDTH)


def _version(version: str) -> str:
    """With as much of the content's hash as fits a line; --json has all of it."""
    return version if len(version) <= _VERSION_LONGEST else f"{version[:_VERSION_LONGEST]}..."


def _default(parameter: Parameter) -> str:
    """As it would be written; times with their units, "none" where it is left out."""
    default = parameter.default
    if default is None:
        return "none"
    return duration(default) if parameter.name.endswith("_ns") and isinstance(default, int) else str(default)
