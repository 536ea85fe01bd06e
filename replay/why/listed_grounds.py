"""What decisions about options and on a chain rest on: volatilities, deliveries, the oracle and the block.

Each yields what was set, in words, and the event that set it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from ...events.bodies.chain import BlockMined, OracleReported
from ...events.bodies.collateral import ConversionPriced
from ...events.bodies.margin import (
    MarkPriced,
)
from ...events.bodies.options import DeliveryPriced, OptionExpired, SurfaceSet, VolatilityMarked
from ...events.envelope import Event
from .lookback import Decision

__all__ = ["block_found", "delivery_found", "oracle_found", "surfaces_found", "underlyings_of", "volatility_found"]

Found = Iterator[tuple[str, Event | None]]


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
