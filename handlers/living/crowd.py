"""The crowd: traders who act unasked, each by a strategy of its own (`strategies.py`).

1. At the first price of an instrument whoever trades with stops places one for each position.
2. At each later price from outside, whoever's signal has passed its threshold acts, in the order of the accounts. What
   trades do to the price within the instant they see at the next one.
3. Thresholds stand sorted by signal and instrument, so a price that sets nobody off costs the same however many there
   are. That is an index over the ledger: who waits is told by when it acted last.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from heapq import heappop, heappush
from itertools import accumulate
from typing import ClassVar, NamedTuple

import msgspec
from sortedcontainers import SortedList

from ...events.bodies.listing import AccountOpened
from ...events.bodies.trading import BookPriced, CollateralWithdrawn, OrderPlaced
from ...events.envelope import Event
from ...events.ledger import Account, LedgerState
from ...events.vocabulary import Body
from ..draws import account_key, draw_below
from ..protocol import Handler, Product
from ..valuation import BPS
from .strategies import STRATEGIES, Acting, Signal, StrategyName, signal_of

__all__ = ["Crowd", "CrowdParameters", "Mix"]

_NOBODY = 1 << 62
"""A number over that of every account."""


class Mix(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Of 10,000 accounts so many follow a strategy: it acts at a threshold drawn between `nearest` and `furthest`.

    `share_bps` is how much it then moves: of equity for who opens, of free collateral for who withdraws, of the
    position for a stop.
    """

    accounts_bps: int
    nearest: int
    furthest: int
    share_bps: int = 10_000

    def __post_init__(self) -> None:
        """Refuse thresholds that are none."""
        if not 0 <= self.accounts_bps <= BPS or not 0 < self.nearest <= self.furthest or self.share_bps <= 0:
            message = "accounts_bps must lie between 0 and 10000, nearest above 0 up to furthest, share_bps above 0"
            raise ValueError(message)


class CrowdParameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who follows which strategy. Only accounts of `groups` act, all traders where none is named.

    Thresholds are basis points of the trend (a stop's: of the first price); a runner's are hundreds of parts per
    billion of volatility. Whoever has acted waits `pause_ns`.
    """

    stop: Mix | None = None
    follower: Mix | None = None
    dip_buyer: Mix | None = None
    runner: Mix | None = None
    groups: tuple[str, ...] = ()
    pause_ns: int = 60_000_000_000

    def __post_init__(self) -> None:
        """Refuse shares over the whole."""
        mixes = (self.stop, self.follower, self.dip_buyer, self.runner)
        if sum(mix.accounts_bps for mix in mixes if mix is not None) > BPS or self.pause_ns <= 0:
            message = "the accounts_bps of all strategies must not sum to more than 10000, and pause_ns be above 0"
            raise ValueError(message)


class _Character(NamedTuple):
    """What an account is like: its strategy, the threshold at which it acts, and the instrument that it watches."""

    strategy: StrategyName
    threshold: int
    mix: Mix
    instrument: int


class Crowd(Handler):
    """Draws each account's strategy and threshold by its name, and lets it act when its signal passes."""

    name: ClassVar[str] = "crowd"
    policy: ClassVar[str] = "mixed"
    subscribes: ClassVar[tuple[type[Body], ...]] = (BookPriced,)
    observes: ClassVar[tuple[type[Body], ...]] = (AccountOpened, OrderPlaced, CollateralWithdrawn)
    Parameters: ClassVar[type[msgspec.Struct]] = CrowdParameters

    def __init__(self, parameters: CrowdParameters) -> None:
        self.rule = parameters
        stated: tuple[tuple[StrategyName, Mix | None], ...] = (
            ("stop", parameters.stop),
            ("follower", parameters.follower),
            ("dip_buyer", parameters.dip_buyer),
            ("runner", parameters.runner),
        )
        self._mixes = [(name, mix) for name, mix in stated if mix is not None]
        self._bounds = list(accumulate(mix.accounts_bps for _, mix in self._mixes))
        self._characters: dict[int, _Character] = {}
        self._ready: dict[tuple[Signal, int], SortedList[tuple[int, int]]] = {}
        self._waiting: list[tuple[int, int]] = []

    def prime(self, ledger: LedgerState, past: Iterable[Event]) -> None:
        """Draw everybody's character, and see who is waiting."""
        self._characters, self._ready, self._waiting = {}, {}, []
        for account in ledger.accounts:
            self._take_in(account, ledger)

    def observe(self, event: Event, ledger: LedgerState) -> None:
        """A new account has a character; whoever has acted waits."""
        body = event.body
        assert isinstance(body, AccountOpened | OrderPlaced | CollateralWithdrawn)
        if isinstance(body, AccountOpened):
            self._take_in(ledger.accounts[body.account], ledger)
            return
        character = self._characters.get(body.account)
        if character is not None and character.strategy in STRATEGIES:
            self._list_of(character).discard((character.threshold, body.account))
            heappush(self._waiting, (event.at_ns + self.rule.pause_ns, body.account))

    def _take_in(self, account: Account, ledger: LedgerState) -> None:
        character = self._character(account, ledger)
        if character is None:
            return
        self._characters[account.account] = character
        if character.strategy not in STRATEGIES:
            return
        acted_ns = ledger.acted.get(account.account)
        if acted_ns is None:
            self._list_of(character).add((character.threshold, account.account))
        else:
            heappush(self._waiting, (acted_ns + self.rule.pause_ns, account.account))

    def _character(self, account: Account, ledger: LedgerState) -> _Character | None:
        """The strategy of an account; None for who has none."""
        name, asset = ledger.name(account.account), account.asset
        if account.kind != "user" or not self.is_here(ledger, account.account) or not self._is_asked(name, ledger):
            return None
        markets = [number for number, market in enumerate(ledger.markets) if market.listing.asset == asset]
        seed, key = 0 if ledger.run is None else ledger.run.seed, account_key(name)
        place = bisect_right(self._bounds, draw_below(seed, key, "strategy", 0, BPS))
        if place == len(self._mixes):
            return None
        strategy, mix = self._mixes[place]
        threshold = mix.nearest + draw_below(seed, key, "threshold", 0, mix.furthest - mix.nearest + 1)
        watched = markets[draw_below(seed, key, "watched", 0, len(markets))]
        return _Character(strategy, threshold, mix, watched)

    def _is_asked(self, name: str, ledger: LedgerState) -> bool:
        """Whether an account is of the groups that act; a market maker is of none."""
        group = name.partition("@")[0].rpartition("-")[0]
        if self.rule.groups:
            return group in self.rule.groups
        makers = ledger.producer("makers", self.venue)
        return makers is None or group != makers.parameters.get("group")

    def _list_of(self, character: _Character) -> SortedList[tuple[int, int]]:
        key = STRATEGIES[character.strategy].signal, character.instrument
        found = self._ready.get(key)
        if found is None:
            found = self._ready[key] = SortedList()
        return found

    def handle(self, event: Event, ledger: LedgerState, now_ns: int) -> Iterable[Product]:
        """Stops at the first price; at every later one from outside, whoever is set off."""
        body = event.body
        assert isinstance(body, BookPriced)
        if event.links:  # a trade made it
            return ()
        if ledger.markets[body.instrument].marked is None:
            return list(self._stops(body, ledger))
        while self._waiting and self._waiting[0][0] <= now_ns:
            account = heappop(self._waiting)[1]
            character = self._characters[account]
            self._list_of(character).add((character.threshold, account))
        return list(self._acts(body.instrument, ledger))

    def _stops(self, book: BookPriced, ledger: LedgerState) -> Iterator[OrderPlaced]:
        """A stop for each position in an instrument of those who trade with stops, in the order of the accounts."""
        order_id = ledger.orders
        for number, character in self._characters.items():
            held = ledger.accounts[number].positions.get((book.instrument, 0))
            if character.strategy != "stop" or held is None:
                continue
            away_bps = -character.threshold if held.size_lots > 0 else character.threshold
            lots = -(-abs(held.size_lots) * character.mix.share_bps // BPS)
            trigger_ticks = max(1, book.price_ticks * (BPS + away_bps) // BPS)
            order_id += 1
            yield OrderPlaced(
                order_id=order_id,
                account=number,
                instrument=book.instrument,
                leg=0,
                size_lots=-lots if held.size_lots > 0 else lots,
                kind="stop",
                purpose="stop",
                trigger_ticks=trigger_ticks,
            )

    def _acts(self, instrument: int, ledger: LedgerState) -> Iterator[Product]:
        """What those order whose signal of this instrument has passed, in the order of the accounts."""
        due, market = list[int](), ledger.markets[instrument]
        for signal in ("fall", "rise", "volatility"):
            ready = self._ready.get((signal, instrument))
            if ready:
                due += [account for _, account in ready.irange(maximum=(signal_of(market, signal), _NOBODY))]
        order_id = ledger.orders
        for number in sorted(due):
            account, character = ledger.accounts[number], self._characters[number]
            if account.status != "healthy":
                continue
            acting = Acting(account, instrument, ledger, character.mix.share_bps, order_id + 1)
            for product in STRATEGIES[character.strategy].act(acting):
                order_id += isinstance(product, OrderPlaced)
                yield product
