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

from collections import Counter
from itertools import pairwise
from typing import NamedTuple

import msgspec

from ...events.bodies.liquidation import LiquidationFilled, PositionTakenOver
from ...events.bodies.margin import MarginCalled, MarkPriced, PositionReduced
from ...events.envelope import Event
from ...events.ledger import LedgerState, PositionKey
from ...handlers.valuation import BPS, MICRO, margin_of, profit_atoms
from ...sim.units import format_time_ns
from ..run import Run
from ..state.queues import is_marked
from .closed import mark_before
from .names import Names
from .parts import Lot
from .story import Beginning

__all__ = ["Losing", "LosingMark", "Mover", "losing_behind", "losing_of"]

_WALKED_MOST = 20_000
"""So many events before the decision are walked through at most: some 0.2 s."""

_SHOWN = 10


class Mover(msgspec.Struct, frozen=True):
    """An account whose forced orders traded since the mark before, and how many."""

    account: int
    name: str
    orders: int


class LosingMark(msgspec.Struct, frozen=True):
    """One mark, and what the account or the lot was worth at it.

    `forced` is how far forced orders had moved it from the index; smoothing may hold it elsewhere besides.
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
    moved_by: tuple[Mover, ...]
    equity_atoms: int
    equity: str


class Losing(msgspec.Struct, frozen=True):
    """The marks from the last solvent moment to the decision; `of_lot` where what is told is a lot of the fund's."""

    account: int
    name: str
    of_lot: bool
    marks: tuple[LosingMark, ...]
    left_out: int
    from_solvent: bool


class _Held(NamedTuple):
    """What is watched: the whole account, or one lot of the fund's."""

    account: int
    key: PositionKey | None

    def instruments(self, ledger: LedgerState) -> set[int]:
        """Whose marks matter."""
        if self.key is not None:
            return {self.key[0]}
        return {instrument for instrument, _ in ledger.accounts[self.account].positions}

    def equity_atoms(self, ledger: LedgerState) -> int | None:
        """The account's equity, the lot's profit; None while there is neither."""
        if self.account >= len(ledger.accounts):
            return None
        account = ledger.accounts[self.account]
        if self.key is None:
            return margin_of(account, ledger.markets).equity_atoms if is_marked(ledger, account) else None
        held = account.positions.get(self.key)
        return None if held is None else profit_atoms(ledger.markets[self.key[0]], held)

    def is_solvent(self, ledger: LedgerState, level_bps: int) -> bool:
        """Whether it stands as it did before the loss."""
        account = ledger.accounts[self.account]
        if self.key is not None:
            held = account.positions.get(self.key)
            return held is not None and profit_atoms(ledger.markets[self.key[0]], held) >= 0
        margin = margin_of(account, ledger.markets)
        return margin.equity_atoms * BPS * MICRO >= margin.requirement_microatoms * level_bps


def losing_of(
    run: Run,
    first_seq: int,
    stop_seq: int,
    account: int,
    names: Names,
    *,
    key: PositionKey | None = None,
    level_bps: int = BPS,
    solvent_before_seq: int | None = None,
) -> Losing | None:
    """The marks between two events of an account, or with a `key` of that lot of the fund's; None where it has none.

    Solvent it can have been last before `solvent_before_seq`, where its call or its liquidation began; if that is not
    said, up to the end.
    """
    last_seq = stop_seq if solvent_before_seq is None else solvent_before_seq
    held, begin_seq = _Held(account, key), max(first_seq, stop_seq - _WALKED_MOST, 0)
    ledger, walked = run.before(begin_seq), list[LosingMark]()
    movers, solvent, at_solvent = Counter[int](), -1, False
    for event in run.events(begin_seq, stop_seq):
        ledger.fold(event)
        body = event.body
        if isinstance(body, LiquidationFilled | PositionReduced) and body.instrument in held.instruments(ledger):
            movers[body.account] += 1
        marked = _marked(run, event, held)
        equity_atoms = None if marked is None else held.equity_atoms(ledger)
        if marked is None or equity_atoms is None or _instrument(marked) not in held.instruments(ledger):
            continue
        if event.seq < last_seq and held.is_solvent(ledger, level_bps):
            solvent, at_solvent = len(walked), True
        walked.append(_mark(marked, movers, equity_atoms, account, names))
        movers = Counter()
    if not walked:
        return None
    marks = walked[max(solvent, 0) :]
    shown = _most_telling(marks)
    return Losing(account, names.account(account), key is not None, shown, len(marks) - len(shown), at_solvent)


def _instrument(mark: Event) -> int:
    assert isinstance(mark.body, MarkPriced)
    return mark.body.instrument


def _marked(run: Run, event: Event, held: _Held) -> Event | None:
    """A mark; where a lot is taken over, the mark at that moment."""
    body = event.body
    if isinstance(body, MarkPriced):
        return event
    if (
        held.key is None
        or not isinstance(body, PositionTakenOver)
        or (body.instrument, body.liquidation_id) != held.key
    ):
        return None
    return mark_before(run, body.instrument, event.seq)


def losing_behind(
    run: Run, beginning: Beginning, stop_seq: int, key: PositionKey, lot: Lot | None, names: Names
) -> Losing | None:
    """The loss behind a round: of the account that it closed, or of the lot that the fund had taken over from it."""
    if lot is not None:
        if lot.taken_seq is None:
            return None
        taken = run.event(lot.taken_seq).body
        assert isinstance(taken, PositionTakenOver)
        return losing_of(run, lot.taken_seq, stop_seq, taken.fund, names, key=key)
    first_seq, called = beginning.first.seq, None if beginning.called is None else beginning.called.body
    level_bps = called.warning_bps if isinstance(called, MarginCalled) else BPS
    begin_seq = _mark_behind(run, key[0], first_seq)
    return losing_of(
        run, begin_seq, stop_seq, beginning.account, names, level_bps=level_bps, solvent_before_seq=first_seq
    )


def _mark_behind(run: Run, instrument: int, seq: int) -> int:
    """The mark before the one that held at an event, at which what then happened had not happened yet."""
    at = mark_before(run, instrument, seq)
    before = None if at is None else mark_before(run, instrument, at.seq)
    return seq if before is None else before.seq


def _mark(event: Event, movers: Counter[int], equity_atoms: int, account: int, names: Names) -> LosingMark:
    body = event.body
    assert isinstance(body, MarkPriced)
    forced_ticks = body.impact_ticks
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
        tuple(Mover(number, names.account(number), times) for number, times in movers.most_common()),
        equity_atoms,
        names.money(account, equity_atoms),
    )


def _most_telling(marks: list[LosingMark]) -> tuple[LosingMark, ...]:
    """The first, the last, and those between that moved the equity most, in their order."""
    if len(marks) <= _SHOWN:
        return tuple(marks)
    moves = {later.seq: abs(later.equity_atoms - earlier.equity_atoms) for earlier, later in pairwise(marks)}
    greatest = sorted(moves, key=lambda seq: (-moves[seq], seq))[: _SHOWN - 2]
    kept = {marks[0].seq, marks[-1].seq, *greatest}
    return tuple(mark for mark in marks if mark.seq in kept)
