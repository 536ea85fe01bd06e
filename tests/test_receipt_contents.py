"""What a receipt holds: any event's chain, a reduction's ranking, and nobody who is not needed."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deleverage import open_run
from deleverage.events.bodies.inputs import PriceTicked
from deleverage.events.bodies.listing import AccountOpened, AssetListed, InstrumentListed
from deleverage.events.bodies.run import RunForked, RunStarted
from deleverage.events.bodies.waterfall import DeleveragingStarted, LossSocialized, PositionDeleveraged
from deleverage.events.envelope import Event
from deleverage.events.errors import QueryError, RecordDamagedError
from deleverage.events.record import RecordSettings, RecordWriter
from deleverage.events.vocabulary import PUBLIC_TYPES, accounts_named
from deleverage.handlers.policies.ranking import score_of
from deleverage.replay.rankings import ranking_at, round_of
from deleverage.replay.receipt.check import Checked, check_receipt
from deleverage.replay.receipt.file import encode_receipt
from deleverage.replay.receipt.receipt import receipt_of
from deleverage.replay.run import Run

from .support.command_line import call, small_record, tear
from .support.crash import recorded

EVENTS = recorded()
ROUNDS = {event.body.round: event for event in EVENTS if isinstance(event.body, DeleveragingStarted)}
REDUCTIONS = [event for event in EVENTS if isinstance(event.body, PositionDeleveraged)]


def depth(reduction: Event) -> int:
    """How many rounds came before its own in the same ranking."""
    base, found = ROUNDS[reduction.body.round].body.base_round, 0  # type: ignore[union-attr]
    while base is not None:
        base, found = ROUNDS[base].body.base_round, found + 1  # type: ignore[union-attr]
    return found


FIRSTS = [event for event in REDUCTIONS if not depth(event)]
CONTINUED = [event for event in REDUCTIONS if depth(event)]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The small crash, recorded and opened."""
    return open_run(small_record(tmp_path_factory.mktemp("records")))


def checked(run: Run, seq: int, key: bytes | None = None) -> Checked:
    """The receipt of an event, written out, read again and checked."""
    return check_receipt(encode_receipt(receipt_of(run, seq)), bytes.fromhex(run.head), key)


@given(st.integers(0, len(EVENTS) - 1))
@settings(max_examples=60, deadline=None)
def test_any_event_has_a_receipt_that_holds(run: Run, seq: int) -> None:
    """Input or decision: the receipt proves the event and its chain of causes as the record has it."""
    found = checked(run, seq)
    assert found.event == EVENTS[seq]
    assert [event.seq for event in found.chain] == list(run.chain(seq))
    assert found.receipt.account == getattr(EVENTS[seq].body, "account", None)
    assert (found.standing is not None) == isinstance(EVENTS[seq].body, PositionDeleveraged)
    assert all(event == EVENTS[number] for number, event in found.events.items())


@given(st.sampled_from(REDUCTIONS))
@settings(max_examples=40, deadline=None)
def test_the_place_is_the_one_in_the_ranking_made_again(run: Run, reduction: Event) -> None:
    """Rank, score, number of candidates and the figures of the row are those of the ranking at that state."""
    body, standing = reduction.body, checked(run, reduction.seq).standing
    assert standing is not None
    assert isinstance(body, PositionDeleveraged)
    made = ranking_at(run, round_of(run, reduction))
    places = list(made.ranking)
    place = places[body.rank - 1]
    assert standing.row is not None
    assert standing.row[2:] == place.candidate[1:]
    assert place.candidate.account == body.account
    assert (standing.row.score, standing.reduction) == (place.score, body)
    assert len(standing.rounds) == depth(reduction) + 1
    assert standing.rounds[-1].body.candidates == len(places)
    assert standing.first_rank <= body.rank <= standing.last_rank
    assert standing.policy is not None
    assert standing.identified


def test_the_small_crash_has_both_kinds_of_rounds() -> None:
    """There are reductions in rounds that began a ranking and in rounds that continued one, also far down."""
    assert len(FIRSTS) > 10
    assert len(CONTINUED) > 50
    assert max(map(depth, CONTINUED)) > 10


def test_the_score_follows_from_its_figures(run: Run) -> None:
    """Profit over cost times notional over equity, from the row in the file, is the recorded score."""
    for reduction in (FIRSTS[0], FIRSTS[-1], CONTINUED[-1]):
        standing = checked(run, reduction.seq).standing
        assert standing is not None
        row = standing.row
        assert row is not None
        assert score_of(row.profit * row.notional, abs(row.cost) * row.equity) == row.score == reduction.body.score  # type: ignore[union-attr]


def test_a_round_that_began_a_ranking_has_all_rows(run: Run) -> None:
    """Its receipt has one round with as many rows as candidates; a further round has the rows that changed."""
    whole = receipt_of(run, FIRSTS[0].seq).rounds
    assert [len(one.rows) // 80 for one in whole] == [ROUNDS[FIRSTS[0].body.round].body.candidates]  # type: ignore[union-attr]
    deepest = max(CONTINUED, key=depth)
    first, *others = checked(run, deepest.seq).standing.rounds  # type: ignore[union-attr]
    assert len(first.rows) == first.body.candidates
    assert len(others) == depth(deepest)
    assert any(len(one.rows) < one.body.candidates for one in others)


def test_what_it_takes_to_read_the_figures_is_there(run: Run) -> None:
    """RunStarted, the account's own opening, and the listings of instruments and assets are shown."""
    for reduction in (FIRSTS[0], CONTINUED[-1]):
        bodies = [event.body for event in checked(run, reduction.seq).events.values()]
        account, instrument = reduction.body.account, reduction.body.instrument  # type: ignore[union-attr]
        assert isinstance(bodies[0], RunStarted)
        assert [body.account for body in bodies if isinstance(body, AccountOpened)] == [account]
        listed = next(b for b in bodies if isinstance(b, InstrumentListed) and b.instrument == instrument)
        assert any(isinstance(body, AssetListed) and body.asset == listed.asset for body in bodies)


@given(st.sampled_from(REDUCTIONS))
@settings(max_examples=30, deadline=None)
def test_nobody_is_shown_who_is_not_needed(run: Run, reduction: Event) -> None:
    """Accounts by number are only those that the chain and the rounds name; no other event that names one is shown."""
    found = checked(run, reduction.seq)
    standing = found.standing
    assert standing is not None
    needed = {event.seq for event in found.chain} | {one.started.seq for one in standing.rounds}
    named = {seq for seq, event in found.events.items() if type(event.body) not in PUBLIC_TYPES}
    assert {type(EVENTS[seq].body) for seq in named - needed} <= {AccountOpened}
    assert {EVENTS[seq].body.account for seq in named - needed} == {found.receipt.account}  # type: ignore[union-attr]
    accounts = {a for seq in named for a in accounts_named(EVENTS[seq].body)}
    assert accounts == {a for seq in needed for a in accounts_named(EVENTS[seq].body)}


def test_every_kind_of_event_has_one(run: Run) -> None:
    """The first event of every type there is gives a receipt that holds, whatever it is about."""
    kinds = {type(event.body): event.seq for event in reversed(EVENTS)}
    assert {LossSocialized, PriceTicked, RunStarted} <= set(kinds)
    for seq in kinds.values():
        assert checked(run, seq).event.seq == seq


def test_it_is_the_same_each_time(run: Run) -> None:
    """Two receipts of one event are the same bytes."""
    seq = CONTINUED[-1].seq
    assert encode_receipt(receipt_of(run, seq)) == encode_receipt(receipt_of(open_run(run.path), seq))


def test_a_torn_record_gives_none(tmp_path: Path) -> None:
    """Without a seal there is no head to prove anything under, and the way out is named."""
    path = small_record(tmp_path)
    tear(path)
    with pytest.raises(QueryError, match=r"torn.*deleverage recover"):
        receipt_of(open_run(path), 5)


@pytest.mark.parametrize("seq", [-1, len(EVENTS)])
def test_an_event_that_is_not_there(run: Run, seq: int) -> None:
    """A number outside the record is refused."""
    with pytest.raises(QueryError, match="there is no event"):
        receipt_of(run, seq)


def rewritten(folder: Path, events: list[Event]) -> Run:
    """These events as a record of their own."""
    writer = RecordWriter(folder / "rewritten.run", settings=RecordSettings(durability="none"))
    writer.append_many(events)
    writer.seal()
    return open_run(folder / "rewritten.run")


def test_a_digest_that_the_record_does_not_give(tmp_path: Path) -> None:
    """Where the ranking made again is not the recorded one there is no receipt, and verify is named."""
    seq = ROUNDS[FIRSTS[0].body.round].seq  # type: ignore[union-attr]
    events = list(EVENTS)
    other = msgspec.structs.replace(events[seq].body, ranking_digest=bytes(32))
    events[seq] = msgspec.structs.replace(events[seq], body=other)
    with pytest.raises(RecordDamagedError, match=f"the ranking of event {seq}.*deleverage verify"):
        receipt_of(rewritten(tmp_path, events), FIRSTS[0].seq)


@pytest.fixture(scope="module")
def fork(run: Run, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The small crash, forked with another policy in the middle of a ranking that goes on."""
    continued = ROUNDS[CONTINUED[0].body.round]  # type: ignore[union-attr]
    path = tmp_path_factory.mktemp("forks") / "fork.run"
    changes = ("--set", "adl.policy=profit-share")
    assert call("fork", run.path, "--at", str(continued.seq - 1), *changes, "-o", path).exit_code == 0
    return open_run(path)


def test_who_decides_after_a_fork_is_shown(run: Run, fork: Run) -> None:
    """After a fork its first event comes along, and scores are checked by its policy; before the fork neither."""
    at = fork.manifest.parent.at_seq  # type: ignore[union-attr]
    starts = {e.body.round: e.body for e in fork.events() if isinstance(e.body, DeleveragingStarted)}
    later = [e for e in fork.events(at) if isinstance(e.body, PositionDeleveraged)]
    own = next(e for e in later if starts[e.body.round].base_round is None)  # type: ignore[union-attr]
    found = checked(fork, own.seq)
    assert [seq for seq, event in found.events.items() if isinstance(event.body, RunForked)] == [at]
    assert found.standing is not None
    assert found.standing.policy is not None
    assert found.standing.policy.policy == "profit-share"
    before, same = checked(fork, FIRSTS[0].seq), checked(run, FIRSTS[0].seq)
    assert RunForked not in {type(event.body) for event in before.events.values()}
    assert before.standing is not None
    assert same.standing is not None
    assert before.standing.row == same.standing.row


def test_a_ranking_that_a_fork_began_anew_has_a_receipt(fork: Run) -> None:
    """Where the policy changed in the middle of a ranking, the next round digests all of its own rows."""
    at = fork.manifest.parent.at_seq  # type: ignore[union-attr]
    anew = next(e for e in fork.events(at) if isinstance(e.body, DeleveragingStarted))
    reduction = next(e for e in fork.events(anew.seq) if isinstance(e.body, PositionDeleveraged))
    assert anew.body.base_round is None  # type: ignore[union-attr]
    assert checked(fork, reduction.seq).standing is not None
