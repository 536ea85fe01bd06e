"""A split for people: a table an instrument, the parts as signed moves that sum to the move, as they are printed.

Columns are rounded so that each sums to its last row: down, then up where the remainder is largest.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction

from rich.console import Console

from ...sim.console import print_line, print_rows, print_table
from ...sim.figures import count, percent, price
from ...sim.units import divide_half_even, format_time_ns
from ..run import Run
from .shapley import rounded_parts
from .split import Contagion, Split, SplitInstrument

__all__ = ["amplification", "combination", "print_split", "printed_parts"]

_HUNDREDTHS = 10_000
"""Of a percent, in one."""
_NAMED_MOST = 5
"""Accounts that are named; `--json` names all."""


def print_split(console: Console, run: Run, found: Split) -> None:
    """All tables, then what they rest on."""
    for one in found.instruments:
        _print_instrument(console, run, found, one)
        print_line(console)
    combinations = count(found.forks + 1, "combination")
    rows = [
        ("forks", f"{count(found.forks, 'fork')} executed from the first price on, and the run itself: {combinations}"),
        ("low" if found.at == "low" else "at", _at_told(found)),
        *(("switched off", f"{switch.name}: {', '.join(switch.settings)}") for switch in found.switches),
        ("head", run.head),
    ]
    print_rows(console, rows, label_width=max(len(label) for label, _ in rows))


def _at_told(found: Split) -> str:
    if found.at in ("low", "high"):
        return f"each fork's own {'lowest' if found.at == 'low' else 'highest'} price, whenever that is"
    assert type(found.at) is int
    return f"the price at the end of {format_time_ns(found.at)} in each fork"


def _print_instrument(console: Console, run: Run, found: Split, one: SplitInstrument) -> None:
    listing = run.directory.instruments[one.instrument]
    columns = printed_parts(one)
    print_table(
        console,
        (one.name, "move", "price", "share"),
        [
            ("first", "", price(one.first_ticks, listing), ""),
            *(
                (name, _percent(moved), _signed(price(ticks, listing)), "" if share is None else _percent(share))
                for name, (ticks, moved, share) in zip(one.names, columns, strict=True)
            ),
            (
                "moved",
                percent(one.moved_ticks, one.first_ticks),
                _signed(price(one.moved_ticks, listing)),
                _percent(_HUNDREDTHS) if one.moved_ticks else "",
            ),
            (found.at if isinstance(found.at, str) else "then", "", price(one.ticks, listing), ""),
        ],
    )
    rows = [("exact", _exact_told(one)), ("at", format_time_ns(one.at_ns))]
    times = amplification(one)
    if times is not None:
        hundredths = divide_half_even(times.numerator * 100, times.denominator)
        whose = f"the {one.base}" if one.base == "outside" else one.base
        rows.insert(0, ("amplified", f"{hundredths // 100:,}.{hundredths % 100:02d} times the move of {whose}"))
    if one.contagion is not None:
        until = "in the whole run" if isinstance(found.at, str) else "by then"
        rows += [("contagion", text) for text in _contagion_told(one.contagion, until)]
    print_rows(console, rows)
    print_line(console)
    combinations = [
        (", ".join(combination(one, number)) or "nothing", percent(ticks, one.first_ticks))
        for number, ticks in enumerate(one.values_ticks)
    ]
    print_table(console, ("with only", "move"), combinations)


def combination(one: SplitInstrument, number: int) -> list[str]:
    """What is switched on in a combination."""
    return [switch.name for place, switch in enumerate(one.switches) if number >> place & 1]


def printed_parts(one: SplitInstrument) -> list[tuple[int, int, int | None]]:
    """(ticks, hundredths of a percent of the first price, and of the whole move) of each part, each column rounded.

    None for a share of no move.
    """
    exact, moved, first = one.exact, one.moved_ticks, one.first_ticks
    ticks = rounded_parts(exact, moved)
    percents = rounded_parts(
        (part * _HUNDREDTHS / first for part in exact), divide_half_even(moved * _HUNDREDTHS, first)
    )
    if not moved:
        return [(own, of_first, None) for own, of_first in zip(ticks, percents, strict=True)]
    shares = rounded_parts((part * _HUNDREDTHS / moved for part in exact), _HUNDREDTHS)
    return list(zip(ticks, percents, shares, strict=True))


def amplification(one: SplitInstrument) -> Fraction | None:
    """The move over that of the outside; None where the outside moved not at all or the other way."""
    outside_ticks = one.values_ticks[0]
    return Fraction(one.moved_ticks, outside_ticks) if one.moved_ticks * outside_ticks > 0 else None


def _exact_told(one: SplitInstrument) -> str:
    parts = " ".join(f"{part:+,}" for part in one.parts)
    whole = f"{sum(one.parts):+,}"
    if one.denominator == 1:
        return f"{parts} = {whole} ticks"
    return f"{parts} = {whole}, each over {one.denominator:,}: {one.moved_ticks:+,} ticks"


def _contagion_told(found: Contagion, until: str) -> Iterator[str]:
    """How many were liquidated because of another venue's forced orders, and who; and who only without these."""
    nobody = f"the fork without liquidations at {', '.join(found.sources)}"
    liquidated = f"{count(found.liquidated, 'account')} liquidated at {found.venue} {until}"
    yield f"of {liquidated}, {len(found.because):,} were not in {nobody}{_who(found.because)}"
    if found.spared:
        yield f"{count(len(found.spared), 'other')} were liquidated at {found.venue} in that fork{_who(found.spared)}"


def _who(names: Sequence[str]) -> str:
    """The first of them, after a colon."""
    more = f" and {len(names) - _NAMED_MOST:,} more" if names[_NAMED_MOST:] else ""
    return f": {', '.join(names[:_NAMED_MOST])}{more}" if names else ""


def _percent(hundredths: int) -> str:
    return percent(hundredths, _HUNDREDTHS)


def _signed(text: str) -> str:
    return text if text.startswith("-") else f"+{text}"
