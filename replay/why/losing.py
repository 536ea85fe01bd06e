"""Whose loss a round closed: an account, or a lot of the fund's, from its last solvent moment down to the decision.

1. A row is a mark of an instrument that it holds: the mark, the index under it, how far forced orders held it away from
   that, whose orders moved it since the row before, and the equity of the account (of a lot its profit) at that mark.
2. The first row is the last mark at which it was solvent. Of an account: the last before its call, or its liquidation,
   at which its equity covered the requirement times the level of that; of a lot: at which it stood at no loss against
   what the fund had paid.
3. Shown are the first row and the last, and of the others those that moved the equity most; `left_out` says how many
   are not. Where it goes back too far to walk, the first row is the mark that held where the walk begins.
"""

from __future__ import annotations

from itertools import pairwise

import msgspec

from ...events.bodies.liquidation import LiquidationStarted, PositionTakenOver
from ...events.bodies.margin import MarginCalled, MarkPriced
from ...events.envelope import Event
from ...events.ledger import PositionKey
from ...handlers.valuation import BPS
from ...sim.units import format_time_ns
from ..run import Run
from .closed import mark_before
from .names import Names
from .watch import Marked, Watch

__all__ = ["Losing", "LosingMark", "Mover", "losing_of", "watches_behind"]

_SHOWN = 10


class Mover(msgspec.Struct, frozen=True):
    """An account whose forced orders traded since the mark before, and how many."""

    account: int
    name: str
    orders: int


class LosingMark(msgspec.Struct, frozen=True):
    """One mark, and what the account or the lot was worth at it.

    `forced` is how far forced orders had moved it from the index, `smoothed` how far smoothing held it from there.
    """

    seq: int
    at_ns: int
    at: str
    instrument: int
    name: str
    mark_ticks: int
    mark: str
    index_ticks: int
    index: str
    forced_ticks: int
    forced: str
    smoothed_ticks: int
    smoothed: str
    moved_by: tuple[Mover, ...]
    equity_atoms: int
    equity: str


class Losing(msgspec.Struct, frozen=True):
    """The marks from the last solvent moment to the decision; `of_lot` where what is told is a lot of the fund's.

    `decided_atoms` is the equity, or the lot's profit, when it was decided: with what was forced after the last mark.
    """

    account: int
    name: str
    of_lot: bool
    marks: tuple[LosingMark, ...]
    left_out: int
    from_solvent: bool
    decided_atoms: int
    decided: str


def losing_of(watch: Watch, decided_atoms: int, names: Names, *, whole: bool = False) -> Losing | None:
    """The marks of what was watched, from the last solvent moment on, all where `whole`; None where there were none."""
    if not watch.marks:
        return None
    marks = watch.marks[watch.last_solvent or 0 :]
    shown = tuple(_mark(one, watch.account, names) for one in (marks if whole else _most_telling(marks)))
    solvent, of_lot = watch.last_solvent is not None, watch.key is not None
    return Losing(
        watch.account,
        names.account(watch.account),
        of_lot,
        shown,
        len(marks) - len(shown),
        solvent,
        decided_atoms,
        names.money(watch.account, decided_atoms),
    )


def watches_behind(
    run: Run, called: Event | None, started: Event, stop_seq: int, key: PositionKey, taken: Event | None
) -> tuple[Watch, ...]:
    """What is to be watched for the loss behind a round: first what it closed, then what that came from.

    `called` and `started` began the liquidation, `taken` is where the fund took over what the round closed of it.
    """
    assert isinstance(started.body, LiquidationStarted)
    account, first_seq = started.body.account, (called or started).seq
    body = None if called is None else called.body
    level_bps = body.warning_bps if isinstance(body, MarginCalled) else BPS
    begin_seq = _mark_behind(run, key[0], first_seq)

    def trader(until_seq: int) -> Watch:
        return Watch(account, begin_seq, until_seq, level_bps=level_bps, solvent_before_seq=first_seq)

    if taken is None:
        return (trader(stop_seq),)
    assert isinstance(taken.body, PositionTakenOver)
    return Watch(taken.body.fund, taken.seq, stop_seq, key=key), trader(taken.seq + 1)


def _mark_behind(run: Run, instrument: int, seq: int) -> int:
    """The mark before the one that held at an event, at which what then happened had not happened yet."""
    at = mark_before(run, instrument, seq)
    before = None if at is None else mark_before(run, instrument, at.seq)
    return seq if before is None else before.seq


def _mark(marked: Marked, account: int, names: Names) -> LosingMark:
    event, equity_atoms, movers = marked
    body = event.body
    assert isinstance(body, MarkPriced)
    forced_ticks = body.impact_ticks
    smoothed_ticks = body.mark_ticks - body.index_ticks - forced_ticks
    return LosingMark(
        event.seq,
        event.at_ns,
        format_time_ns(event.at_ns),
        body.instrument,
        names.instrument(body.instrument),
        body.mark_ticks,
        names.price(body.instrument, body.mark_ticks),
        body.index_ticks,
        names.price(body.instrument, body.index_ticks),
        forced_ticks,
        names.price(body.instrument, forced_ticks),
        smoothed_ticks,
        names.price(body.instrument, smoothed_ticks),
        tuple(Mover(number, names.account(number), times) for number, times in movers.most_common()),
        equity_atoms,
        names.money(account, equity_atoms),
    )


def _most_telling(marks: list[Marked]) -> list[Marked]:
    """The first, the last, and those between that moved the equity most, in their order."""
    if len(marks) <= _SHOWN:
        return marks
    moves = {later.event.seq: abs(later.equity_atoms - earlier.equity_atoms) for earlier, later in pairwise(marks)}
    greatest = sorted(moves, key=lambda seq: (-moves[seq], seq))[: _SHOWN - 2]
    kept = {marks[0].event.seq, marks[-1].event.seq, *greatest}
    return [mark for mark in marks if mark.event.seq in kept]
