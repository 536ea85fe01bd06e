"""Whether a ranking depends on what it must not (the order of accounts, who else is scored), and keeps its formula."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ...events.bodies.waterfall import DeleveragingStarted
from ...events.ledger import LedgerState
from ..draws import draw_below
from ..policies.ranking import Candidate, Ranked, RankingPolicy, reads_ledger
from ..policies.score_formula import formula_of
from ..protocol import Product
from ..ranking import Ranking

__all__ = ["check_formula", "check_rankings"]

_DRAWN, _BITS_MOST = 500, 62


def check_formula(policy: RankingPolicy) -> None:
    """Score drawn candidates, small and huge, long and short, one by one.

    Raises AssertionError where the declared formula gives another score, HandlerError where a plug-in's guard says so.
    """
    formula = formula_of(policy)
    if formula is None or reads_ledger(policy):
        return
    for number in range(_DRAWN):
        candidate = _drawn(number)
        (score,) = policy.scores([candidate])
        fault = formula.disagreement(candidate, score)
        assert not fault, f"not by its formula: {fault}"


def _drawn(number: int) -> Candidate:
    """A candidate with figures from one bit to 62."""
    profit, notional, cost, equity, size = (
        1 + draw_below(0, number, name, 0, 2 << draw_below(0, number, f"bits of {name}", 0, _BITS_MOST))
        for name in Candidate._fields[1:]
    )
    side = 1 if draw_below(0, number, "side", 0, 2) else -1
    return Candidate(number, profit, notional, side * cost, equity, side * size)


def check_rankings(policy: RankingPolicy, products: Sequence[Product], ledger: LedgerState) -> None:
    """Rank anew what each round of an answer ranked, with the accounts in other orders, and one by one.

    Raises AssertionError.
    """
    for body in (product for product in products if isinstance(product, DeleveragingStarted)):
        side = 1 if body.size_lots > 0 else -1

        def ranked(accounts: Iterable[int], instrument: int = body.instrument, side: int = side) -> list[Ranked]:
            return list(Ranking(ledger, instrument, side, policy, accounts))

        numbers, formula = range(len(ledger.accounts)), formula_of(policy)
        places = ranked(numbers)
        for order in (reversed(numbers), [*numbers[::2], *numbers[1::2]]):
            assert ranked(order) == places, (
                f"not independent of the order of accounts: round {body.round} ranks otherwise when they are stored "
                "in another order"
            )
        for place in places:
            number = place.candidate.account
            key = (body.instrument, place.leg)
            fault = "" if formula is None else formula.disagreement(place.candidate, place.score, key, ledger)
            assert not fault, f"not by its formula: round {body.round}: {fault}"
            (alone,) = ranked([number])
            assert alone.score == place.score, (
                f"not independent of the others: {ledger.name(number)} scores {place.score} among {len(places)} "
                f"candidates and {alone.score} alone, but only who was touched is scored again in a further round"
            )
