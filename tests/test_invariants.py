"""What rulebooks claim, held at every event: a made break for each is found, at its event; what holds is left alone."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest

from deleverage import Scenario, open_run, run, verify
from deleverage.events.bodies.invariants import InvariantBroken
from deleverage.events.bodies.liquidation import LiquidationFilled
from deleverage.events.bodies.listing import Tier
from deleverage.events.bodies.margin import RulesAnnounced, RulesChanged
from deleverage.events.bodies.waterfall import (
    DeleveragingStarted,
    InsuranceFundDebited,
    LossSocialized,
    PositionDeleveraged,
    ShortfallDeclared,
)
from deleverage.events.envelope import Event, Origin
from deleverage.events.errors import ScenarioError
from deleverage.events.ledger import Ledger
from deleverage.events.record import RecordSettings
from deleverage.handlers.invariants.declared import INVARIANTS, Claims, Held
from deleverage.handlers.invariants.invariant import Break
from deleverage.handlers.registry import producer_of
from deleverage.replay.fork.changes import Changes
from deleverage.replay.fork.fork import fork
from deleverage.sim.amounts import amounts_of
from deleverage.sim.rulebooks import bundled_venues, rulebook

from .support.adl_table import TABLE, imported, row
from .support.command_line import call
from .support.crash import SMALL_CRASH, recorded

Body = Any
CLAIMED = {kind.key(): "it is claimed (a test)" for kind in INVARIANTS}
ALL = Claims(**CLAIMED, block_notional_max_atoms=10**15, block_fund_loss_max_atoms=10**15, notice_ns=60)  # type: ignore[arg-type]
DECLARING = [one for one in bundled_venues() if rulebook(one).get("invariants", {}).get("policy") == "declared"]
LOSERS = '''
class Losers:
    """Whoever has lost most gives first."""

    any_profit = True

    def scores(self, candidates):
        return [max(0, 10**12 - one.profit) for one in candidates]
'''


def held_against(events: list[Event], claims: Claims = ALL, spoil: Callable[[Ledger], None] | None = None) -> list[Any]:
    """(event, invariant, break) of each break among the last of these events; the others only lead up to it."""
    held, ledger, *before = Held(claims), Ledger(), None
    *before, last = events
    for event in before:
        ledger.fold(event)
        held.note(event)
    ledger.fold(last)
    if spoil is not None:
        spoil(ledger)
    held.note(last)
    return [(one.name, outcome) for one, outcome in held.judged(last, ledger) if isinstance(outcome, Break)]


@cache
def until(kind: type[Body], place: int = 0, *overrides: str) -> tuple[Event, ...]:
    """The small crash up to an event of a type."""
    events = recorded(*overrides)
    found = [event.seq for event in events if isinstance(event.body, kind)]
    return events[: found[place] + 1]


def with_last(events: tuple[Event, ...], **changed: object) -> list[Event]:
    """The last event with other figures in its body."""
    last = events[-1]
    return [*events[:-1], msgspec.structs.replace(last, body=msgspec.structs.replace(last.body, **changed))]


def names(found: list[Any]) -> set[str]:
    """The invariants that were broken."""
    return {name for name, _ in found}


def _same(one: Event, other: Event) -> bool:
    """Whether both are of one type."""
    return type(one.body) is type(other.body)


def test_each_has_a_key_among_the_claims() -> None:
    """Nine, each declared by the text of its claim, and none that could not be."""
    assert {kind.key() for kind in INVARIANTS} <= set(Claims.__struct_fields__)
    assert len(Held(ALL).invariants) == len(INVARIANTS) == 9


def test_what_holds_is_left_alone() -> None:
    """The first reduction of the crash, as it is, breaks nothing."""
    assert held_against(list(until(PositionDeleveraged))) == []


def test_two_prices_in_one_instant_are_found() -> None:
    """The second reduction of a round at another price breaks it, with both prices and the one it is held against."""
    events = recorded()
    second = next(b.seq for a, b in pairwise(events) if isinstance(a.body, PositionDeleveraged) and _same(a, b))
    price = events[second].body.price_ticks  # type: ignore[union-attr]
    doctored = with_last(events[: second + 1], price_ticks=price + 1)
    ((name, found),) = held_against(doctored, Claims(one_adl_price_an_instant="yes"))
    assert (name, found.expected, found.found) == ("one ADL price an instant", price, price + 1)
    assert found.links == (second - 1,)


def test_a_reduction_past_zero_is_found() -> None:
    """One lot more than the account has."""
    events = until(PositionDeleveraged)
    body: Body = events[-1].body
    before = Ledger.of(events[:-1]).position(body.account, (body.instrument, body.leg))
    assert before is not None
    most = abs(before.size_lots)
    more = (most + 1) * (1 if body.size_lots > 0 else -1)
    ((name, found),) = held_against(with_last(events, size_lots=more), Claims(no_reduction_past_zero="yes"))
    assert (name, found.expected, found.found) == ("no reduction past zero", most, most + 1)


def test_whoever_has_no_profit_and_is_taken_is_found() -> None:
    """A position that cost more than it is worth at the mark."""
    events = list(until(PositionDeleveraged))

    def spoil(ledger: Ledger) -> None:
        one = ledger.held_before[events[-1].seq]
        dearer = msgspec.structs.replace(one.position, cost_atoms=one.position.cost_atoms + 10**12)
        ledger.held_before[events[-1].seq] = msgspec.structs.replace(one, position=dearer)

    ((name, found),) = held_against(events, Claims(only_profit_is_taken="yes"), spoil)
    assert name == "only profit is taken"
    assert found.found < found.expected == 1


def test_a_part_of_a_lot_is_found() -> None:
    """What is no multiple of the venue's lot, or less than one; none at all the ledger refuses."""
    events, claims = until(PositionDeleveraged), Claims(whole_lots="yes", lots_step=10)
    for lots, whole in ((21, 20), (9, 10)):
        ((name, found),) = held_against(with_last(events, size_lots=-lots), claims)
        assert (name, found.expected, found.found) == ("whole lots", whole, lots)
    assert not held_against(with_last(events, size_lots=-20), claims)


@pytest.mark.parametrize("change", [{"rank": 1}, {"score": 2**62}])
def test_a_place_out_of_order_is_found(change: dict[str, int]) -> None:
    """A rank that comes again, or a score above the one before it."""
    events = recorded()
    second = next(b.seq for a, b in pairwise(events) if isinstance(a.body, PositionDeleveraged) and _same(a, b))
    assert names(held_against(with_last(events[: second + 1], **change), Claims(queue_order="yes"))) == {"queue order"}
    assert not held_against(list(events[: second + 1]), Claims(queue_order="yes"))


def test_a_round_before_the_fund_is_found() -> None:
    """A shortfall that the fund could have paid, and a round that no shortfall came before."""
    claims = Claims(fund_before_adl="yes")
    short = until(ShortfallDeclared)
    assert names(held_against(with_last(short, capacity_atoms=10**15, cash_atoms=10**15), claims)) == {
        "fund before ADL"
    }
    assert not held_against(list(short), claims)
    started = until(DeleveragingStarted)
    held, ledger = Held(claims), Ledger.of(started)
    assert [type(outcome) for _, outcome in held.judged(started[-1], ledger)] == [Break]


def test_a_loss_that_is_shared_is_found_once() -> None:
    """By the first payment; the next one of the same loss is no other break."""
    losses = [event.seq for event in recorded() if isinstance(event.body, LossSocialized)]
    claims = Claims(no_bad_debt="yes")
    ((name, found),) = held_against(list(recorded()[: losses[0] + 1]), claims)
    assert (name, found.expected) == ("no bad debt", 0)
    assert not held_against(list(recorded()[: losses[1] + 1]), claims)


@pytest.mark.parametrize("kind", [LiquidationFilled, InsuranceFundDebited])
def test_more_than_a_block_allows_is_found(kind: type[Body]) -> None:
    """One atom less than what was sold of an account, or paid for it, is too little; as much is enough."""
    events = next(until(kind, place) for place in range(9) if _counts(until(kind, place)))
    body: Body = events[-1].body
    atoms = body.amount_atoms if kind is InsuranceFundDebited else abs(body.value_atoms)
    cap = "block_fund_loss_max_atoms" if kind is InsuranceFundDebited else "block_notional_max_atoms"
    assert names(held_against(list(events), Claims(caps_a_block="yes", **{cap: atoms - 1}))) == {"caps a block"}
    assert not held_against(list(events), Claims(caps_a_block="yes", **{cap: atoms}))


def _counts(events: tuple[Event, ...]) -> bool:
    """Whether the last event is the first of its account at the instant, of more than an atom and a lot."""
    body: Body = events[-1].body
    same = [e for e in events if e.at_ns == events[-1].at_ns and type(e.body) is type(body)]
    large = getattr(body, "amount_atoms", 2) > 1 and abs(getattr(body, "size_lots", 2)) > 1
    return large and sum(e.body.account == body.account for e in same) == 1  # type: ignore[union-attr]


@pytest.mark.parametrize(("given_ns", "broken"), [(None, True), (59, True), (60, False)])
def test_a_rule_that_changes_without_notice_is_found(given_ns: int | None, broken: bool) -> None:
    """Not announced at all, or a nanosecond too late; and it holds to the nanosecond."""
    opened = [event for event in recorded() if not event.at_ns or event.cause is None][:400]
    at_ns, seq = opened[-1].at_ns, opened[-1].seq
    opened = list(recorded()[: seq + 1])
    announced = RulesAnnounced(0, 20_000, 5_000, 20_000, "model", at_ns + 60)
    changed = RulesChanged(0, (Tier(0, 20_000, 0),), (), 5_000, 20_000, "model", None if given_ns is None else seq + 1)
    later = [announced, changed] if given_ns is not None else [changed]
    times = [at_ns, at_ns + (given_ns or 0)] if given_ns is not None else [at_ns]
    events = [
        Event(seq + 1 + place, time, Origin.DECIDED, seq, (), 0, body)
        for place, (time, body) in enumerate(zip(times, later, strict=True))
    ]
    found = held_against([*opened, *events], Claims(notice_before_a_rule_changes="yes", notice_ns=60))
    assert names(found) == ({"notice before a rule changes"} if broken else set())


def found_by_folding(events: tuple[Event, ...], venue: str) -> list[tuple[int, str]]:
    """(event that breaks it, invariant) of every break of a rulebook's claims, by whoever folds a record."""
    producer = producer_of("invariants", rulebook(venue)["invariants"], "$", amounts=amounts_of("USDT", 6))
    assert producer is not None
    held, ledger, found = Held(msgspec.convert(producer.parameters, Claims)), Ledger(), list[tuple[int, str]]()
    for event in events:
        ledger.fold(event)
        held.note(event)
        found += [(event.seq, one.name) for one, it in held.judged(event, ledger) if isinstance(it, Break)]
    return found


@pytest.mark.parametrize("venue", DECLARING)
def test_the_run_finds_what_whoever_folds_its_record_finds(venue: str) -> None:
    """The breaks of a run under a rulebook are those of its record, each by the same event; the rest holds."""
    events = recorded(f"venue={venue}")
    own = [(event.cause, event.body.invariant) for event in events if isinstance(event.body, InvariantBroken)]
    assert sorted(own) == sorted(found_by_folding(events, venue))  # type: ignore[type-var]
    assert {name for _, name in own} == KNOWN.get(venue, set())


KNOWN = {"hyperliquid": {"one ADL price an instant", "no bad debt"}, "okx": {"no bad debt"}}
"""What does not hold in the small crash, and is said to on the page on invariants, with the reason."""


def test_a_policy_that_takes_from_losers_is_found(tmp_path: Path) -> None:
    """By the event of the reduction, in the run, in its record, by `why`, and by the exit code of `verify`."""
    (tmp_path / "losers.py").write_text(LOSERS, encoding="utf-8")
    path, policy = tmp_path / "a.run", f"{tmp_path}/losers.py:Losers"
    overrides = [f"adl.policy={policy}", 'invariants={policy="declared", only_profit_is_taken="none but (a test)"}']
    scenario = Scenario.load(SMALL_CRASH, overrides)
    result = run(scenario, path, settings=RecordSettings(durability="none"))
    assert dict(result.summary.invariants.rows(scenario.producers))["invariants"] == "1 declared, 1 broken"
    past = open_run(path)
    first = next(event for event in past.events() if isinstance(event.body, InvariantBroken))
    body = past.event(first.cause or 0).body
    assert isinstance(body, PositionDeleveraged)
    assert (first.body.account, first.body.round) == (body.account, body.round)
    told = call("verify", path, "--plugins", tmp_path)
    assert told.exit_code == 4, told.output
    assert "what the rulebook claims does not hold" in told.stderr
    assert "none but (a test)" in call("why", path, str(first.seq), "--plugins", tmp_path).stdout


def test_a_fork_that_declares_none_says_nothing_more_of_them(tmp_path: Path) -> None:
    """Invariants change nothing but what is said: without them the same is decided."""
    path = tmp_path / "a.run"
    run(Scenario.load(SMALL_CRASH, ["venue=hyperliquid"]), path, settings=RecordSettings(durability="none"))
    past = open_run(path)
    fork(past, past.last_seq("+00:05:00"), Changes(("invariants.policy=none",)), tmp_path / "b.run")
    told, silent = ([event.body for event in one.events()] for one in (past, open_run(tmp_path / "b.run")))
    assert not any(isinstance(body, InvariantBroken) for body in silent)
    forced = [[body for body in bodies if body.forces] for bodies in (told, silent)]
    assert forced[0] == forced[1]
    shown = call("verify", path)
    assert shown.exit_code == 4
    assert "BROKEN: no bad debt, 12 times" in " ".join(shown.stdout.split())
    assert "executed again, are the same" in " ".join(shown.stdout.split())


def test_an_imported_batch_at_two_prices_is_found(tmp_path: Path) -> None:
    """A round of one instant at 22, then one at 21: nobody decided it, and `verify` says so; at one price it holds."""
    other = row(4, "0xe", adl_price="21.0", closed_pnl="90.0", liquidated_user="0xbeef")
    path = imported(tmp_path, *TABLE, other).run
    told = call("verify", path, "--invariants", "hyperliquid")
    assert told.exit_code == 4
    shown = " ".join(told.stdout.split())
    assert "BROKEN: one ADL price an instant, 1 time, held 4 times" in shown
    assert "unknown: queue order" in shown
    found = verify(Path(path), invariants="hyperliquid")
    assert found.sound
    (broken,) = found.broken
    body = open_run(path).event(broken.first_seq or 0).body
    assert isinstance(body, PositionDeleveraged)
    same = imported(tmp_path, *TABLE, name="b.run").run
    assert call("verify", same, "--invariants", "hyperliquid").exit_code == 0


def test_a_rulebook_is_named_that_declares_some(tmp_path: Path) -> None:
    """Another is refused in one line that names those that do; a record without any has no row."""
    path = tmp_path / "a.run"
    run(Scenario.load(SMALL_CRASH, ["population.accounts=20"]), path, settings=RecordSettings(durability="none"))
    told = call("verify", path, "--invariants", "deribit")
    assert told.exit_code == 2
    assert "choose from binance" in told.stderr
    assert "invariants" not in call("verify", path).stdout
    assert call("verify", path, "--invariants", "hyperliquid").exit_code in (0, 4)


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"caps_a_block": "yes"}, "must have block_notional_max"),
        ({"notice_before_a_rule_changes": "yes"}, "must have notice_ns"),
        ({"latency_ns": 1}, "leave the latency out"),
        ({"two_prices": "yes"}, "unknown field"),
    ],
)
def test_a_declaration_that_cannot_be_held_is_refused(table: dict[str, Any], said: str) -> None:
    """In one line, with the key."""
    with pytest.raises(ScenarioError, match=said):
        producer_of("invariants", {"policy": "declared", **table}, "$.invariants")


@pytest.mark.parametrize("venue", DECLARING)
def test_every_claim_of_a_rulebook_has_its_source(venue: str) -> None:
    """In brackets at its end."""
    claims = [value for key, value in rulebook(venue)["invariants"].items() if key in CLAIMED]
    assert claims
    assert all(claim.endswith(")") and " (" in claim for claim in claims)
