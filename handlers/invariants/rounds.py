"""What holds of rounds of auto-deleveraging within an instant: their price, their order, and what went before them."""

from __future__ import annotations

from typing import Any, ClassVar

from ...events.bodies.waterfall import DeleveragingStarted, PositionDeleveraged, ShortfallDeclared
from ...events.envelope import Event
from ...events.ledger import LedgerState
from ...events.vocabulary import Body
from .invariant import HELD, UNKNOWN, Break, Invariant, Outcome, ThisInstant

__all__ = ["FundBeforeAdl", "OneAdlPrice", "QueueOrder"]


class OneAdlPrice(Invariant):
    """All reductions of an instrument at one instant are at one price."""

    name: ClassVar[str] = "one ADL price an instant"
    rule: ClassVar[str] = "price of a reduction = price of the first one of its instrument at that instant"
    judges: ClassVar[tuple[type[Body], ...]] = (PositionDeleveraged,)
    notes: ClassVar[tuple[type[Body], ...]] = (PositionDeleveraged,)

    def __init__(self, _parameters: Any) -> None:
        self._prices: dict[int, tuple[int, dict[int, int]]] = {}

    def forget(self) -> None:
        """No instrument has a price."""
        self._prices = {}

    def note(self, event: Event) -> None:
        """The first event of each price that an instrument has at the present instant."""
        body: Any = event.body
        at_ns, prices = self._prices.get(body.instrument, (-1, {}))
        if at_ns != event.at_ns:
            self._prices[body.instrument] = event.at_ns, {body.price_ticks: event.seq}
        else:
            prices.setdefault(body.price_ticks, event.seq)

    def judged(self, event: Event, ledger: LedgerState) -> Outcome:
        """A further price is broken once, by its first reduction."""
        body: Any = event.body
        prices = self._prices[body.instrument][1]
        price_ticks, seq = next(iter(prices.items()))
        if price_ticks == body.price_ticks:
            return HELD
        if prices[body.price_ticks] != event.seq:
            return None
        figures = price_ticks, body.price_ticks, body.instrument, None, body.round
        return Break("price", "exactly", *figures, links=(seq,))


class QueueOrder(Invariant):
    """Within a round places are taken in the order of the ranking: ranks rise, and scores never do."""

    name: ClassVar[str] = "queue order"
    rule: ClassVar[str] = "rank > rank of the reduction before it in the round, score <= its score"
    judges: ClassVar[tuple[type[Body], ...]] = (PositionDeleveraged,)
    notes: ClassVar[tuple[type[Body], ...]] = (PositionDeleveraged,)

    def __init__(self, _parameters: Any) -> None:
        self._taken = ThisInstant[tuple[int, int]]()

    def forget(self) -> None:
        """Nobody has been taken."""
        self._taken.clear()

    def note(self, event: Event) -> None:
        """Rank and score."""
        body: Any = event.body
        self._taken.note(event, body.round, (body.rank, body.score))

    def judged(self, event: Event, ledger: LedgerState) -> Outcome:
        """Against the reduction before it; an import has no ranks of the venue's."""
        if ledger.imported:
            return UNKNOWN
        body: Any = event.body
        last = self._taken.last(event, body.round)
        if last is None:
            return HELD
        seq, (rank, score) = last
        about = body.instrument, body.account, body.round, (seq,)
        if body.rank <= rank:
            return Break("count", "at least", rank + 1, body.rank, *about)
        return HELD if body.score <= score else Break("score", "at most", score, body.score, *about)


class FundBeforeAdl(Invariant):
    """Nobody is deleveraged for a bankrupt whom the insurance fund can pay for.

    What a shortfall needs is more than the fund had in cash, or in all, by its own figures; and there is a shortfall
    before each round. Rounds that a drawdown or a cap on profits brings about are no matter of this.
    """

    name: ClassVar[str] = "fund before ADL"
    rule: ClassVar[str] = "needed > min(cash, capacity) of the fund, in a shortfall at that instant before each round"
    judges: ClassVar[tuple[type[Body], ...]] = (ShortfallDeclared, DeleveragingStarted)
    notes: ClassVar[tuple[type[Body], ...]] = (ShortfallDeclared,)

    def __init__(self, _parameters: Any) -> None:
        self._short = ThisInstant[None]()

    def forget(self) -> None:
        """Nobody was short."""
        self._short.clear()

    def note(self, event: Event) -> None:
        """Whose shortfall it is."""
        body: Any = event.body
        self._short.note(event, body.account, None)

    def judged(self, event: Event, ledger: LedgerState) -> Outcome:
        """Of a bankrupt; not to be told where shortfalls come late, or not at all as in an import."""
        body: Any = event.body
        if body.trigger != "bankruptcy" or ledger.accounts[body.account].kind == "insurance":
            return HELD
        if isinstance(body, ShortfallDeclared):
            return _needed(body)
        engine = ledger.producer("adl", ledger.venue_of(body.account))
        if ledger.imported or engine is None or engine.latency_ns:
            return UNKNOWN
        if self._short.last(event, body.account) is not None:
            return HELD
        return Break("count", "at least", 1, 0, body.instrument, body.account, body.round)


def _needed(body: ShortfallDeclared) -> Outcome:
    """Whether the fund had less than was needed."""
    cash_atoms = body.capacity_atoms if body.cash_atoms is None else body.cash_atoms
    has_atoms = min(cash_atoms, body.capacity_atoms)
    if body.needed_atoms > has_atoms:
        return HELD
    return Break("amount", "at least", has_atoms + 1, body.needed_atoms, None, body.account)
