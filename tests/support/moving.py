"""A run whose states move on with the questions, for tests that ask very many of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from deleverage.events.ledger import Ledger
from deleverage.replay.run import Run

__all__ = ["MovingRun"]


class MovingRun(Run):
    """One ledger that moves on with the questions, asked in the order of the record, so that all can be asked."""

    def __init__(self, *given: Any, **named: Any) -> None:
        """As any run, with a ledger of its own that nothing has been folded into yet."""
        super().__init__(*given, **named)
        self._ledger = Ledger()

    def before(self, seq: int) -> Ledger:
        """The state before an event; from scratch only where it lies back."""
        return next(self.states([seq]))

    def states(self, seqs: Iterable[int], ledger: Ledger | None = None) -> Iterator[Ledger]:
        """Each state in turn, by the one ledger, whichever is given."""
        for seq in seqs:
            if seq < self._ledger.seq:
                yield super().before(seq)
                continue
            for event in self.events(self._ledger.seq, seq):
                self._ledger.fold(event)
            yield self._ledger
