"""The reductions of a round: who closes how many lots, and what each is worth.

A reduction is worth its share of the round's value over all lots closed so far, so that the sum is exact. It is rounded
down; against a lot of the fund's it is rounded up, so that no part of a round costs the fund more than the whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import accumulate, groupby, repeat
from operator import attrgetter, neg, sub

from ..events.bodies.waterfall import PositionDeleveraged
from ..events.errors import HandlerError
from ..events.ledger import LedgerState
from .closing_task import ClosingTask
from .policies.allocation import Columned, greedy
from .policies.ranking import Allocation, Closing, Ranked, RankingPolicy, allocates, allocates_in

__all__ = ["Shares", "in_order", "reductions_of", "shared_out", "shares_of"]

Shares = Sequence[tuple[Ranked, int]] | Columned
"""Who gives how many lots, in the order of the ranking."""


def in_order(
    places: Iterable[Ranked], ledger: LedgerState, share_out: Callable[[Iterable[Ranked]], Allocation]
) -> Shares:
    """What is shared out among the places; in a fork with an order, with those of one score in that order.

    Whoever shares out then sees them ranked by it; who gives is recorded with the rank that it has in the ranking.
    """
    if not ledger.ordering:
        taken = share_out(places)
        return taken if isinstance(taken, Columned) else list(taken)
    ranks: dict[int, int] = {}
    shared = list(share_out(_ties_arranged(places, ledger, ranks)))
    return [(place._replace(rank=ranks[place.rank]), lots) for place, lots in shared]


def _ties_arranged(places: Iterable[Ranked], ledger: LedgerState, ranks: dict[int, int]) -> Iterator[Ranked]:
    """The places, ranked by the order in force; `ranks` is told the rank that each of them had."""
    for number, (_, tied) in enumerate(groupby(places, key=attrgetter("score"))):
        for one in ledger.ordering.arranged(ledger.seq, list(tied), lambda _one: 0, number):
            rank = len(ranks) + 1
            ranks[rank] = one.rank
            yield one._replace(rank=rank)


def shares_of(
    task: ClosingTask,
    ranking: Iterable[Ranked],
    policy: RankingPolicy,
    ledger: LedgerState,
    shared: Shares | None,
) -> Shares:
    """Who gives how many lots, in the order of the ranking; `shared` where that is settled already.

    Raises HandlerError for lots that nobody may be made to give.
    """
    market = ledger.markets[task.key[0]]
    loss_atoms = task.value_atoms - market.payoff.value_atoms(task.size_lots, market.mark_ticks)
    closing = Closing(abs(task.size_lots), loss_atoms)
    if shared is not None:
        return shared
    return in_order(ranking, ledger, lambda places: shared_out(policy, closing, places, task.key[0], ledger))


def shared_out(
    policy: RankingPolicy, closing: Closing, ranking: Iterable[Ranked], instrument: int, ledger: LedgerState
) -> Allocation:
    """As the policy shares out, or as a queue does. Raises HandlerError, as it is walked, for what nobody can give."""
    if allocates_in(policy):
        return _checked(policy, closing, policy.allocate_in(closing, ranking, instrument, ledger))
    if allocates(policy):
        return _checked(policy, closing, policy.allocate(closing, ranking))
    return greedy(closing, ranking)


def reductions_of(
    task: ClosingTask, number: int, price: int, shares: Shares, ledger: LedgerState
) -> list[PositionDeleveraged]:
    """The reduction of everyone who gives lots, and what it is worth."""
    ranks, scores, accounts, legs, lots = shares.columns() if isinstance(shares, Columned) else _columns_of(shares)
    whole, is_of_fund = abs(task.size_lots), ledger.accounts[task.account].kind == "insurance"
    full_atoms = -task.value_atoms if is_of_fund else task.value_atoms
    given = [full_atoms * closed // whole for closed in accumulate(lots)]
    before = (0, *given)
    figures = (
        repeat(number),
        repeat(task.liquidation_id),
        repeat(task.account),
        repeat(task.key[1]),
        accounts,
        repeat(task.key[0]),
        legs,
        lots if task.size_lots > 0 else map(neg, lots),
        repeat(price),
        map(sub, before, given) if is_of_fund else map(sub, given, before),
        ranks,
        scores,
    )
    return list(map(PositionDeleveraged, *figures))


def _columns_of(shares: Iterable[tuple[Ranked, int]]) -> tuple[Sequence[int], ...]:
    """Rank, score, account, leg and lots of each."""
    rows = [(place.rank, place.score, place.candidate.account, place.leg, lots) for place, lots in shares]
    return tuple(zip(*rows, strict=True)) or ((),) * 5


def _checked(policy: RankingPolicy, closing: Closing, allocation: Allocation) -> Allocation:
    """The allocation. Raises HandlerError, as it is walked, for lots that nobody may be made to give."""
    if isinstance(allocation, Columned) and allocation.is_borne(closing):
        return allocation
    return _walked(policy, closing, allocation)


def _walked(policy: RankingPolicy, closing: Closing, allocation: Allocation) -> Allocation:
    left, last_rank = closing.lots, 0
    for place, lots in allocation:
        most = min(left, closing.most(place.candidate)) if place.rank > last_rank else 0
        if type(lots) is not int or not 0 < lots <= most:
            message = (
                f"policy {policy.policy}: {lots!r} lots for account {place.candidate.account} at rank {place.rank}, "
                f"where whole lots from 1 to {most} can be given; correct its allocate"
            )
            raise HandlerError(message)
        left, last_rank = left - lots, place.rank
        yield place, lots
