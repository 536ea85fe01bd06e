"""The rows behind a round of auto-deleveraging: what its digest, and the digests that it continues, are over.

1. A round that begins a ranking has all rows; one that continues another has the rows of the accounts touched since.
2. Rows are made again from the record and must give the recorded digests, or there is no receipt.
3. One state moves on from round to round and only touched accounts are scored again, as they were when it happened: a
   ranking that was continued six hundred times costs little more than one.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from ...events.bodies.waterfall import DeleveragingStarted
from ...events.envelope import Event
from ...events.errors import QueryError, RecordDamagedError
from ...handlers.ranking import digest_of
from ..rankings import engine_at, pseudonyms_of, ranking_of, rounds_back, touched_between
from ..run import Run
from .file import RoundRows

__all__ = ["rows_behind"]


def rows_behind(run: Run, started: Event) -> tuple[RoundRows, ...]:
    """The rows of a round and of those whose ranking it continues, the one that began it first.

    Raises RecordDamagedError where they do not give the recorded digests, QueryError where no digest stands for the
    ranking, ScenarioError if the ranking policy is not installed. One state at the first round, then O(events since).
    """
    rounds = list(rounds_back(run, started))[::-1]
    found: list[RoundRows] = []
    for round_started, rows in zip(rounds, _packed_rows(run, rounds), strict=True):
        body = round_started.body
        assert isinstance(body, DeleveragingStarted)
        if digest_of(rows) != body.ranking_digest:
            message = (
                f"{run.path}: the ranking of event {round_started.seq}, made again, does not give its digest; "
                f"`deleverage verify {run.path}` says where the record and this program part"
            )
            raise RecordDamagedError(message)
        found.append(RoundRows(round_started.seq, rows))
    return tuple(found)


def _packed_rows(run: Run, rounds: list[Event]) -> Iterator[bytes]:
    """The rows of each round, in the order of the rounds, of which the first begins the ranking."""
    first = rounds[0].body
    assert isinstance(first, DeleveragingStarted)
    producer, engine = engine_at(run, rounds[0].seq)
    pseudonyms, states = pseudonyms_of(run), run.states([started.seq for started in rounds])
    ranking = ranking_of(next(states), first.instrument, 1 if first.size_lots > 0 else -1, engine.ranking_policy)
    yield ranking.full_rows(pseudonyms)
    for (earlier, later), ledger in zip(pairwise(rounds), states, strict=True):
        if engine_at(run, later.seq)[0] != producer:
            message = (
                f"a fork changed the ranking policy between events {earlier.seq} and {later.seq} of one ranking, so no "
                f"digest is over all of its rows; a receipt of event {later.seq} has the chain without them"
            )
            raise QueryError(message)
        ranking.touched = touched_between(run, engine, earlier.seq + 1, later.seq)
        ranking.update(ledger)
        yield ranking.changed_rows(pseudonyms)
