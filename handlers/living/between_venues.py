"""Between venues: arbitrageurs with finite capital, traders with accounts on several, and the bridge that money takes.

1. An account is one of several of the same owner if they are called alike but for the venue: "arbitrageur-1@alpha".
2. *Arbitrage*: where an instrument trades `gap_bps` or more dearer on one venue than on another, each arbitrageur buys
   here and sells there, up to the middle of the two prices, as far as depth and the equity of each of its two accounts
   bear. So a forced sale on one venue becomes a sale on the other.
3. *Capital moves late*: it takes the bridge's `delay_ns`. An arbitrageur sends half of the difference once one account
   has less than `rebalance_bps` of what another has; until it arrives, its hands are tied.
4. *Ties*: a trader who is called on one venue sends what it has free on another, if its draw says so.
5. *A venue that has failed*: nobody trades with it or sends money out of it or to it, and money that is on its way to
   it is held until it is back; if it never is, that stays on its way.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import ClassVar, NamedTuple

import msgspec

from ...events.bodies.faults import ActDelayed
from ...events.bodies.margin import MarginCalled
from ...events.bodies.trading import BookPriced, OrderPlaced
from ...events.bodies.venue import TimerFired, TimerSet
from ...events.bodies.venues import TransferArrived, TransferStarted
from ...events.envelope import Event
from ...events.ledger import Account, LedgerState, Market
from ...events.venue_names import at_venue, plain
from ...events.vocabulary import Body
from ..depth import walk
from ..draws import account_key, draw_below
from ..faults import back_ns, failure_at
from ..protocol import Handler, Linked, Product
from ..valuation import BPS, SLACK_SCALE, lots_worth, margin_of, slack

__all__ = [
    "Arbitrage",
    "ArbitrageParameters",
    "Bridge",
    "BridgeParameters",
    "Ties",
    "TiesParameters",
    "person_of",
    "persons_of",
]

_ARRIVAL = "transfer arrives"
_KEPT_BPS = 2 * BPS
"""What is over so much of the maintenance requirement is free to be sent elsewhere."""


class BridgeParameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Money arrives `delay_ns` after it left, as long as a blockchain takes."""

    delay_ns: int = 600_000_000_000

    def __post_init__(self) -> None:
        """Refuse money that arrives before it left."""
        if self.delay_ns <= 0:
            message = f"delay_ns is {self.delay_ns}; a transfer takes longer than nothing, so it must be above 0"
            raise ValueError(message)


class Bridge(Handler):
    """Brings what was sent to where it was sent, when it is due."""

    name: ClassVar[str] = "bridge"
    policy: ClassVar[str] = "delay"
    subscribes: ClassVar[tuple[type[Body], ...]] = (TransferStarted, TimerFired)
    Parameters: ClassVar[type[msgspec.Struct]] = BridgeParameters

    def __init__(self, parameters: BridgeParameters) -> None:
        self.delay_ns = parameters.delay_ns

    def handle(self, event: Event, ledger: LedgerState, now_ns: int) -> Iterable[Product]:
        """A timer for each transfer; at the timer all that is due for its account."""
        body = event.body
        if isinstance(body, TransferStarted):
            return (TimerSet(_ARRIVAL, body.due_ns, body.to_account),)
        assert isinstance(body, TimerFired)
        if body.purpose != _ARRIVAL or body.account is None:
            return ()
        failure = failure_at(ledger, ledger.venue_of(body.account))
        if failure is not None:
            again_ns = back_ns(failure, now_ns)
            held_up = ActDelayed(failure.body.fault, body.account, "transfer", again_ns)
            return (held_up,) if again_ns is None else (held_up, TimerSet(_ARRIVAL, again_ns, body.account))
        due = ((seq, sent) for seq, sent in ledger.transfers.items() if sent.to_account == body.account)
        arrived = ((seq, sent) for seq, sent in due if sent.due_ns <= now_ns)
        return [TransferArrived(sent.to_account, sent.amount_atoms, seq) for seq, sent in arrived]


def _sent(
    source: Account, target: Account, atoms: int, ledger: LedgerState, now_ns: int
) -> Iterator[TransferStarted | ActDelayed]:
    """A transfer of so much, or of what is free there; none without a bridge. Out of a venue that failed none comes."""
    bridge = ledger.producer(Bridge.name)
    free_atoms = slack(margin_of(source, ledger), _KEPT_BPS) // SLACK_SCALE
    atoms = min(atoms, free_atoms, source.balance_atoms)
    if bridge is None or atoms <= 0 or source.status != "healthy":
        return
    failures = (failure_at(ledger, ledger.venue_of(one.account)) for one in (source, target))
    failure = next((one for one in failures if one is not None), None)
    if failure is not None:
        yield ActDelayed(failure.body.fault, target.account, "transfer", None)
    else:
        yield TransferStarted(source.account, target.account, atoms, now_ns + bridge.parameters["delay_ns"])


def _is_awaited(target: Account, ledger: LedgerState) -> bool:
    return any(sent.to_account == target.account for sent in ledger.transfers.values())


def person_of(name: str, ledger: LedgerState) -> dict[str, Account]:
    """The accounts of a person by venue."""
    venues = dict.fromkeys(asset.venue for asset in ledger.assets)
    known = {venue: ledger.account_ids.get(at_venue(name, venue)) for venue in venues}
    return {venue: ledger.accounts[one] for venue, one in known.items() if one is not None}


def persons_of(group: str, ledger: LedgerState) -> Iterator[dict[str, Account]]:
    """The accounts of each person of a group, `group`-1, `group`-2, ..., up to the first number that there is not."""
    number = 1
    while accounts := person_of(f"{group}-{number}", ledger):
        yield accounts
        number += 1


class ArbitrageParameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Accounts of `group` trade gaps of `gap_bps` with up to `leverage_bps` of each account's equity."""

    group: str = "arbitrageur"
    gap_bps: int = 20
    leverage_bps: int = 30_000
    rebalance_bps: int = 5_000

    def __post_init__(self) -> None:
        """Refuse arbitrage that would trade on nothing."""
        if self.gap_bps <= 0 or self.leverage_bps <= 0 or not 0 < self.rebalance_bps < BPS:
            message = "gap_bps and leverage_bps must be above 0, and rebalance_bps lie between 1 and 9999"
            raise ValueError(message)


def _working(accounts: dict[str, Account], ledger: LedgerState) -> dict[str, Account]:
    """The accounts on venues that have not failed."""
    return {venue: account for venue, account in accounts.items() if failure_at(ledger, venue) is None}


class _Gap(NamedTuple):
    """Where an instrument is cheapest and dearest, and how many lots lie up to the middle on both."""

    cheap: Market
    dear: Market
    lots: int


class Arbitrage(Handler):
    """Trades gaps between venues at each price from outside, once for each instrument, and moves capital after it."""

    name: ClassVar[str] = "arbitrage"
    policy: ClassVar[str] = "gap"
    subscribes: ClassVar[tuple[type[Body], ...]] = (BookPriced,)
    Parameters: ClassVar[type[msgspec.Struct]] = ArbitrageParameters

    def __init__(self, parameters: ArbitrageParameters) -> None:
        self.rule = parameters

    def handle(self, event: Event, ledger: LedgerState, now_ns: int) -> Iterable[Product]:
        """The two orders of each arbitrageur, and what it sends."""
        body = event.body
        assert isinstance(body, BookPriced)
        if event.links:  # a trade made it: the gap is seen at the next price from outside
            return ()
        name = plain(ledger.markets[body.instrument].listing.name)
        everywhere = [market for market in ledger.listed_everywhere(name) if market.book is not None]
        listed = [one for one in everywhere if failure_at(ledger, ledger.assets[one.listing.asset].venue) is None]
        if len(listed) < 2 or listed[-1].listing.instrument != body.instrument:  # noqa: PLR2004 - a gap has two ends
            return ()
        everyone = (_working(accounts, ledger) for accounts in persons_of(self.rule.group, ledger))
        persons = [accounts for accounts in everyone if accounts]
        products: list[Product] = list(self._moved(persons, ledger, now_ns))
        gap = self._gap(listed, now_ns)
        return products if gap is None else [*products, *self._traded(gap, persons, event, ledger)]

    def _gap(self, listed: list[Market], now_ns: int) -> _Gap | None:
        def price(market: Market) -> int:
            assert market.book is not None
            return market.book.price_ticks

        cheap, dear = min(listed, key=price), max(listed, key=price)
        halted = cheap.halted_until_ns is not None or dear.halted_until_ns is not None
        if halted or (price(dear) - price(cheap)) * BPS < self.rule.gap_bps * price(cheap):
            return None
        middle_ticks = (price(cheap) + price(dear)) // 2
        asks = sum(fill.lots for fill in walk(cheap, 1 << 60, middle_ticks, now_ns))
        bids = sum(fill.lots for fill in walk(dear, -(1 << 60), middle_ticks, now_ns))
        return _Gap(cheap, dear, min(asks, bids))

    def _traded(
        self, gap: _Gap, persons: list[dict[str, Account]], event: Event, ledger: LedgerState
    ) -> Iterator[Product]:
        left, order_id = gap.lots, ledger.orders
        for accounts in persons:
            buyer, seller = (accounts.get(ledger.assets[one.listing.asset].venue) for one in (gap.cheap, gap.dear))
            if buyer is None or seller is None:
                continue
            lots = min(left, self._room(buyer, gap.cheap, 1, ledger), self._room(seller, gap.dear, -1, ledger))
            if lots <= 0:
                continue
            left -= lots
            for account, market, sign in ((buyer, gap.cheap, 1), (seller, gap.dear, -1)):
                order_id += 1
                instrument = market.listing.instrument
                placed = OrderPlaced(order_id, account.account, instrument, 0, sign * lots, "market", "arbitrage")
                yield Linked(placed, (event.seq,))

    def _room(self, account: Account, market: Market, sign: int, ledger: LedgerState) -> int:
        """How many lots more in a direction an account's equity bears; none while it is called or in liquidation."""
        if account.status != "healthy":
            return 0
        assert market.book is not None
        equity_atoms = max(0, margin_of(account, ledger).equity_atoms)
        held = account.positions.get((market.listing.instrument, 0))
        most = lots_worth(market, market.book.price_ticks, equity_atoms * self.rule.leverage_bps, BPS)
        return max(0, most - sign * (0 if held is None else held.size_lots))

    def _moved(self, persons: list[dict[str, Account]], ledger: LedgerState, now_ns: int) -> Iterator[Product]:
        """Half of the difference from who has most to who has least, unless something is on its way there."""
        for accounts in persons:
            equities = {venue: margin_of(one, ledger).equity_atoms for venue, one in accounts.items()}
            poor, rich = (choose(equities, key=lambda venue: equities[venue]) for choose in (min, max))
            lacks = equities[poor] * BPS < equities[rich] * self.rule.rebalance_bps
            if lacks and not _is_awaited(accounts[poor], ledger):
                atoms = (equities[rich] - equities[poor]) // 2
                yield from _sent(accounts[rich], accounts[poor], atoms, ledger, now_ns)


class TiesParameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Of 10,000 traders who are called `answers_bps` send what they lack to `target_bps` from another venue."""

    answers_bps: int = 5_000
    target_bps: int = 20_000

    def __post_init__(self) -> None:
        """Refuse shares over the whole."""
        if not 0 <= self.answers_bps <= BPS or self.target_bps < BPS:
            message = "answers_bps must lie between 0 and 10000, and target_bps be at least 10000"
            raise ValueError(message)


class Ties(Handler):
    """Traders with accounts on several venues: a call on one is answered from another."""

    name: ClassVar[str] = "ties"
    policy: ClassVar[str] = "collateral"
    subscribes: ClassVar[tuple[type[Body], ...]] = (MarginCalled,)
    Parameters: ClassVar[type[msgspec.Struct]] = TiesParameters

    def __init__(self, parameters: TiesParameters) -> None:
        self.rule = parameters

    def handle(self, event: Event, ledger: LedgerState, now_ns: int) -> Iterable[Product]:
        """What the trader who is called sends from each of its other accounts until nothing is missing."""
        body = event.body
        assert isinstance(body, MarginCalled)
        called, name = ledger.accounts[body.account], plain(ledger.name(body.account))
        drawn_bps = draw_below(ledger.answers_seed, account_key(name), "answers from elsewhere", called.calls, BPS)
        if drawn_bps >= self.rule.answers_bps:
            return ()
        missing_atoms = -(slack(margin_of(called, ledger), self.rule.target_bps) // SLACK_SCALE)
        products: list[Product] = []
        for other in dict.fromkeys(asset.venue for asset in ledger.assets):
            number = ledger.account_ids.get(at_venue(name, other))
            if number not in (None, called.account) and missing_atoms > 0:
                for sent in _sent(ledger.accounts[number], called, missing_atoms, ledger, now_ns):
                    missing_atoms -= sent.amount_atoms if isinstance(sent, TransferStarted) else 0
                    products.append(Linked(sent, (event.seq,)))
        return products
