"""The systemic stress vector: the smallest common move that starts a cascade which feeds itself.

The *static cascade* of a fall by x basis points, over traders as they stand (a rise is the mirror image):

1. Generation 0 is everyone who falls due at a common move of up to x (`census.py`), those in liquidation among them.
2. What generations 0 to k hold long is sold into the bids, all at once: of instrument i it reaches, beyond what is
   eaten already, r_i into the depth (`handlers.depth.reach_millibps`), and moves its price by impact_bps of r_i. What
   they hold short is not bought back: that would soften the fall.
3. The common move is then y_k = x + sum(w_i r_i impact_i) / sum(w_i), w_i being the open interest at the mark, rounded
   down to a basis point. Generation k + 1 is whoever else falls due at a common move of up to y_k.
4. It ends with the first generation of nobody. Nothing refills meanwhile, nobody answers, no fund takes over.

With N_k the notional of generations 0 to k, its *branching ratio* is the greatest (N_k+1 - N_0) / N_k: how much each
unit that was forced has forced by then. Above 1 the cascade grows as it goes. (The branching ratio of a run, in
`docs/concepts/cascade.md`, is the share of the forced that forced orders forced; it never passes 1, as a run ends.)

The stress vector of a direction is the smallest multiple of `STEP_BPS` whose cascade forces at least `MATERIAL_BPS` of
the open interest and has a branching ratio above 1. What a cascade forces never falls as x grows, so the first that is
material is found by bisection; the ratio may fall again, so from there on every step is tried.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import pairwise
from typing import NamedTuple

from ...events.ledger import LedgerState, Market
from ...handlers.depth import eaten_lots, reach_millibps
from ...handlers.valuation import BPS
from .census import MOVE_BPS_MOST, Trader

__all__ = ["MATERIAL_BPS", "STEP_BPS", "Static", "StaticCascade", "StressVector", "stress_of"]

STEP_BPS = 10
"""Common moves are tried in steps of so much."""

MATERIAL_BPS = 100
"""A cascade of less than this share of the open interest is none to warn of."""

_MILLI = 1_000


class StaticCascade(NamedTuple):
    """What each generation holds in atoms, and the common move that all of it comes to, in basis points."""

    generations_atoms: tuple[int, ...]
    reached_bps: int

    @property
    def forced_atoms(self) -> int:
        """The notional of all generations."""
        return sum(self.generations_atoms)

    @property
    def branching(self) -> Fraction:
        """The greatest (N_k+1 - N_0) / N_k; 0 where nobody is forced by forced orders."""
        first, so_far, found = self.generations_atoms[0], 0, Fraction(0)
        for before, after in pairwise(self.generations_atoms):
            so_far += before
            if so_far:
                found = max(found, Fraction(so_far + after - first, so_far))
        return found


class StressVector(NamedTuple):
    """The smallest fall and the smallest rise in basis points, unsigned; None where none is found up to the most."""

    falls_bps: int | None
    rises_bps: int | None

    @property
    def nearest_bps(self) -> int | None:
        """The smaller of both."""
        return min((bps for bps in self if bps is not None), default=None)


class _Side(NamedTuple):
    """What one instrument takes: its side of the depth, what is eaten, the share that moves the price, its weight."""

    instrument: int
    bands: tuple[tuple[int, int], ...]
    eaten_lots: int
    impact_bps: int
    weight_atoms: int

    def moved_millibps(self, lots: int) -> int:
        """How far so many lots more move the price."""
        reached = reach_millibps(self.bands, self.eaten_lots + lots) - reach_millibps(self.bands, self.eaten_lots)
        return reached * self.impact_bps // BPS


class Static:
    """The static cascades of one direction over the traders of one asset; built in O(traders log traders)."""

    def __init__(
        self, traders: Sequence[Trader], ledger: LedgerState, interest_atoms: Mapping[int, int], sign: int
    ) -> None:
        place = 0 if sign < 0 else 1
        due = sorted(_falling_due(traders, place), key=lambda entry: entry[0])
        self._moves = [move for move, _ in due]
        self._sides = [_side(ledger.markets[one], atoms, ledger.at_ns, sign) for one, atoms in interest_atoms.items()]
        self._weight = sum(side.weight_atoms for side in self._sides)
        self._notionals, self._lots = [0], {side.instrument: [0] for side in self._sides}
        for _, trader in due:
            self._notionals.append(self._notionals[-1] + trader.notional_atoms)
            for instrument, sums in self._lots.items():
                sums.append(sums[-1] + max(-sign * trader.lots.get(instrument, 0), 0))

    @property
    def material_atoms(self) -> int:
        """What a cascade must force to count."""
        return -(-self._weight * MATERIAL_BPS // BPS)

    def cascade(self, move_bps: int) -> StaticCascade:
        """What a common move of so many basis points starts; O(generations x instruments x log traders)."""
        generations, reached, forced = [], move_bps, 0
        while True:
            due = bisect_right(self._moves, reached)
            generations.append(self._notionals[due] - self._notionals[forced])
            if due == forced:
                break
            forced, reached = due, max(reached, move_bps + self._impact_bps(due))
        return StaticCascade(tuple(generations[:-1]) or (0,), reached)

    def smallest(self) -> int | None:
        """The stress vector of this direction."""
        if not self._weight:
            return None
        steps, least = range(0, MOVE_BPS_MOST + 1, STEP_BPS), self.material_atoms
        first = bisect_left(steps, least, key=lambda bps: self.cascade(bps).forced_atoms)
        return next((bps for bps in steps[first:] if self.cascade(bps).branching > 1), None)

    def _impact_bps(self, due: int) -> int:
        moved = sum(side.weight_atoms * side.moved_millibps(self._lots[side.instrument][due]) for side in self._sides)
        return moved // (self._weight * _MILLI)


def _falling_due(traders: Sequence[Trader], place: int) -> Iterator[tuple[int, Trader]]:
    for trader in traders:
        move_bps = trader.due_bps[place]
        if move_bps is not None:
            yield move_bps, trader


def _side(market: Market, interest_atoms: int, now_ns: int, sign: int) -> _Side:
    selling = sign < 0
    eaten = eaten_lots(market, selling=selling, now_ns=now_ns)
    bands = market.bids if selling else market.asks
    return _Side(market.listing.instrument, bands, eaten, market.listing.impact_bps, interest_atoms)


def stress_of(traders: Sequence[Trader], ledger: LedgerState, interest_atoms: Mapping[int, int]) -> StressVector:
    """Of the traders of one asset; `interest_atoms` is the open interest of its instruments at the mark."""
    falls, rises = (Static(traders, ledger, interest_atoms, sign).smallest() for sign in (-1, 1))
    return StressVector(falls, rises)
