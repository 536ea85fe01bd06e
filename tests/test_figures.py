"""Figures, bars and lines for people."""

from __future__ import annotations

import io
import signal
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deleverage.events.bodies.listing import AssetListed, InstrumentListed
from deleverage.sim.console import bars_for, new_console, print_line, print_rows, print_table
from deleverage.sim.figures import count, duration, exact_money, percent, price, rounded_money, size
from deleverage.sim.interrupt import Interrupt
from deleverage.sim.sparkline import ASCII_BARS, UNICODE_BARS, sparkline

from .support.venue import listed

USDT, YEN = AssetListed(0, "USDT", 6), AssetListed(1, "YEN", 0)


def listing(tick_size: str, lot_size: str) -> InstrumentListed:
    """An instrument with these scales."""
    plain = listed()
    fields = {name: getattr(plain, name) for name in plain.__struct_fields__}
    return InstrumentListed(**(fields | {"tick_size": tick_size, "lot_size": lot_size}))


@pytest.mark.parametrize(
    ("told", "text"),
    [
        (exact_money(1_234_567_890_123, USDT), "1,234,567.890123"),
        (exact_money(-1, USDT), "-0.000001"),
        (exact_money(1_234, YEN), "1,234"),
        (rounded_money(1_234_567_895_000, USDT), "1,234,567.90"),
        (rounded_money(5_000, USDT), "0.00"),
        (rounded_money(15_000, USDT), "0.02"),
        (rounded_money(-15_000, USDT), "-0.02"),
        (rounded_money(1_234, YEN), "1,234"),
        (price(1_170_000, listing("0.1", "1")), "117,000.0"),
        (price(-5, listing("0.001", "1")), "-0.005"),
        (price(7, listing("10", "1")), "70"),
        (size(-12_345, listing("1", "0.01")), "-123.45"),
        (percent(-1, 3), "-33.33%"),
        (percent(25, 10), "+250.00%"),
        (percent(0, 7), "+0.00%"),
        (count(1, "row"), "1 row"),
        (count(1_000, "row"), "1,000 rows"),
        (count(2, "entry", "entries"), "2 entries"),
        (duration(0), "0s"),
        (duration(5_400 * 10**9), "1h 30m"),
        (duration(90_061 * 10**9 + 500_000_000), "1d 1h 1m 1.5s"),
        (duration(1), "0.000000001s"),
    ],
)
def test_figures(told: str, text: str) -> None:
    """Thousands are set apart, decimals are those of the scale, halves are rounded to even."""
    assert told == text


@given(st.lists(st.integers(-(10**20), 10**20), max_size=200), st.integers(1, 80))
def test_a_sparkline_is_as_long_as_it_may_be(values: list[int], width: int) -> None:
    """One bar a value up to the width, and only bars."""
    for bars in (UNICODE_BARS, ASCII_BARS):
        line = sparkline(values, width, bars)
        assert len(line) == min(len(values), width)
        assert set(line) <= set(bars)


def test_a_sparkline_goes_from_the_lowest_to_the_highest() -> None:
    """The lowest value is the lowest bar, the highest the highest; a path that never moves lies in the middle."""
    assert sparkline([0, 1, 2, 3, 4, 5, 6, 7], 8) == UNICODE_BARS
    assert sparkline([9, 9, 1], 8) == "██▁"
    assert sparkline([5, 5], 8) == "▅▅"
    assert sparkline([0, 0, 0, 0, 7, 7], 3) == "▁▁█"


@given(st.text(max_size=30), st.text(max_size=200), st.integers(1, 100))
def test_text_folds_and_loses_nothing(label: str, text: str, width: int) -> None:
    """Whatever the width, every word of a label and a text is printed, and no control character."""
    stream = io.StringIO()
    console = new_console(stream)
    console.width = width
    print_rows(console, [(label, text)])
    printed = stream.getvalue()
    assert all(line.isprintable() for line in printed.split("\n"))
    assert all(word in printed for word in text.split() if word.isprintable())


def test_a_table_never_cuts_a_figure() -> None:
    """A table wider than the console stays whole, lined up to the right, without blanks at the ends of lines."""
    stream = io.StringIO()
    console = new_console(stream)
    console.width = 10
    print_table(console, ("name", "figure", ""), [("a", "1,234,567,890.123456", ""), ("trader", "5", "halted")])
    assert stream.getvalue().splitlines() == [
        "name                  figure",
        "a       1,234,567,890.123456",
        "trader                     5  halted",
    ]


def test_names_cannot_steer_the_terminal() -> None:
    """An escape sequence in a name is shown and not obeyed; square brackets are no markup."""
    stream = io.StringIO()
    print_line(new_console(stream), "a\x1b[31mb [bold]c[/bold]")
    assert stream.getvalue() == "a\\x1b[31mb [bold]c[/bold]\n"


@pytest.mark.parametrize(
    ("encoding", "bars"), [("utf-8", UNICODE_BARS), ("ascii", ASCII_BARS), ("latin-1", ASCII_BARS)]
)
def test_bars_are_those_that_the_stream_has(encoding: str, bars: str) -> None:
    """Where the encoding lacks block characters plain ones stand in."""
    assert bars_for(new_console(io.TextIOWrapper(io.BytesIO(), encoding=encoding))) == bars


def test_the_first_interrupt_asks_and_the_second_insists() -> None:
    """SIGINT marks the simulation first and raises next; without a simulation it raises at once; then it is as ever."""
    before = signal.getsignal(signal.SIGINT)
    simulation = SimpleNamespace(interrupted=False)
    with Interrupt() as interrupt:
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        interrupt.watch(simulation)  # type: ignore[arg-type]
        signal.raise_signal(signal.SIGINT)
        assert simulation.interrupted
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before
