"""What befell one account: every event that names it, with the account right before and right after.

1. Both sides are read from the ledger: `before` is the fold of all that came before the event, `after` has the event as
   well. What else its delivery produced are events of their own.
2. Of a trader's account only what it follows from is folded (`following.py`); of the venue's own, and
   where options are listed, the whole record is.
3. Marks and funding name nobody, and what comes from outside does not name the liquidity, the fees or the outside that
   is its other side. Such changes are the difference between `after` of one event and `before` of the next.
4. The names are those of `account_view`, without the place in the queue for auto-deleveraging, which would need a
   ranking of everybody at each event (`state` gives it). `before` is null until the account is opened.
5. Of the venue's own accounts, the fund's inventory above all, `positions` has only what the event moved, as it was
   before and after; of a trader's it has all.
"""

from __future__ import annotations

from collections.abc import Collection, Generator, Iterable, Iterator
from itertools import tee
from typing import Any, NamedTuple

from ...events.envelope import Event
from ...events.errors import QueryError
from ...events.ledger import Ledger, LedgerState, PositionKey
from ...events.ledger.effects import FOLD
from ...events.ledger.postings import POSTINGS, Trade
from ...events.vocabulary import Body, accounts_named
from ...sim.scaled import scaled
from ..directory import Directory
from ..log.selection import told_fields
from ..run import Run
from ..state.queues import TRADERS
from ..state.view import PositionRows, View, account_view
from .following import events_followed

__all__ = ["HistoryStep", "fields_of_steps", "history", "step_fields", "view_beside"]


class HistoryStep(NamedTuple):
    """An event, and the account on either side of it."""

    event: Event
    before: View | None
    after: View | None


def history(
    run: Run,
    account: int | str,
    first_seq: int = 0,
    stop_seq: int | None = None,
    types: Collection[type[Body]] = (),
    *,
    prospects: bool = True,
) -> Iterator[HistoryStep]:
    """The steps from `first_seq` up to but without `stop_seq`, oldest first, in one pass over the record.

    The account is given by number or name; with `types` only events of these are steps. Without `prospects` the prices
    that would end a trader's positions are left out, most of the work where there are many. Raises QueryError where the
    account is not opened before `stop_seq`.
    """
    account = run.directory.find_account(account)
    if next(run.events_naming(account, 0, stop_seq), None) is None:
        last_seq = (run.count if stop_seq is None else stop_seq) - 1
        name = run.directory.account_name(account)
        message = f"account {name!r} is not open yet after event {last_seq}; let --to name a later point"
        raise QueryError(message)
    steps = _steps(run, account, first_seq, stop_seq, prospects=prospects)
    return (step for step in steps if type(step.event.body) in types) if types else steps


def step_fields(step: HistoryStep, directory: Directory) -> dict[str, Any]:
    """A step as plain data: a line of `history --json`. Its names are stable."""
    return next(fields_of_steps([step], directory))


def fields_of_steps(steps: Iterable[HistoryStep], directory: Directory) -> Iterator[dict[str, Any]]:
    """The same of many, of which one begins where the one before it ended."""
    last, told = None, None
    for step in steps:
        before = told if step.before is last else scaled(step.before, directory.assets.values())
        told = before if step.after is step.before else scaled(step.after, directory.assets.values())
        last = step.after
        yield {"event": told_fields(step.event, directory), "before": before, "after": told}


def _steps(run: Run, account: int, first_seq: int, stop_seq: int | None, *, prospects: bool) -> Iterator[HistoryStep]:
    stop = run.count if stop_seq is None else min(stop_seq, run.count)
    if first_seq < stop and run.directory.accounts[account].kind in TRADERS:
        first_seq = yield from _followed(run, _Followed(run.before(first_seq), account, prospects=prospects), stop)
    if first_seq < stop:
        yield from _folded(run, account, first_seq, stop)


def _folded(run: Run, account: int, first_seq: int, stop_seq: int) -> Iterator[HistoryStep]:
    """By the fold of the whole. One ledger moves from event to event, so each side is taken down at once."""
    events, ahead = tee(run.events_naming(account, first_seq, stop_seq))
    ledgers = run.states(_moments(ahead))
    ledger = None
    for event in events:
        if ledger is None or ledger.seq != event.seq:
            ledger = next(ledgers)
        before = view_beside(ledger, account, event.body)
        ledger = next(ledgers)
        yield HistoryStep(event, before, view_beside(ledger, account, event.body))


def _followed(run: Run, trader: _Followed, stop_seq: int) -> Generator[HistoryStep, None, int]:
    """By what one trader's account follows from, as long as no option is listed: up to where, it returns."""
    ledger, account = trader.ledger, trader.account
    stretches = run.reader.stretches(ledger.seq, stop_seq)
    for event in () if ledger.options else events_followed(stretches, account):
        named = account in accounts_named(event.body)
        before = trader.view() if named else None
        trader.take(event)
        if named:
            yield HistoryStep(event, before, trader.view())
        if ledger.options:
            break
    return ledger.seq if ledger.options else stop_seq


class _Followed:
    """A trader's account in a ledger that moves on: seen anew only once something has happened that may show."""

    def __init__(self, ledger: Ledger, account: int, *, prospects: bool) -> None:
        self.ledger, self.account, self._prospects = ledger, account, prospects
        self._rows = PositionRows()
        self._view: View | None = None
        self._held: Collection[int] = ()
        self._stands = False

    def take(self, event: Event) -> None:
        """The next event of those that the account follows from."""
        self.ledger.fold_beyond(event)
        body: Any = event.body
        if FOLD[type(body)] is not None and not (body.replaced and body.instrument not in self._held):
            self._stands = False

    def view(self) -> View | None:
        """The account as it is; None where it is not opened."""
        if not self._stands and self.account < len(self.ledger.accounts):
            account = self.ledger.accounts[self.account]
            self._view = account_view(self.ledger, account, rows=self._rows, prospects=self._prospects)
            self._held = {instrument for instrument, _ in account.positions}
            self._stands = True
        return self._view


def _moments(events: Iterable[Event]) -> Iterator[int]:
    """Before and after each event, rising; what is after one and before the next comes once."""
    stands = -1
    for event in events:
        if event.seq != stands:
            yield event.seq
        stands = event.seq + 1
        yield stands


def view_beside(ledger: LedgerState, number: int, body: Body) -> View | None:
    """An account in a state right before or after an event with this body; None where it is not opened there."""
    if number >= len(ledger.accounts):
        return None
    account = ledger.accounts[number]
    return account_view(ledger, account, keys=None if account.kind in TRADERS else _moved(body, number))


def _moved(body: Any, account: int) -> list[PositionKey]:
    """The positions of an account that a body moves, by the table of postings."""
    posting = POSTINGS.get(type(body))
    if not isinstance(posting, Trade):
        return []
    sides = ((posting.taker, posting.taker_leg), (posting.giver, posting.giver_leg))
    legs = [getattr(body, leg) if leg else 0 for party, leg in sides if getattr(body, party, None) == account]
    return [(body.instrument, leg) for leg in legs]
