"""Where a reduction stands in its ranking, worked out from the rows that the receipt has.

1. The first round began the ranking; each further one names the one before as its base, at the same instant, for the
   same side of the same instrument, under the same policy. The last one is the reduction's own.
2. The rows of every round give the digest in its `DeleveragingStarted`, stand in the order of their scores, and come
   together to as many candidates as the round says.
3. Every score follows from the figures in its row by the formula of the policy that decided, if that is a builtin one
   of this version. A plug-in is never executed here. A figure that was too large for 64 bits stands there as the
   largest there is, so the score of such a row cannot be worked out; nor can one of a policy that reads more of an
   account than its row holds.
4. In a ranking that this round began, the row at the event's rank has the event's score. In one that it continues,
   scores give the rank only up to ties: these go by account number, which pseudonyms hide.
5. With the run key the row is the account's own, by its pseudonym.

The rows behind a round of auto-deleveraging: what its digest, and the digests that it continues, are over.

1. A round that begins a ranking has all rows; one that continues another has the rows of the accounts touched since.
2. Rows are made again from the record and must give the recorded digests, or there is no receipt.
3. One state moves on from round to round and only touched accounts are scored again, as they were when it happened: a
   ranking that was continued six hundred times costs little more than one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from ...events.bodies.run import Producer, RunForked, RunStarted
from ...events.bodies.waterfall import DeleveragingStarted, PositionDeleveraged
from ...events.envelope import Event
from ...events.errors import QueryError, RecordDamagedError, ScenarioError
from ...handlers.adl_engine import AdlEngine
from ...handlers.policies.ranking import Candidate, RankingPolicy, from_row
from ...handlers.policies.score_formula import ScoreFormula, formula_of
from ...handlers.pseudonyms import Pseudonyms
from ...handlers.ranking import Row, digest_of, unpack_rows
from ...handlers.registry import build, builtin_version, is_builtin
from ..rankings import engine_at, move_on, pseudonyms_of, ranking_of, round_body, rounds_back
from ..run import Run
from .file import RoundRows
from .values import ensure

__all__ = ["Standing", "StandingRound", "candidate_in", "rows_behind", "standing_of"]


class StandingRound(NamedTuple):
    """A round and the rows of its digest."""

    started: Event
    body: DeleveragingStarted
    rows: list[Row]


class Standing(NamedTuple):
    """A place in a ranking that holds.

    `policy` is None where the one that decided is a plug-in, or not the builtin one of this version, and then no score
    was worked out again; neither was one where `from_row` is False, because the policy reads more of an account than a
    row holds; `saturated` rows have none that could be. `first_rank` and `last_rank` are what the scores allow; `row`
    is the account's, None where it cannot be told from others of the same score; `identified` says that the run key
    proves it.
    """

    reduction: PositionDeleveraged
    rounds: list[StandingRound]
    producer: Producer
    policy: RankingPolicy | None
    saturated: int
    first_rank: int
    last_rank: int
    row: Row | None
    identified: bool

    @property
    def scores_checked(self) -> bool:
        """Whether scores were worked out again from their rows."""
        return self.policy is not None and from_row(self.policy)

    @property
    def formula(self) -> ScoreFormula | None:
        """The formula by which a row's score can be worked out; None where it cannot."""
        return formula_of(self.policy) if self.policy is not None and from_row(self.policy) else None


def standing_of(
    event: Event, body: PositionDeleveraged, packed: Sequence[RoundRows], events: Mapping[int, Event], key: bytes | None
) -> Standing:
    """The place of a reduction, from proved events and the rows. Raises RecordDamagedError for what does not hold."""
    rounds = [_round(one, events) for one in packed]
    _check_rounds(event, body, rounds)
    ranking = _merged(rounds)
    producer = _producer_of(rounds[-1], events)
    policy = _builtin(producer)
    if policy is not None and from_row(policy):
        _check_scores(policy, [row for one in rounds for row in one.rows])
    saturated = sum(row.saturated for one in rounds for row in one.rows)
    above = sum(row.score > body.score for row in ranking.values())
    level = [row for row in ranking.values() if row.score == body.score]
    ranks = range(above + 1, above + len(level) + 1)
    ensure(body.rank in ranks, f"event {event.seq} has a score of {body.score} at rank {body.rank}, the rows have not")
    if len(rounds) == 1:
        ranks, level = range(body.rank, body.rank + 1), [rounds[0].rows[body.rank - 1]]
    row = _own_row(body, level, key)
    return Standing(
        reduction=body,
        rounds=rounds,
        producer=producer,
        policy=policy,
        saturated=saturated,
        first_rank=ranks[0],
        last_rank=ranks[-1],
        row=row,
        identified=key is not None,
    )


def _round(packed: RoundRows, events: Mapping[int, Event]) -> StandingRound:
    """A round with its rows, which give its digest."""
    started = events.get(packed.started)
    if started is None or not isinstance(started.body, DeleveragingStarted):
        message = f"event {packed.started}, the start of a round, is not in the file"
        raise RecordDamagedError(message)
    rows_of = f"the rows for event {started.seq}"
    ensure(digest_of(packed.rows) == started.body.ranking_digest, f"{rows_of} do not give the digest that it holds")
    try:
        rows = unpack_rows(packed.rows)
    except ValueError as error:
        message = f"{rows_of} cannot be read: {error}"
        raise RecordDamagedError(message) from error
    ordered = all(earlier.score >= later.score for earlier, later in pairwise(rows))
    ensure(ordered, f"{rows_of} are not in the order of their scores")
    return StandingRound(started, started.body, rows)


def _check_rounds(event: Event, body: PositionDeleveraged, rounds: Sequence[StandingRound]) -> None:
    """That each round continues the one before, and the last is the reduction's own."""
    ensure(rounds and rounds[0].body.base_round is None, "the round that began the ranking is not in the file")
    for earlier, later in pairwise(rounds):
        follows = later.body.base_round == earlier.body.round and later.started.seq > earlier.started.seq
        ensure(
            follows and _ground(later) == _ground(earlier),
            f"event {later.started.seq} does not continue the ranking of event {earlier.started.seq}",
        )
    started, own = rounds[-1].started, rounds[-1].body
    ensure(
        (own.round, own.liquidation_id, own.instrument, started.cause, started.producer)
        == (body.round, body.liquidation_id, body.instrument, event.cause, event.producer)
        and started.seq < event.seq,
        f"event {event.seq} does not belong to the round of event {started.seq}",
    )


def _ground(one: StandingRound) -> tuple[object, ...]:
    """What a round has in common with those whose ranking it continues."""
    return one.started.at_ns, one.started.producer, one.body.policy, one.body.instrument, one.body.size_lots > 0


def _merged(rounds: Sequence[StandingRound]) -> dict[bytes, Row]:
    """The ranking of the last round by pseudonym: the first one's rows, with what changed since put in their place."""
    ranking: dict[bytes, Row] = {}
    for one in rounds:
        rows = {row.pseudonym: row for row in one.rows}
        ranking |= rows
        for pseudonym, row in rows.items():
            if row.gone:
                del ranking[pseudonym]
        ensure(
            len(rows) == len(one.rows) and len(ranking) == one.body.candidates,
            f"the rows for event {one.started.seq} do not come to its {one.body.candidates} candidates",
        )
    return ranking


def _producer_of(one: StandingRound, events: Mapping[int, Event]) -> Producer:
    """Who decided a round, by the last declaration before it."""
    declared: tuple[Producer, ...] = ()
    for event in events.values():
        if isinstance(event.body, RunStarted | RunForked) and event.seq < one.started.seq and event.body.producers:
            declared = event.body.producers
    number = one.started.producer
    if number is None or not 0 <= number < len(declared) or declared[number].policy != one.body.policy:
        message = f"event {one.started.seq} was not decided by the policy that the run declares"
        raise RecordDamagedError(message)
    return declared[number]


def _builtin(producer: Producer) -> RankingPolicy | None:
    """The builtin ranking policy of that name and version; None for any other, as a receipt has nothing executed."""
    if not is_builtin(producer) or builtin_version(producer) != producer.version:
        return None
    try:
        handler = build(producer)
    except ScenarioError:  # with parameters that it does not take
        return None
    return handler.ranking_policy if isinstance(handler, AdlEngine) else None


def _check_scores(policy: RankingPolicy, rows: Sequence[Row]) -> None:
    """That each score follows from the figures beside it, by the formula that is printed; O(rows)."""
    known, formula = [row for row in rows if not (row.gone or row.saturated)], formula_of(policy)
    candidates = [candidate_in(row) for row in known]
    scores = policy.scores(candidates) if formula is None else map(formula.score, candidates)
    for row, score in zip(known, scores, strict=True):
        ensure(row.score == score, f"{row.pseudonym.hex()} has a score of {row.score}, and its figures give {score}")


def candidate_in(row: Row) -> Candidate:
    """The figures of a row; whose they are the pseudonym hides."""
    return Candidate(0, *row[2:])


def _own_row(body: PositionDeleveraged, level: Sequence[Row], key: bytes | None) -> Row | None:
    """The row of whoever was reduced, of those it may be: by its pseudonym, or by being the only one."""
    if key is not None:
        pseudonym = Pseudonyms(key).of(body.account)
        level = [row for row in level if row.pseudonym == pseudonym]
        ensure(level, f"the row at rank {body.rank} is not that of account {body.account}")
    if len(level) > 1:
        return None
    row = level[0]
    closing = body.size_lots if row.size < 0 else -body.size_lots
    ensure(0 < closing <= abs(row.size), f"of {row.size} lots, as in the row, {body.size_lots} cannot have been closed")
    return row


def rows_behind(run: Run, started: Event) -> tuple[RoundRows, ...]:
    """The rows of a round and of those whose ranking it continues, the one that began it first.

    Raises RecordDamagedError where they do not give the recorded digests, QueryError where no digest stands for the
    ranking, ScenarioError if the ranking policy is not installed. One state at the first round, then O(events since).
    """
    rounds = list(rounds_back(run, started))[::-1]
    found: list[RoundRows] = []
    for round_started, rows in zip(rounds, _packed_rows(run, rounds), strict=True):
        body = round_body(round_started)
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
        move_on(run, engine, ranking, earlier, later, ledger)
        yield ranking.changed_rows(pseudonyms)
