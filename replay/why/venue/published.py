"""A round that a venue decided itself, held against every published formula. Its names are stable JSON.

1. The ranking is made from the state before the round as the record has it: reconstructed where a table was imported.
   Candidates are whoever holds the other side there (`passed_over.py` says what is known of those who were not taken).
2. Tested is the order among those who were taken, by Kendall's rank correlation. A formula is tested on the accounts
   whose figures it needs and the record has: the account value, where it asks for one, and the entry. Formulas that
   put these accounts in the same order are one test: `same_as` names the others. `chance` is that of a random order,
   `corrected` the same by Holm for the number of tests, valid whatever they have in common.
3. `in_common` sums over accounts the lesser of what the formula would have taken and what was taken.
4. Parameters are each policy's defaults, the price of the round is the recorded one. A rule that shares out by weight
   is ranked by that weight.

The test (`kendall_of`):

5. Of all pairs of accounts, in `agreeing` the one that was taken first has the higher score, in `differing` the lower
   one; pairs of equal scores are neither. tau-b is (agreeing - differing) / sqrt(pairs x pairs of unequal scores).
6. `chance` is one-sided: the share of all orders of these accounts in which no more pairs differ. Up to `EXACT_MOST`
   accounts it is exact. The orders with k differing pairs are counted by the coefficient of q^k in
   (1-q)(1-q^2)...(1-q^n), divided by (1-q)...(1-q^t) for each group of t equal scores.
7. Above that it is the normal approximation with a correction for continuity; the variance of agreeing - differing is
   (n(n-1)(2n+5) - sum of t(t-1)(2t+5)) / 18.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections import Counter
from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from math import erfc, factorial, prod, sqrt
from typing import NamedTuple

import msgspec

from ....events.bodies.waterfall import PositionDeleveraged
from ....events.ledger import LedgerState
from ....handlers.policies.adl.choices import ADL_POLICIES
from ....handlers.policies.adl.dydx import DydX
from ....handlers.policies.ranking import Closing, Ranked, RankingPolicy
from ....handlers.policies.score_formula import formula_of
from ....handlers.reductions import shared_out
from ....sim.quantities import SCORES, Quantity
from ....sim.units import CONTEXT
from ...rankings import ranking_of, round_body
from ..names import RunNames
from ..ranking import Round
from .passed_over import KnownHolders, PassedOver, passed_over_of

__all__ = [
    "EXACT_MOST",
    "LEVEL",
    "FormulaPlace",
    "FormulaTest",
    "Kendall",
    "Published",
    "chance_text",
    "holm",
    "kendall_of",
    "published_of",
]

LEVEL = Fraction(1, 20)
"""A formula agrees with an order by more than chance where its corrected chance is at most this."""

_OF_THE_POSITION = frozenset(("profit", "cost", "notional", "size"))
"""The figures that ask for nothing but the position itself; any other asks for the account value."""

_CAVEATS = (
    "Candidates are the accounts that the record knows.",
    "Account values, entries and marks are what the record holds, reconstructed by others where a table was imported.",
    "Whether a position was isolated, so that only its own margin counted, is not known; all count as cross.",
    "Maintenance rates are not in the files: one flat rate stands for them, where a formula asks.",
    "Tested is the order among those who were taken. Without agreement the venue may still have had a rule.",
    "Why the venue's fund or its backstop did not take the position is not in the files.",
    "What would have spared an account cannot be tried: only the venue can execute its decision again.",
    "Agreement would not show that the venue used the formula, only that its order went together with it.",
)

EXACT_MOST = 100
"""Up to so many accounts the chance is counted, and not approximated."""


class FormulaPlace(msgspec.Struct, frozen=True):
    """One place of a ranking: what it would have given, and the place (None: not taken) and the lots it had."""

    rank: int
    account: int
    name: str
    score: Quantity
    size: Quantity
    would_give: Quantity
    realised_rank: int | None
    gave: Quantity


class FormulaTest(msgspec.Struct, frozen=True):
    """One published formula against the order that happened; `not_tested` says why there is nothing to test.

    `tested_accounts` of those taken have a place and known figures. `chance` and `corrected` are exact ("1/720"), and
    None without a test; `tau_b` has three decimals.
    """

    policy: str
    version: str
    formula: str
    source: str
    not_tested: str | None
    tested_accounts: int
    same_as: tuple[str, ...]
    agreeing: int
    differing: int
    pairs: int
    tau_b: str | None
    chance: str | None
    chance_text: str | None
    corrected: str | None
    corrected_text: str | None
    is_beyond_chance: bool
    candidates: int
    taken: int
    in_common: Quantity
    places: tuple[FormulaPlace, ...]


class Published(msgspec.Struct, frozen=True):
    """A round against all formulas. `shown` names the formula whose whole ranking is printed; JSON has all.

    `tests` is how many orders were tested, `is_exact` whether every chance was counted rather than approximated.
    `least_corrected` is what the corrected chance would be at perfect agreement; where that is too much, `can_tell` is
    False. `nearest` is the first formula of the least chance.
    """

    round: int
    started_seq: int
    fills: int
    accounts: int
    size: Quantity
    tests: int
    is_exact: bool
    can_tell: bool
    least_corrected: str | None
    nearest: str | None
    passed_over: PassedOver
    caveats: tuple[str, ...]
    formulas: tuple[FormulaTest, ...]
    verdict: str = ""
    shown: str | None = None


class _Trial(msgspec.Struct):
    """A formula with its ranking; the taken accounts that it is tested on, in the venue's order, and their scores."""

    policy: RankingPolicy
    places: list[Ranked]
    accounts: tuple[int, ...]
    scores: tuple[int, ...]
    not_tested: str | None
    kendall: Kendall | None = None
    corrected: Fraction | None = None

    @property
    def order(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """What formulas of one order have in common: the accounts, and the place of each among the scores."""
        ranks = {score: rank for rank, score in enumerate(sorted(set(self.scores)))}
        return self.accounts, tuple(ranks[score] for score in self.scores)


class _Realised:
    """What happened: accounts in the order in which they were first taken, and their lots."""

    def __init__(self, told: Round, ledger: LedgerState, names: RunNames, known: KnownHolders) -> None:
        body = round_body(told.started)
        self.started, self.ledger, self.names, self.known = body, ledger, names, known
        self.lots: dict[int, int] = {}
        for event in told.reductions:
            taken = event.body
            assert isinstance(taken, PositionDeleveraged)
            self.lots[taken.account] = self.lots.get(taken.account, 0) + abs(taken.size_lots)
        self.ranks = {account: rank for rank, account in enumerate(self.lots, 1)}

    @property
    def closing(self) -> Closing:
        """The round as a policy is asked to share it out."""
        body, market = self.started, self.ledger.markets[self.started.instrument]
        loss = body.value_atoms - market.payoff.value_atoms(body.size_lots, market.mark_ticks)
        return Closing(sum(self.lots.values()), loss)


def published_of(
    told: Round, ledger: LedgerState, names: RunNames, known: KnownHolders, *, in_order: bool
) -> Published:
    """The round against every policy there is, if the order of its file is the venue's.

    O(policies x candidates log candidates).
    """
    realised = _Realised(told, ledger, names, known)
    trials = [_trial(kind(kind.Parameters()), realised) for kind in ADL_POLICIES]
    rankings = {one.policy.policy: one.places for one in trials if one.not_tested is None}
    if not in_order:
        for one in trials:
            one.not_tested = one.not_tested or "the file is not in order of time, so its order is not the venue's"
    tests = _test(trials)
    least = [] if not tests else holm([one.kendall.least_chance for one in tests if one.kendall is not None])
    taken = set(realised.lots)
    return Published(
        round=realised.started.round,
        started_seq=told.started.seq,
        fills=len(told.reductions),
        accounts=len(realised.lots),
        size=names.size_of(realised.started.instrument, sum(realised.lots.values())),
        tests=len(tests),
        is_exact=all(one.kendall is not None and one.kendall.is_exact for one in tests),
        can_tell=bool(least) and min(least) <= LEVEL,
        least_corrected=chance_text(min(least)) if least else None,
        nearest=min(tests, key=_chance).policy.policy if tests else None,
        passed_over=passed_over_of(realised.started, ledger, names, known, taken, rankings),
        caveats=_CAVEATS,
        formulas=tuple(_formula(one, trials, realised) for one in trials),
    )


def _trial(policy: RankingPolicy, realised: _Realised) -> _Trial:
    """The ranking by one policy, with what of it can be tested."""
    body, known = realised.started, realised.known
    places = list(ranking_of(realised.ledger, body.instrument, 1 if body.size_lots > 0 else -1, policy))
    if isinstance(policy, DydX):
        return _Trial(policy, places, (), (), "it scans accounts from a random place, and ranks nobody")
    if not known.entries.intersection(realised.lots):
        return _Trial(policy, places, (), (), "no file tells at which prices the accounts entered")
    able = known.entries & known.balances if _asks_account_value(policy) else known.entries
    if not able.intersection(realised.lots):
        return _Trial(policy, places, (), (), "no file states the account values, which it asks for")
    scores = {place.candidate.account: place.score for place in places}
    tested = tuple(account for account in realised.lots if account in scores and account in able)
    ordered = tuple(scores[account] for account in tested)
    reason = None
    if len(tested) < 2:  # noqa: PLR2004 - one alone has no order
        reason = "of fewer than two of the accounts it has a place and the record the figures"
    elif len(set(ordered)) == 1:
        reason = "it gives all of them the same score"
    return _Trial(policy, places, tested, ordered, reason)


def _asks_account_value(policy: RankingPolicy) -> bool:
    formula = formula_of(policy)
    constants = getattr(policy, "constants", {})
    return formula is None or not _OF_THE_POSITION.issuperset(set(formula.formula.names).difference(constants))


def _test(trials: Sequence[_Trial]) -> list[_Trial]:
    """Test each order once, and give all formulas of that order its outcome; returns one trial for each order."""
    orders: dict[object, list[_Trial]] = {}
    for one in trials:
        if one.not_tested is None:
            orders.setdefault(one.order, []).append(one)
    outcomes = [kendall_of(alike[0].scores) for alike in orders.values()]
    corrected = holm([outcome.chance for outcome in outcomes])
    for alike, outcome, chance in zip(orders.values(), outcomes, corrected, strict=True):
        for one in alike:
            one.kendall, one.corrected = outcome, chance
    return [alike[0] for alike in orders.values()]


def _chance(one: _Trial) -> Fraction:
    return Fraction(1) if one.kendall is None else one.kendall.chance


def _formula(one: _Trial, trials: Sequence[_Trial], realised: _Realised) -> FormulaTest:
    policy, kendall, corrected = one.policy, one.kendall, one.corrected
    given = _given(policy, realised, one.places)
    tested = kendall is not None and corrected is not None
    same = [other for other in trials if other is not one and tested and other.kendall and other.order == one.order]
    chance = None if kendall is None else kendall.chance
    return FormulaTest(
        policy=policy.policy,
        version=policy.version,
        formula=policy.formula,
        source=str(getattr(policy, "source", "")),
        not_tested=one.not_tested,
        tested_accounts=len(one.accounts),
        same_as=tuple(other.policy.policy for other in same),
        agreeing=0 if kendall is None else kendall.agreeing,
        differing=0 if kendall is None else kendall.differing,
        pairs=0 if kendall is None else kendall.pairs,
        tau_b=None if kendall is None else kendall.tau_text,
        chance=_exact(chance),
        chance_text=_decimal(chance),
        corrected=_exact(corrected),
        corrected_text=_decimal(corrected),
        is_beyond_chance=corrected is not None and corrected <= LEVEL,
        candidates=len(one.places),
        taken=len(given),
        in_common=realised.names.size_of(
            realised.started.instrument,
            sum(min(lots, realised.lots.get(account, 0)) for account, lots in given.items()),
        ),
        places=tuple(_place(place, given, realised) for place in one.places),
    )


def _exact(chance: Fraction | None) -> str | None:
    return None if chance is None else f"{chance.numerator}/{chance.denominator}"


def _decimal(chance: Fraction | None) -> str | None:
    return None if chance is None else chance_text(chance)


def _given(policy: RankingPolicy, realised: _Realised, places: Sequence[Ranked]) -> dict[int, int]:
    """Who would be taken for how many lots."""
    shared = shared_out(policy, realised.closing, places, realised.started.instrument, realised.ledger)
    return {place.candidate.account: lots for place, lots in shared}


def _place(place: Ranked, given: dict[int, int], realised: _Realised) -> FormulaPlace:
    account, instrument, names = place.candidate.account, realised.started.instrument, realised.names
    return FormulaPlace(
        rank=place.rank,
        account=account,
        name=names.account(account),
        score=Quantity(place.score, SCORES),
        size=names.size_of(instrument, place.candidate.size),
        would_give=names.size_of(instrument, given.get(account, 0)),
        realised_rank=realised.ranks.get(account),
        gave=names.size_of(instrument, realised.lots.get(account, 0)),
    )


class Kendall(NamedTuple):
    """Pairs of scores in the order that happened; `groups` are the sizes of the groups of equal scores."""

    agreeing: int
    differing: int
    groups: tuple[int, ...]

    @property
    def accounts(self) -> int:
        """How many were compared."""
        return sum(self.groups)

    @property
    def pairs(self) -> int:
        """All pairs, those of equal scores included."""
        return self.accounts * (self.accounts - 1) // 2

    @property
    def tau_b(self) -> Decimal:
        """From -1 (the reverse order) to 1 (the same order); 0 where all scores are equal."""
        unequal = self.agreeing + self.differing
        if not unequal:
            return Decimal(0)
        return CONTEXT.divide(Decimal(self.agreeing - self.differing), CONTEXT.sqrt(Decimal(self.pairs * unequal)))

    @property
    def tau_text(self) -> str:
        """tau-b with three decimals."""
        return _thousandths(self.tau_b)

    @property
    def is_exact(self) -> bool:
        """Whether the chance is counted, and not approximated."""
        return self.accounts <= EXACT_MOST

    @property
    def orders(self) -> int:
        """How many orders can be told apart, accounts of equal score being alike."""
        return factorial(self.accounts) // prod(map(factorial, self.groups))

    @property
    def chance(self) -> Fraction:
        """The share of all orders that agree as well or better; O(n x differing pairs)."""
        if not self.is_exact:
            return Fraction(self._normal())
        unequal = self.agreeing + self.differing
        if 2 * self.differing < unequal:
            return Fraction(self._orders_within(self.differing), self.orders)
        return 1 - Fraction(self._orders_within(self.agreeing - 1), self.orders)

    @property
    def least_chance(self) -> Fraction:
        """The chance of perfect agreement: no order of these accounts gives a lesser one."""
        return Fraction(1, self.orders)

    def _orders_within(self, most: int) -> int:
        """How many orders have at most so many differing pairs."""
        if most < 0:
            return 0
        found = [1] + [0] * most
        for step in range(1, min(self.accounts, most) + 1):
            for place in range(most, step - 1, -1):
                found[place] -= found[place - step]
        for group in self.groups:
            for step in range(1, min(group, most) + 1):
                for place in range(step, most + 1):
                    found[place] += found[place - step]
        return sum(found)

    def _normal(self) -> float:
        def weight(number: int) -> int:
            return number * (number - 1) * (2 * number + 5)

        variance = (weight(self.accounts) - sum(map(weight, self.groups))) / 18
        if not variance:
            return 1.0
        return erfc((self.agreeing - self.differing - 1) / sqrt(2 * variance)) / 2


def kendall_of(scores: Sequence[int]) -> Kendall:
    """Every pair of the order that happened; O(n log n) comparisons."""
    earlier: list[int] = []
    agreeing = differing = 0
    for score in scores:
        differing += bisect_left(earlier, score)
        agreeing += len(earlier) - bisect_right(earlier, score)
        insort(earlier, score)
    return Kendall(agreeing, differing, tuple(Counter(scores).values()))


def holm(chances: Sequence[Fraction]) -> list[Fraction]:
    """Each chance corrected for the number of all, in their order; at most 1."""
    corrected, least = list(chances), Fraction(0)
    for place, number in enumerate(sorted(range(len(chances)), key=chances.__getitem__)):
        least = max(least, min(Fraction(1), (len(chances) - place) * chances[number]))
        corrected[number] = least
    return corrected


def chance_text(chance: Fraction) -> str:
    """A chance with three decimals, or that it is less than the least of those."""
    if chance < Fraction(1, 1000):
        return "<0.001"
    return _thousandths(CONTEXT.divide(Decimal(chance.numerator), Decimal(chance.denominator)))


def _thousandths(number: Decimal) -> str:
    return str(number.quantize(Decimal("0.001"), context=CONTEXT))
