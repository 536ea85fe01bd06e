"""What the orders of an instant come to: for each account how often and how much, for the venue what never changes.

1. Of all orders, a share is exact: each order counts by how likely it is when every choice is drawn evenly. Of a sample
   it is how many of them, with an interval (`bounds.py`).
2. Amounts are at the mark, in atoms of the asset that the account settles in; an account that an order spares has 0.
3. An account's *spread* is the most less the least; that of an instant is the sum of its accounts'.
4. Where orders differ there are two that differ by one swap: the acts of two neighbours in one choice, all other
   choices the engine's own from there on. The smallest such pair is the one with the fewest choices before it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from itertools import takewhile
from math import factorial

import msgspec

from ...events.ledger.ordering import RECORDED, ChosenOrder, Ordering, permuted
from ..bounds import interval
from ..run import Run
from .fair import Executed, InstantOrders, orders_of
from .instants import Instant
from .outcomes import Met, OrderOutcome, TotalOf

__all__ = ["AccountSpread", "Fairness", "InstantFairness", "Lots", "Pair", "TotalSpread", "reckoned"]


class Lots(msgspec.Struct, frozen=True):
    """What of an account was reduced in an instrument: the recorded lots, the least and the most."""

    instrument: int
    recorded: int
    least: int
    most: int


class AccountSpread(msgspec.Struct, frozen=True):
    """An account over the orders of an instant.

    It was deleveraged in `times` of the orders, and liquidated (began to be) in `liquidated_times`. `share` is of all
    orders or of the sample; `share_low` and `share_high` are ten-thousandths, None where it is exact.
    """

    account: int
    name: str
    asset: int
    times: int
    liquidated_times: int
    share: Fraction
    share_low: int | None
    share_high: int | None
    recorded_atoms: int
    least_atoms: int
    most_atoms: int
    mean_atoms: Fraction
    lots: tuple[Lots, ...]

    @property
    def spread_atoms(self) -> int:
        """The most less the least."""
        return self.most_atoms - self.least_atoms


class TotalSpread(msgspec.Struct, frozen=True):
    """A figure of the venue: as recorded, the least and the most."""

    of: TotalOf
    number: int | None
    recorded: int
    least: int
    most: int

    @property
    def invariant(self) -> bool:
        """Whether it is the same in every order."""
        return self.least == self.most == self.recorded


class Pair(msgspec.Struct, frozen=True):
    """Two orders that differ by one swap, and of whom they reduce something else: (name, atoms, atoms)."""

    first: str
    second: str
    accounts: tuple[tuple[str, int, int], ...]


class InstantFairness(msgspec.Struct, frozen=True):
    """An instant: how many orders were counted, its choices as the engine met them, and what came of all of them."""

    instant: Instant
    exact: bool
    orders: int
    choices: tuple[Met, ...]
    accounts: tuple[AccountSpread, ...]
    totals: tuple[TotalSpread, ...]
    pair: Pair | None

    @property
    def hangs_on_order(self) -> bool:
        """Whether anything differs between two of the orders."""
        return any(one.spread_atoms for one in self.accounts) or not all(one.invariant for one in self.totals)

    @property
    def spread_atoms(self) -> int:
        """That of all accounts."""
        return sum(one.spread_atoms for one in self.accounts)


class Fairness(msgspec.Struct, frozen=True):
    """The answer: instants, those first in which most hangs on order. `total` instants of the record had reductions."""

    instants: tuple[InstantFairness, ...]
    total: int


def reckoned(run: Run, executed: Executed) -> Fairness:
    """What was executed, reckoned up."""
    found = [_instant(run, one) for one in executed.instants]
    found.sort(key=lambda one: (-one.spread_atoms, one.instant.at_ns))
    return Fairness(tuple(found), executed.total)


def _instant(run: Run, one: InstantOrders) -> InstantFairness:
    counted = one.counted
    weights = [Fraction(1, orders_of(outcome) if one.exact else len(counted)) for outcome in counted]
    touched = sorted({n for o in one.outcomes for n in (*o.liquidated, *(reduced.account for reduced in o.reduced))})
    accounts = [_account(run, number, one, weights) for number in touched]
    accounts.sort(key=lambda account: (-account.spread_atoms, -account.most_atoms, account.account))
    return InstantFairness(
        one.instant,
        one.exact,
        len(counted),
        one.recorded.met,
        tuple(accounts),
        tuple(_totals(one.outcomes)),
        _pair(run, one.outcomes) if one.exact else None,
    )


def _account(run: Run, number: int, one: InstantOrders, weights: Sequence[Fraction]) -> AccountSpread:
    amounts = [_atoms(outcome, number) for outcome in one.outcomes]
    counted = amounts if one.exact else amounts[1:]
    times = sum(atoms > 0 for atoms in counted)
    low, high = (None, None) if one.exact else interval(times, len(counted))
    opened = run.directory.asset_of_account(number)
    return AccountSpread(
        account=number,
        name=run.directory.account_name(number),
        asset=0 if opened is None else opened.asset,
        times=times,
        liquidated_times=sum(number in outcome.liquidated for outcome in one.counted),
        share=sum((weight for weight, atoms in zip(weights, counted, strict=True) if atoms), Fraction(0)),
        share_low=low,
        share_high=high,
        recorded_atoms=amounts[0],
        least_atoms=min(amounts),
        most_atoms=max(amounts),
        mean_atoms=sum((w * atoms for w, atoms in zip(weights, counted, strict=True)), Fraction(0)),
        lots=tuple(_lots(number, one.outcomes)),
    )


def _atoms(outcome: OrderOutcome, account: int) -> int:
    return sum(one.value_atoms for one in outcome.reduced if one.account == account)


def _lots(account: int, outcomes: Sequence[OrderOutcome]) -> Iterable[Lots]:
    held = [{one.instrument: one.lots for one in outcome.reduced if one.account == account} for outcome in outcomes]
    for instrument in sorted({instrument for lots in held for instrument in lots}):
        lots = [one.get(instrument, 0) for one in held]
        yield Lots(instrument, lots[0], min(lots), max(lots))


def _totals(outcomes: Sequence[OrderOutcome]) -> Iterable[TotalSpread]:
    values = [{(one.of, one.number): one.value for one in outcome.totals} for outcome in outcomes]
    keys = {key: None for one in values for key in one}
    for key in sorted(keys, key=lambda one: (one[0], one[1] or 0)):
        found = [one.get(key, 0) for one in values]
        yield TotalSpread(*key, found[0], min(found), max(found))


def _pair(run: Run, outcomes: Sequence[OrderOutcome]) -> Pair | None:
    """The smallest pair that differs, None where all orders come to the same."""
    by_order = {outcome.order: outcome for outcome in outcomes}
    for outcome in outcomes:  # those with the fewest choices first
        choices = Ordering.of(outcome.order, 0).choices
        for met in outcome.met[len(outcome.met) - _own_last(outcome) :]:
            for first, second in _swapped(met):
                one, other = (by_order[_with(choices, met, number)] for number in (first, second))
                if _differ(one, other):
                    return _told(run, one, other)
    return None


def _own_last(outcome: OrderOutcome) -> int:
    """How many of its last choices are the engine's own."""
    return sum(1 for _ in takewhile(lambda met: met.number == "0", reversed(outcome.met)))


def _with(choices: tuple[ChosenOrder, ...], met: Met, number: int) -> str:
    more = (ChosenOrder(met.after, met.place, str(number)),) if number else ()
    return Ordering("", (*choices, *more)).text or RECORDED


def _swapped(met: Met) -> Iterable[tuple[int, int]]:
    """The numbers of two orders of a choice that differ by a swap of neighbours, each pair once."""
    orders = 1
    for size in met.sizes:
        orders *= factorial(size)
    numbers = {_as_key(permuted(number, met.sizes)): number for number in range(orders)}
    for order, number in numbers.items():
        for group, places in enumerate(order):
            for place in range(len(places) - 1):
                swapped = (*places[:place], places[place + 1], places[place], *places[place + 2 :])
                other = numbers[(*order[:group], swapped, *order[group + 1 :])]
                if number < other:
                    yield number, other


def _as_key(order: list[list[int]]) -> tuple[tuple[int, ...], ...]:
    return tuple(map(tuple, order))


def _differ(first: OrderOutcome, second: OrderOutcome) -> bool:
    return (first.reduced, first.liquidated, first.totals) != (second.reduced, second.liquidated, second.totals)


def _told(run: Run, first: OrderOutcome, second: OrderOutcome) -> Pair:
    touched = sorted({one.account for outcome in (first, second) for one in outcome.reduced})
    both = [(run.directory.account_name(one), _atoms(first, one), _atoms(second, one)) for one in touched]
    return Pair(first.order, second.order, tuple(one for one in both if one[1] != one[2]))
