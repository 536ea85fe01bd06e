"""The ranking behind a round of auto-deleveraging, made again from the record and held against its digest.

1. A ranking is worked out over all accounts of the state that the round was decided in, which no index has a part in.
2. A round that begins a ranking digests all of its rows. One that continues another at the same mark and instant
   digests only the rows of accounts touched since that one: so its chain goes back to the round that began.
3. What cannot be stored is rebuilt and checked: `recomputed` is what came out, `recorded` what the event says.
4. A ranking by a plug-in that is not at hand cannot be made again: then there is only what the record has of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from itertools import islice

import msgspec

from ..events.bodies.run import Producer
from ..events.bodies.waterfall import DeleveragingStarted, PositionDeleveraged
from ..events.envelope import Event
from ..events.errors import QueryError, ScenarioError
from ..events.ledger import Account, LedgerState
from ..handlers.adl_engine import AdlEngine
from ..handlers.policies.ranking import RankingPolicy
from ..handlers.pseudonyms import Pseudonyms, run_key
from ..handlers.ranking import Ranking
from .run import Run

__all__ = [
    "RoundRanking",
    "UnrankedRound",
    "engine_at",
    "holders_against",
    "move_on",
    "policy_at",
    "pseudonyms_of",
    "ranking_at",
    "ranking_if_at_hand",
    "ranking_of",
    "round_body",
    "round_of",
    "rounds_back",
    "touched_between",
]


class RoundRanking(msgspec.Struct, frozen=True):
    """A round's ranking as it was when the round was decided, and the two digests."""

    started: Event
    base: Event | None
    policy: RankingPolicy
    producer: Producer
    ranking: Ranking
    touched: tuple[int, ...]
    ledger: LedgerState
    recomputed: bytes
    recorded: bytes

    @property
    def proved(self) -> bool:
        """Whether the ranking is the one that the record stands for."""
        return self.recomputed == self.recorded


class UnrankedRound(msgspec.Struct, frozen=True):
    """A round whose ranking could not be made again, and why; `ledger` is the state that it was decided in."""

    started: Event
    base: Event | None
    version: str
    ledger: LedgerState
    reason: str


def round_of(run: Run, event: Event) -> Event:
    """The `DeleveragingStarted` of a reduction, or the event itself if it is one. Raises QueryError for any other."""
    body = event.body
    if isinstance(body, DeleveragingStarted):
        return event
    if isinstance(body, PositionDeleveraged):
        for earlier in run.backwards(event.seq):
            if isinstance(earlier.body, DeleveragingStarted) and earlier.body.round == body.round:
                return earlier
    message = f"event {event.seq} ({type(body).__name__}) is no part of a round of auto-deleveraging"
    raise QueryError(message)


def round_body(started: Event) -> DeleveragingStarted:
    """What the start of a round says, which the event must be."""
    body = started.body
    assert isinstance(body, DeleveragingStarted)
    return body


def rounds_back(run: Run, started: Event) -> Iterator[Event]:
    """A round and those whose ranking it continues, itself first, the one that began the ranking last."""
    yield started
    body = round_body(started)
    wanted = body.base_round
    for event in run.backwards(started.seq):
        if wanted is None:
            return
        if isinstance(event.body, DeleveragingStarted) and event.body.round == wanted:
            wanted = event.body.base_round
            yield event


def engine_at(run: Run, seq: int, venue: str = "") -> tuple[Producer, AdlEngine]:
    """Who auto-deleverages at event `seq`, as declared and built anew: at a venue, or where the event was decided.

    Raises ScenarioError if it is not installed, QueryError if it ranks nobody.
    """
    decided = run.producer_of(run.event(seq)) if seq < run.count else None
    venue = venue or ("" if decided is None else decided.venue)
    engines = [one for one in run.producers_at(seq) if one.slot == AdlEngine.name]
    for producer in [one for one in engines if one.venue == venue] or engines[:1]:
        handler = run.build(producer)
        if isinstance(handler, AdlEngine):
            return producer, handler
        message = f"{run.path}: {producer.handler}:{producer.policy} ranks nobody, so there is no ranking"
        raise QueryError(message)
    message = f"{run.path}: it declares no {AdlEngine.name} handler, so there is no ranking"
    raise QueryError(message)


def policy_at(run: Run, seq: int) -> RankingPolicy:
    """The ranking policy in force at event `seq`."""
    return engine_at(run, seq)[1].ranking_policy


def holders_against(ledger: LedgerState, instrument: int, side: int) -> Iterator[Account]:
    """The accounts that hold the side of an instrument which closes lots of `side` (1 or -1); O(positions)."""
    for account in ledger.accounts:
        if any(key[0] == instrument and held.size_lots * side < 0 for key, held in account.positions.items()):
            yield account


def ranking_of(ledger: LedgerState, instrument: int, side: int, policy: RankingPolicy) -> Ranking:
    """Everyone who could be deleveraged to close a position of `side` (+1 long, -1 short), as the ledger stands.

    O(accounts log accounts).
    """
    holders = [account.account for account in holders_against(ledger, instrument, side)]
    return Ranking(ledger, instrument, side, policy, holders)


def move_on(run: Run, engine: AdlEngine, ranking: Ranking, earlier: Event, later: Event, ledger: LedgerState) -> None:
    """Move a ranking on from one round to a later one that continues it: who was touched between is scored again.

    `ledger` stands before the later round.
    """
    ranking.touched = touched_between(run, engine, earlier.seq + 1, later.seq)
    ranking.update(ledger)


def ranking_at(
    run: Run, started: Event, ledger: LedgerState | None = None, earlier: RoundRanking | None = None
) -> RoundRanking:
    """The ranking of the round that `started` began, made again; `base` is the round it continues, if any.

    `ledger` is the state before it, if that is at hand. `earlier` is the ranking of a round that this one continues,
    perhaps by others between: then it is moved on, and only who was touched since is scored again.
    """
    body = round_body(started)
    producer, engine = engine_at(run, started.seq)
    ledger = ledger or run.before(started.seq)
    if earlier is None:
        ranking = ranking_of(ledger, body.instrument, 1 if body.size_lots > 0 else -1, engine.ranking_policy)
    else:
        ranking = earlier.ranking
        move_on(run, engine, ranking, earlier.started, started, ledger)
    pseudonyms = pseudonyms_of(run)
    base = _base(run, started)
    if base is None:
        recomputed = ranking.full_digest(pseudonyms)
    else:
        ranking.touched = touched_between(run, engine, base.seq + 1, started.seq)
        recomputed = ranking.changed_digest(pseudonyms)
    touched = tuple(sorted(ranking.touched))
    return RoundRanking(
        started=started,
        base=base,
        policy=engine.ranking_policy,
        producer=producer,
        ranking=ranking,
        touched=touched,
        ledger=ledger,
        recomputed=recomputed,
        recorded=body.ranking_digest,
    )


def ranking_if_at_hand(
    run: Run, started: Event, ledger: LedgerState, earlier: RoundRanking | None = None
) -> RoundRanking | UnrankedRound:
    """The ranking, as `ranking_at` gives it, or why it cannot be made again."""
    try:
        return ranking_at(run, started, ledger, earlier)
    except (QueryError, ScenarioError) as error:
        producer = run.producer_of(started)
        version = "" if producer is None else producer.version
        return UnrankedRound(started, _base(run, started), version, ledger, str(error))


def _base(run: Run, started: Event) -> Event | None:
    return next(islice(rounds_back(run, started), 1, None), None)


def touched_between(run: Run, engine: AdlEngine, first_seq: int, stop_seq: int) -> set[int]:
    """The accounts named by what the engine listens to in a span: those whose rows a continued ranking digests."""
    touched: set[int] = set()
    for event in run.events(first_seq, stop_seq):
        touched.update(engine.touched_by(event.body))
    return touched


def pseudonyms_of(run: Run) -> Pseudonyms:
    """What accounts are called in this run's digests."""
    return _pseudonyms(run.started.seed)


@lru_cache(maxsize=4)
def _pseudonyms(seed: int) -> Pseudonyms:
    """Those that were worked out are kept: some 5 us each."""
    return Pseudonyms(run_key(seed))
