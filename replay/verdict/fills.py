"""The reported deleveraging of an import, batch by batch, each with the state that it was decided in.

1. A batch is what one account gave up in one instrument at one instant, whatever rounds an importer made of it: a fill
   at another price is one of its fills.
2. Its fills stand in the order of their file, where one file has them all, or else in that of the record.
3. The state is that before its first round. Of an account whom only a later round of the batch names, it is that before
   that round, since an importer states an account just before it needs it.
4. A file whose lines are not in order of time was sorted by something else, so its order is not the venue's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import msgspec

from ...events.bodies.waterfall import DeleveragingStarted, PositionDeleveraged
from ...events.envelope import Event
from ...events.errors import QueryError
from ...events.ledger import Ledger
from ..reconstructed import KnownFigures, Statements
from ..run import Run

__all__ = ["DeleveragedFill", "ReportedBatch", "batches_of"]

_Key = tuple[int, int, int, int, bool]


class DeleveragedFill(NamedTuple):
    """One reduction as reported: `number` counts from 1 over the record, `size_lots` is signed for the account."""

    number: int
    seq: int
    account: int
    size_lots: int
    price_ticks: int
    source: int | None
    line: int | None

    @property
    def lots(self) -> int:
        """The size without its sign."""
        return abs(self.size_lots)


class ReportedBatch(NamedTuple):
    """What was deleveraged against one account in one instrument at one instant; `ledger` is the state before it."""

    started: DeleveragingStarted
    started_seq: int
    at_ns: int
    fills: tuple[DeleveragedFill, ...]
    ledger: Ledger
    known: KnownFigures

    @property
    def lots(self) -> int:
        """What was closed in all."""
        return sum(fill.lots for fill in self.fills)

    @property
    def side(self) -> int:
        """+1 where a long position was closed, -1 where a short one was."""
        return 1 if self.started.size_lots > 0 else -1

    @property
    def price_ticks(self) -> int:
        """The price that most of its fills have, the first of several."""
        return Counter(fill.price_ticks for fill in self.fills).most_common(1)[0][0]


class _Gathered(msgspec.Struct):
    """A batch while it is read: its rounds, which accounts each is the first to name, its reductions."""

    started: Event
    known: KnownFigures
    rounds: dict[int, int]
    reductions: list[Event]


def batches_of(run: Run) -> Iterator[ReportedBatch]:
    """Every batch, in order of time; reads the record twice. A batch has its state until the next one is asked for.

    Raises QueryError where there is none, or not in the venue's order.
    """
    gathered = _gathered(run)
    if not gathered:
        message = f"{run.path}: nobody was deleveraged in it, so there is no order to hold against a rule"
        raise QueryError(message)
    ordered = [_in_file_order(one.reductions) for one in gathered]
    _check_order(run, ordered)
    number, states = 1, run.states(one.started.seq for one in gathered)
    for one, reductions, state in zip(gathered, ordered, states, strict=True):
        fills = tuple(_fill(number + place, event) for place, event in enumerate(reductions))
        number += len(fills)
        body = one.started.body
        assert isinstance(body, DeleveragingStarted)
        ledger = state if len(one.rounds) == 1 else _state(run, one)
        yield ReportedBatch(body, one.started.seq, one.started.at_ns, fills, ledger, one.known)


def _gathered(run: Run) -> list[_Gathered]:
    """The rounds and reductions of each batch that has any, in the order of their first rounds."""
    statements, found, by_round = Statements(run), dict[_Key, _Gathered](), dict[int, _Gathered]()
    for event in run.events():
        statements.note(event)
        body = event.body
        if isinstance(body, DeleveragingStarted):
            key = event.at_ns, body.account, body.leg, body.instrument, body.size_lots > 0
            one = found.setdefault(key, _Gathered(event, statements.known(), {}, []))
            one.known, one.rounds[body.round] = statements.known(), event.seq
            by_round[body.round] = one
        elif isinstance(body, PositionDeleveraged) and body.round in by_round:
            by_round[body.round].reductions.append(event)
    return [one for one in found.values() if one.reductions]


def _state(run: Run, one: _Gathered) -> Ledger:
    """The state by rule 3."""
    ledger, named = run.before(one.started.seq), set[int]()
    for number, seq in one.rounds.items():
        bodies = [event.body for event in one.reductions]
        accounts = {body.account for body in bodies if isinstance(body, PositionDeleveraged) and body.round == number}
        if seq != one.started.seq:
            later = run.before(seq)
            for account in accounts - named:
                ledger.accounts[account] = later.accounts[account]
        named |= accounts
    return ledger


def _in_file_order(reductions: list[Event]) -> list[Event]:
    places = [_place(event) for event in reductions]
    if len({source for source, _ in places}) != 1 or None in places[0]:
        return reductions
    return [event for _, event in sorted(zip(places, reductions, strict=True), key=lambda pair: pair[0][1] or 0)]


def _place(event: Event) -> tuple[int | None, int | None]:
    """File and line of a reduction, as far as it has them."""
    place = getattr(event.body, "provenance", None)
    return (None, None) if place is None else (place.source, place.row)


def _fill(number: int, event: Event) -> DeleveragedFill:
    body = event.body
    assert isinstance(body, PositionDeleveraged)
    return DeleveragedFill(number, event.seq, body.account, body.size_lots, body.price_ticks, *_place(event))


def _check_order(run: Run, batches: Iterable[list[Event]]) -> None:
    """Raise QueryError where lines of a later instant come before those of an earlier one."""
    last: dict[int, tuple[int, int]] = {}
    for event in (event for batch in batches for event in batch):
        source, line = _place(event)
        if source is None or line is None:
            continue
        at_ns, highest = last.get(source, (event.at_ns, line))
        if event.at_ns > at_ns and line < highest:
            message = (
                f"{run.path}: its file is not in order of time (line {line} is later than line {highest}), so its "
                "order is not the venue's; import a file that keeps it"
            )
            raise QueryError(message)
        last[source] = event.at_ns, max(line, highest)
