"""Units: exact both ways, and a refusal that says what to write instead."""

from __future__ import annotations

from decimal import Decimal, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deleverage.events.errors import ScenarioError
from deleverage.sim.units import (
    INT64_MAX,
    atoms_to_text,
    divide_half_even,
    format_time_ns,
    multiplier_atoms,
    parse_decimal,
    parse_duration_ns,
    parse_time_ns,
    price_to_ticks,
    ticks_to_text,
    to_atoms,
    to_whole,
    to_whole_down,
)

STEPS = st.sampled_from([Decimal(text) for text in ("0.00000001", "0.01", "0.05", "0.1", "0.25", "1", "5", "100")])


@given(st.integers(-(10**15), 10**15), STEPS)
def test_steps_survive_the_way_to_text_and_back(steps: int, step: Decimal) -> None:
    """A whole number of steps, written out and read again, is the same number."""
    assert to_whole(parse_decimal(ticks_to_text(steps, step)), step) == steps


@given(st.integers(-INT64_MAX, INT64_MAX), st.integers(0, 18))
def test_atoms_survive_the_way_to_text_and_back(atoms: int, decimals: int) -> None:
    """Atoms, written as an amount and read again, are the same atoms."""
    assert to_atoms(parse_decimal(atoms_to_text(atoms, decimals)), decimals) == atoms


@given(st.integers(0, 9_214_646_400 * 10**9))
def test_times_survive_the_way_to_text_and_back(at_ns: int) -> None:
    """A time in nanoseconds, written as ISO-8601 and read again, is the same time."""
    assert parse_time_ns(format_time_ns(at_ns)) == at_ns


@given(st.integers(-(10**30), 10**30), st.integers(1, 10**12))
def test_half_even_is_never_off_by_more_than_a_half(numerator: int, denominator: int) -> None:
    """The rounded quotient is the nearest whole number, the even one of two that are as near."""
    rounded = divide_half_even(numerator, denominator)
    off = 2 * abs(rounded * denominator - numerator)
    assert off < denominator or (off == denominator and rounded % 2 == 0)


def test_another_precision_changes_nothing() -> None:
    """The caller's own decimal context has no say in a conversion."""
    with localcontext() as context:
        context.prec = 3
        assert to_whole(Decimal("123456.789"), Decimal("0.001")) == 123456789
        assert ticks_to_text(123456789, Decimal("0.001")) == "123456.789"
        assert to_atoms(Decimal("123456.789"), 6) == 123456789000


@pytest.mark.parametrize(
    ("price", "ticks"),
    [("28.41", 2841), ("28.415", 2842), ("28.425", 2842), ("28.4150001", 2842), ("0.0051", 1)],
)
def test_prices_round_half_to_even(price: str, ticks: int) -> None:
    """A price between two ticks goes to the nearer one, a price in the middle to the even one."""
    assert price_to_ticks(Decimal(price), Decimal("0.01")) == ticks


@pytest.mark.parametrize("price", ["0", "-1", "0.004", "0.005"])
def test_a_price_below_a_tick_is_refused(price: str) -> None:
    """No price is zero, not even by rounding."""
    with pytest.raises(ScenarioError, match=r"less than one tick of 0.01; use"):
        price_to_ticks(Decimal(price), Decimal("0.01"))


def test_what_is_no_whole_number_of_steps_is_refused() -> None:
    """An exact conversion names the step that the number must be a multiple of."""
    with pytest.raises(ScenarioError, match=r"0.015 is not a whole number of steps of 0.01; use a multiple of 0.01"):
        to_whole(Decimal("0.015"), Decimal("0.01"))
    assert to_whole_down(Decimal("0.015"), Decimal("0.01")) == 1
    assert to_whole_down(Decimal("-0.015"), Decimal("0.01")) == -2


@pytest.mark.parametrize("value", ["9223372036854775808", "-9223372036854775808", "1e30"])
def test_what_passes_64_bits_is_refused(value: str) -> None:
    """A scale that could overflow the record is found where it is read."""
    with pytest.raises(ScenarioError, match=r"passes 2\^63 - 1"):
        to_whole(Decimal(value), Decimal(1))
    assert to_whole(Decimal(INT64_MAX), Decimal(1)) == INT64_MAX


@pytest.mark.parametrize("value", ["NaN", "Infinity", "1e999999", "1e-999999"])
def test_what_has_no_sensible_size_is_refused(value: str) -> None:
    """A number that is none, or that would take memory without bound to write out, is refused at once."""
    with pytest.raises(ScenarioError, match="out of range"):
        to_whole(Decimal(value), Decimal("0.01"))


@pytest.mark.parametrize("step", ["0", "-0.01"])
def test_a_step_must_be_positive(step: str) -> None:
    """Nothing can be counted in steps of nothing."""
    with pytest.raises(ScenarioError, match="must be more than 0"):
        to_whole(Decimal(1), Decimal(step))


@pytest.mark.parametrize(
    "text", ["", " 1", "1 ", "1_000", "1,5", "0x10", "nan", "inf", "1e999", "--1", ".", "\u0661", "1.2.3"]
)
def test_only_plain_decimals_are_numbers(text: str) -> None:
    """What Python would let pass but no file should hold is refused."""
    with pytest.raises(ScenarioError, match="is not a number; write plain digits"):
        parse_decimal(text)


@pytest.mark.parametrize("text", ["1", "-1.5", "+.5", "3.", "1e-8", "12E+2"])
def test_plain_decimals_are_read_exactly(text: str) -> None:
    """Sign, point and a short exponent are understood."""
    assert parse_decimal(text) == Decimal(text)


def test_the_multiplier_is_what_a_lot_is_worth_at_a_tick() -> None:
    """0.001 of a coin at a tick of 0.1 is 100 millionths of a dollar."""
    assert multiplier_atoms(Decimal("0.1"), Decimal("0.001"), 6) == 100


def test_scales_too_fine_for_the_asset_are_refused() -> None:
    """Half an atom cannot be paid: the error says what to change."""
    with pytest.raises(ScenarioError, match="give the asset more decimals or use a coarser lot_size"):
        multiplier_atoms(Decimal("0.01"), Decimal("0.001"), 4)


@pytest.mark.parametrize(
    ("text", "expected_ns"),
    [
        ("7ns", 7),
        ("10us", 10_000),
        ("500ms", 500_000_000),
        ("1.5s", 1_500_000_000),
        ("30s", 30_000_000_000),
        ("5m", 300_000_000_000),
        ("8h", 28_800_000_000_000),
        ("1d", 86_400_000_000_000),
        ("0s", 0),
        ("0.000000001s", 1),
    ],
)
def test_durations_are_read_exactly(text: str, expected_ns: int) -> None:
    """Every unit there is, whole and with decimals."""
    assert parse_duration_ns(text) == expected_ns


@pytest.mark.parametrize("text", ["30", "30 s", "30sec", "-1s", "s", "1h30m", "1e3s", "30S", "\u0663s"])
def test_a_wrong_unit_names_the_right_ones(text: str) -> None:
    """The error lists the units that exist."""
    with pytest.raises(ScenarioError, match="is not a duration; write a number and one of ns, us, ms, s, m, h, d"):
        parse_duration_ns(text)


@pytest.mark.parametrize("text", ["0.5ns", "1.0000000001s", "200000d"])
def test_a_duration_is_whole_and_fits(text: str) -> None:
    """Less than a nanosecond, or more than the record's clock holds, is refused."""
    with pytest.raises(ScenarioError, match="whole number of nanoseconds below 2"):
        parse_duration_ns(text)


@pytest.mark.parametrize(
    ("text", "expected_ns"),
    [
        ("2025-10-10T21:16:04.831Z", 1760130964831000000),
        ("2025-10-10 21:16:04", 1760130964000000000),
        ("2025-10-10T23:16:04.000000001+02:00", 1760130964000000001),
        ("1970-01-01T00:00:00Z", 0),
    ],
)
def test_times_are_read_to_the_nanosecond(text: str, expected_ns: int) -> None:
    """Zones are taken into account, decimals are exact, no zone is UTC."""
    assert parse_time_ns(text) == expected_ns


@pytest.mark.parametrize(
    "text", ["", "2025-10-10", "2025-13-10T00:00:00Z", "2025-10-10T25:00:00Z", " 2025-10-10T21:16:04Z", "1760130964"]
)
def test_what_is_no_time_is_refused(text: str) -> None:
    """The error shows how a time is written."""
    with pytest.raises(ScenarioError, match=r"is not a time; write it like 2025-10-10T21:16:04.831Z"):
        parse_time_ns(text)


@pytest.mark.parametrize("text", ["1969-12-31T23:59:59Z", "2263-01-01T00:00:00Z"])
def test_a_time_that_64_bits_cannot_hold_is_refused(text: str) -> None:
    """The record counts nanoseconds from 1970 in 64 bits."""
    with pytest.raises(ScenarioError, match="out of range"):
        parse_time_ns(text)


def test_a_number_of_exactly_the_most_characters_is_read() -> None:
    """Two hundred characters are a number, one more is none."""
    assert parse_decimal("0" * 199 + "7") == 7
    with pytest.raises(ScenarioError, match="is not a number"):
        parse_decimal("0" * 200 + "7")


@pytest.mark.parametrize("sign", [1, -1])
def test_exactly_63_bits_are_taken(sign: int) -> None:
    """2^63 - 1 either way is a whole number of the record, 2^63 is not."""
    assert to_whole(Decimal(sign * INT64_MAX), Decimal(1)) == sign * INT64_MAX
    assert to_atoms(Decimal(sign * INT64_MAX).scaleb(-6), 6) == sign * INT64_MAX
    with pytest.raises(ScenarioError, match=r"passes 2\^63 - 1"):
        to_whole(Decimal(sign * (INT64_MAX + 1)), Decimal(1))
