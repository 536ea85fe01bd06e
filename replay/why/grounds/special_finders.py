"""What decisions rest on that only some runs have: assets as collateral, options, a chain, faults of the venue.

Each yields what was set, in words, and the event that set it.

Collateral. The price of each asset that the account held, and how much of it counts, are named by who set them last.
The price rests on the mark of the asset's own market, and where it is redeemed for something else on the mark of that.
What an account holds of an asset is named by the event that changed it last.

Faults are those by which a decision came out as it did, or could not come sooner:

1. What a fault held up, or its end, rests on its beginning.
2. A mark rests on what is wrong with the oracle, where its rule looks at one.
3. An order that was cancelled because the matching engine was down, or the venue, rests on that.
4. A forced order, and a bankruptcy, rest on every outage, every queue and every failure of the venue since the
   liquidation began: without them the position would have been closed sooner, at another price.
5. A liquidation rests on what of the answer to its margin call was held up, and of money that was to come from another
   venue; and on a failure of its venue since the mark before, in which nobody looked at its margin.
6. A transfer that arrived late rests on what held it up.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator

from ....events.bodies.chain import BlockMined, OracleReported
from ....events.bodies.collateral import CollateralDiscounted, CollateralRated, ConversionPriced
from ....events.bodies.faults import ActDelayed, FaultEnded, FaultKind, FaultStarted
from ....events.bodies.liquidation import (
    BankruptcyDeclared,
    LiquidationOrdered,
    LiquidationStarted,
    OrdersCancelled,
)
from ....events.bodies.margin import MarkPriced
from ....events.bodies.options import DeliveryPriced, HedgeOrdered, OptionExpired, SurfaceSet, VolatilityMarked
from ....events.bodies.trading import OrderCancelled
from ....events.bodies.venues import TransferArrived
from ....events.envelope import Event
from ....events.venue_names import plain
from .lookback import Decision

__all__ = [
    "block_found",
    "coins_found",
    "conversion_found",
    "delivery_found",
    "fault_found",
    "oracle_found",
    "redeemed_marks",
    "surfaces_found",
    "underlyings_of",
    "volatility_found",
]

Found = Iterator[tuple[str, Event | None]]


def conversion_found(case: Decision) -> Found:
    """The price and the rating in force of each asset that the trader held."""
    for asset in case.coins:
        instrument, name = case.look.ledger.conversions[asset].instrument, case.names.asset(asset)
        yield f"the price at which {name} is converted", _of(case, ConversionPriced, asset, instrument)
        yield f"how much of {name} counts", _of(case, CollateralRated, asset, instrument)
        yield f"how that falls with the size of {name}", _of(case, CollateralDiscounted, asset, instrument)


_OfAsset = ConversionPriced | CollateralRated | CollateralDiscounted


def _of(case: Decision, kind: type[_OfAsset], asset: int, instrument: int) -> Event | None:
    """The last event of that type before the decision that is of the asset."""
    event = case.look.last(kind, instrument, case.began)
    while event is not None and event.body.asset != asset:  # type: ignore[union-attr]
        event = case.look.last(kind, instrument, event.seq)
    return event


def redeemed_marks(case: Decision) -> Found:
    """Of a price by redemption the mark of what the asset is redeemed for, unless that is the settlement asset."""
    producer = case.look.run.producer_of(case.event)
    if not isinstance(case.body, ConversionPriced) or producer is None:
        return
    ledger = case.look.ledger
    asset = ledger.assets[case.body.asset]
    redeemed_for, _ = producer.parameters.get("redeems", {}).get(plain(asset.name), ("", 0))
    for market in ledger.listed_everywhere(redeemed_for) if redeemed_for else ():
        if ledger.venue_of_instrument(market.listing.instrument) == asset.venue:
            name = market.listing.name
            told = f"the mark of {name}, for which {plain(asset.name)} is redeemed"
            yield told, case.look.last(MarkPriced, market.listing.instrument, case.began)


def coins_found(case: Decision, account: int) -> Found:
    """What changed the account's amount of each asset last."""
    for asset, event in case.look.coins_changed(account, case.began).items():
        yield f"the {case.names.asset(asset)} of {case.names.account(account)}", event


def underlyings_of(case: Decision, instruments: Collection[int]) -> set[int]:
    """What those of the instruments that are options are on."""
    options = case.look.ledger.options
    return {options[instrument].underlying for instrument in instruments if instrument in options}


def surfaces_found(case: Decision, instruments: Collection[int]) -> Found:
    """How volatile the underlyings of options were marked, and the surface that this is a share of."""
    for underlying in sorted(underlyings_of(case, instruments)):
        name = case.names.instrument(underlying)
        yield f"the volatilities drawn of {name}", case.look.last(SurfaceSet, underlying, case.began)
        yield f"how volatile {name} was marked", case.look.last(VolatilityMarked, underlying, case.event.seq)


def volatility_found(case: Decision) -> Found:
    """Of an option's mark and of a volatility's: the surface, the level, and the mark of the underlying."""
    instruments = set(case.instruments)
    if isinstance(case.body, VolatilityMarked):
        name = case.names.instrument(case.body.instrument)
        yield f"the volatilities drawn of {name}", case.look.last(SurfaceSet, case.body.instrument, case.began)
        yield f"how volatile {name} was marked", case.look.last(VolatilityMarked, case.body.instrument, case.began)
        return
    yield from surfaces_found(case, instruments)
    for underlying in sorted(underlyings_of(case, instruments)):
        name = case.names.instrument(underlying)
        yield f"the mark of {name}", case.look.last(MarkPriced, underlying, case.began)


def delivery_found(case: Decision) -> Found:
    """The delivery price of an option that expires, and what the option was worth there."""
    for instrument in case.instruments:
        name = case.names.instrument(instrument)
        for underlying in underlyings_of(case, (instrument,)):
            priced = case.look.last(DeliveryPriced, underlying, case.event.seq)
            yield f"the delivery price of {case.names.instrument(underlying)}", priced
        if not isinstance(case.body, OptionExpired):
            yield f"what {name} expired at", case.look.last(OptionExpired, instrument, case.event.seq)


def oracle_found(case: Decision) -> Found:
    """The price at which the asset of an instrument is converted; of a price that a block took up where it was sent."""
    sent = isinstance(case.body, ConversionPriced)
    for instrument in case.instruments:
        name = case.names.instrument(instrument)
        if sent:
            yield (
                f"the price of {name} that was sent to the chain",
                case.look.last(OracleReported, instrument, case.began),
            )
        else:
            yield f"the oracle's price of {name}", case.look.last(ConversionPriced, instrument, case.event.seq)


def block_found(case: Decision) -> Found:
    """The block that a transaction is included in."""
    block = case.look.causing(case.event, (BlockMined,))
    if block is not None:
        yield f"block {block.body.number:,}", block  # type: ignore[union-attr]


_ORACLE: tuple[FaultKind, ...] = ("oracle-frozen", "oracle-stale", "oracle-wrong")
_WAITING: tuple[FaultKind, ...] = ("outage", "slow-liquidation", "venue-failure")
_STOPPING: dict[str, FaultKind] = {
    "the matching engine is down": "outage",
    "the venue has failed": "venue-failure",
}
"""What stops trading, by the reason that an order is cancelled for."""


def fault_found(case: Decision) -> Found:
    """The faults by these rules, each by the event in which it began."""
    finder = _FINDERS.get(type(case.body))
    if finder is not None:
        yield from finder(case)


def _own(case: Decision) -> Found:
    for event, fault in _faults(case):
        if fault.fault == case.body.fault:
            yield _told(case, event, fault), event


def _of_the_oracle(case: Decision) -> Found:
    producer = case.look.run.producer_of(case.event)
    if producer is None or producer.policy != "book":
        yield from _since(case, _ORACLE, case.body.instrument, case.began)


def _of_the_engine(case: Decision) -> Found:
    kind = _STOPPING.get(case.body.reason)
    if kind is not None:
        yield from _since(case, (kind,), next(iter(case.instruments), None), case.began)


def _of_the_liquidation(case: Decision) -> Found:
    began = case.look.liquidation(case.body.liquidation_id, case.began)
    if began is not None:
        instrument = getattr(case.body, "instrument", next(iter(case.instruments), None))
        yield from _since(case, _WAITING, instrument, began.seq)


def _of_the_answer(case: Decision) -> Found:
    instrument = next(iter(case.instruments), None)
    mark = None if instrument is None else case.look.last(MarkPriced, instrument, case.began)
    before = None if mark is None or instrument is None else case.look.last(MarkPriced, instrument, mark.seq)
    if before is not None:
        yield from _since(case, ("venue-failure",), instrument, before.seq)
    if case.event.links:
        yield from _held_up_since(case, case.event.links[0])


def _of_the_transfer(case: Decision) -> Found:
    yield from _held_up_since(case, case.body.transfer)


def _held_up_since(case: Decision, first_seq: int) -> Found:
    """What of an account's acts was held up from an event on, up to the decision."""
    for event in case.look.naming(case.body.account, case.began):
        if event.seq < first_seq:
            return
        if isinstance(event.body, ActDelayed):
            yield f"the {event.body.act} that was held up", event


def _since(case: Decision, kinds: tuple[FaultKind, ...], instrument: int | None, first_seq: int) -> Found:
    """The faults of some kinds, of an instrument, that were on at an event or at any later one up to the decision."""
    for event, fault in _faults(case):
        ended = _end(case, event, fault)
        on = ended is None or ended.seq > first_seq
        if fault.kind in kinds and on and _is_of(case, fault, instrument):
            yield _told(case, event, fault), event


def _is_of(case: Decision, fault: FaultStarted, instrument: int | None) -> bool:
    """Whether a fault is of an instrument: of a venue that failed, of all that it lists."""
    if fault.kind != "venue-failure" or instrument is None or fault.instrument is None:
        return fault.instrument in (None, instrument)
    venue_of = case.look.ledger.venue_of_instrument
    return venue_of(fault.instrument) == venue_of(instrument)


def _faults(case: Decision) -> Iterator[tuple[Event, FaultStarted]]:
    """All that began before the decision, the last one first."""
    event = case.look.last(FaultStarted, 0, case.began)
    while event is not None:
        assert isinstance(event.body, FaultStarted)
        yield event, event.body
        event = case.look.last(FaultStarted, 0, event.seq)


def _end(case: Decision, began: Event, fault: FaultStarted) -> Event | None:
    """Where a fault ended, if that was before the decision."""
    event = case.look.last(FaultEnded, 0, case.began)
    while event is not None and event.seq > began.seq:
        assert isinstance(event.body, FaultEnded)
        if event.body.fault == fault.fault:
            return event
        event = case.look.last(FaultEnded, 0, event.seq)
    return None


def _told(case: Decision, event: Event, fault: FaultStarted) -> str:
    ended = _end(case, event, fault)
    when = f"since event {event.seq}" if ended is None else f"from event {event.seq} to event {ended.seq}"
    return f"{fault.what(case.names)}, {when}"


_FINDERS: dict[type[object], Callable[[Decision], Found]] = {
    ActDelayed: _own,
    FaultEnded: _own,
    MarkPriced: _of_the_oracle,
    OrderCancelled: _of_the_engine,
    OrdersCancelled: _of_the_engine,
    LiquidationOrdered: _of_the_liquidation,
    HedgeOrdered: _of_the_liquidation,
    BankruptcyDeclared: _of_the_liquidation,
    LiquidationStarted: _of_the_answer,
    TransferArrived: _of_the_transfer,
}
