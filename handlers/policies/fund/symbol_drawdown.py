"""Bybit: auto-deleveraging of one instrument starts when the pool's profit by it has fallen too far.

1. What the pool has gained by an instrument is what it has earned and lost by that instrument's liquidations, realised
   or not (`events/ledger/books.py`); what the pool has is its cash plus its inventory at the mark.
2. pnlRatio = (gained - its greatest of the window) / the pool's greatest value of the window. Both are looked at every
   `sample_ns` from the first liquidation on.
3. It is on where pnlRatio < -`fall_bps` with the pool's value over `threshold_atoms`, and over where pnlRatio is above
   -`stop_fall_bps` (both strict).
4. While it is on, a position of that instrument which the pool would lose by is deleveraged instead of taken over; one
   that brings it margin is taken over still. The pool's own lots at a loss are closed as rule 4 of `drawdown.py` says:
   so that pnlRatio is back at -`fall_bps`, and the counterparties carry the rest.
5. A pool whose value is not above zero takes nothing over.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

import msgspec

from ....events.ledger import LedgerState
from ...valuation import BPS
from .drawdown import Drawdown, Fall, WindowParameters
from .windows import greatest, with_peak

__all__ = ["SymbolDrawdown"]

_PEAKS = "peaks of fund {}"
_GAINS = "gains by instrument {}"


class SymbolDrawdown(Drawdown):
    """pnlRatio = (PnL - max PnL) / max balance, per instrument: on under -fall_bps, over above -stop_fall_bps.

    Source: Bybit v5 API page adl-alert, its first two cases and three examples.
    """

    policy: ClassVar[str] = "symbol-drawdown"
    version: ClassVar[str] = "1"
    formula: ClassVar[str] = "(PnL - max PnL) / max balance over window_ns < -fall_bps, per instrument"
    source: ClassVar[str] = "Bybit v5 API page adl-alert"
    Parameters: ClassVar[type[msgspec.Struct]] = WindowParameters

    def subjects(self, ledger: LedgerState, fund: int) -> dict[str, list[int]]:
        """Each instrument of the pool by itself."""
        return {f"instrument {instrument}": [instrument] for instrument in ledger.instruments_of(fund)}

    def fall(self, ledger: LedgerState, fund: int, instruments: list[int]) -> Fall:
        """How far the gain by the instrument is under its greatest, against the pool's greatest value."""
        (instrument,) = instruments
        gained = self._inventory.gained_atoms(ledger, instrument)
        most = greatest(self._notes(_GAINS, instrument, ledger), gained)
        pool = greatest(self._notes(_PEAKS, fund, ledger), self.value_atoms(ledger, fund))
        return Fall(gained - most, pool)

    def is_over(self, fall: Fall) -> bool:
        """Above the ratio at which it stops (strict)."""
        return fall.change_atoms * BPS > -self.drawdown.stop_bps * fall.reference_atoms

    def is_deleveraged(self, share_atoms: int) -> bool:
        """What brings the pool margin is taken over still."""
        return share_atoms <= 0

    def figures(self, ledger: LedgerState, fund: int, step: int) -> Iterator[tuple[str, tuple[int, ...]]]:
        """The pool's value and the gain by each of its instruments."""
        value = self.value_atoms(ledger, fund)
        yield _PEAKS.format(fund), with_peak(self._notes(_PEAKS, fund, ledger), step, value)
        for instrument in ledger.instruments_of(fund):
            gained = self._inventory.gained_atoms(ledger, instrument)
            yield _GAINS.format(instrument), with_peak(self._notes(_GAINS, instrument, ledger), step, gained)
