"""Where two runs begin to differ, for a person: who decided otherwise how often, and the decisions that matter most."""

from __future__ import annotations

from rich.console import Console

from ...sim.console import print_line, print_rows, print_table
from ...sim.figures import count
from ...sim.units import format_time_ns
from .difference import Difference
from .shown import OriginShown, by_slot, shown

__all__ = ["print_origins"]

_LABEL_WIDTH = 3
_CHANGES_MOST = 3
_EXPLAINED = (
    "These are decisions that came out otherwise although they answer the same event: because the rule is another (*) "
    "or the state is. What follows was caused by them."
)


def print_origins(console: Console, difference: Difference, top: int) -> None:
    """A table of who decided otherwise, and `top` origins in words."""
    ruled = {rule.key.partition(".")[0] for rule in difference.rules}
    print_line(console)
    header = ("where it begins", "times", "differing", "following")
    sums = by_slot(difference.origins)
    print_table(console, header, [_row(one.slot, ruled, one.origins, one.differing, one.following) for one in sums])
    print_rows(console, [("", _EXPLAINED)], label_width=0)
    found = shown(difference, top)
    if found:
        print_line(console)
        print_line(console, "the first and the largest of these, in the order of time", style="bold")
    print_rows(console, ((f"{number}.", _told(one)) for number, one in enumerate(found, 1)), label_width=_LABEL_WIDTH)


def _row(slot: str | None, ruled: set[str], *numbers: int) -> tuple[str, ...]:
    name = "inputs, rules" if slot is None else slot or "unknown"
    return name + " *" * (name in ruled), *(f"{number:,}" for number in numbers)


def _told(one: OriginShown) -> str:
    """One origin: when, who, in answer to what; the first of its events; how much differs."""
    origin = one.origin
    about = " ".join([one.kind.__name__, *_about(one)])
    numbers = f"differing there {origin.differing:,}, following {origin.following:,}"
    return f"{format_time_ns(origin.at_ns)} {_who(one)}: {about} {_what(one)}; {numbers}"


def _about(one: OriginShown) -> list[str]:
    names = (one.account, one.instrument)
    return [name for name in names if name is not None]


def _who(one: OriginShown) -> str:
    origin = one.origin
    if origin.slot is None:
        return "input"
    b = "" if origin.cause_a == origin.cause_b else f" ({origin.cause_b} in B)"
    return f"{origin.slot or 'unknown'} on {one.cause_type} {origin.cause_a}{b}"


def _what(one: OriginShown) -> str:
    """Which event it is and what became of it."""
    origin = one.origin
    if one.what == "only_a":
        return f"only in A ({origin.seq_a})"
    if one.what == "only_b":
        return f"only in B ({origin.seq_b})"
    told = [f"{change.field} {change.a_text} in A, {change.b_text} in B" for change in one.changes[:_CHANGES_MOST]]
    if len(one.changes) > _CHANGES_MOST:
        told.append(count(len(one.changes) - _CHANGES_MOST, "more field"))
    return f"changed ({origin.seq_a}): {'; '.join(told)}"
