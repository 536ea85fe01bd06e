"""dYdX v4: no ranking. Accounts are scanned from a pseudo-random one on, and pairs that do not overlap are skipped."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import ClassVar

from ....events.ledger import LedgerState, PositionKey
from ...draws import draw_below
from ..ranking import SCORE_SCALE, Allocation, Candidate, Closing, Ranked
from .ledger_reading import LedgerReadingPolicy

__all__ = ["DydX"]

_PURPOSE = "adl scan start"


class DydX(LedgerReadingPolicy):
    """Place in the scan = accounts - (account - start) modulo accounts, highest first; closed at the bankruptcy price.

    `start` is drawn from the run's seed and the instant at which the instrument was last marked: the same for all
    rounds at one mark. Bankruptcy prices do not overlap where the lots that a candidate would have to take, all that
    are left or all that it has, would cost it its equity; then it is skipped, and gives nothing in part. Whether a
    candidate is at a profit is not asked.
    """

    policy: ClassVar[str] = "dydx"
    formula: ClassVar[str] = "accounts - (account - start) mod accounts"
    figures: ClassVar[tuple[str, ...]] = ("accounts", "start")
    any_profit: ClassVar[bool] = True
    source: ClassVar[str] = "dydxprotocol/v4-chain, x/clob/keeper/deleveraging.go"

    def scores_in(self, candidates: Sequence[Candidate], keys: Sequence[PositionKey], ledger: LedgerState) -> list[int]:
        """One place per candidate."""
        if not candidates:
            return []
        accounts, start = len(ledger.accounts), _start(keys[0][0], ledger)
        return [(accounts - (candidate.account - start) % accounts) * SCORE_SCALE for candidate in candidates]

    def figures_in(self, candidate: Candidate, key: PositionKey, ledger: LedgerState) -> Mapping[str, int]:
        """How many accounts there are, and at which of them the scan begins."""
        return {"accounts": len(ledger.accounts), "start": _start(key[0], ledger)}

    def allocate(self, closing: Closing, places: Iterable[Ranked]) -> Allocation:
        """In the order of the scan, each whole or not at all."""
        left = closing.lots
        for place in places:
            lots = min(left, abs(place.candidate.size))
            if lots and closing.most(place.candidate) >= lots:
                left -= lots
                yield place, lots
            if not left:
                return


def _start(instrument: int, ledger: LedgerState) -> int:
    seed = 0 if ledger.run is None else ledger.run.seed
    marked_at_ns = ledger.markets[instrument].marked_at_ns
    return draw_below(seed, instrument, _PURPOSE, marked_at_ns, len(ledger.accounts))
