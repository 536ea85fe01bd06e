"""Which event of one run is which of another: held against an oracle without hashes and without a shared beginning."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deleverage.events.bodies.base import Provenance
from deleverage.events.bodies.inputs import Deposited, PriceTicked
from deleverage.events.bodies.liquidation import LiquidationOrdered, LiquidationStarted
from deleverage.events.bodies.listing import AccountOpened
from deleverage.events.bodies.margin import MarginCalled, MarkPriced
from deleverage.events.bodies.run import RunForked, RunStarted
from deleverage.events.bodies.venue import TimerFired, TimerSet
from deleverage.events.bodies.waterfall import DeleveragingStarted, PositionDeleveraged
from deleverage.events.envelope import Event, Origin
from deleverage.events.vocabulary import Body
from deleverage.replay.diff.matching import Match, match
from deleverage.replay.diff.origins import DifferenceOrigin, origins_of

from .support.stories import FUND, SLOTS, Happening, Told, random_story, told, told_otherwise

RANDOM = st.integers(0, 2**32).map(Random)


class Named:
    """The events of a record under their whole identity, as tuples of tuples: slow, and without any cleverness."""

    def __init__(self, events: Sequence[Event]) -> None:
        self.keys: list[Any] = []
        self.contents: list[Any] = []
        self._accounts, self._begun, self._slots = {}, {}, ()  # type: ignore[var-annotated]
        counts: Counter[Any] = Counter()
        for event in events:
            if isinstance(event.body, RunStarted):
                self._slots = [producer.handler for producer in event.body.producers]
            if isinstance(event.body, AccountOpened):
                self._accounts[event.body.account] = event.body.name
            path = self._path(event)
            self.keys.append((path, counts[path]))
            counts[path] += 1
            self.contents.append((event.at_ns, self._says(event.body)))
            self._note(event.body)

    def _note(self, body: Body) -> None:
        kind, numbers = type(body).__name__, {"LiquidationStarted": "liquidation_id", "DeleveragingStarted": "round"}
        if kind in numbers:
            self._begun[kind, getattr(body, numbers[kind])] = self.keys[-1]

    def _path(self, event: Event) -> Any:
        body, kind = event.body, type(event.body).__name__
        if isinstance(body, RunStarted | AccountOpened):
            return kind, getattr(body, "name", None)
        if event.cause is None:
            return kind, event.at_ns, self._says(body)
        slot = None if event.producer is None else self._slots[event.producer]
        account = self._accounts.get(getattr(body, "account", None))
        return kind, self.keys[event.cause], slot, account, getattr(body, "instrument", None)

    def _says(self, body: Body) -> Any:  # noqa: PLR0911 - one return for each type
        name = self._accounts.get(getattr(body, "account", None))
        liquidation = self._begun.get(("LiquidationStarted", getattr(body, "liquidation_id", None)))
        match body:
            case RunStarted():
                return msgspec.structs.astuple(body)[1:5] + tuple(producer.handler for producer in body.producers)
            case AccountOpened():
                return body.kind
            case PriceTicked():
                return body.prices
            case Deposited():
                return name, body.amount_atoms
            case MarkPriced():
                return body.impact_ticks, body.mark_ticks
            case MarginCalled() | LiquidationStarted():
                return name, body.equity_atoms
            case LiquidationOrdered():
                return name, liquidation, body.size_lots, body.account == FUND and body.leg != 0
            case DeleveragingStarted():
                return name, liquidation, body.candidates
            case PositionDeleveraged():
                begun = self._begun["DeleveragingStarted", body.round]
                return name, liquidation, begun, body.rank
            case TimerSet():
                return body.due_ns
            case TimerFired():
                return body.purpose
        raise AssertionError(body)


class Oracle:
    """What is what in two records, by comparing identities pair by pair."""

    def __init__(self, a: Sequence[Event], b: Sequence[Event]) -> None:
        self.a, self.b = Named(a), Named(b)
        self.events = {"a": a, "b": b}
        places_a, places_b = ({key: i for i, key in enumerate(one.keys)} for one in (self.a, self.b))
        self.partners = {
            "a": [places_b.get(key) for key in self.a.keys],
            "b": [places_a.get(key) for key in self.b.keys],
        }

    def what(self, side: str, seq: int) -> str:
        """The same, changed, or only here."""
        partner = self.partners[side][seq]
        if partner is None:
            return f"only_{side}"
        mine, others = (self.a, self.b) if side == "a" else (self.b, self.a)
        return "same" if mine.contents[seq] == others.contents[partner] else "changed"

    def origin(self, side: str, seq: int) -> tuple[Any, bool]:
        """What makes an event's origin one, by causes alone; and whether the event is part of it."""
        event = self.events[side][seq]
        if event.cause is not None and self.what(side, event.cause) != "same":
            return self.origin(side, event.cause)[0], False
        mine = self.a if side == "a" else self.b
        if event.cause is None:
            return mine.keys[seq], True
        slots = self.events[side][0].body.producers  # type: ignore[union-attr]
        return (mine.keys[event.cause], slots[event.producer].handler), True  # type: ignore[index]

    def origins(self) -> Counter[tuple[int, ...]]:
        """(changed, only in A, only in B, following) of each origin."""
        found: dict[Any, Counter[str]] = {}
        for side, seq in self.differing():
            root, own = self.origin(side, seq)
            found.setdefault(root, Counter())[self.what(side, seq) if own else "following"] += 1
        return Counter(tuple(n[w] for w in ("changed", "only_a", "only_b", "following")) for n in found.values())

    def differing(self) -> Iterator[tuple[str, int]]:
        """Each difference once."""
        yield from (("a", seq) for seq in range(len(self.a.keys)) if self.what("a", seq) != "same")
        yield from (("b", seq) for seq in range(len(self.b.keys)) if self.what("b", seq) == "only_b")


def matched(a: Sequence[Event], b: Sequence[Event]) -> Match:
    """Both records opened and matched."""
    return match(Told(a), Told(b))


def random_pair(random: Random, *, links: bool = False) -> tuple[list[Event], list[Event]]:
    """A story and the same told otherwise, sometimes by slots that have other numbers."""
    story = random_story(random, random.randrange(1, 60), links=links)
    slots = random.sample(SLOTS, len(SLOTS)) if random.random() < 0.3 else SLOTS
    return told(story), told(told_otherwise(random, story), slots)


@settings(max_examples=250, deadline=None)
@given(RANDOM)
def test_the_same_event_is_found_whatever_its_number(random: Random) -> None:
    """Every event of both records is what the oracle says, with the partner that it says; and the counts agree."""
    a, b = random_pair(random)
    oracle, found = Oracle(a, b), matched(a, b)
    for side, events in (("a", a), ("b", b)):
        for seq in range(len(events)):
            assert found.what(side, seq) == oracle.what(side, seq)  # type: ignore[arg-type]
            assert found.partner(side, seq) == oracle.partners[side][seq]  # type: ignore[arg-type]
    expected = Counter((type(a[seq].body).__name__, oracle.what("a", seq)) for seq in range(len(a)))
    only_b = (seq for seq in range(len(b)) if oracle.what("b", seq) == "only_b")
    expected += Counter((type(b[seq].body).__name__, "only_b") for seq in only_b)
    counts = found.counts()
    assert {(name, what): n for name, whats in counts.items() for what, n in whats.items() if n} == expected


@settings(max_examples=150, deadline=None)
@given(RANDOM)
def test_what_follows_from_what(random: Random) -> None:
    """The origins are the oracle's, which goes from cause to cause: as many of each size, in the order of time."""
    a, b = random_pair(random)
    oracle, origins = Oracle(a, b), origins_of(matched(a, b))
    assert Counter((one.changed, one.only_a, one.only_b, one.following) for one in origins) == oracle.origins()
    assert [one.at_ns for one in origins] == sorted(one.at_ns for one in origins)
    for one in origins:
        assert (one.cause_a is None) == (one.cause_b is None) == (one.slot is None)
        if one.cause_a is not None:
            assert oracle.what("a", one.cause_a) == "same"
            assert oracle.partners["a"][one.cause_a] == one.cause_b


def mirrored(origin: DifferenceOrigin) -> tuple[Any, ...]:
    """An origin as it is when A and B change places."""
    whats = origin.changed, origin.only_b, origin.only_a
    return (
        origin.at_ns,
        origin.slot,
        origin.cause_b,
        origin.cause_a,
        origin.seq_b,
        origin.seq_a,
        *whats,
        origin.following,
    )


@settings(max_examples=200, deadline=None)
@given(RANDOM)
def test_a_and_b_can_change_places(random: Random) -> None:
    """Matched the other way round, links and all, everything is the mirror image; nothing is counted twice."""
    a, b = random_pair(random, links=True)
    one, other = matched(a, b), matched(b, a)
    sides = {"same": "same", "changed": "changed", "only_a": "only_b", "only_b": "only_a"}
    for seq in range(len(a)):
        assert other.what("b", seq) == sides[one.what("a", seq)]
        assert other.partner("b", seq) == one.partner("a", seq)
        assert other.follows("b", seq) == one.follows("a", seq)
    origins = origins_of(one)
    assert sorted(map(mirrored, origins_of(other)), key=repr) == sorted(map(msgspec.structs.astuple, origins), key=repr)
    counts = one.counts().values()
    differing = sum(number for whats in counts for what, number in whats.items() if what != "same")
    assert sum(origin.differing + origin.following for origin in origins) == differing


@settings(max_examples=40, deadline=None)
@given(RANDOM)
def test_a_run_is_the_same_as_itself(random: Random) -> None:
    """Nothing differs, and everything is in the shared beginning."""
    a, _ = random_pair(random, links=True)
    found = matched(a, a)
    assert found.shared_events == len(a)
    assert origins_of(found) == ()
    assert all(set(whats) == {"same"} for whats in found.counts().values())


def liquidation_of(anna: Happening, tick: Happening) -> list[Happening]:
    """A tick that liquidates her, and the order that follows."""
    started = Happening("liquidated", tick, "margin", about={"account": anna})
    order = Happening("ordered", started, "adl", about={"account": anna, "liquidation": started})
    return [started, order]


def test_one_more_liquidation_before_it_leaves_a_liquidation_the_same() -> None:
    """Numbers shift: ids, orders, steps, causes. It is the same liquidation all the same, by hand."""
    anna, ben = Happening("opened", figure=1), Happening("opened", figure=2)
    tick, later = Happening("ticked"), Happening("ticked", step=1)
    more, kept = liquidation_of(ben, tick), liquidation_of(anna, later)
    a, b = told([anna, ben, tick, later, *kept]), told([anna, ben, tick, *more, later, *kept])
    assert [event.body for event in a[-2:]] != [event.body for event in b[-2:]]
    found = matched(a, b)
    assert [found.what("b", seq) for seq in range(len(b))] == ["same"] * 5 + ["only_b"] * 2 + ["same"] * 3
    (origin,) = origins_of(found)
    assert (origin.slot, origin.cause_a, origin.cause_b, origin.seq_a, origin.seq_b) == ("margin", 4, 4, None, 5)
    assert (origin.changed, origin.only_a, origin.only_b, origin.following) == (0, 0, 1, 1)


def test_another_liquidations_lot_is_a_change() -> None:
    """The fund sells as much in both, but a lot of another bankrupt: the liquidation and the leg have changed."""
    anna, ben = Happening("opened", figure=1), Happening("opened", figure=2)
    tick = Happening("ticked")
    of_anna, of_ben = (Happening("liquidated", tick, "margin", about={"account": one}) for one in (anna, ben))
    sale_a = Happening("sold", tick, "adl", about={"liquidation": of_anna})
    sale_b = Happening("sold", tick, "adl", about={"liquidation": of_ben})
    a, b = told([anna, ben, tick, of_anna, of_ben, sale_a]), told([anna, ben, tick, of_anna, of_ben, sale_b])
    found = matched(a, b)
    assert found.what("a", 7) == "changed"
    assert found.changed_fields(7, 7) == ["liquidation_id", "leg"]


def test_accounts_are_the_same_by_name() -> None:
    """One who was never there shifts the numbers of all who came after; they and what befell them are the same."""
    first, anna, ben = (Happening("opened", figure=figure) for figure in range(3))
    tick = Happening("ticked")
    calls = [Happening("called", tick, "margin", about={"account": one}) for one in (anna, ben)]
    a, b = told([first, anna, ben, tick, *calls]), told([anna, ben, tick, *calls])
    assert (a[-1].body.account, b[-1].body.account) == (3, 2)  # type: ignore[union-attr]
    found = matched(a, b)
    assert [found.what("a", seq) for seq in range(len(a))] == ["same"] * 2 + ["only_a"] + ["same"] * 5


def test_slots_are_the_same_by_name() -> None:
    """Producers in another order decide the same; another slot's decision is another."""
    anna, tick = Happening("opened", figure=1), Happening("ticked")
    call = Happening("called", tick, "margin", about={"account": anna})
    a, b = told([anna, tick, call]), told([anna, tick, call], ("adl", "margin", "mark"))
    assert a[-1].producer == b[-1].producer == 1
    assert matched(a, b).what("a", 4) == "same"
    c = told([anna, tick, call], ("adl", "mark", "margin"))
    assert a[-1].producer != c[-1].producer
    assert matched(a, c).what("a", 4) == "same"
    other = told([anna, tick, Happening("called", tick, "adl", about={"account": anna})])
    assert matched(a, other).what("a", 4) == "only_a"


def test_a_fork_may_put_the_slots_in_another_order() -> None:
    """From `RunForked` on a producer's number stands for another slot; the slots themselves go on."""
    anna = Happening("opened", figure=1)
    story = [anna, Happening("ticked", figure=1), Happening("ticked")]
    story.append(Happening("called", story[-1], "margin", about={"account": anna}))
    a, b = told([*story, Happening("marked", story[-1], "mark")]), told(story)
    a[3] = msgspec.structs.replace(a[3], body=PriceTicked(((0, 55),)))
    started = b[0].body
    assert isinstance(started, RunStarted)
    forked = RunForked(b"", len(b), (), started.producers[::-1])
    last = msgspec.structs.replace(a[-1], seq=len(b) + 1, producer=2)
    b += [Event(len(b), a[-1].at_ns, Origin.INPUT, None, (), None, forked), last]
    found = matched(a, b)
    assert found.shared_events == 3
    assert [found.what("b", seq) for seq in range(3, len(b))] == ["only_b", "same", "same", "only_b", "same"]


def test_a_mark_follows_from_the_fill_that_it_links_to() -> None:
    """Where the cause is the same, the last link that differs tells what a difference follows from, on each side."""
    anna, first, second = Happening("opened", figure=1), Happening("ticked"), Happening("ticked", step=1)
    calls = [Happening("called", first, slot, about={"account": anna}) for slot in ("margin", "adl", "mark")]
    same, early, late = calls
    mark = Happening("marked", second, "mark", figure=1, links=(same, late, early))
    a = told([anna, first, *calls, second, mark])
    b = told([anna, first, same, second, Happening("marked", second, "mark", figure=2, links=(same,))])
    found = matched(a, b)
    assert found.what("a", 8) == "changed"
    assert (found.follows("a", 8), found.follows("b", 6)) == (6, None)
    assert [(one.slot, one.seq_a, one.following) for one in origins_of(found)] == [("adl", 5, 0), ("mark", 6, 1)]
    assert [(one.slot, one.seq_b, one.following) for one in origins_of(matched(b, a))] == [
        ("adl", 5, 0),
        ("mark", 6, 1),
    ]


def test_where_an_input_was_read_does_not_matter() -> None:
    """The same price from another row or file is the same input, and so is all that follows."""
    anna, tick = Happening("opened", figure=1), Happening("ticked")
    a = told([anna, tick, Happening("marked", tick, "mark")])
    b = list(a)
    body = msgspec.structs.replace(a[3].body, provenance=Provenance(2, 77, 5))
    b[3] = msgspec.structs.replace(a[3], body=body)
    found = matched(a, b)
    assert found.shared_events == 3
    assert [found.what("a", seq) for seq in range(len(a))] == ["same"] * 5


@pytest.mark.parametrize("moved", [0, 1])
def test_a_decision_at_another_time_is_changed(moved: int) -> None:
    """When something happened is part of what happened; an input at another time is another input."""
    anna, tick = Happening("opened", figure=1), Happening("ticked", step=moved)
    call = Happening("called", tick, "margin", about={"account": anna}, step=1 - moved)
    a = told([anna, Happening("ticked", figure=2), tick, call])
    b = list(a)
    b[-1] = msgspec.structs.replace(a[-1], at_ns=a[-1].at_ns + 5)
    found = matched(a, b)
    assert found.what("a", len(a) - 1) == "changed"
    assert [origin.at_ns for origin in origins_of(found)] == [1]
