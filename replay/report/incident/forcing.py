"""Who forced whom, in values: what each liquidation was forced by, what it closed, and who took that.

1. A liquidation has a *generation* (`sim/living/generations.py`): 0 if it would have begun at the marks without what
   forced orders had moved them by; else one more than that of the orders that it needed.
2. One of generation 0 was forced by *prices from outside* (or by rules, funding or faults). Any other was forced
   *through* the instrument in which the forced orders' move of the mark cost the account most.
3. What it closed is by instrument, in the value at which it was closed. It was taken by the *market* (fills), the
   *insurance fund* (taken over), or *winners* (auto-deleveraging). Of what the fund took, the market and winners took
   some off it; the rest it still holds.
4. The *forcer* of a liquidation is the last fill that had moved that mark: one of those that did, not all of them.

Values are of the first asset, each as it was worth when it happened; what that asset does not count is left out.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import msgspec

from ....events.bodies.liquidation import LiquidationFilled, LiquidationStarted, PositionTakenOver
from ....events.bodies.waterfall import PositionDeleveraged
from ....events.envelope import Event
from ....events.ledger import Account, LedgerState
from ....handlers.conversion import counted_in, in_first
from ....sim.living.generations import Generations
from ...state.queues import TRADERS

__all__ = ["FUND", "MARKET", "OUTSIDE", "WINNERS", "ForcedBy", "Forcing"]

OUTSIDE = "prices from outside"
MARKET, FUND, WINNERS = "market", "insurance fund", "winners"


class ForcedBy(msgspec.Struct):
    """A liquidation: its generation, what it was forced through, the last fill that had moved that, what it closed."""

    generation: int
    through: str
    forcer: int | None
    closed_atoms: int = 0


class Forcing:
    """Takes every event of a run in its order, each after it was folded; sums are in atoms of the first asset.

    `closed` is by (through, instrument), `over_time` by (step, through), `taken` by (instrument, by whom), `passed_on`
    what the fund's inventory went to, `forcers` the liquidations that each account's fills led to.
    """

    def __init__(self, first_ns: int, step_ns: int) -> None:
        self.liquidations = dict[int, ForcedBy]()
        self.closed, self.taken = Counter[tuple[str, str]](), Counter[tuple[str, str]]()
        self.over_time, self.passed_on = Counter[tuple[int, str]](), Counter[str]()
        self.generations, self.forcers = Counter[int](), Counter[int]()
        self._first_ns, self._step_ns = first_ns, step_ns
        self._of, self._fills = Generations(), dict[int, int]()

    def take(self, event: Event, ledger: LedgerState) -> None:
        """O(1), and what generations cost."""
        body: Any = event.body
        kind = type(body)
        if kind in Generations.KINDS:
            self._of.take(event, ledger)
        if kind is LiquidationStarted:
            self._start(body, ledger)
        elif kind is LiquidationFilled:
            self._fills[event.seq] = body.account
            self._close(event, MARKET, ledger, body.account)
        elif kind is PositionTakenOver:
            self._close(event, FUND, ledger, body.account)
        elif kind is PositionDeleveraged:
            self._close(event, WINNERS, ledger, body.against)

    def forcer_of(self, liquidation_id: int) -> int | None:
        """The account whose fill had moved the mark last."""
        forcer = self.liquidations[liquidation_id].forcer
        return None if forcer is None else self._fills[forcer]

    def _start(self, body: LiquidationStarted, ledger: LedgerState) -> None:
        generation = self._of.generation_of(body.liquidation_id)
        self.generations[generation] += 1
        forced = ForcedBy(generation, OUTSIDE, None)
        if generation:
            market = ledger.markets[self._through(ledger.accounts[body.account], ledger)]
            forcer = market.impact_seq if market.impact_seq in self._fills else None
            forced = ForcedBy(generation, market.listing.name, forcer)
            if forcer is not None:
                self.forcers[self._fills[forcer]] += 1
        self.liquidations[body.liquidation_id] = forced

    def _through(self, account: Account, ledger: LedgerState) -> int:
        """The instrument in which forced orders had cost an account most; of an option its underlying."""
        cost_atoms, without = Counter[int](), self._of.marks_without(account, ledger)
        for (instrument, _), held in account.positions.items():
            market, option = ledger.markets[instrument], ledger.options.get(instrument)
            then = market.payoff.value_atoms(held.size_lots, without[instrument])
            lost_atoms = then - market.payoff.value_atoms(held.size_lots, market.mark_ticks)
            cost_atoms[instrument if option is None else option.underlying] += lost_atoms
        return max(sorted(cost_atoms), key=cost_atoms.__getitem__)

    def _close(self, event: Event, taker: str, ledger: LedgerState, account: int) -> None:
        """Lots of a trader, or of the fund's inventory, go to whoever takes them."""
        body: Any = event.body
        name, atoms = ledger.markets[body.instrument].listing.name, _worth(body, ledger)
        forced = self.liquidations.get(body.liquidation_id)
        if ledger.accounts[account].kind not in TRADERS:
            self.passed_on[taker] += atoms
        elif forced is not None:
            forced.closed_atoms += atoms
            self.closed[forced.through, name] += atoms
            self.over_time[(event.at_ns - self._first_ns) // self._step_ns, forced.through] += atoms
            self.taken[name, taker] += atoms


def _worth(body: Any, ledger: LedgerState) -> int:
    """The value of what was traded in the first asset; 0 where that does not count it."""
    asset = ledger.markets[body.instrument].listing.asset
    return in_first(ledger, asset, abs(body.value_atoms)) if counted_in(ledger, asset) == 0 else 0
