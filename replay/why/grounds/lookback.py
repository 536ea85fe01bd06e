"""A decision, and where to look for what it rests on: who set a figure last before it, however long ago that was.

1. A decision's products are recorded at once, so the state that it saw is the one before the first of them (`began`).
2. What an account held at an earlier event is what it holds where the ledger stands, less what has moved since. So one
   state serves for the grounds of grounds as well, and no other is rebuilt.
3. Setters are found in the columns beside the record. Events are read in chunks, of which a few are kept with an index.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from functools import cached_property
from operator import attrgetter
from typing import Any, NamedTuple

from ....events.bodies.liquidation import LiquidationFilled, LiquidationOrdered, LiquidationStarted, PositionTakenOver
from ....events.bodies.margin import PositionReduced
from ....events.envelope import Event
from ....events.ledger import LedgerState, PositionKey
from ....events.ledger.postings import POSTINGS, Exchange, Payment, Swap, Trade
from ....events.record.columns import instruments_set
from ....events.vocabulary import Body
from ....sim.pending import maker_of
from ...chunks import CHUNK_EVENTS, Chunk, Chunks
from ...indexed import IndexedRun
from ...run import Run
from ..names import RunNames

__all__ = ["Decision", "Lookback", "last_setting"]

_HOPS_MAX = 4096
"""So many causes back an event is looked for that a decision answers."""

_TAKING: tuple[type[Body], ...] = (LiquidationFilled, PositionReduced)
_seq, _start = attrgetter("seq"), attrgetter("start")


class _Moved(NamedTuple):
    """What an event did to an account: lots that a position gained; None where only money moved."""

    key: PositionKey | None
    lots: int


def last_setting(run: Run, kind: type[Body], instrument: int, stop_seq: int) -> Event | None:
    """The last event of a type in `SETTING_TYPES` that is of an instrument, before event `stop_seq`; None without one.

    Decodes the last block that has one, and asks the column of the others: some 1 us a block.
    """
    for first, stop in reversed(run.columns.spans_setting(kind, instrument, stop_seq)):
        for event in _backwards(run, first, stop):
            if type(event.body) is kind and instrument in instruments_set(kind, (event.body,)):
                return event
    return None


def _backwards(run: Run, first_seq: int, stop_seq: int) -> Iterator[Event]:
    """The events of a span, the last one first, a chunk at a time."""
    for stop in range(stop_seq, first_seq, -CHUNK_EVENTS):
        yield from reversed(list(run.events(max(stop - CHUNK_EVENTS, first_seq), stop)))


class Lookback:
    """Look-ups in a run before a point at which the state is known."""

    def __init__(self, run: Run, ledger: LedgerState) -> None:
        """`ledger` stands at the decision that is explained, or before it; it is read while it stands there."""
        self.run, self.ledger, self.seq = run, ledger, ledger.seq
        chunks = run.chunks if isinstance(run, IndexedRun) else Chunks(run)
        self._chunk, self._places = chunks.chunk, chunks.places
        self._known = defaultdict[int, list[tuple[int, dict[PositionKey, int]]]](list)

    def moved_on(self) -> None:
        """The ledger stands at a later event now."""
        self.seq = self.ledger.seq
        self._known.clear()

    def _blocks(self, kind: type[Body] | None, number: int, stop_seq: int) -> list[range]:
        """The chunks of each block before an event that may have such events."""
        blocks = self._places(kind, number)
        return blocks[: bisect_left(blocks, -(-stop_seq // CHUNK_EVENTS), key=_start)]

    def _back(
        self, blocks: Sequence[range], stop_seq: int, found_in: Callable[[Chunk], Sequence[Event]]
    ) -> Iterator[Event]:
        """What is found in the chunks of these blocks before an event, the last one first."""
        stop = -(-stop_seq // CHUNK_EVENTS)
        for block in reversed(blocks):
            for place in reversed(range(block.start, min(block.stop, stop))):
                found = found_in(self._chunk(place))
                yield from reversed(found[: bisect_left(found, stop_seq, key=_seq)])

    def event(self, seq: int) -> Event:
        """One event, which must be there."""
        return self._chunk(seq // CHUNK_EVENTS).events[seq % CHUNK_EVENTS]

    def began(self, event: Event) -> int:
        """The first event of the decision that an event belongs to: it was made in the state before that."""
        made_by, seq = maker_of(event), event.seq
        while made_by is not None and seq and maker_of(self.event(seq - 1)) == made_by:
            seq -= 1
        return seq

    def last(self, kind: type[Body], instrument: int, stop_seq: int) -> Event | None:
        """As `last_setting`."""
        blocks = self._blocks(kind, instrument, stop_seq)
        return next(self._back(blocks, stop_seq, lambda chunk: chunk.setting(kind, instrument)), None)

    def last_trade(self, instrument: int, stop_seq: int, since_ns: int, *, selling: bool) -> Event | None:
        """The last trade before an event that took from one side of the depth, but none before a time."""
        if stop_seq <= self.seq:  # then the state tells when the last one was, however long ago
            market = self.ledger.markets[instrument]
            last_ns = market.eaten_bid_at_ns if selling else market.eaten_ask_at_ns
            if last_ns < since_ns:
                return None
            stop_seq = min(stop_seq, self.run.first_at(last_ns + 1))
        for event in self._taking(instrument, stop_seq):
            if event.at_ns < since_ns:
                return None
            if (getattr(event.body, "size_lots") < 0) == selling:  # noqa: B009 - both have it
                return event
        return None

    def _taking(self, instrument: int, stop_seq: int) -> Iterator[Event]:
        """The trades before an event that took from the depth, the last one first."""
        blocks = {block.start: block for kind in _TAKING for block in self._blocks(kind, instrument, stop_seq)}

        def taking(chunk: Chunk) -> list[Event]:
            return sorted((one for kind in _TAKING for one in chunk.setting(kind, instrument)), key=_seq)

        return self._back([blocks[start] for start in sorted(blocks)], stop_seq, taking)

    def is_trader(self, account: int) -> bool:
        """Whether it is a user or a vault, and none of the venue's own accounts."""
        return self.ledger.accounts[account].kind in ("user", "vault")

    def is_fund(self, account: int) -> bool:
        """Whether it is an insurance fund."""
        return self.ledger.accounts[account].kind == "insurance"

    def naming(self, account: int, stop_seq: int) -> Iterator[Event]:
        """The events before another that name an account, the last one first."""
        blocks = self._blocks(None, account, stop_seq)
        return self._back(blocks, stop_seq, lambda chunk: chunk.naming.get(account, ()))

    def held(self, account: int, stop_seq: int) -> dict[PositionKey, int]:
        """The lots that an account held before an event, by position, in the order of the keys."""
        known = self._known[account]
        place = bisect_left(known, (stop_seq,))
        start, lots = known[place] if place < len(known) else (self.seq, self._held_now(account))
        lots = dict(lots)
        for event in self.naming(account, start):
            if event.seq < stop_seq:
                break
            for key, gained in self._moved(event.body, account):
                if key is not None:
                    lots[key] = lots.get(key, 0) - gained
        lots = {key: lots[key] for key in sorted(lots) if lots[key]}
        if start != stop_seq:
            insort(known, (stop_seq, lots), key=lambda one: one[0])
        return lots

    def _held_now(self, account: int) -> dict[PositionKey, int]:
        return {key: held.size_lots for key, held in self.ledger.accounts[account].positions.items()}

    def changes(self, account: int, stop_seq: int) -> tuple[Event | None, dict[PositionKey, Event]]:
        """The last change of an account's balance before an event, and of each position that it held there.

        A trade changes the balance where it closes something. Reads the events that name the account, from the last one
        back to the oldest of these.
        """
        lots = dict(self.held(account, stop_seq))
        wanted, balance, found = set(lots), None, dict[PositionKey, Event]()
        for event in self.naming(account, stop_seq):
            for key, gained in self._moved(event.body, account):
                before = 0 if key is None else lots.get(key, 0) - gained
                if balance is None and (key is None or before * gained < 0):
                    balance = event
                if key is not None:
                    lots[key] = before
                    if key in wanted:
                        wanted.discard(key)
                        found[key] = event
            if balance is not None and not wanted:
                break
        return balance, {key: found[key] for key in sorted(found)}

    def coins(self, account: int, stop_seq: int) -> list[int]:
        """The assets of which an account held something before an event, beside the one that it settles in."""
        held = dict(self.ledger.accounts[account].coins)
        if not self.ledger.conversions:
            return []
        for event in self.naming(account, self.seq):
            if event.seq < stop_seq:
                break
            for asset, gained_atoms in self._coins_moved(event.body, account):
                held[asset] = held.get(asset, 0) - gained_atoms
        return sorted(asset for asset, atoms in held.items() if atoms)

    def coins_changed(self, account: int, stop_seq: int) -> dict[int, Event]:
        """The last change before an event of each asset that an account held there as collateral."""
        wanted, found = set(self.coins(account, stop_seq)), dict[int, Event]()
        for event in self.naming(account, stop_seq) if wanted else ():
            for asset, _ in self._coins_moved(event.body, account):
                if asset in wanted:
                    wanted.discard(asset)
                    found[asset] = event
            if not wanted:
                break
        return dict(sorted(found.items()))

    def _coins_moved(self, body: Body, account: int) -> Iterator[tuple[int, int]]:
        """What a body moved of other assets than the account settles in: (asset, atoms gained)."""
        row = POSTINGS.get(type(body))
        if row is None or isinstance(row, Trade) or row.asset is None:
            return
        if isinstance(row, Swap):
            yield from self._swapped(row, body, account)
            return
        asset = getattr(body, row.asset)
        if asset == self.ledger.accounts[account].asset:
            return
        amount_atoms = getattr(body, row.amount)
        if isinstance(row, Exchange):
            if getattr(body, row.giver) == account:
                yield asset, -amount_atoms
            return
        for party, sign in ((row.payer, -1), (row.payee, 1)):
            if getattr(body, party, None) == account:
                yield asset, sign * amount_atoms

    def _swapped(self, row: Swap, body: Body, account: int) -> Iterator[tuple[int, int]]:
        own = self.ledger.accounts[account].asset
        for party, asset, sign in ((row.giver, row.asset, -1), (row.taker, row.asset, 1)):
            if getattr(body, party, None) == account and getattr(body, asset) != own:
                yield getattr(body, asset), sign * getattr(body, row.amount)
        for party, sign in ((row.giver, 1), (row.taker, -1)):
            if getattr(body, party, None) == account and getattr(body, row.value_asset) != own:
                yield getattr(body, row.value_asset), sign * getattr(body, row.value)

    def cash_changed(self, account: int, stop_seq: int) -> Event | None:
        """The last event before another that moved money or lots of one of the venue's own accounts."""
        return next((one for one in self.naming(account, stop_seq) if list(self._moved(one.body, account))), None)

    def causing(self, event: Event, kinds: Collection[type[Body]]) -> Event | None:
        """The nearest cause of an event that is of one of these types."""
        for _ in range(_HOPS_MAX):
            if event.cause is None:
                return None
            event = self.event(event.cause)
            if type(event.body) in kinds:
                return event
        return None

    def liquidation(self, liquidation_id: int | None, stop_seq: int) -> Event | None:
        """The beginning of a liquidation. They are numbered as they begin, so it is found by halving."""
        if not liquidation_id:
            return None
        known = self.ledger.liquidations.get(liquidation_id)
        if known is not None:
            return self.event(known.started_seq)
        blocks = self._blocks(LiquidationStarted, 0, stop_seq)
        while blocks:
            middle = len(blocks) // 2
            found = [one for place in blocks[middle] for one in self._chunk(place).setting(LiquidationStarted, 0)]
            numbered = {one.body.liquidation_id: one for one in found if isinstance(one.body, LiquidationStarted)}
            if liquidation_id in numbered:
                return numbered[liquidation_id]
            blocks = blocks[:middle] if liquidation_id < min(numbered, default=0) else blocks[middle + 1 :]
        return None

    def takeover(self, key: PositionKey, stop_seq: int) -> Event | None:
        """Where a lot of a fund's inventory, by (instrument, liquidation), was taken over."""
        began = self.liquidation(key[1], stop_seq)
        if began is None:
            return None
        assert isinstance(began.body, LiquidationStarted)
        for event in self.naming(began.body.account, stop_seq):
            body = event.body
            if isinstance(body, PositionTakenOver) and (body.instrument, body.liquidation_id) == key:
                return event
            if event is began:
                break
        return None

    def _moved(self, body: Body, account: int) -> Iterator[_Moved]:
        """What a body moved of an account, by the table of postings."""
        row = POSTINGS.get(type(body))
        if row is None:
            return
        if not isinstance(row, Trade):
            if isinstance(row, Payment) and any(self._coins_moved(body, account)):
                return  # another asset than the balance is of
            parties = (row.payer, row.payee) if isinstance(row, Payment) else (row.giver, getattr(row, "taker", ""))
            if any(getattr(body, party, None) == account for party in parties if party):
                yield _Moved(None, 0)
            return
        instrument, lots = getattr(body, "instrument"), getattr(body, row.size)  # noqa: B009 - a trade has them
        if getattr(body, row.taker, None) == account:
            # only a fund keeps what it took by liquidation; a vault holds it like any position of its own
            of_lot = row.taker_leg == "liquidation_id" and not self.is_fund(account)
            yield _Moved((instrument, getattr(body, "leg" if of_lot else row.taker_leg)), lots)
        if getattr(body, row.giver, None) == account:
            yield _Moved((instrument, getattr(body, row.giver_leg) if row.giver_leg else 0), -lots)


class Decision:
    """One decided event, and where to look for what it rests on: `look` knows the state at the event or later."""

    def __init__(self, look: Lookback, event: Event, names: RunNames) -> None:
        self.look, self.event, self.names = look, event, names
        self.body: Any = event.body

    @cached_property
    def began(self) -> int:
        """The state before this event is the one that was decided in."""
        return self.look.began(self.event)

    @property
    def account(self) -> int | None:
        """The account that it is about, if it is about one."""
        account = getattr(self.body, "account", None)
        return account if account is None or account < len(self.look.ledger.accounts) else None

    @property
    def trader(self) -> int | None:
        """The same, if it is a user or a vault and none of the venue's own."""
        account = self.account
        return account if account is not None and self.look.is_trader(account) else None

    @cached_property
    def held(self) -> dict[PositionKey, int]:
        """What the trader held when this was decided."""
        return {} if self.trader is None else self.look.held(self.trader, self.began)

    @cached_property
    def coins(self) -> list[int]:
        """The assets that the trader held as collateral when this was decided."""
        return [] if self.trader is None else self.look.coins(self.trader, self.began)

    @cached_property
    def order(self) -> Event | None:
        """The forced order that it belongs to."""
        number = getattr(self.body, "order_id", None)
        cause = self.look.causing(self.event, (LiquidationOrdered,)) if number is not None else None
        return cause if cause is not None and cause.body.order_id == number else None  # type: ignore[union-attr]

    @cached_property
    def instruments(self) -> list[int]:
        """The instruments that it is about: its own, or its order's, or all that the trader held."""
        own = getattr(self.body, "instrument", None)
        if own is not None:
            return [own]
        order = self.order
        if order is not None:
            assert isinstance(order.body, LiquidationOrdered)
            return [order.body.instrument]
        return sorted({instrument for instrument, _ in self.held})

    @cached_property
    def fund(self) -> int | None:
        """The insurance fund that it asks of."""
        ledger, body = self.look.ledger, self.body
        for field in ("fund", "against", "account", "bankrupt"):
            account = getattr(body, field, None)
            if account is not None and self.look.is_fund(account):
                return int(account)
        instrument = getattr(body, "instrument", None)
        if instrument is None and self.held:
            instrument = min(self.held)[0]
        return self._fund_of_last() if instrument is None else ledger.fund_of(instrument)

    def _fund_of_last(self) -> int | None:
        """The fund behind what the account closed last; the first of its asset where that is not known."""
        account = getattr(self.body, "bankrupt", self.account)
        if account is None:
            return None
        for event in self.look.naming(account, self.began):
            instrument: int | None = getattr(event.body, "instrument", None)
            if instrument is not None:
                return self.look.ledger.fund_of(instrument)
        asset = self.look.ledger.accounts[account].asset
        return next(iter(self.look.ledger.funds_of(asset)), None)
