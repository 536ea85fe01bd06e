"""dYdX v4: no ranking. Accounts are scanned from a pseudo-random one on, and pairs that do not overlap are skipped."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import ClassVar

from ....events.ledger import LedgerState, PositionKey
from ...draws import draw_below
from ...valuation import MICRO, margin_of, requirement_without
from ..ranking import SCORE_SCALE, Allocation, Candidate, Closing, Ranked
from .ledger_reading import LedgerReadingPolicy

__all__ = ["DydX"]

_PURPOSE = "adl scan start"


class DydX(LedgerReadingPolicy):
    """Place in the scan = accounts - (account - start) modulo accounts, highest first; closed at the bankruptcy price.

    1. `start` is drawn from the run's seed and the instant at which the instrument was last marked: the same for all
       rounds at one mark.
    2. Neither a profit is asked of a candidate nor that it is not being liquidated; with no equity left it could not
       close at a price that costs it more.
    3. A candidate gives all that is left to close, or all that it has, or nothing: that is skipped which would leave it
       under its requirement and with a worse ratio of equity to requirement than before, where bankruptcy prices do not
       overlap, or without equity. The source asks for the initial requirement, which scenarios do not have.
    """

    policy: ClassVar[str] = "dydx"
    version: ClassVar[str] = "3"
    formula: ClassVar[str] = "accounts - (account - start) mod accounts"
    figures: ClassVar[tuple[str, ...]] = ("accounts", "start")
    any_profit: ClassVar[bool] = True
    liquidating: ClassVar[bool] = True
    in_words: ClassVar[str] = "the numbers of the accounts, from one on that is drawn for each block"
    source: ClassVar[str] = "dydxprotocol/v4-chain, x/clob/keeper/deleveraging.go and x/subaccounts/lib/updates.go"

    def scores_in(self, candidates: Sequence[Candidate], keys: Sequence[PositionKey], ledger: LedgerState) -> list[int]:
        """One place per candidate."""
        if not candidates:
            return []
        accounts, start = len(ledger.accounts), _start(keys[0][0], ledger)
        return [(accounts - (candidate.account - start) % accounts) * SCORE_SCALE for candidate in candidates]

    def figures_in(self, candidate: Candidate, key: PositionKey, ledger: LedgerState) -> Mapping[str, int]:
        """How many accounts there are, and at which of them the scan begins."""
        return {"accounts": len(ledger.accounts), "start": _start(key[0], ledger)}

    def allocate_in(
        self, closing: Closing, places: Iterable[Ranked], instrument: int, ledger: LedgerState
    ) -> Allocation:
        """In the order of the scan, each whole or not at all."""
        left = closing.lots
        for place in places:
            lots = min(left, abs(place.candidate.size))
            if closing.most(place.candidate) >= lots and _is_valid(closing, place, lots, instrument, ledger):
                left -= lots
                yield place, lots
            if not left:
                return


def _is_valid(closing: Closing, place: Ranked, lots: int, instrument: int, ledger: LedgerState) -> bool:
    """Whether the requirement is met afterwards, or equity over requirement is no less than before."""
    account, key = ledger.accounts[place.candidate.account], (instrument, place.leg)
    margin = margin_of(account, ledger)
    equity, required = margin.equity_atoms, margin.requirement_microatoms
    left_required = requirement_without(account, ledger, key, lots)
    left_equity = equity + -closing.loss_atoms * lots // closing.lots
    return left_equity * MICRO >= left_required or left_equity * required >= equity * left_required


def _start(instrument: int, ledger: LedgerState) -> int:
    seed = ledger.seed
    marked_at_ns = ledger.markets[instrument].marked_at_ns
    return draw_below(seed, instrument, _PURPOSE, marked_at_ns, len(ledger.accounts))
