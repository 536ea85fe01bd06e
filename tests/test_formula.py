"""The language of formulas: what is read, what it is worth exactly, and what is refused."""

from __future__ import annotations

import re
from fractions import Fraction
from math import floor
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deleverage.handlers.policies.formula import Formula, Value, decimal_text, formula_in
from deleverage.handlers.policies.ranking import SCORE_MAX, SCORE_MIN, SCORE_SCALE


def score(text: str, **figures: int) -> int:
    """The score of a formula with these figures."""
    formula = Formula(text)
    return formula.score([(figures[name], 1) for name in formula.names])


@pytest.mark.parametrize(
    ("text", "figures", "worth"),
    [
        ("profit / equity", {"profit": 1, "equity": 3}, Fraction(1, 3)),
        ("profit / |cost| x notional / equity", {"profit": 2, "cost": -4, "notional": 6, "equity": 5}, Fraction(3, 5)),
        ("a - b - c", {"a": 9, "b": 3, "c": 2}, Fraction(4)),
        ("a - (b - c)", {"a": 9, "b": 3, "c": 2}, Fraction(8)),
        ("a / b / c", {"a": 12, "b": 3, "c": 2}, Fraction(2)),
        ("a + b x c ^ 2", {"a": 1, "b": 2, "c": 3}, Fraction(19)),
        ("-a ^ 2 + 10", {"a": 3}, Fraction(1)),
        ("|a - |b||", {"a": -2, "b": -3}, Fraction(5)),
        ("max(a, b, 7) - min(a, b)", {"a": 3, "b": 5}, Fraction(4)),
        ("floor(-a / 2) + 9", {"a": 3}, Fraction(7)),
        ("(a - b) mod c", {"a": 2, "b": 5, "c": 7}, Fraction(4)),
        ("a x 10^-2", {"a": 250}, Fraction(5, 2)),
        ("0.05 x a + 1_000.5", {"a": 10}, Fraction(1001)),
        ("a if a >= b else b", {"a": 2, "b": 5}, Fraction(5)),
        ("a if a == 1 else b if b < 9 else 0", {"a": 2, "b": 5}, Fraction(5)),
        ("1 if a != 2 else 2 * a", {"a": 2}, Fraction(4)),
    ],
)
def test_a_formula_is_worth_what_it_says(text: str, figures: dict[str, int], worth: Fraction) -> None:
    """Products before sums, from the left, exactly."""
    assert score(text, **figures) == floor(worth * SCORE_SCALE)


def test_a_score_is_cut_once_and_saturates() -> None:
    """Nothing is rounded on the way; what is too great, or divides by zero, is the greatest score."""
    assert score("a / 3 x 3", a=1) == SCORE_SCALE
    assert score("a / 3", a=2) == 666_666_666
    assert score("a x 10^9", a=10**9) == SCORE_MAX
    assert score("a / (b - b)", a=1, b=5) == SCORE_MAX
    assert score("a if b > 1 else a / 0", a=1, b=5) == SCORE_SCALE
    assert Formula("a / b").divides_by_zero([(1, 1), (0, 1)])
    assert not Formula("a / b").divides_by_zero([(1, 1), (2, 1)])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "it ends where a number, a name or a parenthesis is due"),
        ("profit /", "it ends where a number, a name or a parenthesis is due, after `profit /`"),
        ("profit equity", "`equity` stands where the end is due, after `profit`"),
        ("profit / equity of the account", "`of` stands where the end is due"),
        ("max(profit", "it ends where `)` is due"),
        ("floor(profit, 1)", "`,` stands where `)` is due"),
        ("|profit", "it ends where `|` is due"),
        ("a if b else c", "`else` stands where a comparison is due"),
        ("a ^ b", "`b` stands where a whole number up to 18 is due"),
        ("a ^ 19", "`19` stands where a whole number up to 18 is due"),
        ("a ^ 0.5", "`0.5` stands where a whole number up to 18 is due"),
        ("2 ^ 3 ^ 4", "`^` stands where the end is due"),
        ("min", "it ends where `(` is due"),
        ("x", "`x` stands where a number, a name or a parenthesis is due"),
        ("__import__('os')", '"\'" is nothing that a formula can have'),
        ("a.b", "'.' is nothing that a formula can have"),
        ("a[0]", "'[' is nothing that a formula can have"),
        ("a \x1b[31m", "'\\x1b' is nothing that a formula can have"),
        ("a\nb", "'\\n' is nothing that a formula can have"),
        ("é", "'é' is nothing that a formula can have"),
        ("(" * 41 + "a" + ")" * 41, "it is nested deeper than 40"),
        ("a" * 401, "it has 401 characters, and 400 are the most"),
        ("a = 1", "'=' is nothing that a formula can have"),
    ],
)
def test_what_is_no_formula_is_said_with_its_place(text: str, said: str) -> None:
    """In one line, whatever it holds."""
    with pytest.raises(ValueError, match=re.escape(said)) as caught:
        formula_in(text)
    assert "\n" not in str(caught.value)


def test_names_are_each_listed_once_in_their_order() -> None:
    """Operators and functions are no names."""
    assert Formula("max(b, a) x b mod floor(c) if a > 0 else d").names == ("b", "a", "c", "d")


LEAVES = st.one_of(
    st.sampled_from(["a", "b", "c"]).map(lambda name: (name, name)),
    st.integers(0, 10**6).map(lambda number: (str(number), f"F({number})")),
    st.integers(0, 10**6).map(lambda number: (f"{number}.25", f"(F({number}) + F(1, 4))")),
)


def _grown(inner: st.SearchStrategy[tuple[str, str]]) -> st.SearchStrategy[tuple[str, str]]:
    """Formulas of formulas: the text, and the same for Python, which is the oracle."""
    pairs = st.tuples(inner, inner)
    operators = st.sampled_from([("+", "+"), ("-", "-"), ("x", "*"), ("*", "*"), ("/", "/"), ("mod", "%")])
    return st.one_of(
        st.tuples(operators, pairs).map(
            lambda one: (
                f"({one[1][0][0]}) {one[0][0]} ({one[1][1][0]})",
                f"(({one[1][0][1]}) {one[0][1]} ({one[1][1][1]}))",
            )
        ),
        pairs.map(lambda two: (f"max({two[0][0]}, {two[1][0]})", f"max({two[0][1]}, {two[1][1]})")),
        pairs.map(lambda two: (f"min({two[0][0]},{two[1][0]})", f"min({two[0][1]}, {two[1][1]})")),
        inner.map(lambda one: (f"|{one[0]}|", f"abs({one[1]})")),
        inner.map(lambda one: (f"-({one[0]})", f"(-({one[1]}))")),
        inner.map(lambda one: (f"floor({one[0]})", f"F(floor({one[1]}))")),
        st.tuples(inner, st.integers(0, 3)).map(
            lambda one: (f"({one[0][0]})^{one[1]}", f"(({one[0][1]}) ** {one[1]})")
        ),
        st.tuples(pairs, pairs).map(
            lambda four: (
                f"{four[0][0][0]} if ({four[0][1][0]}) < ({four[1][0][0]}) else {four[1][1][0]}"
                if " if " not in four[0][0][0]
                else four[0][0][0],
                f"(({four[0][0][1]}) if ({four[0][1][1]}) < ({four[1][0][1]}) else ({four[1][1][1]}))"
                if " if " not in four[0][0][0]
                else four[0][0][1],
            )
        ),
    )


@settings(max_examples=400, deadline=None)
@given(
    written=st.recursive(LEAVES, _grown, max_leaves=8).filter(lambda one: len(one[0]) <= 400),
    figures=st.tuples(*(st.integers(-(10**6), 10**6),) * 3),
)
def test_any_formula_is_worth_what_fractions_make_of_it(written: tuple[str, str], figures: tuple[int, ...]) -> None:
    """Held against Python's own fractions; and filled with its figures it is a formula of the same score."""
    text, python = written
    known: dict[str, Any] = {name: Fraction(value) for name, value in zip("abc", figures, strict=True)}
    formula = Formula(text)
    values = [(int(known[name]), 1) for name in formula.names]
    try:
        worth = eval(python, {"F": Fraction, "floor": floor}, known)
        due = max(SCORE_MIN, min(floor(worth * SCORE_SCALE), SCORE_MAX))
    except ZeroDivisionError:
        due = SCORE_MAX
    assert formula.score(values) == due
    filled = formula.filled({name: str(value[0]) for name, value in zip(formula.names, values, strict=True)})
    if len(filled) <= 400:
        assert Formula(filled).score(()) == due


@pytest.mark.parametrize(
    ("value", "text"),
    [((5, 1), "5"), ((-7, 2), "-3.5"), ((1, 1000), "0.001"), ((1500, 100), "15"), ((0, 10), "0"), ((1, 3), "(1 / 3)")],
)
def test_a_value_is_written_with_all_its_digits(value: Value, text: str) -> None:
    """No digit is left out, and none is added."""
    assert decimal_text(value) == text


@pytest.mark.parametrize(
    ("most", "over", "said"),
    [
        ("1" * 400, "1" * 401, "it has 401 characters, and 400 are the most"),
        ("(" * 39 + "1" + ")" * 39, "(" * 40 + "1" + ")" * 40, "it is nested deeper than 40"),
        ("1 ^ 18", "1 ^ 19", "a whole number up to 18"),
        ("1 ^ -18", "1 ^ -19", "a whole number up to 18"),
    ],
    ids=["characters", "depth", "exponent", "least exponent"],
)
def test_a_formula_of_exactly_the_most(most: str, over: str, said: str) -> None:
    """What is as long, as deep or as high as it may be is taken; one more is refused with the bound."""
    assert formula_in(most) is not None
    with pytest.raises(ValueError, match=said):
        formula_in(over)
