"""Executed again, a record comes out byte for byte, unless it was tampered with or its policies were not pure."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest

from deleverage import Scenario, open_run, run
from deleverage.events.bodies.inputs import PriceTicked
from deleverage.events.bodies.liquidation import LiquidationOrdered
from deleverage.events.bodies.listing import AccountOpened, InstrumentListed
from deleverage.events.bodies.margin import MarginCalled, MarkPriced
from deleverage.events.bodies.venue import TimerSet, TradingHalted
from deleverage.events.bodies.waterfall import DeleveragingStarted, PositionDeleveraged
from deleverage.events.codec import encode_event
from deleverage.events.envelope import Event, Origin
from deleverage.events.errors import HandlerError, LedgerError
from deleverage.events.ledger import Ledger
from deleverage.events.record import pages
from deleverage.events.record.manifest import read_manifest, write_manifest
from deleverage.handlers import slots
from deleverage.handlers.policies.profit_leverage import ProfitLeverage
from deleverage.handlers.registry import SLOTS
from deleverage.replay.verify.checks import Verification
from deleverage.replay.verify.comparison import Divergence
from deleverage.replay.verify.verification import verify

from .support.command_line import ENVIRONMENT, call, small_record, tear
from .support.crash import SMALL_CRASH, recorded
from .support.rewritten import BY_PAGE, changed, moved, renumbered, with_descendants, written
from .support.whims import WHIMS, whimsical

EVENTS = recorded()
INTACT = ["blocks", "head", "order", "fold", "laws", "beside"]
LATE = ("margin.latency_ns=50ms", "liquidation.latency_ns=20ms", "prices.duration_ns=40m")

Tampering = Callable[[], tuple[Sequence[Event], int]]


def results(found: Verification) -> dict[str, bool | None]:
    """Each check with whether it held."""
    return {check.check: check.ok for check in found.checks}


def first(kind: type, place: int = 0) -> Event:
    """The n-th event of a type."""
    return [event for event in EVENTS if isinstance(event.body, kind)][place]


def diverged(path: Path) -> Divergence:
    """The divergence of a record in which everything else is as it should be."""
    found = verify(path)
    assert results(found) == {**dict.fromkeys(INTACT, True), "decisions": False}
    assert (found.sound, found.reexecuted) == (False, True)
    assert found.divergence is not None
    return found.divergence


@pytest.mark.parametrize("overrides", [(), LATE, ("adl.policy=profit-share", "liquidation.cooldown_ns=3s")])
def test_a_sound_record_comes_out_again(tmp_path: Path, overrides: tuple[str, ...]) -> None:
    """Prompt or late, whatever rules are on: every event is the same."""
    found = verify(written(tmp_path / "a.run", recorded(*overrides)))
    assert results(found) == dict.fromkeys([*INTACT, "decisions"], True)
    assert (found.sound, found.reexecuted, found.divergence) == (True, True, None)


def field_of(kind: type, place: int, name: str, value: object) -> Tampering:
    """A figure in a decision is another."""

    def tampered() -> tuple[Sequence[Event], int]:
        seq = first(kind, place).seq
        return changed(EVENTS, seq, **{name: value}), seq

    return tampered


def envelope_of(kind: type, place: int, **fields: object) -> Tampering:
    """Where a decision says it comes from is another place."""

    def tampered() -> tuple[Sequence[Event], int]:
        seq = first(kind, place).seq
        return moved(EVENTS, seq, **fields), seq

    return tampered


def folds(events: Iterable[Event]) -> bool:
    """Whether these follow one from the other, and no law is broken at the end."""
    try:
        Ledger.of(events).check()
    except (LedgerError, LookupError):
        return False
    return True


def call_dropped() -> tuple[Sequence[Event], int]:
    """A margin call was never made, nor anything that came of it."""
    for event in reversed(EVENTS):
        if isinstance(event.body, MarginCalled):
            left = renumbered(EVENTS, with_descendants(EVENTS, event.seq))
            if folds(left):
                return left, event.seq
    raise AssertionError


def call_added() -> tuple[Sequence[Event], int]:
    """Somebody was called who stood well."""
    before = first(MarginCalled, 2)
    called = {event.body.account for event in EVENTS if isinstance(event.body, MarginCalled)}
    account = next(
        one.account for one in Ledger.of(EVENTS).accounts if one.kind == "user" and one.account not in called
    )
    body = msgspec.structs.replace(before.body, account=account)
    added = msgspec.structs.replace(before, seq=before.seq + 1, body=body)
    return [*EVENTS[: before.seq + 1], added, *shifted(EVENTS[before.seq + 1 :], before.seq)], before.seq + 1


def shifted(events: Sequence[Event], after: int) -> list[Event]:
    """Events one place later, with whatever they refer to behind `after`."""
    return renumbered([*EVENTS[: after + 1], EVENTS[after], *events])[after + 2 :]


def order_swapped() -> tuple[Sequence[Event], int]:
    """Two products of one delivery in the other order."""
    for one, other in pairwise(EVENTS):
        if isinstance(one.body, MarginCalled) and isinstance(other.body, MarginCalled) and one.cause == other.cause:
            seq = one.seq
            swapped = [*EVENTS[:seq], other, one, *EVENTS[seq + 2 :]]
            return renumbered(swapped), seq
    raise AssertionError


TAMPERINGS: dict[str, Tampering] = {
    "the equity that a margin call compared": field_of(MarginCalled, 3, "equity_atoms", 5),
    "its requirement": field_of(MarginCalled, 40, "requirement_atoms", 2**63 - 1),
    "the rank of a reduction": field_of(PositionDeleveraged, 3, "rank", 7),
    "its score": field_of(PositionDeleveraged, -1, "score", 1),
    "the price beside its value": field_of(PositionDeleveraged, 9, "price_ticks", 1),
    "the digest of a ranking": field_of(DeleveragingStarted, 11, "ranking_digest", b"\0" * 32),
    "the number of candidates": field_of(DeleveragingStarted, 11, "candidates", 1),
    "the base of a round": field_of(DeleveragingStarted, 0, "base_round", 1),
    "the figures of a halt": field_of(TradingHalted, 0, "reference_ticks", 1),
    "the price limit of an order": field_of(LiquidationOrdered, 5, "limit_ticks", 1),
    "the cause": envelope_of(MarginCalled, 3, cause=5),
    "the links": envelope_of(MarkPriced, -1, links=(1, 2)),
    "the handler": envelope_of(MarginCalled, 3, producer=1),
    "a handler that there is not": envelope_of(MarginCalled, 3, producer=99),
    "a decision passed off as an input": envelope_of(MarginCalled, 3, origin=Origin.INPUT, cause=None, producer=None),
    "a decision passed off as imported": envelope_of(MarginCalled, 3, origin=Origin.IMPORTED),
    "a call that was not made": call_dropped,
    "a call that nobody decided": call_added,
    "the order within one delivery": order_swapped,
}


@pytest.mark.parametrize("tampering", TAMPERINGS.values(), ids=TAMPERINGS)
def test_tampering_is_found_at_its_first_event(tmp_path: Path, tampering: Tampering) -> None:
    """Every hash is right, every event follows and no law is broken: and yet it is not what was decided."""
    events, seq = tampering()
    divergence = diverged(written(tmp_path / "a.run", events))
    assert divergence.seq == seq
    assert divergence.expected == events[seq]
    assert divergence.got == EVENTS[seq]
    assert (divergence.error, divergence.state) == (None, None)


def test_an_input_passed_off_as_a_decision(tmp_path: Path) -> None:
    """A price that is said to be the venue's own doing is not decided again, and is missing where it was."""
    tick = first(PriceTicked, 70)
    path = written(tmp_path / "a.run", moved(EVENTS, tick.seq, origin=Origin.DECIDED, cause=tick.seq - 1, producer=0))
    divergence = diverged(path)
    assert (divergence.seq, divergence.expected and divergence.expected.body) == (tick.seq, tick.body)
    assert divergence.got is None or not isinstance(divergence.got.body, PriceTicked)


def test_inputs_that_cannot_be_folded_without_the_one_before(tmp_path: Path) -> None:
    """An account that is said to have been opened by a decision: its balance has nowhere to go, which is an answer."""
    opened = first(AccountOpened, 29)
    path = written(tmp_path / "a.run", moved(EVENTS, opened.seq, origin=Origin.DECIDED, cause=0, producer=0))
    divergence = diverged(path)
    assert (divergence.seq, divergence.expected and divergence.expected.body) == (opened.seq, opened.body)
    assert divergence.error == "IndexError: list index out of range"
    result = call("verify", path)
    assert (result.exit_code, result.stderr.count("\n")) == (1, 1)


def test_the_last_event_may_be_the_one(tmp_path: Path) -> None:
    """Also on an unfinished page, and where the record ends with it."""
    last = [event for event in EVENTS if event.origin is Origin.DECIDED][-1].seq
    assert last // 256 == len(EVENTS) // 256
    divergence = diverged(written(tmp_path / "a.run", moved(EVENTS, last, links=(1,))))
    assert (divergence.seq, divergence.got) == (last, EVENTS[last])
    shorter = moved(EVENTS[: last + 1], last, links=(1,))
    assert diverged(written(tmp_path / "b.run", shorter, "interrupted")).seq == last


def test_of_several_the_first_is_told(tmp_path: Path) -> None:
    """What comes after it could differ for that reason alone."""
    one, other = first(MarginCalled, 60).seq, first(MarginCalled, 20).seq
    events = changed(changed(EVENTS, one, equity_atoms=1), other, equity_atoms=1)
    assert diverged(written(tmp_path / "a.run", events)).seq == other


def test_what_is_told_of_a_divergence(tmp_path: Path) -> None:
    """Both events, both chains down from their inputs, the handler, its policy and version; one line on stderr; 1."""
    seq = first(PositionDeleveraged, 3).seq
    path = written(tmp_path / "a.run", changed(EVENTS, seq, rank=7))
    result = call("verify", path)
    assert result.exit_code == 1
    assert result.stderr == (
        f"deleverage: {path} is not sound: event {seq}, PositionDeleveraged, comes out otherwise now, "
        f"by adl:profit-leverage version {ProfitLeverage.version}\n"
    )
    told = " ".join(result.stdout.split())
    rank = EVENTS[seq].body.rank  # type: ignore[union-attr]
    assert "NOT SOUND" in told
    assert told.index("expected") < told.index("rank=7") < told.index("got") < told.index(f"rank={rank}")
    assert told.endswith(f"differs rank is 7 in the record and {rank} now")
    assert told.count(f"by adl:profit-leverage version {ProfitLeverage.version}") == 3
    assert told.count("from the same events") == 1
    cause = EVENTS[seq].cause
    while cause is not None:
        assert told.count(f"from {cause} 2025-") == 1
        cause = EVENTS[cause].cause


def test_both_chains_are_told_where_they_are_not_the_same(tmp_path: Path) -> None:
    """A decision whose cause was changed: each event with what it is said to follow from."""
    seq, other = first(PositionDeleveraged, 3).seq, first(MarginCalled).seq
    result = call("verify", written(tmp_path / "a.run", moved(EVENTS, seq, cause=other)))
    told = " ".join(result.stdout.split())
    expected, got = told[: told.index(" got ")], told[told.index(" got ") :]
    assert f"from {other} 2025-" in expected
    assert f"from {EVENTS[seq].cause} 2025-" in got
    assert "from the same events" not in told
    assert f"cause is {other} in the record and {EVENTS[seq].cause} now" in got


def test_the_same_as_data(tmp_path: Path) -> None:
    """`--json` has seq, both events, both chains, who decided, and nothing else that differs."""
    seq = first(PositionDeleveraged, 3).seq
    events = moved(changed(EVENTS, seq, rank=7), seq, cause=first(MarginCalled).seq)
    result = call("verify", written(tmp_path / "a.run", changed(events, seq, rank=7)), "--json")
    assert result.exit_code == 1
    assert result.stderr.count("\n") == 1
    told = json.loads(result.stdout)["divergence"]
    assert (told["seq"], told["expected"]["rank"], told["got"]["rank"]) == (seq, 7, EVENTS[seq].body.rank)  # type: ignore[union-attr]
    assert (told["handler"], told["policy"], told["version"]) == ("adl", "profit-leverage", ProfitLeverage.version)
    assert (told["error"], told["state"]) == (None, None)
    for name, cause in (("expected", first(MarginCalled).seq), ("got", EVENTS[seq].cause)):
        chain = told[f"{name}_chain"]
        assert chain[-1]["seq"] == cause
        assert chain[0]["origin"] == "input"
        assert [event["cause"] for event in chain] == [None, *(event["seq"] for event in chain[:-1])]


def test_a_producer_that_is_nobody_is_told_as_such(tmp_path: Path) -> None:
    """Text and data are there all the same."""
    path = written(tmp_path / "a.run", moved(EVENTS, first(MarginCalled).seq, producer=99))
    result = call("verify", path)
    assert result.exit_code == 1
    assert "producer 99, which is nobody" in result.stdout
    assert json.loads(call("verify", path, "--json").stdout)["divergence"]["handler"] == "margin"


@pytest.mark.parametrize("whim", ["clock", "chance"])
def test_a_policy_that_is_not_pure_is_caught(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, whim: str) -> None:
    """One that reads the clock, and one that draws a number that is not keyed: at the first ranking they make."""
    monkeypatch.setitem(SLOTS["adl"], whim, WHIMS[whim])  # type: ignore[arg-type]
    path = tmp_path / "a.run"
    run(Scenario.load(SMALL_CRASH, [f"adl.policy={whim}"]), path, settings=BY_PAGE)
    divergence = diverged(path)
    assert divergence.seq == next(e.seq for e in open_run(path).events() if isinstance(e.body, DeleveragingStarted))
    assert isinstance(divergence.expected and divergence.expected.body, DeleveragingStarted)
    assert f"by adl:{whim} version 1" in call("verify", path).stderr


def test_a_policy_that_depends_on_a_sets_order_is_caught(tmp_path: Path) -> None:
    """Under another hash seed, that is; under the same one the order is the same, and nothing can be seen."""
    script, path = Path(__file__).parent / "support" / "whims.py", tmp_path / "a.run"

    def called(what: str, seed: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, str(script), what, "set-order", str(path)]
        environment = ENVIRONMENT | {"PYTHONHASHSEED": seed}
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    assert called("record", "1").returncode == 0
    assert called("verify", "1").returncode == 0
    other = called("verify", "2")
    assert other.returncode == 1
    assert "DeleveragingStarted, comes out otherwise now, by adl:set-order version 1" in other.stderr


def raising(at_call: int, what: str = "out of patience") -> Any:
    """A policy that ranks by size and raises when it is asked the n-th time."""

    def make_scores() -> Callable[[Sequence[Any]], list[int]]:
        asked = 0

        def scores(candidates: Sequence[Any]) -> list[int]:
            nonlocal asked
            asked += 1
            if asked == at_call:
                raise ValueError(what)
            return [abs(candidate.size) for candidate in candidates]

        return scores

    choice = whimsical(lambda _candidates: [], ProfitLeverage.version)
    return choice._replace(make=lambda *settings: whimsical(make_scores()).make(*settings))


@pytest.fixture
def failed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run that ended because the third ranking raised."""
    monkeypatch.setitem(SLOTS["adl"], "weary", raising(3))  # type: ignore[arg-type]
    path = tmp_path / "failed.run"
    with pytest.raises(HandlerError):
        run(Scenario.load(SMALL_CRASH, ["adl.policy=weary"]), path, settings=BY_PAGE)
    return path


def test_a_handler_that_raises_now(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it decided then is expected, nothing came, and the error says why."""
    path = written(tmp_path / "a.run", EVENTS)
    monkeypatch.setitem(SLOTS["adl"], "profit-leverage", raising(1))  # type: ignore[arg-type]
    divergence = diverged(path)
    due = first(DeleveragingStarted)
    assert (divergence.seq, divergence.expected, divergence.got) == (due.seq, due, None)
    assert divergence.error is not None
    assert "out of patience" in divergence.error
    result = call("verify", path)
    assert (result.exit_code, result.stderr.count("\n")) == (1, 1)
    assert f"event {due.seq} was DeleveragingStarted and is nothing now: handler 'adl'" in result.stderr
    told = json.loads(call("verify", path, "--json").stdout)["divergence"]
    assert (told["got"], told["got_chain"], told["handler"]) == (None, [], "adl")


def test_a_run_that_failed_fails_again(failed: Path) -> None:
    """Up to there every event is the same, and there the same handler fails: so it reproduces."""
    found = verify(failed)
    assert (found.status, found.sound, found.divergence) == ("failed", True, None)
    assert results(found)["decisions"]
    assert call("verify", failed).exit_code == 0


def test_a_run_that_failed_fails_again_whatever_is_raised(failed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What an error says may hold an address or a path: where it is raised is what counts."""
    monkeypatch.setitem(SLOTS["adl"], "weary", raising(3, "another: address"))  # type: ignore[arg-type]
    assert verify(failed).sound


@pytest.mark.parametrize("at_call", [0, 4])
def test_a_run_that_failed_and_does_not_fail_now(failed: Path, monkeypatch: pytest.MonkeyPatch, at_call: int) -> None:
    """Then the record is not what these handlers make: the first event beyond it is what was not expected."""
    monkeypatch.setitem(SLOTS["adl"], "weary", raising(at_call))  # type: ignore[arg-type]
    divergence, count = diverged(failed), open_run(failed).count
    assert (divergence.seq, divergence.expected) == (count, None)
    assert isinstance(divergence.got and divergence.got.body, DeleveragingStarted)
    result = call("verify", failed)
    assert (result.exit_code, result.stderr.count("\n")) == (1, 1)
    assert f"event {count} was nothing and is DeleveragingStarted now" in result.stderr


def test_a_run_that_failed_and_fails_earlier_now(failed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it went on then, it stops now."""
    monkeypatch.setitem(SLOTS["adl"], "weary", raising(2))  # type: ignore[arg-type]
    divergence = diverged(failed)
    assert divergence.seq < open_run(failed).count
    assert divergence.got is None


def test_a_run_that_failed_with_nothing_to_follow(tmp_path: Path) -> None:
    """Where nothing was due any more and nothing fails now, both are said in one line."""
    opening = EVENTS[: first(InstrumentListed).seq]
    error = (
        f"handler 'adl' (producer 7) failed on event 9 (X) with the ledger before event {len(opening)}: ValueError: x"
    )
    path = written(tmp_path / "a.run", opening, "failed", error)
    divergence = diverged(path)
    assert (divergence.seq, divergence.expected, divergence.got) == (len(opening), None, None)
    result = call("verify", path)
    assert (result.exit_code, result.stderr.count("\n")) == (1, 1)
    assert f"from event {len(opening)} on: the run failed there ({error}), and now nothing fails" in result.stderr


def test_a_run_that_failed_for_a_full_disk(tmp_path: Path) -> None:
    """Not a handler's doing: it is verified as far as it goes."""
    told = "a.run/00000000.seg: the disk took 5000 events and then no more (No space left on device)"
    assert verify(written(tmp_path / "a.run", EVENTS[:5000], "failed", told)).sound


@pytest.mark.parametrize("count", [1, 700, 3000, 5121, len(EVENTS) - 1])
def test_an_interrupted_record_is_verified_as_far_as_it_goes(tmp_path: Path, count: int) -> None:
    """Wherever it breaks off, inside a delivery's products as between two inputs."""
    found = verify(written(tmp_path / "a.run", EVENTS[:count], "interrupted"))
    assert results(found) == dict.fromkeys([*INTACT, "decisions"], True)
    assert found.events == count


def test_a_torn_record_is_executed_again_as_far_as_it_goes(tmp_path: Path) -> None:
    """With a tampered event it is not sound; without, the exit code is that of a torn one."""
    for name, events, exit_code in (
        ("a", EVENTS, 3),
        ("b", changed(EVENTS, first(MarginCalled).seq, equity_atoms=1), 1),
    ):
        path = written(tmp_path / f"{name}.run", events)
        tear(path)
        found = verify(path)
        assert (found.torn, found.reexecuted, found.sound) == (True, True, exit_code == 3)
        assert call("verify", path).exit_code == exit_code


def test_other_code_is_refused_unless_forced(tmp_path: Path) -> None:
    """One line says what made the record and what is installed, exit code 2; with --force it is executed."""
    path = written(tmp_path / "a.run", EVENTS)
    write_manifest(path, msgspec.structs.replace(read_manifest(path), code_sha256="ab" * 32))
    found = verify(path)
    assert (results(found)["decisions"], found.reexecuted, found.sound) == (None, False, None)
    result = call("verify", path)
    assert result.exit_code == 2
    assert result.stderr.count("\n") == 1
    assert "code abababab, and installed is" in result.stderr
    assert "--force" in result.stderr
    assert json.loads(call("verify", path, "--json").stdout)["refused"] in result.stderr
    assert "CHECKED IN PART" in result.stdout
    assert "sound" not in result.stdout
    forced = call("verify", path, "--force")
    assert (forced.exit_code, forced.stderr) == (0, "")
    assert "executed again" in forced.stdout


def test_another_version_of_a_policy_is_refused_unless_forced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What each handler and policy declares in the record must be what is installed."""
    path = written(tmp_path / "a.run", EVENTS)
    installed = SLOTS["adl"]["profit-leverage"]
    assert installed is not None
    monkeypatch.setitem(SLOTS["adl"], "profit-leverage", installed._replace(version="0"))  # type: ignore[arg-type]
    result = call("verify", path)
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert f"adl:profit-leverage was version {ProfitLeverage.version}, and installed is 0" in result.stderr
    assert call("verify", path, "--force").exit_code == 0


def test_a_tampered_record_of_other_code_says_only_what_is_certain(tmp_path: Path) -> None:
    """Refused it is not judged; forced it is."""
    path = written(tmp_path / "a.run", changed(EVENTS, first(MarginCalled).seq, equity_atoms=1))
    write_manifest(path, msgspec.structs.replace(read_manifest(path), code_sha256="ab" * 32))
    assert call("verify", path).exit_code == 2
    assert call("verify", path, "--force").exit_code == 1


@pytest.mark.parametrize("options", [(), ("--force",), ("--jobs", "2")])
def test_a_policy_that_is_not_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...]
) -> None:
    """Everything else is checked; the decisions are unknown: one line, exit code 2, also with --force."""
    path = written(tmp_path / "a.run", EVENTS)
    others = {name: choice for name, choice in SLOTS["adl"].items() if name != "profit-leverage"}
    kept = slots._policies_of
    monkeypatch.setattr(slots, "_policies_of", lambda slot: others if slot == "adl" else kept(slot))
    result = call("verify", path, *options)
    assert result.exit_code == 2
    missing = "policy adl:profit-leverage is not installed; install what the record was made with"
    assert result.stderr == f"deleverage: {path}: {missing}\n"
    found = verify(path)
    assert (found.sound, found.refused) == (None, missing)
    assert {check.check: check.ok for check in found.checks}["decisions"] is None


def test_an_old_record_is_compared_in_todays_schema(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Events that were encoded without a field that has a default today are the same events, and still verify."""

    def old(events: Sequence[Event]) -> bytes:
        """As if the last field of a margin call's body, where it has its default, had not been there yet."""
        return encode_event([shortened(event) for event in events])

    def shortened(event: Event) -> object:
        plain = msgspec.msgpack.decode(encode_event(event))
        while isinstance(event.body, TimerSet) and plain[-1][-1] is None:
            plain[-1].pop()
        return plain

    path = tmp_path / "old.run"
    with monkeypatch.context() as patch:
        patch.setattr(pages, "_encode_list", old)
        written(path, EVENTS)
    assert list(open_run(path).events()) == list(EVENTS)
    assert open_run(path).head != open_run(written(tmp_path / "new.run", EVENTS)).head
    found = verify(path)
    assert results(found) == dict.fromkeys([*INTACT, "decisions"], True)
    with monkeypatch.context() as patch:
        patch.setattr(pages, "_encode_list", old)
        tampered = first(MarginCalled, 5).seq
        written(tmp_path / "tampered.run", changed(EVENTS, tampered, equity_atoms=1))
    assert diverged(tmp_path / "tampered.run").seq == tampered


def test_whoever_watches_is_told_how_far_it_is(tmp_path: Path) -> None:
    """Never less than before, and all of it in the end."""
    told: list[tuple[int, int]] = []
    verify(small_record(tmp_path), watch=lambda done, total: told.append((done, total)))
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    assert told[-1] == (2 * len(EVENTS), 2 * len(EVENTS))
