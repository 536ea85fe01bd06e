"""Draws docs/rulebooks.md from the policies and the rulebooks: python docs/draw_rulebooks.py > docs/rulebooks.md."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from html import escape
from importlib import resources

from deleverage.handlers.invariants.declared import INVARIANTS, claims_in
from deleverage.handlers.registry import SLOTS
from deleverage.replay.policies.listing import Listed, listed
from deleverage.sim.rulebooks import bundled_venues, rulebook

BEGINNING = """\
A rulebook is a venue's choice of a policy for each slot, with its parameters: `venue = "binance"` in a scenario, or
`--set venue=binance`. A scenario overrides any key. [What each venue does](venues.md) tells it in prose. Drawn from
the code by `python docs/draw_rulebooks.py`; a test compares the two. `deleverage policies` prints the same, with
plug-ins."""

Line = tuple[str, str, str]


def cell(text: str) -> str:
    """A text that may stand in a table, where a bar separates columns."""
    return text.replace("|", "\\|")


def code(text: str) -> str:
    """The same as code. A bar within backticks is not read alike on the site and in the repository; an entity is."""
    if "|" in text:
        return f"<code>{escape(text).replace('|', '&#124;')}</code>"
    return f"`{text}`" if text else ""


def parameters_of(one: Listed) -> str:
    """The parameters of a policy with what they are without a scenario."""
    return ", ".join(f"`{each.name}` = {each.default}" for each in one.parameters)


def policies() -> Iterator[str]:
    """Every builtin policy, slot by slot."""
    builtin = [one for one in listed((), ()) if one.origin == "builtin"]
    for slot in SLOTS:
        yield from ("", f"### {slot}", "")
        yield "| policy | does | rule | source | parameters |"
        yield "|---|---|---|---|---|"
        for one in builtin:
            if one.slot == slot:
                rule = code(one.formula or one.rule)
                does = cell(one.does)
                yield f"| `{one.policy}` | {does} | {rule} | {cell(one.source)} | {cell(parameters_of(one))} |"


def read(venue: str) -> tuple[list[str], list[Line]]:
    """What a rulebook says at its top, and each of its lines: key, value, and why."""
    text = resources.files("deleverage.handlers.venues").joinpath(f"{venue}.toml").read_text(encoding="utf-8")
    begun, lines, slot = list[str](), list[Line](), ""
    for line in text.splitlines():
        if line.startswith("["):
            slot = line.strip("[]")
        elif line.startswith("#") and not slot:
            begun.append(line.removeprefix("#").strip())
        elif "=" in line and not line.startswith("#"):
            stated, _, why = line.partition("#")
            key, _, value = stated.partition("=")
            lines.append((f"{slot}.{key.strip()}", value.strip(), why.strip()))
    return begun, lines


def rulebooks() -> Iterator[str]:
    """Every rulebook, figure by figure."""
    for venue in bundled_venues():
        begun, lines = read(venue)
        yield from ("", f"### {venue}", "", *begun, "")
        yield "| key | value | source, or why |"
        yield "|---|---|---|"
        for key, value, why in lines:
            yield f"| `{key}` | {code(value)} | {cell(why)} |"


def claims() -> Iterator[str]:
    """What can be claimed, how it is compared, and which venue claims it, with its source."""
    declared = {venue: claims_in(rulebook(venue).get("invariants", {})) for venue in bundled_venues()}
    yield "| invariant | what is compared | claimed by |"
    yield "|---|---|---|"
    for one in INVARIANTS:
        claimed = [f"{venue}: {table[one.name]}" for venue, table in declared.items() if one.name in table]
        yield f"| {one.name} | {code(one.rule)} | {cell('; '.join(claimed)) or 'nobody'} |"


def page() -> Iterator[str]:
    """The whole page."""
    yield "# Rulebooks and policies"
    yield ""
    yield BEGINNING
    yield ""
    yield "## Policies"
    yield from policies()
    yield ""
    yield "## Invariants"
    yield ""
    yield "What venues claim always holds ([Invariants](concepts/invariants.md)). Who is not named does not claim it."
    yield ""
    yield from claims()
    yield ""
    yield "## Rulebooks"
    yield from rulebooks()


if __name__ == "__main__":
    sys.stdout.write("\n".join(page()) + "\n")
