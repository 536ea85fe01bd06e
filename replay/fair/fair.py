"""What of the instants of a record hangs on order: all admissible orders of each, or a sample of them.

1. An *admissible order* is what `events/ledger/ordering.py` says. The first that is executed is the engine's own, which
   is the record's.
2. All orders of an instant are *enumerated* where they are no more than asked for: every choice that is met is taken in
   each of its orders, and so on in what then follows. Each order counts by how likely it is when every choice is drawn.
3. Else so many are *sampled*, each by a key: the head of the record, the instant, and a number. So the same question
   draws the same orders, and whoever has the key can execute that order (`deleverage fork --order KEY`).
4. What came of each order is kept beside the record (`replay/studies.py`), and taken up again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from math import factorial, prod
from typing import NamedTuple

import msgspec

from ...events.errors import QueryError
from ...events.ledger.ordering import RECORDED, ChosenOrder, Ordering
from ...sim.figures import count
from ..forked import can_fork
from ..jobs import Jobs
from ..run import Run
from ..studies import Once, Study, executed_from
from .beside import KIND
from .instants import Instant, instants_of, instants_that_concern, largest
from .outcomes import InstantStanding, OrderOutcome, executed_in

__all__ = ["Executed", "FairQuestion", "InstantOrders", "Progress", "asked_instants", "fair", "orders_of"]


_TASKS_MOST = 1 << 24
"""Tasks are numbered by instant, and within one there are fewer."""

Progress = Callable[[int, int], None]
"""Called with (orders executed, the most there can be)."""


class FairQuestion(msgspec.Struct, frozen=True):
    """The question: about one round, one account, or so many instants; how many orders of each; all or else nothing."""

    round: int | None = None
    account: int | None = None
    orders: int = 400
    instants: int = 5
    all_orders: bool = False


class InstantOrders(msgspec.Struct, frozen=True):
    """An instant and what came of its orders, the engine's own first; `exact` where these are all there are."""

    instant: Instant
    exact: bool
    outcomes: tuple[OrderOutcome, ...]

    @property
    def recorded(self) -> OrderOutcome:
        """What came of it in the engine's own order."""
        return self.outcomes[0]

    @property
    def counted(self) -> tuple[OrderOutcome, ...]:
        """Those by which it is reckoned: all of them, or those that were drawn."""
        return self.outcomes if self.exact else self.outcomes[1:]


class Executed(msgspec.Struct, frozen=True):
    """The instants that were asked about; `resumed` orders were there already, `total` instants had reductions."""

    instants: tuple[InstantOrders, ...]
    resumed: int
    total: int


def orders_of(outcome: OrderOutcome) -> int:
    """How many orders the choices have that were met on the way."""
    return prod(factorial(size) for met in outcome.met for size in met.sizes)


def asked_instants(run: Run, asked: FairQuestion) -> tuple[list[Instant], int]:
    """The instants that a question is about, and how many had reductions. Raises QueryError where it is about none."""
    found = instants_of(run)
    if asked.round is not None:
        chosen = [one for one in found if asked.round in one.rounds]
        if not chosen:
            last = found[-1].rounds[-1]
            message = f"there is no round {asked.round} in {run.path}; its rounds are {found[0].rounds[0]} to {last}"
            raise QueryError(message)
        return chosen, len(found)
    if asked.account is not None:
        return instants_that_concern(run, asked.account, found, asked.instants), len(found)
    return largest(found, asked.instants), len(found)


def fair(
    run: Run,
    asked: FairQuestion,
    jobs: Jobs = 1,
    *,
    progress: Progress = lambda _done, _most: None,
    conclude: Callable[[Executed], object] | None = None,
    plain: bool = False,
) -> Executed:
    """Execute what a question asks for. `conclude` makes of it the answer that is kept in the file.

    Raises QueryError where a question is about nothing or has too many orders, ScenarioError for a policy of the record
    that is not at hand.
    """
    run.check_sealed()
    instants, total = asked_instants(run, asked)
    with Study(run, KIND, asked, OrderOutcome) as study:
        ways = _Ways(asked, study, jobs, plain or not can_fork())
        work = [_Work(run, one, number * _TASKS_MOST, ways) for number, one in enumerate(instants)]
        most = len(instants) * (asked.orders + 1)
        found = [one.orders(lambda: progress(len(study.done), most)) for one in work]
        executed = Executed(tuple(found), study.resumed, total)
        if conclude is not None:
            study.conclude(conclude(executed))
    return executed


class _Ways(NamedTuple):
    """What was asked, where it is kept, in how many processes; `plain` is one after the other, each prepared anew."""

    asked: FairQuestion
    study: Study[OrderOutcome]
    jobs: Jobs
    plain: bool


class _Work:
    """The orders of one instant, executed as far as they are not there; its tasks are numbered from `first` on."""

    def __init__(self, run: Run, instant: Instant, first: int, ways: _Ways) -> None:
        self._run, self._instant, self._first = run, instant, first
        self._asked, self._study, self._jobs, self._plain = ways
        anew = partial(InstantStanding, run, instant)
        self._prepare = anew if self._plain else Once(anew)

    def orders(self, told: Callable[[], None]) -> InstantOrders:
        """All of them, or a sample."""
        (recorded,) = self._executed(0, [RECORDED], told)
        most = self._asked.orders
        every = None if orders_of(recorded) > most else self._enumerated(recorded, told)
        if every is not None:
            return InstantOrders(self._instant, exact=True, outcomes=tuple(every))
        if self._asked.all_orders:
            message = (
                f"the instant of round {self._instant.rounds[0]} has more than {count(most, 'admissible order')}; "
                "give more --orders, or sample them without --all"
            )
            raise QueryError(message)
        keys = [f"{self._run.head[:16]}-{self._instant.after_seq}-{number}" for number in range(1, most + 1)]
        sampled = self._executed(_TASKS_MOST // 2, keys, told)
        return InstantOrders(self._instant, exact=False, outcomes=(recorded, *sampled))

    def _enumerated(self, recorded: OrderOutcome, told: Callable[[], None]) -> list[OrderOutcome] | None:
        """What comes of every order; None once there are more than asked for.

        An order begins with the choices of another one up to one of its last, and takes there one that is not the
        engine's own: so each comes once.
        """
        found, last = [recorded], [recorded]
        while last:
            if len(found) + sum(map(_further_count, last)) > self._asked.orders:
                return None
            orders = [order for outcome in last for order in _further(outcome)]
            last = self._executed(len(found), orders, told)
            found += last
        return found

    def _executed(self, first: int, orders: Sequence[str], told: Callable[[], None]) -> list[OrderOutcome]:
        """What comes of these orders, numbered from `first` on."""
        done, numbers = self._study.done, [self._first + first + place for place in range(len(orders))]
        left = [(number, order) for number, order in zip(numbers, orders, strict=True) if number not in done]
        for number, outcome in executed_from(self._prepare, left, executed_in, self._jobs, plain=self._plain):
            self._study.keep(number, outcome)
            told()
        return [done[number] for number in numbers]


def _further_count(outcome: OrderOutcome) -> int:
    chosen = len(Ordering.of(outcome.order, 0).choices)
    return sum(prod(map(factorial, met.sizes)) - 1 for met in outcome.met[_place_after(outcome, chosen) :])


def _further(outcome: OrderOutcome) -> Iterator[str]:
    """The orders that go on from this one with one more choice that is not the engine's own."""
    choices = Ordering.of(outcome.order, 0).choices
    for met in outcome.met[_place_after(outcome, len(choices)) :]:
        for number in range(1, prod(map(factorial, met.sizes))):
            yield Ordering("", (*choices, ChosenOrder(met.after, met.place, str(number)))).text


def _place_after(outcome: OrderOutcome, chosen: int) -> int:
    """The place behind the last choice that was not the engine's own."""
    places = [place for place, met in enumerate(outcome.met, 1) if met.number != "0"]
    assert len(places) == chosen, "a choice that was named was not met"
    return places[-1] if places else 0
