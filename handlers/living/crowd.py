"""The crowd: traders who act unasked, each by strategies of its own (`strategies.py`, `characters.py`).

1. Whoever trades with stops keeps one under each position: it is placed at the next price from outside.
2. At each price from outside, whoever's signal has passed its threshold acts, in the order of the accounts, but in a
   halt nobody does. What trades do to the price within the instant they see at the next one.
3. Deleveragers act at the mark or the funding that takes them under a level of their own, before the margin monitor is
   asked (`levels.py`).
4. Thresholds stand sorted by signal and instrument, so a price that sets nobody off costs the same however many there
   are. Whoever has acted waits until the first price from outside that comes `pause_ns` later or after. All of that is
   an index over the ledger, which knows when each acted last.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from heapq import heappop, heappush
from typing import Any, ClassVar

import msgspec
from sortedcontainers import SortedDict

from ...events.bodies.inputs import PriceTicked
from ...events.bodies.liquidation import LiquidationEnded
from ...events.bodies.listing import AccountOpened, InstrumentListed
from ...events.bodies.margin import FundingAccrued, MarginCallMet, MarkPriced, RulesChanged
from ...events.bodies.trading import BookPriced, CollateralWithdrawn, OrderCancelled, OrderFilled, OrderPlaced
from ...events.envelope import Event
from ...events.ledger import Account, LedgerState
from ...events.ledger.postings import POSTINGS
from ...events.vocabulary import Body, accounts_named
from ..order import by_account
from ..protocol import ALWAYS, Handler, Product
from ..valuation import BPS, is_marked
from .characters import Character, Mix, StrategyName, characters_of
from .levels import OwnLevels
from .stops import Stops
from .strategies import SIGNALS, STRATEGIES, Acting, Signal, deleverage, signal_of

__all__ = ["Crowd", "CrowdParameters"]

_PRICING = frozenset((MarkPriced, FundingAccrued, RulesChanged, InstrumentListed))
_ORDERING = frozenset((OrderPlaced, OrderFilled, OrderCancelled))
_ACTING = frozenset((OrderPlaced, CollateralWithdrawn))

_NOBODY = 1 << 62
"""A number over that of every account."""

_Ready = SortedDict[tuple[int, int], Character]
"""By (threshold, account) of those who may act: what it is that the account follows there, the first of several."""


class CrowdParameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who follows which strategy. Only accounts of `groups` act, all traders where none is named.

    Thresholds are basis points of the trend (a stop's: of the price as it is placed); a runner's are hundreds of parts
    per billion of volatility; a deleverager's are basis points of its maintenance requirement, and should lie over the
    level of a call. Whoever has acted waits `pause_ns`.
    """

    stop: Mix | None = None
    follower: Mix | None = None
    dip_buyer: Mix | None = None
    runner: Mix | None = None
    groups: tuple[str, ...] = ()
    pause_ns: int = 60_000_000_000
    deleverager: Mix | None = None

    def __post_init__(self) -> None:
        """Refuse what nobody can do."""
        if self.pause_ns <= 0:
            message = "pause_ns must be above 0"
            raise ValueError(message)
        for name, mix in (("stop", self.stop), ("runner", self.runner), ("deleverager", self.deleverager)):
            if mix is not None and mix.share_bps > BPS:
                message = f"{name}.share_bps must be at most 10000: nobody gives up more than all of it"
                raise ValueError(message)
        if self.deleverager is not None and self.deleverager.nearest <= BPS:
            message = "deleverager.nearest must be above 10000: at the requirement itself it is liquidated"
            raise ValueError(message)


class Crowd(Handler):
    """Draws each account's strategies and thresholds by its name, and lets it act when its signal passes."""

    name: ClassVar[str] = "crowd"
    policy: ClassVar[str] = "mixed"
    subscribes: ClassVar[tuple[type[Body], ...]] = (BookPriced, MarkPriced, FundingAccrued, RulesChanged)
    observes: ClassVar[tuple[type[Body], ...]] = (
        PriceTicked,
        InstrumentListed,
        AccountOpened,
        OrderPlaced,
        OrderCancelled,
        MarkPriced,
        FundingAccrued,
        RulesChanged,
        MarginCallMet,
        LiquidationEnded,
        *POSTINGS,
    )
    Parameters: ClassVar[type[msgspec.Struct]] = CrowdParameters

    def __init__(self, parameters: CrowdParameters) -> None:
        self.rule = parameters
        stated: tuple[tuple[StrategyName, Mix | None], ...] = (
            ("stop", parameters.stop),
            ("follower", parameters.follower),
            ("dip_buyer", parameters.dip_buyer),
            ("runner", parameters.runner),
            ("deleverager", parameters.deleverager),
        )
        self._mixes = [(name, mix) for name, mix in stated if mix is not None]
        self._characters: dict[int, tuple[Character, ...]] = {}
        self._ready: dict[tuple[Signal, int], _Ready] = {}
        self._waiting: list[tuple[int, int]] = []
        self.levels, self._stops = OwnLevels(), Stops()

    def prime(self, ledger: LedgerState, past: Iterable[Event]) -> None:
        """Draw everybody's character, and see who is waiting."""
        self._characters, self._ready, self._waiting = {}, {}, []
        self.levels.clear(len(ledger.markets))
        self._stops = Stops()
        for number, order in ledger.own_orders.items():
            self._stops.rest(number, order)
        for account in ledger.accounts:
            self._take_in(account, ledger)

    def gate(self, kind: type[Body]) -> Collection[object]:
        """For marks and funding those whose level may be crossed; prices of the book are always heard."""
        return ALWAYS if kind is BookPriced else self.levels.due

    def observe(self, event: Event, ledger: LedgerState) -> None:
        """A new account has a character; whoever has acted waits; whoever was touched is looked at again."""
        body: Any = event.body
        kind = type(body)
        if kind in _PRICING:
            self.levels.observe(event, ledger)
            return
        if kind is PriceTicked:
            self._release(event.at_ns, ledger)
            return
        if kind is AccountOpened:
            self._take_in(ledger.accounts[body.account], ledger)
            return
        if kind in _ORDERING:
            self._stops.follow(body, ledger)
        if kind in _ACTING:
            self._wait(body.account, event.at_ns)
        touched = accounts_named(body)
        self._stops.note(touched)
        self.levels.note(touched)

    def _take_in(self, account: Account, ledger: LedgerState) -> None:
        if not self.is_here(ledger, account.account):
            return
        number, found = account.account, self.characters(account, ledger)
        if not found:
            return
        self._characters[number] = found
        free = _free(number, ledger, self.rule.pause_ns)
        for character in found:
            if character.strategy == "stop":
                self._stops.add(number, character)
            elif character.strategy == "deleverager":
                self.levels.add(number, character.threshold)
            elif free:
                self._list(number, character)
        if not free:
            heappush(self._waiting, (ledger.acted[number] + self.rule.pause_ns, number))

    def characters(self, account: Account, ledger: LedgerState) -> tuple[Character, ...]:
        """The strategies of an account, each with its threshold."""
        return tuple(characters_of(account, ledger, self._mixes, self.rule.groups))

    def _wait(self, number: int, at_ns: int) -> None:
        """It has acted: until the pause is over it follows none of its strategies."""
        for character in self._characters.get(number, ()):
            if character.strategy in STRATEGIES:
                self._ready_by(character).pop((character.threshold, number), None)
        if number in self._characters:
            heappush(self._waiting, (at_ns + self.rule.pause_ns, number))

    def _release(self, at_ns: int, ledger: LedgerState) -> None:
        """Whose pause is over at this price may act again."""
        waiting, pause_ns = self._waiting, self.rule.pause_ns
        while waiting and waiting[0][0] <= at_ns:
            number = heappop(waiting)[1]
            if ledger.acted[number] + pause_ns > at_ns:
                continue  # it acted once more, and waits for that
            self.levels.note((number,))
            for character in self._characters[number]:
                if character.strategy in STRATEGIES:
                    self._list(number, character)

    def _list(self, number: int, character: Character) -> None:
        self._ready_by(character).setdefault((character.threshold, number), character)

    def _ready_by(self, character: Character) -> _Ready:
        key = STRATEGIES[character.strategy].signal, character.instrument
        found = self._ready.get(key)
        if found is None:
            found = self._ready[key] = SortedDict()
        return found

    def handle(self, event: Event, ledger: LedgerState, now_ns: int) -> Iterable[Product]:
        """At a price from outside stops, and whoever is set off; at a mark or funding who fell under its own level."""
        body = event.body
        if not isinstance(body, BookPriced):
            return list(self._deleverage(ledger)) if self.levels.due else ()
        if event.links:  # a trade made it
            return ()
        stops = list(self._stops.missing(body, ledger))
        return [*stops, *self._acts(body.instrument, ledger, ledger.orders + len(stops))]

    def _acts(self, instrument: int, ledger: LedgerState, order_id: int) -> Iterator[Product]:
        """What those order whose signal of this instrument has passed, in the order of the accounts.

        An account that follows several strategies acts by the first of them that is set off.
        """
        due, market = dict[int, Character](), ledger.markets[instrument]
        if not market.mark_ticks or market.halted_until_ns is not None:
            return
        for signal in SIGNALS:
            ready = self._ready.get((signal, instrument))
            if ready:
                for place in ready.irange(maximum=(signal_of(market, signal), _NOBODY)):
                    due.setdefault(place[1], ready[place])
        for number in by_account(due, ledger):
            account, character = ledger.accounts[number], due[number]
            broke = not account.positions and account.balance_atoms <= 0  # it could order nothing: not worked out
            if broke or account.status != "healthy" or not is_marked(account, ledger):
                continue
            acting = Acting(account, instrument, ledger, character.mix.share_bps, order_id + 1)
            for product in STRATEGIES[character.strategy].act(acting):
                order_id += isinstance(product, OrderPlaced)
                yield product

    def _deleverage(self, ledger: LedgerState) -> Iterator[Product]:
        """Whoever fell under its own level, and does not wait, gives up a share of its largest position."""
        order_id, pause_ns = ledger.orders, self.rule.pause_ns
        for account in self.levels.under(ledger):
            number = account.account
            if not _free(number, ledger, pause_ns):
                continue
            mix = next(one.mix for one in self._characters[number] if one.strategy == "deleverager")
            for order in deleverage(account, ledger, mix.share_bps, order_id + 1):
                order_id += 1
                yield order


def _free(number: int, ledger: LedgerState, pause_ns: int) -> bool:
    """Whether it never acted, or its pause was over at the last price from outside."""
    acted_ns = ledger.acted.get(number)
    return acted_ns is None or acted_ns + pause_ns <= max(market.oracle_at_ns for market in ledger.markets)
