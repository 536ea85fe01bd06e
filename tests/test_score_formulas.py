"""The formula of every builtin auto-deleveraging policy gives its scores, whoever the candidates are."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deleverage.handlers.policies.adl.choices import ADL_POLICIES
from deleverage.handlers.policies.adl.risk_aware_pro_rata import RiskAwareProRata, RiskParameters
from deleverage.handlers.policies.formula import Formula
from deleverage.handlers.policies.ranking import Candidate, RankingPolicy, reads_ledger
from deleverage.handlers.policies.score_formula import ScoreFormula, formula_of
from deleverage.handlers.ranking import Ranking

from .support.venue import Book, listed, tiers_of

MADE: list[RankingPolicy] = [
    *(policy(policy.Parameters()) for policy in ADL_POLICIES),
    RiskAwareProRata(RiskParameters("power")),
    RiskAwareProRata(RiskParameters("cvar", 20_000)),
    RiskAwareProRata(RiskParameters("cvar", 0)),
]
FROM_ROWS = [policy for policy in MADE if not reads_ledger(policy)]
FROM_LEDGER = [policy for policy in MADE if reads_ledger(policy)]

ATOMS = st.one_of(st.integers(1, 100), st.integers(1, 10**12), st.integers(1, 2**62))
SIZES = st.integers(-(10**9), 10**9).filter(bool)
CANDIDATES = st.builds(
    Candidate,
    st.integers(0, 10**6),
    ATOMS,
    ATOMS | st.just(0),
    ATOMS | ATOMS.map(int.__neg__) | st.just(0),
    ATOMS,
    SIZES,
)


def told(policy: RankingPolicy) -> str:
    """A policy and its formula."""
    return f"{policy.policy}: {policy.formula}"


def declared(policy: RankingPolicy) -> ScoreFormula:
    """The formula, which each of them has."""
    found = formula_of(policy)
    assert found is not None
    return found


@pytest.mark.parametrize("policy", FROM_ROWS, ids=told)
@settings(max_examples=200, deadline=None)
@given(candidates=st.lists(CANDIDATES, min_size=1, max_size=5))
def test_the_formula_gives_the_score_of_any_candidate(policy: RankingPolicy, candidates: list[Candidate]) -> None:
    """To the last digit, also where figures are zero or do not fit into 64 bits once multiplied."""
    formula = declared(policy)
    assert [formula.score(candidate) for candidate in candidates] == policy.scores(candidates)


HELD = st.tuples(st.integers(-40, 40), st.integers(60, 140))
TRADERS = st.lists(st.tuples(st.integers(0, 3000), HELD, HELD), min_size=1, max_size=8)


@pytest.mark.parametrize("policy", MADE, ids=told)
@settings(max_examples=60, deadline=None)
@given(traders=TRADERS, marks=st.tuples(st.integers(60, 140), st.integers(60, 140)), seed=st.integers(0, 99))
def test_the_formula_gives_the_score_in_any_ledger(
    policy: RankingPolicy,
    traders: list[tuple[int, tuple[int, int], tuple[int, int]]],
    marks: tuple[int, int],
    seed: int,
) -> None:
    """Every place of a ranking, with what the policy reads of the ledger besides a candidate's own figures."""
    tiers = tiers_of((0, 50_000), (900, 133_333))
    book = Book(listed(0, multiplier_atoms=3, tiers=tiers), listed(1), seed=seed)
    for balance, *holdings in traders:
        user = book.user(balance)
        for instrument, (lots, price) in enumerate(holdings):
            if lots:
                book.hold(user, instrument, lots, price)
    book.mark(*marks)
    formula = declared(policy)
    for side in (1, -1):
        for place in Ranking(book.ledger, 0, side, policy, range(len(book.ledger.accounts))):
            disagreement = formula.disagreement(place.candidate, place.score, (0, place.leg), book.ledger)
            assert not disagreement, disagreement


def test_every_builtin_policy_has_a_formula() -> None:
    """None of them is only what its code gives, and those that read the ledger say what they read."""
    assert all(formula_of(policy) for policy in MADE)
    assert {policy.policy for policy in FROM_LEDGER} == {"binance", "bitmex", "dydx"}
    assert all(declared(policy).own_figures for policy in FROM_LEDGER)


class Bound:
    """A policy of a plug-in, as far as its formula goes."""

    policy, version, Parameters = "it.py:It", "1", None
    constants: ClassVar = {"weight": (3, 2)}

    def __init__(self, formula: str) -> None:
        self.formula = formula


def bound(formula: str) -> Any:
    """A policy with a parameter `weight` of 1.5."""
    return Bound(formula)


def test_a_parameter_is_a_name() -> None:
    """Its value stands for it."""
    candidate = Candidate(7, 10, 100, 90, 40, -3)
    assert declared(bound("profit x weight / equity")).score(candidate) == 375_000_000


def test_a_name_that_stands_for_nothing_is_said() -> None:
    """With all that there are."""
    with pytest.raises(ValueError, match=r"there is no figure `profits`; there are account, profit, .*, size, weight"):
        formula_of(bound("profits / equity"))


def test_a_disagreement_names_everything() -> None:
    """The account, its figures, the score, the formula, what it gives; nothing where both agree."""
    formula, candidate = declared(bound("profit / |cost|")), Candidate(7, 10, 100, -80, 40, -3)
    assert not formula.disagreement(candidate, 125_000_000)
    assert formula.disagreement(candidate, 100) == (
        "account 7 with profit 10, cost -80 (atoms, lots) was given the score 100, and the declared formula "
        "profit / |cost| = 10 / |-80| gives 0.125 (rounded down to nine decimals), the score 125000000"
    )
    assert "gives a division by zero, so the greatest score, 9223372036854775807" in formula.disagreement(
        candidate._replace(cost=0), 100
    )
    assert formula_of(bound("")) is None
    assert Formula("10 / |-80|").score(()) == 125_000_000
