"""All auto-deleveraging policies: what each must keep, whoever the candidates are, and whole crashes under each."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import deleverage.handlers.adl_engine as engine_module
from deleverage.events.bodies.waterfall import DeleveragingEnded, PositionDeleveraged, ShortfallDeclared
from deleverage.events.errors import HandlerError
from deleverage.events.ledger import Ledger
from deleverage.handlers.adl_engine import AdlEngine
from deleverage.handlers.policies.adl.choices import ADL_CHOICES, ADL_POLICIES
from deleverage.handlers.policies.adl.gmx import is_enabled, profit_to_realise
from deleverage.handlers.policies.adl.min_max_integer import least_largest_shares
from deleverage.handlers.policies.adl.risk_aware_pro_rata import RiskParameters
from deleverage.handlers.policies.allocation import in_proportion, largest_remainder
from deleverage.handlers.policies.profit_share import ProfitShare
from deleverage.handlers.policies.ranking import Allocation, Basis, Closing, Worth, from_row, worth_of
from deleverage.handlers.protocol import NoParameters

from .support.crash import recorded
from .support.oracles import equity
from .support.priming import differences
from .support.venue import Book, bodies

PARAMETERS: dict[str, Any] = {policy.policy: policy.Parameters() for policy in ADL_POLICIES} | {
    "risk-aware-pro-rata power": RiskParameters("power"),
    "risk-aware-pro-rata cvar": RiskParameters("cvar", 20_000),
}
TRADERS = st.lists(
    st.tuples(st.integers(1, 30), st.sampled_from([-1, 1]), st.integers(700, 1300), st.integers(1, 20_000)), max_size=12
)


def policy_of(name: str) -> Any:
    """A fresh policy by its name, and with a word after it its parameters."""
    kind = next(policy for policy in ADL_POLICIES if policy.policy == name.partition(" ")[0])
    return kind(PARAMETERS[name])


def stage(traders: Sequence[tuple[int, int, int, int]], lots: int, balance: int) -> tuple[Book, int]:
    """Traders of (lots, side, entry, balance), and a long of `lots` from 1000 that is bankrupt at 900."""
    book = Book()
    for size, side, entry, held in traders:
        book.user(held, (0, side * size, entry))
    user = book.user(balance, (0, lots, 1000))
    book.mark(930), book.mark(900)
    book.bankrupt(user)
    return book, user


def reduced(book: Book, user: int, name: str, others: Sequence[int] = ()) -> list[PositionDeleveraged]:
    """One round by an engine that met the accounts in this order; not folded."""
    engine = AdlEngine(policy_of(name))
    engine.prime(book.ledger, ())
    event = book.put(ShortfallDeclared(1, user, "bankruptcy", 1, 0))
    if others:
        engine._holders._accounts = {side: dict.fromkeys(others) for side in engine._holders._accounts}  # type: ignore[misc]
    products = bodies(engine.handle(event, book.ledger, book.now_ns))
    assert isinstance(products[-1], DeleveragingEnded)
    return [body for body in products if isinstance(body, PositionDeleveraged)]


@pytest.mark.parametrize("name", PARAMETERS)
@settings(max_examples=25, deadline=None)
@given(traders=TRADERS, lots=st.integers(1, 120), balance=st.integers(0, 40))
def test_every_policy_keeps_the_rules(
    name: str, traders: list[tuple[int, int, int, int]], lots: int, balance: int
) -> None:
    """It conserves, takes from shorts at a profit only, each once, never more than a position or an equity."""
    book, user = stage(traders, lots, balance)
    before = {n: (book.ledger.accounts[n].positions, equity(book.account(n), book.ledger)) for n in range(4, user)}
    held = {n: positions[0, 0].size_lots for n, (positions, _) in before.items()}
    taken = reduced(book, user, name)
    assert sum(r.size_lots for r in taken) <= lots
    assert len({r.account for r in taken}) == len(taken)
    assert all(one.rank < other.rank and one.score >= other.score for one, other in pairwise(taken))
    for r in taken:
        assert held[r.account] < 0 < r.size_lots <= -held[r.account]
    book.take(taken)
    book.ledger.check()
    assert all(equity(book.account(r.account), book.ledger) > 0 for r in taken)


@pytest.mark.parametrize("name", PARAMETERS)
@settings(max_examples=10, deadline=None)
@given(traders=TRADERS, lots=st.integers(1, 120), seed=st.randoms(use_true_random=False))
def test_every_policy_is_deterministic(
    name: str, traders: list[tuple[int, int, int, int]], lots: int, seed: Any
) -> None:
    """Again, and with the accounts met in another order: the same reductions."""
    book, user = stage(traders, lots, 0)
    others = list(range(4, user))
    first = reduced(book, user, name)
    seed.shuffle(others)
    assert reduced(book, user, name) == first
    assert reduced(book, user, name, others) == first


@pytest.mark.parametrize("name", PARAMETERS)
def test_every_policy_closes_what_rich_winners_can_take(name: str) -> None:
    """Three winners who have gained more than is lost close all of it; capped pro-rata the half of what they gained."""
    book, user = stage([(40, -1, 1200, 50_000), (30, -1, 1150, 50_000), (20, -1, 1250, 50_000)], 50, 0)
    assert sum(r.size_lots for r in reduced(book, user, name)) == 50


@pytest.mark.parametrize("policy", ADL_POLICIES, ids=lambda policy: policy.policy)
def test_every_policy_says_what_it_is(policy: Any) -> None:
    """Formula, source, basis, version and worth, and a docstring; the name is the registry's."""
    made = policy(policy.Parameters())
    assert policy.formula
    assert policy.source
    assert policy.basis in get_args(Basis)
    assert worth_of(made) in get_args(Worth)
    assert policy.__doc__
    assert ADL_CHOICES[policy.policy].version == policy.version
    assert from_row(made) == getattr(policy, "from_row", True)


def test_a_policy_that_reads_the_ledger_says_so_when_asked_for_rows() -> None:
    """Its scores cannot be worked out from rows: an error names it, nothing is made up."""
    for name in ("binance", "bitmex", "dydx"):
        with pytest.raises(HandlerError, match=f"policy {name}: a score needs the ledger"):
            policy_of(name).scores([])


@pytest.mark.parametrize("name", ADL_CHOICES)
def test_a_crash_under_every_policy(name: str) -> None:
    """A small crash runs, deleverages, and the laws of the ledger hold at each event."""
    ledger, rounds = Ledger(), 0
    for number, event in enumerate(recorded("prices.duration_ns=35m", f"adl.policy={name}")):
        ledger.fold(event)
        rounds += isinstance(event.body, PositionDeleveraged)
        if isinstance(event.body, PositionDeleveraged | DeleveragingEnded) or not number % 50:
            ledger.check()
    assert rounds > 0


@pytest.mark.parametrize("many", [1, 10**6], ids=["in columns", "plain"])
@pytest.mark.parametrize("name", ADL_CHOICES)
def test_primed_in_the_middle_it_goes_on_like_the_one_that_ran(
    name: str, many: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Primed inside rounds that continue others, every handler says what the record has."""
    events = recorded("prices.duration_ns=35m", f"adl.policy={name}")
    monkeypatch.setattr(engine_module, "_MANY", many)
    continued = [event.seq for event in events if getattr(event.body, "base_round", None) is not None]
    for seq in continued[:: max(1, len(continued) // 2)]:
        assert list(differences(events, seq + 1, 60)) == []


SHARED = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 40)), min_size=1, max_size=8)


@given(st.integers(0, 120), SHARED)
def test_shares_in_proportion(lots: int, entries: list[tuple[int, int]]) -> None:
    """The sum is exact, nobody is over its cap, and a greater weight below its cap gives no less."""
    weights, caps = [weight for weight, _ in entries], [cap for _, cap in entries]
    shares = in_proportion(lots, weights, caps)
    assert sum(shares) == min(lots, sum(caps))
    assert all(0 <= share <= cap for share, cap in zip(shares, caps, strict=True))
    for share, weight, cap in zip(shares, weights, caps, strict=True):
        others = [s for s, w in zip(shares, weights, strict=True) if w < weight]
        assert share == cap or all(other <= share for other in others)


@given(st.integers(0, 500), st.lists(st.integers(0, 60), min_size=1, max_size=12).filter(any))
def test_largest_remainders_are_those_of_exact_fractions(amount: int, weights: list[int]) -> None:
    """One unit after the other goes to whoever lacks most of its exact share after rounding down, first come first."""
    due = [Fraction(amount * weight, sum(weights)) for weight in weights]
    expected = [int(share) for share in due]
    for _ in range(amount - sum(expected)):
        lacking = [
            share - given if given <= share else Fraction(-1) for share, given in zip(due, expected, strict=True)
        ]
        expected[lacking.index(max(lacking))] += 1
    assert largest_remainder(amount, weights, sum(weights)) == expected


def test_remainders_go_to_the_largest_and_then_by_rank() -> None:
    """Ten lots by 3, 3, 1: 4.28, 4.28, 1.43 and the lot left to the third; five among four alike: the first has two."""
    assert in_proportion(10, [3, 3, 1], [9, 9, 9]) == [4, 4, 2]
    assert in_proportion(5, [1, 1, 1, 1], [9, 9, 9, 9]) == [2, 1, 1, 1]
    assert in_proportion(10, [1, 1, 0], [3, 4, 9]) == [3, 4, 3]


@given(st.integers(0, 12), st.lists(st.tuples(st.integers(1, 9), st.integers(0, 5)), min_size=1, max_size=4))
def test_no_other_shares_have_a_lower_maximum(lots: int, entries: list[tuple[int, int]]) -> None:
    """The greatest share of equity is the least of all ways to share out so many lots, tried one by one."""
    equities, caps = [e for e, _ in entries], [cap for _, cap in entries]
    shares = least_largest_shares(lots, equities, caps)
    due = min(lots, sum(caps))
    assert sum(shares) == due
    assert all(share <= cap for share, cap in zip(shares, caps, strict=True))
    worst = max(share * 2520 // e for share, e in zip(shares, equities, strict=True))
    assert worst == min(max(s * 2520 // e for s, e in zip(way, equities, strict=True)) for way in ways(due, caps))


def ways(lots: int, caps: Sequence[int]) -> list[list[int]]:
    """Every way to share out so many lots below the caps."""
    if not caps:
        return [] if lots else [[]]
    return [[first, *rest] for first in range(min(lots, caps[0]) + 1) for rest in ways(lots - first, caps[1:])]


@given(st.integers(0, 10**12), st.integers(1, 10**12), st.integers(0, 999_999))
def test_the_profit_to_realise_is_the_least_that_serves(profit: int, pool: int, factor_ppm: int) -> None:
    """After it the factor is at or under the minimum; an atom less would leave it above."""
    paid = profit_to_realise(profit, pool, factor_ppm)
    assert 0 <= paid <= profit
    if paid < pool:
        assert not is_enabled(profit - paid, pool - paid, factor_ppm)
        assert not paid or is_enabled(profit - paid + 1, pool - paid + 1, factor_ppm)


class Greedy(ProfitShare):
    """A policy that shares out as it is told."""

    lots: Any = 0

    def allocate(self, closing: Closing, places: Any) -> Allocation:
        """The same lots for each place, and the first place once more."""
        listed = list(places)
        return [(place, self.lots) for place in (*listed, listed[0])]


@pytest.mark.parametrize(
    ("lots", "match"), [(0, "0 lots"), (-1, "-1 lots"), (7, "7 lots"), (True, "True"), (2, "from 1 to 0")]
)
def test_nonsense_is_stopped_with_the_policy_s_name(lots: Any, match: str) -> None:
    """None, negative, more than a position, no number, or a place twice: an error names policy, account and value."""
    book, user = stage([(6, -1, 1200, 50_000)], 50, 0)
    policy = Greedy(NoParameters())
    policy.lots = lots
    engine = AdlEngine(policy)
    engine.prime(book.ledger, ())
    event = book.put(ShortfallDeclared(1, user, "bankruptcy", 1, 0))
    with pytest.raises(HandlerError, match=f"policy profit-share: .*{match}"):
        engine.handle(event, book.ledger, book.now_ns)


def test_a_policy_may_say_that_its_rows_do_not_tell_its_scores() -> None:
    """`from_row = False` holds for a policy that has plain scores as well as for one that reads the ledger."""

    class Elsewhere(ProfitShare):
        """Scores by something that no row holds."""

        from_row = False

    assert not from_row(Elsewhere(NoParameters()))
    assert from_row(ProfitShare(NoParameters()))
