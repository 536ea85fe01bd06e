"""What a decision about an account with collateral rests on besides: the price of each asset, its rating, its amount.

1. The price of each asset that the account held, and how much of it counts, are named by who set them last.
2. The price of an asset rests on the mark of its own market, and where it is redeemed for something else on the mark of
   that.
3. What an account holds of an asset is named by the event that changed it last.
"""

from __future__ import annotations

from collections.abc import Iterator

from ...events.bodies.collateral import CollateralDiscounted, CollateralRated, ConversionPriced
from ...events.bodies.margin import MarkPriced
from ...events.envelope import Event
from ...events.venue_names import plain
from .lookback import Decision

__all__ = ["coins_found", "conversion_found", "redeemed_marks"]

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
