"""Random pairs of records: a story of what happened, and the same story told otherwise.

A story is a list of happenings that name each other as causes, accounts and liquidations; numbers come only when it is
told, so whatever is left out or put in shifts the numbers of all that follows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from random import Random

from deleverage.events.bodies.inputs import Deposited, PriceTicked
from deleverage.events.bodies.liquidation import LiquidationOrdered, LiquidationStarted
from deleverage.events.bodies.listing import AccountOpened
from deleverage.events.bodies.margin import MarginCalled, MarkPriced
from deleverage.events.bodies.run import Producer, RunForked, RunStarted
from deleverage.events.bodies.venue import TimerFired, TimerSet
from deleverage.events.bodies.waterfall import DeleveragingStarted, PositionDeleveraged
from deleverage.events.envelope import Event, Origin
from deleverage.events.record import MemoryRecord
from deleverage.events.vocabulary import SCHEMA, Body
from deleverage.replay.run import Run

from .made import made

__all__ = ["Happening", "Told", "random_story", "told", "told_otherwise"]

FUND = 0
NAMES_PUT_IN = 1_000
SLOTS = ("mark", "margin", "adl")
ROOTS = ("opened", "ticked", "ticked", "deposited")
DECIDED = ("marked", "called", "liquidated", "ordered", "sold", "round", "reduced", "timer", "fired")


@dataclass(eq=False)
class Happening:
    """One event without its number: `about` are the happenings that it names beside its cause."""

    kind: str
    cause: Happening | None = None
    slot: str | None = None
    figure: int = 0
    step: int = 0
    about: dict[str, Happening] = field(default_factory=dict)
    links: tuple[Happening, ...] = ()

    @property
    def needs(self) -> list[Happening]:
        """What has to stand before it."""
        return [*([] if self.cause is None else [self.cause]), *self.about.values(), *self.links]


def random_story(random: Random, length: int, *, links: bool) -> list[Happening]:
    """So many happenings, with few figures and names, so that many are alike."""
    story: list[Happening] = [Happening("opened", figure=0)]
    while len(story) < length:
        story.append(_random_happening(random, story, links=links))
    return story


def _random_happening(random: Random, story: Sequence[Happening], *, links: bool) -> Happening:
    roots = random.random() < 0.4
    kind = random.choice(ROOTS if roots else DECIDED)
    happening = Happening(kind, figure=random.randrange(3), step=int(random.random() < 0.15))
    if kind == "opened":
        happening.figure = 1 + max((one.figure for one in story if one.kind == kind), default=0) + random.randrange(2)
    for name, wanted in NAMES.get(kind, {}).items():
        known = [one for one in story if one.kind == wanted]
        if not known:
            return Happening("ticked", figure=random.randrange(3))
        happening.about[name] = random.choice(known)
    if not roots:
        happening.cause = happening.about.pop("timer", None) or random.choice(story)
        happening.slot = random.choice(SLOTS)
        if links and random.random() < 0.4:
            happening.links = tuple(random.sample(story, min(len(story), 2)))
    return happening


NAMES = {
    "deposited": {"account": "opened"},
    "called": {"account": "opened"},
    "liquidated": {"account": "opened"},
    "ordered": {"account": "opened", "liquidation": "liquidated"},
    "sold": {"liquidation": "liquidated"},
    "round": {"account": "opened", "liquidation": "liquidated"},
    "reduced": {"account": "opened", "liquidation": "liquidated", "round": "round"},
    "fired": {"timer": "timer"},
}
"""What a happening names, and of which kind that must be."""


def told_otherwise(random: Random, story: Sequence[Happening]) -> list[Happening]:
    """The same, with happenings left out (and all that rests on them), altered, put in, and out of their order."""
    copies: dict[Happening, Happening] = {}
    for one in story:
        if any(needed not in copies for needed in one.needs) or random.random() < 0.07:
            continue
        copy = replace(
            one,
            cause=None if one.cause is None else copies[one.cause],
            about={name: copies[other] for name, other in one.about.items()},
            links=tuple(copies[link] for link in one.links),
        )
        if one.kind != "opened" and random.random() < 0.1:
            copy.figure += 1
        copies[one] = copy
    other = list(copies.values()) or [Happening("opened", figure=0)]
    for number in range(random.randrange(3)):
        place = random.randrange(1, len(other) + 1)
        more = _random_happening(random, other[:place], links=False)
        if more.kind == "opened":
            more.figure = NAMES_PUT_IN + number
        other.insert(place, more)
    for _ in range(random.randrange(4)):
        _swap(other, random.randrange(len(other)))
    return other


def _swap(story: list[Happening], place: int) -> None:
    """Let two neighbours change places where neither rests on the other and time does not run back."""
    if place + 1 < len(story):
        first, second = story[place : place + 2]
        if first not in second.needs and not (first.step or second.step):
            story[place], story[place + 1] = second, first


def told(story: Sequence[Happening], slots: Sequence[str] = SLOTS) -> list[Event]:
    """The events of a story, with producers in the order of these slots. The fund is account 0."""
    teller = _Teller(slots)
    for one in story:
        teller.tell(one)
    return teller.events


class _Teller:
    """Gives numbers in the order of telling, each kind its own."""

    def __init__(self, slots: Sequence[str]) -> None:
        producers = tuple(Producer(slot, "plain", "1", {}) for slot in slots)
        started = made(
            RunStarted, schema=SCHEMA, scenario="story", rulebook="none", producers=producers, seed=1, prices="held"
        )
        fund = AccountOpened(FUND, "fund", "venue", "insurance", "cross", 0)
        self.slots = list(slots)
        self.events = [Event(i, 0, Origin.INPUT, None, (), None, body) for i, body in enumerate((started, fund))]
        self._seqs: dict[Happening, int] = {}
        self._numbers: dict[Happening, int] = {}
        self._counts = {"opened": 0, "liquidated": 0, "ordered": 0, "round": 0}
        self._now_ns = 0

    def tell(self, one: Happening) -> None:
        """Put the next event."""
        counted = "ordered" if one.kind == "sold" else one.kind
        if counted in self._counts:
            self._counts[counted] += 1
            self._numbers[one] = self._counts[counted]
        self._now_ns += one.step
        self._seqs[one] = len(self.events)
        cause = None if one.cause is None else self._seqs[one.cause]
        origin = Origin.INPUT if cause is None else Origin.DECIDED
        producer = None if one.slot is None else self.slots.index(one.slot)
        links = tuple(self._seqs[link] for link in one.links)
        self.events.append(Event(len(self.events), self._now_ns, origin, cause, links, producer, self._body(one)))

    def _body(self, one: Happening) -> Body:  # noqa: PLR0911 - one return for each kind
        number, figure = self._numbers.get(one, 0), one.figure
        account, liquidation, round_number = (
            self._numbers[one.about[name]] if name in one.about else 0 for name in ("account", "liquidation", "round")
        )
        match one.kind:
            case "opened":
                return AccountOpened(number, f"name{figure}", "venue", "user", "cross", 0)
            case "ticked":
                return PriceTicked(((0, 100 + figure),))
            case "deposited":
                return Deposited(account, 1 + figure)
            case "marked":
                return MarkPriced(0, 100, figure, 100 + figure)
            case "called":
                return MarginCalled(account, figure, 10, 12_500)
            case "liquidated":
                return LiquidationStarted(number, account, figure, 10)
            case "ordered":
                return made(
                    LiquidationOrdered,
                    liquidation_id=liquidation,
                    order_id=number,
                    account=account,
                    size_lots=1 + figure,
                    step=number,
                    whole=True,
                )
            case "sold":
                return made(
                    LiquidationOrdered,
                    liquidation_id=liquidation,
                    order_id=number,
                    account=FUND,
                    leg=liquidation,
                    size_lots=1 + figure,
                    step=number,
                    whole=True,
                )
            case "round":
                digest = bytes([number])
                return made(
                    DeleveragingStarted,
                    round=number,
                    trigger="bankruptcy",
                    liquidation_id=liquidation,
                    policy="p",
                    account=account,
                    size_lots=1,
                    value_atoms=1,
                    price_ticks=1,
                    candidates=figure,
                    ranking_digest=digest,
                    base_round=number - 1,
                )
            case "reduced":
                leg = liquidation
                return made(
                    PositionDeleveraged,
                    round=round_number,
                    liquidation_id=liquidation,
                    against=FUND,
                    against_leg=leg,
                    account=account,
                    size_lots=1,
                    price_ticks=1,
                    value_atoms=1,
                    rank=figure,
                    score=5,
                )
            case "timer":
                return TimerSet("wait", 10**9 + figure)
            case _:
                assert one.cause is not None
                return TimerFired(self._seqs[one.cause], "wait")


class Told(Run):
    """A record in memory, opened for as much as is asked where events are matched."""

    def __init__(self, events: Sequence[Event]) -> None:
        record = MemoryRecord()
        record.append_many(events)
        super().__init__(record)  # type: ignore[arg-type]

    @property
    def forks(self) -> tuple[int, ...]:
        """Where others took over."""
        return tuple(event.seq for event in self.events() if isinstance(event.body, RunForked))
