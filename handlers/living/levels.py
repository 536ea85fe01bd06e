"""Who has fallen under a level of its own: exact, and never a sweep.

As the margin monitor (`margin_monitor.py`): who may have crossed is told by a `RangeIndex` of safe ranges, each at the
account's own level of the maintenance requirement, and tested exactly. A mark that leaves no range costs two
comparisons, however many accounts there are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ...events.bodies.listing import InstrumentListed
from ...events.bodies.margin import FundingAccrued, MarkPriced, RulesChanged
from ...events.envelope import Event
from ...events.ledger import Account, LedgerState
from ..options.book import holds_options
from ..order import by_account
from ..ranges import new_index
from ..safe_ranges import Pace, SafeRanges
from ..valuation import is_marked, margin_of, slack

__all__ = ["OwnLevels"]


class OwnLevels:
    """An index over accounts with a level each, in basis points of the requirement; `due` are those to be tested."""

    def __init__(self) -> None:
        self.due: set[int] = set()
        self.looks = 0
        self._pace = Pace()
        self._ranges: dict[int, SafeRanges] = {}
        self._level_bps: dict[int, int] = {}
        self._index = new_index()

    def clear(self, instruments: int) -> None:
        """Nobody has a level, and no range is known; `due` is emptied in place, as it serves as a gate."""
        self._level_bps, self._index, self._ranges = {}, new_index(), {}
        self._index.grow(instruments)
        self.due.clear()

    def add(self, account: int, level_bps: int) -> None:
        """An account with its level, to be tested at the next delivery."""
        self._level_bps[account] = level_bps
        self.due.add(account)

    def note(self, accounts: Iterable[int]) -> None:
        """They may be under their level, by a change of their own, or free to act again."""
        for number in accounts:
            if number in self._level_bps:
                self.due.add(number)

    def observe(self, event: Event, ledger: LedgerState) -> None:
        """Note who may have crossed by a mark, by funding or by other rules."""
        body, index = event.body, self._index
        if type(body) is MarkPriced:
            instrument, mark_ticks = body.instrument, body.mark_ticks
            if mark_ticks < index.floor_ticks[instrument] or mark_ticks > index.ceiling_ticks[instrument]:
                self.due.update(index.crossed_by_mark(instrument, mark_ticks))
        elif type(body) is InstrumentListed:
            index.grow(len(ledger.markets))
        elif type(body) is FundingAccrued:
            total = ledger.markets[body.instrument].cumulative_funding_nanoatoms
            self.due.update(index.crossed_by_funding(body.instrument, total))
        elif type(body) is RulesChanged:
            self._ranges.clear()
            self.due.update(index.exposed_to(body.instrument))

    def under(self, ledger: LedgerState) -> list[Account]:
        """Who of those due is healthy and under its level, in the order of the accounts; the others are armed again.

        Whoever holds an instrument without a mark stays due.
        """
        self._pace.note(ledger.markets)
        due = by_account(self.due, ledger)
        self.due.clear()
        found = list(self._tested(due, ledger))
        self._index.settle()
        return found

    def _tested(self, due: list[int], ledger: LedgerState) -> Iterator[Account]:
        for number in due:
            account = ledger.accounts[number]
            if account.status != "healthy":  # it is noted again once it is
                self._index.arm(number, {})
                continue
            if not is_marked(account, ledger):
                self.due.add(number)
                continue
            self.looks += 1
            if holds_options(account, ledger):  # of which no range is safe: it is tested each time
                self._index.arm(number, {})
                self.due.add(number)
                if slack(margin_of(account, ledger), self._level_bps[number]) < 0:
                    yield account
                continue
            margin, level_bps = margin_of(account, ledger), self._level_bps[number]
            if slack(margin, level_bps) < 0:
                self._index.arm(number, {})
                yield account
            elif not self._index.arm_between(account, ledger.markets, self._pace.weights, level_bps, 0):
                self._index.arm(number, self._ranges_of(level_bps).above(account, ledger, margin))

    def _ranges_of(self, level_bps: int) -> SafeRanges:
        found = self._ranges.get(level_bps)
        if found is None:
            found = self._ranges[level_bps] = SafeRanges(level_bps, self._pace)
        return found
