"""A place in a ranking, from rounds made by hand: what is refused although every digest fits, ties, keys, policies."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deleverage.events.bodies.run import Producer, RunForked, RunStarted
from deleverage.events.bodies.waterfall import DeleveragingStarted, PositionDeleveraged
from deleverage.events.envelope import Event, Origin
from deleverage.events.errors import RecordDamagedError
from deleverage.events.vocabulary import SCHEMA, Body
from deleverage.handlers.policies.profit_share import ProfitShare
from deleverage.handlers.policies.ranking import Candidate, score_of
from deleverage.handlers.pseudonyms import Pseudonyms, run_key
from deleverage.handlers.ranking import digest_of, digest_rows, pack_rows
from deleverage.replay.receipt.file import RoundRows
from deleverage.replay.receipt.standing import Standing, standing_of

from .support.made import made

KEY = run_key(7)
NAMES = Pseudonyms(KEY)
MOST = 2**63 - 1

Rows = list[tuple[bytes, int, Candidate | None]]


def row(account: int, profit: int, equity: int = 1_000, size: int = -50) -> tuple[bytes, int, Candidate | None]:
    """A candidate's row by profit share, at a score that follows from its figures."""
    return NAMES.of(account), score_of(profit, equity), Candidate(account, profit, 5_000, -5_000, equity, size)


def gone(account: int) -> tuple[bytes, int, None]:
    """The row of an account that is no candidate any more."""
    return NAMES.of(account), -1, None


class Scene:
    """Rounds of the same ranking, each over its rows, and a reduction of the last one; every digest fits."""

    def __init__(self, *rounds: Rows, candidates: tuple[int, ...], account: int, rank: int, score: int) -> None:
        producer = Producer("adl", "profit-share", ProfitShare.version, {})
        started = made(
            RunStarted,
            schema=SCHEMA,
            scenario="test",
            rulebook="test",
            producers=(producer,),
            seed=7,
            prices="endogenous",
        )
        self.events: dict[int, Event] = {0: Event(0, 0, Origin.INPUT, None, (), None, started)}
        self.packed: tuple[RoundRows, ...] = ()
        for number, rows in enumerate(rounds, 1):
            digest, base = digest_rows(rows), number - 1 or None
            body = made(
                DeleveragingStarted,
                round=number,
                trigger="bankruptcy",
                liquidation_id=3,
                policy="profit-share",
                account=99,
                size_lots=500,
                value_atoms=1,
                price_ticks=1,
                candidates=candidates[number - 1],
                ranking_digest=digest,
                base_round=base,
            )
            self._put(10 * number, body, cause=10 * number - 1)
            self.packed += (RoundRows(10 * number, pack_rows(rows)),)
        last = 10 * len(rounds)
        self.reduction = made(
            PositionDeleveraged,
            round=len(rounds),
            liquidation_id=3,
            against=99,
            account=account,
            size_lots=20,
            price_ticks=1,
            value_atoms=1,
            rank=rank,
            score=score,
        )
        self._put(last + 1, self.reduction, cause=last - 1)

    def _put(self, seq: int, body: Body, cause: int) -> None:
        self.events[seq] = Event(seq, 5, Origin.DECIDED, cause, (), 0, body)

    def change(self, seq: int, **changes: Any) -> Scene:
        """The same with fields of one event's body changed; `cause`, `producer` and `at_ns` are the event's own."""
        event = self.events[seq]
        own = {name: changes.pop(name) for name in ("cause", "producer", "at_ns") if name in changes}
        body = msgspec.structs.replace(event.body, **changes)
        self.events[seq] = msgspec.structs.replace(event, body=body, **own)
        return self

    def standing(self, key: bytes | None = None) -> Standing:
        """The place that is worked out."""
        event = self.events[max(self.events)]
        assert isinstance(event.body, PositionDeleveraged)
        return standing_of(event, event.body, self.packed, self.events, key)


def plain() -> Scene:
    """Three candidates in one round, of which the second is reduced."""
    rows: Rows = [row(4, 900), row(5, 600), row(6, 300)]
    return Scene(rows, candidates=(3,), account=5, rank=2, score=600 * 10**6)


def continued() -> Scene:
    """The same, and two further rounds: 4 is gone and 7 came; then 5 has lost, 8 ties with 6, which is reduced."""
    return Scene(
        [row(4, 900), row(5, 600), row(6, 300)],
        [row(7, 950), gone(4)],
        [row(8, 300), row(5, 200)],
        candidates=(3, 3, 4),
        account=6,
        rank=2,
        score=300 * 10**6,
    )


def test_a_place_in_a_whole_ranking() -> None:
    """The row at the rank is the account's, known by its pseudonym with the key."""
    for key in (None, KEY):
        standing = plain().standing(key)
        assert (standing.first_rank, standing.last_rank, standing.identified) == (2, 2, key is not None)
        assert standing.row is not None
        assert standing.row.pseudonym == NAMES.of(5)
        assert standing.policy is not None


def test_a_place_in_a_continued_ranking() -> None:
    """Scores leave two ranks open where two accounts tie; the key tells which row it is, not the rank."""
    without, known = continued().standing(), continued().standing(KEY)
    assert (without.first_rank, without.last_rank, without.row) == (2, 3, None)
    assert (known.first_rank, known.last_rank) == (2, 3)
    assert known.row is not None
    assert known.row.pseudonym == NAMES.of(6)


def test_either_rank_of_a_tie_is_possible() -> None:
    """At equal scores the event may name any rank of the tie, and none beside it."""
    for rank in (2, 3):
        assert continued().change(31, rank=rank).standing().last_rank == 3
    for rank in (0, 1, 4):
        with pytest.raises(RecordDamagedError, match="the rows have not"):
            continued().change(31, rank=rank).standing()


@given(st.lists(st.integers(1, 5), min_size=1, max_size=8), st.data())
def test_a_tie_in_a_whole_ranking_is_no_doubt(profits: list[int], data: st.DataObject) -> None:
    """Where all rows are in the order of one round, the rank is exact, however many scores are equal."""
    rows: Rows = sorted((row(4 + n, profit) for n, profit in enumerate(profits)), key=lambda one: -one[1])
    rank = data.draw(st.integers(1, len(rows)))
    candidate = rows[rank - 1][2]
    assert candidate is not None
    scene = Scene(rows, candidates=(len(rows),), account=candidate.account, rank=rank, score=rows[rank - 1][1])
    standing = scene.standing(KEY)
    assert (standing.first_rank, standing.last_rank) == (rank, rank)
    assert standing.row is not None
    assert standing.row.pseudonym == rows[rank - 1][0]


def lied(rows: Rows, candidates: int = 3) -> Scene:
    """A reduction of account 5 at rank 2 over these rows."""
    return Scene(rows, candidates=(candidates,), account=5, rank=2, score=600 * 10**6)


WRONG: dict[str, tuple[Callable[[], Scene], str]] = {
    "score": (
        lambda: lied([row(4, 900), (NAMES.of(5), 600 * 10**6, Candidate(5, 601, 1, 1, 1_000, -50)), row(6, 300)]),
        "has a score of 600000000, and its figures give 601000000",
    ),
    "order": (lambda: lied([row(5, 600), row(4, 900), row(6, 300)]), "not in the order of their scores"),
    "more candidates": (lambda: lied([row(4, 900), row(5, 600), row(6, 300)], 4), "do not come to its 4 candidates"),
    "one twice": (lambda: lied([row(4, 900), row(5, 600), row(5, 600)]), "do not come to its 3 candidates"),
    "gone from nowhere": (lambda: lied([row(4, 900), row(5, 600), gone(6)]), "do not come to its 3 candidates"),
    "rank": (lambda: plain().change(11, rank=3), "the rows have not"),
    "rank 0": (lambda: plain().change(11, rank=0), "the rows have not"),
    "another's score": (lambda: plain().change(11, score=900 * 10**6), "the rows have not"),
    "nobody's score": (lambda: plain().change(11, score=1), "the rows have not"),
    "more than held": (lambda: plain().change(11, size_lots=51), "cannot have been closed"),
    "the wrong side": (lambda: plain().change(11, size_lots=-20), "cannot have been closed"),
    "another round's": (lambda: plain().change(11, round=2), "does not belong to the round"),
    "another instrument's": (lambda: plain().change(11, instrument=1), "does not belong to the round"),
    "another liquidation's": (lambda: plain().change(11, liquidation_id=4), "does not belong to the round"),
    "another cause": (lambda: plain().change(11, cause=8), "does not belong to the round"),
    "another handler": (lambda: plain().change(11, producer=1), "does not belong to the round"),
    "no base": (lambda: plain().change(10, base_round=9), "the round that began the ranking"),
    "another base": (lambda: continued().change(20, base_round=7), "does not continue the ranking of event 10"),
    "another instant": (lambda: continued().change(20, at_ns=4), "does not continue the ranking of event 10"),
    "another side": (lambda: continued().change(30, size_lots=-500), "does not continue the ranking of event 20"),
    "another market": (lambda: continued().change(20, instrument=2), "does not continue the ranking of event 10"),
    "another policy": (lambda: continued().change(30, policy="x"), "does not continue the ranking of event 20"),
    "no producer": (lambda: plain().change(10, producer=None).change(11, producer=None), "the run declares"),
    "no such producer": (lambda: plain().change(10, producer=1).change(11, producer=1), "the run declares"),
    "an undeclared policy": (lambda: plain().change(10, policy="x"), "the run declares"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_a_venue_cannot_get_away_with(name: str) -> None:
    """Though the rows give the digest, what contradicts itself is refused with what does not hold."""
    make, words = WRONG[name]
    with pytest.raises(RecordDamagedError) as raised:
        make().standing()
    assert words in str(raised.value)
    assert "\n" not in str(raised.value)


def test_someone_elses_row() -> None:
    """With the key, a row that is not the account's is found; without it no one can tell."""
    for scene in (plain().change(11, account=6), continued().change(31, account=5)):
        assert not scene.standing().identified
        with pytest.raises(RecordDamagedError, match="is not that of account"):
            scene.standing(KEY)


def test_rows_that_are_no_rows() -> None:
    """Bytes that are not whole rows are refused, though they give the digest."""
    scene = plain()
    whole = scene.packed[0].rows
    scene.packed = (RoundRows(10, whole[:-1]),)
    scene.change(10, ranking_digest=digest_of(whole[:-1]))
    with pytest.raises(RecordDamagedError, match="239 bytes are not whole rows"):
        scene.standing()


@pytest.mark.parametrize(
    "producer",
    [
        Producer("adl", "profit-share", "0", {}),
        Producer("adl", "profit-share", ProfitShare.version, {"unheard": "of"}),
        Producer("margin", "profit-share", ProfitShare.version, {}),
    ],
)
def test_a_policy_that_is_not_installed(producer: Producer) -> None:
    """Another version, other parameters: the scores go unchecked, the digest and the order do not."""
    wrong = (NAMES.of(5), 600 * 10**6, Candidate(5, 1, 1, 1, 1_000, -50))
    scene = lied([row(4, 900), wrong, row(6, 300)]).change(0, producers=(producer,))
    standing = scene.standing()
    assert (standing.policy, standing.producer) == (None, producer)


def test_the_last_fork_says_who_decides() -> None:
    """Producers named by a fork before the round are those of the round; one that names none changes nothing."""
    scene, changed = plain(), Producer("adl", "profit-share", "9", {})
    for seq, producers in ((3, (changed,)), (4, ())):
        forked = RunForked(b"", seq, (), producers)
        scene.events[seq] = Event(seq, 0, Origin.INPUT, None, (), None, forked)
    scene.events = dict(sorted(scene.events.items()))
    assert scene.standing().producer == changed


def test_figures_beyond_64_bits() -> None:
    """A saturated row keeps its place, and its score is counted as one that cannot be worked out."""
    huge = (NAMES.of(4), MOST, Candidate(4, 2**70, 1, 1, 1_000, -50))
    standing = lied([huge, row(5, 600), row(6, 300)]).standing()
    assert (standing.saturated, standing.rounds[0].rows[0].profit) == (1, MOST)


@pytest.mark.parametrize(
    ("size", "lots", "possible"),
    [
        (-50, 50, True),
        (-50, 51, False),
        (-50, 1, True),
        (-50, 0, False),
        (-50, -1, False),
        (50, -50, True),
        (50, -51, False),
        (50, -1, True),
        (50, 0, False),
        (50, 1, False),
    ],
)
def test_what_was_held_can_be_closed(size: int, lots: int, possible: bool) -> None:
    """Up to the whole position, from a lot on, by a trade the other way; a long as well as a short."""
    rows: Rows = [row(4, 900, size=size), row(5, 600, size=size), row(6, 300, size=size)]
    scene = Scene(rows, candidates=(3,), account=5, rank=2, score=600 * 10**6).change(11, size_lots=lots)
    if possible:
        own = scene.standing(KEY).row
        assert own is not None
        assert own.size == size
    else:
        with pytest.raises(RecordDamagedError, match=f"of {size} lots, as in the row, {lots} cannot have been closed"):
            scene.standing(KEY)
