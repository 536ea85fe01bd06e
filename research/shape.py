"""The shape of a crash: when auto-deleveraging began, in what bursts it came, and what those were like whom it hit.

1. *Liquidated* is every forced trade seen from the side that is closed: what traders' positions were sold for in the
   market, what the fund took over, and what was closed by deleveraging, a trader's or the fund's own. The same fills
   seen from the winners' side are *deleveraged*. What the fund sells in the market is an ordinary trade and no part.
2. A *burst* is all reductions (`PositionDeleveraged`) of one instant.
3. A reduction's *leverage* is what the account held in that instrument just before, at the price at which it is
   closed, over the account's balance: cash, without unrealised profit. Where the balance is not positive it is 0. So
   the published reconstruction of 10 October 2025 has it, on every row that can be computed again.
   An account's leverage is the mean of its reductions', rounded down.
4. *Leverage on equity* has the account's equity at the marks below the line, and the marks' value above it.
5. A reduction is *in profit* if the price at which it is closed is better than what the position cost.
6. A percentile is the least value that so many hundredths of all do not exceed. Leverages are in millionths, rounded
   down.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from itertools import chain

import msgspec

from deleverage.events.bodies.liquidation import LiquidationFilled, PositionTakenOver
from deleverage.events.bodies.waterfall import PositionDeleveraged
from deleverage.events.envelope import Event
from deleverage.events.ledger import Ledger, LedgerState
from deleverage.handlers.valuation import margin_of

__all__ = ["Shape", "ShapeMeter", "percentile", "shape_of"]

_PPM = 10**6


class Shape(msgspec.Struct, frozen=True):
    """What the crash looked like. Times are in ns since 1970, None where there was none.

    `bursts` holds (time, reductions), in order; the leverages are in rising order.
    """

    first_liquidation_ns: int | None
    liquidated_atoms: int
    deleveraged_atoms: int
    in_profit: int
    bursts: tuple[tuple[int, int], ...]
    leverages_ppm: tuple[int, ...]
    account_leverages_ppm: tuple[int, ...]
    equity_leverages_ppm: tuple[int, ...]

    @property
    def reductions(self) -> int:
        """How many there were."""
        return sum(count for _, count in self.bursts)

    @property
    def delay_ns(self) -> int | None:
        """From the first liquidation to the first reduction."""
        if self.first_liquidation_ns is None or not self.bursts:
            return None
        return self.bursts[0][0] - self.first_liquidation_ns


class ShapeMeter:
    """Takes every event of a run in its order, each before `ledger` folds it."""

    def __init__(self) -> None:
        self._liquidated_ns: int | None = None
        self._liquidated_atoms = self._deleveraged_atoms = self._in_profit = 0
        self._bursts: Counter[int] = Counter()
        self._leverages: defaultdict[int, list[int]] = defaultdict(list)
        self._equity_leverages: list[int] = []

    def take(self, event: Event, ledger: LedgerState) -> None:
        """O(1), but for a reduction: O(positions of the account)."""
        body = event.body
        if isinstance(body, LiquidationFilled):
            if ledger.accounts[body.account].kind == "user":
                self._liquidated(event.at_ns, body.value_atoms)
        elif isinstance(body, PositionTakenOver):
            self._liquidated(event.at_ns, body.value_atoms)
        elif isinstance(body, PositionDeleveraged):
            self._liquidated(event.at_ns, body.value_atoms)
            self._reduced(event.at_ns, body, ledger)

    def shape(self) -> Shape:
        """What was seen so far."""
        return Shape(
            self._liquidated_ns,
            self._liquidated_atoms,
            self._deleveraged_atoms,
            self._in_profit,
            tuple(self._bursts.items()),
            tuple(sorted(chain.from_iterable(self._leverages.values()))),
            tuple(sorted(sum(found) // len(found) for found in self._leverages.values())),
            tuple(sorted(self._equity_leverages)),
        )

    def _liquidated(self, at_ns: int, value_atoms: int) -> None:
        if self._liquidated_ns is None:
            self._liquidated_ns = at_ns
        self._liquidated_atoms += abs(value_atoms)

    def _reduced(self, at_ns: int, body: PositionDeleveraged, ledger: LedgerState) -> None:
        self._deleveraged_atoms += abs(body.value_atoms)
        self._bursts[at_ns] += 1
        account, market = ledger.accounts[body.account], ledger.markets[body.instrument]
        held = account.positions[body.instrument, body.leg]
        # The value of the part that is closed says what the price was more exactly than its ticks do.
        closed_atoms = abs(body.value_atoms * held.size_lots // body.size_lots)
        marked_atoms = abs(market.payoff.value_atoms(held.size_lots, market.mark_ticks))
        gained_atoms = -body.value_atoms * abs(held.size_lots) - held.cost_atoms * abs(body.size_lots)
        self._in_profit += gained_atoms > 0
        self._leverages[body.account].append(_ppm(closed_atoms, account.balance_atoms))
        self._equity_leverages.append(_ppm(marked_atoms, margin_of(account, ledger).equity_atoms))


def shape_of(events: Iterable[Event]) -> Shape:
    """The shape of a whole run; some 4 us an event. Raises LedgerError where its events do not follow one another."""
    meter, ledger = ShapeMeter(), Ledger()
    for event in events:
        meter.take(event, ledger)
        ledger.fold(event)
    return meter.shape()


def percentile(ordered: Sequence[int], hundredths: int) -> int | None:
    """Of values in rising order; None where there are none."""
    if not ordered:
        return None
    return ordered[max(0, -(-len(ordered) * hundredths // 100) - 1)]


def _ppm(above_atoms: int, below_atoms: int) -> int:
    return above_atoms * _PPM // below_atoms if below_atoms > 0 else 0
