"""What of a cell hangs on the order within an instant: its record's largest instants, executed in other orders.

1. The instants are the three in which most was reduced, each executed as `deleverage fair --orders ORDERS` does: in all
   its admissible orders where they are no more, else in so many that are drawn. A lab of 24 orders costs 75 executions
   of an instant for a cell at most.
2. The spread is the sum, over these instants and all accounts, of the most that was reduced of an account less the
   least, at the mark, in the first asset. Where two of them overlap, as delays do, only the one with more is counted.
3. A cell without reductions has a spread of 0.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from ...handlers.conversion import counted_in, in_first
from ..fair.beside import KIND
from ..fair.fair import FairQuestion, fair
from ..fair.reckoning import InstantFairness, reckoned
from ..run import Run
from ..studies import study_path
from .meter import Figures

__all__ = ["ORDERS_MOST", "with_fairness"]

ORDERS_MOST = 1_000
_INSTANTS = 3


def with_fairness(figures: Figures, run: Run, orders: int) -> Figures:
    """The figures with the spread over so many orders of the run's largest instants; as they are with no orders."""
    if not orders:
        return figures
    spread_atoms = _spread_atoms(run, orders) if figures.value_deleveraged_atoms else 0
    return msgspec.structs.replace(figures, fairness_spread_atoms=spread_atoms)


def _spread_atoms(run: Run, orders: int) -> int:
    asked = FairQuestion(orders=orders, instants=_INSTANTS)
    try:
        found = reckoned(run, fair(run, asked))
    finally:
        study_path(run, KIND, asked).unlink(missing_ok=True)
    (ledger,) = run.states([run.count])
    accounts = (account for one in _apart(found.instants) for account in one.accounts)
    return sum(
        in_first(ledger, account.asset, account.spread_atoms)
        for account in accounts
        if counted_in(ledger, account.asset) == 0
    )


def _apart(instants: Iterable[InstantFairness]) -> Iterator[InstantFairness]:
    """Those that share no time with one that comes before them."""
    taken = list[InstantFairness]()
    for one in instants:
        if all(_before(one, other) or _before(other, one) for other in taken):
            taken.append(one)
            yield one


def _before(one: InstantFairness, other: InstantFairness) -> bool:
    return one.instant.at_ns < other.instant.begun_ns
