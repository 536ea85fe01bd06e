"""Whether a ranking depends on what it must not: the order in which accounts are stored, and who else is scored."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ...events.bodies.waterfall import DeleveragingStarted
from ...events.ledger import LedgerState
from ..policies.ranking import Ranked, RankingPolicy
from ..protocol import Product
from ..ranking import Ranking

__all__ = ["check_rankings"]


def check_rankings(policy: RankingPolicy, products: Sequence[Product], ledger: LedgerState) -> None:
    """Rank anew what each round of an answer ranked, with the accounts in other orders, and one by one.

    Raises AssertionError.
    """
    for body in (product for product in products if isinstance(product, DeleveragingStarted)):
        side = 1 if body.size_lots > 0 else -1

        def ranked(accounts: Iterable[int], instrument: int = body.instrument, side: int = side) -> list[Ranked]:
            return list(Ranking(ledger, instrument, side, policy, accounts))

        numbers = range(len(ledger.accounts))
        places = ranked(numbers)
        for order in (reversed(numbers), [*numbers[::2], *numbers[1::2]]):
            assert ranked(order) == places, (
                f"not independent of the order of accounts: round {body.round} ranks otherwise when they are stored "
                "in another order"
            )
        for place in places:
            number = place.candidate.account
            (alone,) = ranked([number])
            assert alone.score == place.score, (
                f"not independent of the others: {ledger.name(number)} scores {place.score} among {len(places)} "
                f"candidates and {alone.score} alone, but only who was touched is scored again in a further round"
            )
