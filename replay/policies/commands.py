"""`deleverage policies` and `deleverage new-policy`."""

from __future__ import annotations

from pathlib import Path

import click
import msgspec

from ...events.errors import QueryError
from ...handlers.plugins.rooms import INPUT_ROOMS
from ...handlers.registry import SLOTS
from ...sim.console import new_console, print_line
from ...sim.options import plugins_option
from ...sim.terminal import print_document
from ..command_line import as_json_option
from ..directory import nearest
from .listing import Listed, listed
from .new_policy import written
from .text import print_policies

__all__ = ["new_policy_command", "policies_command"]


@click.command("policies")
@click.argument("names", metavar="[SLOT|POLICY]...", nargs=-1)
@plugins_option
@as_json_option
def policies_command(*, names: tuple[str, ...], plugins: tuple[Path, ...], as_json: bool) -> None:
    """List the policies that a scenario, a --set or a rulebook can name, all or those of a SLOT or of a name.

    Besides the builtin ones there are installed entry points of the group deleverage.policies, and files: those in
    --plugins DIR and those that are named here are loaded, others in the working directory only read.
    """
    found = listed(names, plugins)
    for name in names:
        known = dict.fromkeys(text for one in found for text in (one.slot, one.policy))
        if name not in known:
            message = f"there is no slot and no policy {name!r}{nearest(name, known)}"
            raise QueryError(message)
    chosen = [one for one in found if not names or one.slot in names or one.policy in names]
    if as_json:
        print_document({"policies": [_document(one) for one in chosen]})
    else:
        print_policies(new_console(), chosen)


def _document(one: Listed) -> dict[str, object]:
    """The names are those of `Listed` and stable; `fault` is there only where the policy cannot be used."""
    document: dict[str, object] = msgspec.to_builtins(one)
    if not one.fault:
        del document["fault"]
    return document


@click.command("new-policy")
@click.argument("slot", type=click.Choice([*SLOTS, *INPUT_ROOMS]))
@click.argument("name")
@click.option("-o", "--output", type=click.Path(path_type=Path), default=Path(), metavar="DIR", help="Write it there.")
def new_policy_command(*, slot: str, name: str, output: Path) -> None:
    """Write a commented policy called NAME for a SLOT, and its test, which passes as written.

    For `adl` it is a ranking policy, for most other slots a whole handler; `prices`, `depth` and `population` are where
    a run's inputs come from. Nothing is ever written over.
    """
    policy, test = written(slot, name, output)
    console = new_console()
    print_line(console, f"wrote {policy.file} and {test}")
    print_line(console, f"test it   pytest {test}")
    print_line(console, f"use it    {_use(slot, f'{policy.file}:{policy.kind}')}")


def _use(slot: str, named: str) -> str:
    """How it is put into a run."""
    if slot == "actor":
        return f"in a living scenario: actor.policy = {named!r}, and [[actors]] with the name and balance of its group"
    setting = f"'{slot}={{source=\"{named}\"}}'" if slot in INPUT_ROOMS else f"{slot}.policy={named}"
    return f"deleverage run flash-crash --set {setting}"
