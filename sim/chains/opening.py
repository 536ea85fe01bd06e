"""What a scenario's options come to as a run begins, by the rules of its venue."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from ...events.bodies.listing import AssetListed, InstrumentListed
from ...events.bodies.run import Producer
from ...events.errors import ScenarioError
from ...handlers.options.parameters import SLOT, VENUES, OptionsParameters
from ..funds import underlying_of
from ..populations.base import OpeningAccount
from ..settings import ScenarioSettings
from .books import open_books
from .listings import Chains, Underlying, list_chains

__all__ = ["check_options", "open_options", "option_rules"]

_POLICY = "black-76"
"""Who keeps the options of a run that lists any, where nobody is named."""


def check_options(settings: ScenarioSettings) -> None:
    """Refuse options where there are several venues. Raises ScenarioError."""
    if settings.options and settings.venues:
        message = (
            "$.options: options are listed where a run has one venue, and this has several; leave [[venues]] out, or "
            "run each venue that lists options by itself"
        )
        raise ScenarioError(message)


def option_rules(settings: ScenarioSettings, stated: Mapping[str, Any]) -> dict[str, Any]:
    """The table of the slot of options: what is stated, then what the venue's rules say, where any are listed."""
    return {"policy": _POLICY, **VENUES.get(settings.venue, {}), **stated} if settings.options else dict(stated)


def open_options(
    settings: ScenarioSettings,
    instruments: Sequence[InstrumentListed],
    prices_ticks: Sequence[int],
    assets: Sequence[AssetListed],
    producers: Iterable[Producer],
    start_ns: int,
) -> tuple[Chains, tuple[OpeningAccount, ...]]:
    """What is listed, and who holds it, at the opening prices of the instruments. Raises ScenarioError."""
    underlyings = [
        Underlying(one, ticks, underlying_of(stated))
        for one, ticks, stated in zip(instruments, prices_ticks, settings.instruments, strict=True)
    ]
    chains = list_chains(settings.options, settings.volatility, underlyings, assets, start_ns)
    kept = next((one.parameters for one in producers if one.slot == SLOT), {})
    rules = msgspec.convert(kept, OptionsParameters)
    return chains, tuple(open_books(settings.option_holders, chains, underlyings, rules, start_ns, settings.seed))
