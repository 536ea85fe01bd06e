"""Venues that run out of money: small worlds drawn by hypothesis, and a spiral that the depth cannot carry."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from deleverage.events.bodies.inputs import BalanceStated, DepthQuoted, FundingRateSet, PriceTicked
from deleverage.events.bodies.run import Producer
from deleverage.events.envelope import Event
from deleverage.events.ledger import Ledger
from deleverage.events.ledger.laws import LAWS
from deleverage.events.record import MemoryRecord
from deleverage.events.vocabulary import Body
from deleverage.handlers.registry import SLOTS, build, producer_of
from deleverage.sim.amounts import amounts_of
from deleverage.sim.funds import FUND_KEYS
from deleverage.sim.rulebooks import rulebook

from .crash import SMALL_CRASH, simulation_of
from .stage import Stage
from .venue import FUND, Book, listed
from .worlds import SCALES, START_PRICE, add_trader, tiers

__all__ = ["BROKE", "SPIRAL", "World", "deciding", "told", "watched", "worlds"]

SPIRAL = str(Path(__file__).with_name("spiral.toml"))
"""A scenario in which the fund is used up, and what it has taken over goes on falling."""

BROKE = (SMALL_CRASH, "population.long_share=0.97", "population.accounts=80", "end=2025-10-10T21:05:00Z")
"""A crash in which nearly all are long: hardly anybody is left to pay."""

SECOND_NS = 10**9
_EACH = 50
_FASTER = {"sale_interval_ns": SECOND_NS, "retry_ns": 3 * SECOND_NS}
"""Of a world of a few seconds a sale every second is as much as one every ten of an hour."""


class World:
    """An opening, and the prices, depths and funding rates that come in."""

    def __init__(self, book: Book, inputs: list[tuple[int, Body]]) -> None:
        self.book, self.inputs = book, inputs

    def run(self, producers: tuple[Producer, ...]) -> tuple[list[Event], Ledger]:
        """All that happens under these producers, the opening included; the laws are asked after every event."""
        stage = Stage(self.book, *map(build, producers), latencies_ns=[one.latency_ns for one in producers])
        stage.bus.tap(lambda _event, ledger: ledger.check())
        stage.run(*self.inputs, until_ns=self.inputs[-1][0] + 30 * SECOND_NS)
        return list(stage.record.events()), stage.ledger


@cache
def _rules(venue: str) -> dict[str, Any]:
    return rulebook(venue)


def deciding(venue: str, fund: Mapping[str, Any], latencies: Mapping[str, int]) -> tuple[Producer, ...]:
    """The producers of a rulebook, with these settings of the fund and these latencies; one atom is a unit."""
    made = []
    for slot in SLOTS:
        table = dict(_rules(venue).get(slot, {"policy": "none"}))
        if slot == "insurance_fund":
            table = {key: value for key, value in table.items() if key not in FUND_KEYS} | {**_FASTER, **fund}
        if slot in latencies:
            table["latency_ns"] = latencies[slot]
        made.append(producer_of(slot, table, f"$.{slot}", amounts=amounts_of("USD", 0)))
    return tuple(producer for producer in made if producer is not None)


@st.composite
def worlds(draw: st.DrawFn, producers: tuple[Producer, ...]) -> World:
    """One or two instruments, linear or inverse, with thin depth; traders near the edge and a fund with little."""
    kinds = draw(st.lists(st.sampled_from(["linear", "linear", "inverse"]), min_size=1, max_size=2))
    listings = [
        listed(number, tiers=draw(tiers()), multiplier_atoms=SCALES[kind] * draw(st.integers(1, 3)), kind=kind)  # type: ignore[arg-type]
        for number, kind in enumerate(kinds)
    ]
    book = Book(*listings, producers=producers)
    book.put(BalanceStated(FUND, draw(st.one_of(st.integers(0, 200), st.integers(0, 20_000)))))
    book.mark(*[START_PRICE] * len(kinds))
    for _ in range(draw(st.integers(2, 10))):
        number = add_trader(book, draw)
        if not book.account(number).positions and book.account(number).balance_atoms < 0:
            book.put(BalanceStated(number, 0))
    return World(book, draw(_inputs(len(kinds))))


@st.composite
def _inputs(draw: st.DrawFn, instruments: int) -> list[tuple[int, Body]]:
    """Depth of a few lots, then a path of leaps, a second or some apart."""
    at_ns, prices, inputs = SECOND_NS, [START_PRICE] * instruments, list[tuple[int, Body]]()
    for number in range(instruments):
        lots = draw(st.lists(st.integers(1, 40), min_size=1, max_size=3))
        bands = tuple((bps, sum(lots[: n + 1])) for n, (bps, _) in enumerate(zip((10, 300, 3_000), lots, strict=False)))
        inputs.append((at_ns, DepthQuoted(number, bands, bands)))
    for _ in range(draw(st.integers(2, 10))):
        at_ns += draw(st.integers(1, 4)) * SECOND_NS
        if draw(st.integers(0, 3)) == 0:
            rate = draw(st.integers(-(10**8), 10**8))
            inputs.append((at_ns, FundingRateSet(draw(st.integers(0, instruments - 1)), rate)))
        prices = [max(1, price * draw(st.integers(60, 145)) // 100) for price in prices]
        inputs.append((at_ns, PriceTicked(tuple(enumerate(prices)))))
    return inputs


@cache
def watched(name: str, *overrides: str) -> tuple[tuple[Event, ...], Ledger]:
    """The events of a scenario; the law of the floor was asked after every event, all laws after every fiftieth."""
    record = MemoryRecord()
    simulation = simulation_of(record, *overrides, name=name)

    def ask(event: Event, ledger: Ledger) -> None:
        broken = [] if event.seq % _EACH else [text for law in LAWS for text in law(ledger)]
        assert [*broken, *LAWS[-1](ledger)] == [], event

    simulation.bus.tap(ask)
    simulation.open()
    simulation.drive()
    simulation.ledger.check()
    return tuple(record.events()), simulation.ledger


def told(events: Iterable[Event], kind: type[Body]) -> list[Any]:
    """The bodies of a type."""
    return [event.body for event in events if isinstance(event.body, kind)]
