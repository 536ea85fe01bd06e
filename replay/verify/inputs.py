"""The inputs that plug-ins gave, made again by the code that the record names, as far as that is at hand.

1. A plug-in sees no more than the record keeps: instruments, seed, parameters, the opening prices. So its prices, its
   depth and its accounts are made again, one by one, and held against what is recorded.
2. After a fork inputs may be others: what comes before the first one is looked at.
3. One that is not at hand, or has another content, is not executed: what it gave is taken as recorded, and said.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from itertools import takewhile
from typing import NamedTuple

import msgspec

from ...events.bodies.collateral import ConversionSet
from ...events.bodies.inputs import DepthQuoted, PriceTicked
from ...events.bodies.listing import InstrumentListed
from ...events.bodies.run import Producer, SourceOpened
from ...events.envelope import Event, Origin
from ...events.errors import HandlerError, ScenarioError
from ...events.ledger import Ledger
from ...events.venue_names import plain
from ...handlers.plugins.rooms import INPUT_ROOMS
from ...handlers.registry import provider_of
from ...sim.conversions import opening_markets
from ...sim.populations.base import OpeningAccount, Population
from ...sim.populations.own import OwnPopulation
from ...sim.sources.base import InstrumentScale, InverseScale, Source
from ...sim.sources.own import Own, OwnDepth, OwnPrices
from ...sim.venues import AtVenues, VenuesPopulation, at_all_venues
from ..run import Run
from .checks import Check
from .walk import Walk

__all__ = ["INPUTS", "MadeAgain", "made_again"]

INPUTS = "inputs"
"""The name of the check."""


class MadeAgain(NamedTuple):
    """What came of it, and why something was not executed."""

    check: Check
    refused: str | None = None


class _Opening(NamedTuple):
    """How a run began: the state before its first prices, what is listed, how assets convert, and those prices."""

    ledger: Ledger
    listed: list[InstrumentListed]
    conversions: list[ConversionSet]
    ticks: dict[int, int]
    sources: list[SourceOpened]


def made_again(run: Run, walk: Walk) -> Iterator[MadeAgain]:
    """The check of them; none where no plug-in gave any, or events do not follow one from the other."""
    rooms = [one for one in run.started.producers if one.slot in INPUT_ROOMS] if run.count and walk.follows else []
    if rooms:
        yield _judged(run, rooms)


def _judged(run: Run, rooms: Sequence[Producer]) -> MadeAgain:
    opening, told, absent = _opening(run), list[str](), list[str]()
    for producer in rooms:
        try:
            own = Own(producer, provider_of(producer, run.plugins))
        except ScenarioError as error:
            absent.append(str(error))
            continue
        try:
            found = _Again(run, opening, own).compared()
        except HandlerError as error:
            return MadeAgain(Check(INPUTS, ok=False, text=str(error)))
        if found.wrong:
            return MadeAgain(Check(INPUTS, ok=False, text=found.wrong))
        told.append(f"{found.held:,} {found.what} of {own.name}")
    names = " and ".join(f"{one.handler}:{one.policy}" for one in rooms)
    if absent:
        text = f"not all made again: those of {names} were taken as recorded where the code is not at hand"
        return MadeAgain(Check(INPUTS, ok=None, text=text), "; ".join(absent))
    return MadeAgain(Check(INPUTS, ok=True, text=f"{', '.join(told)}, made again, are as recorded"))


def _opening(run: Run) -> _Opening:
    """Fold up to the first prices."""
    ledger, conversions, sources, ticks = Ledger(), list[ConversionSet](), list[SourceOpened](), dict[int, int]()
    for event in run.events():
        body = event.body
        if isinstance(body, PriceTicked):
            ticks = dict(body.prices)
            break
        if isinstance(body, SourceOpened):
            sources.append(body)
        if isinstance(body, ConversionSet):
            conversions.append(body)
        ledger.fold(event)
    listed = [one.listing for one in ledger.markets if one.listing.kind != "option"]
    return _Opening(ledger, listed, conversions, ticks, sources)


class _Compared(NamedTuple):
    what: str
    held: int
    wrong: str = ""


class _Again:
    """One plug-in's inputs, made again."""

    def __init__(self, run: Run, opening: _Opening, own: Own) -> None:
        self._run, self._opening, self._own = run, opening, own
        self._producers = run.started.producers
        self._stop_seq = run.forks[0] if run.forks else run.count

    def compared(self) -> _Compared:
        """How many were held against the record, or the first that is another."""
        slot = self._own.producer.slot
        return self._accounts() if slot == "population" else self._stream(slot)

    def _stream(self, room: str) -> _Compared:
        kind, opening = OwnPrices if room == "prices" else OwnDepth, self._opening
        base = _as_one_venue_lists(opening.listed) if any(one.venue for one in self._producers) else opening.listed
        scales = [_scale(one) for one in base]
        made: Source = kind(self._own, scales, start_ns=self._run.start_ns, seed=self._run.started.seed)
        number = next((one.source for one in opening.sources if one.sha256 == made.sha256), None)
        if number is None:
            return _Compared(room, 0, f"no source was recorded with the content that {self._own.name} has here")
        if base is not opening.listed:
            made = AtVenues(made, at_all_venues(opening.listed, base))
        return self._held(room, made.inputs(number), self._recorded(number))

    def _held(self, what: str, made: Iterator[tuple[int, object]], recorded: Iterator[Event]) -> _Compared:
        count = 0
        for event in recorded:
            expected = next(made, None)
            if expected != (event.at_ns, event.body):
                told = "nothing" if expected is None else f"{expected[1]}"
                wrong = f"event {event.seq} is {event.body}, and {self._own.name}, executed again, gives {told}"
                return _Compared(what, count, wrong)
            count += 1
        return _Compared(what, count)

    def _recorded(self, number: int) -> Iterator[Event]:
        for event in takewhile(lambda one: one.seq < self._stop_seq, self._run.events()):
            if event.origin is Origin.INPUT and isinstance(event.body, PriceTicked | DepthQuoted):
                row = event.body.provenance
                if row is not None and row.source == number:
                    yield event

    def _accounts(self) -> _Compared:
        opening, venue = self._opening, self._own.producer.venue
        opened = {plain(one.name): (_scale(one), opening.ticks.get(one.instrument, 0)) for one in opening.listed}
        if not all(ticks for _, ticks in opened.values()):
            return _Compared("accounts", 0, "the first prices are not those of every instrument")
        ledger, population = opening.ledger, OwnPopulation(self._own)
        markets = opening_markets(opening.listed, opened, ledger.assets, opening.conversions)
        made: Population = VenuesPopulation({venue: population}) if venue else population
        count = 0
        for account in made.accounts(markets, ledger.assets[0].decimals, self._run.started.seed):
            if not _began_as(ledger, account):
                wrong = f"account {account.name!r} did not begin as {self._own.name}, executed again, gives it"
                return _Compared("accounts", count, wrong)
            count += 1
        return _Compared("accounts", count)


def _as_one_venue_lists(listed: Sequence[InstrumentListed]) -> list[InstrumentListed]:
    """What several venues list, each once, as the scenario has it."""
    once = {plain(one.name): one for one in listed}
    return [msgspec.structs.replace(once[name], instrument=place, name=name) for place, name in enumerate(sorted(once))]


def _scale(listed: InstrumentListed) -> InstrumentScale:
    kind = InverseScale if listed.kind == "inverse" else InstrumentScale
    return kind(listed.instrument, listed.name, Decimal(listed.tick_size), Decimal(listed.lot_size))


def _began_as(ledger: Ledger, made: OpeningAccount) -> bool:
    """Whether the state has the account as it was made."""
    number = ledger.account_ids.get(made.name)
    if number is None:
        return False
    account = ledger.accounts[number]
    owner = None if account.owner is None else ledger.name(account.owner)
    positions = {key: (held.size_lots, held.cost_atoms) for key, held in account.positions.items()}
    own = {(held.instrument, held.leg): (held.size_lots, held.cost_atoms) for held in made.positions}
    told = (account.mode, owner, account.asset, account.balance_atoms, account.coins, positions)
    return told == (made.mode, made.owner, made.asset, made.balance_atoms, dict(made.coins), own)
