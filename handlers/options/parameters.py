"""What a venue's rules say of options: how volatility is marked, when they are settled, what a short one requires.

The standard margin is one formula with the figures of several venues. With m the option's mark and I its underlying's,
both per unit of the underlying (of an option settled in its coin I is 1):

    maintenance = max(rate I, rate m) + fee I + m          (of a call m is never over I, so it is rate I)
    initial     = max(max(initial I - out of the money, least I) + m, maintenance)

Long options require nothing beyond their premium, which is in their cost.

| | rate | fee | initial | least | source |
|---|---|---|---|---|---|
| Deribit | 7.5% | 0 | 15% | 10% | support.deribit.com, article 25944811528477, as three copies of it agree |
| OKX BTC | 3% | 0 | 15% | 10% | okx.com/help/ii-option-margin, 2024 and 2026; ETH has a rate of 5% |
| Bybit | 3% | 0.2% | 15% | 10% | bybit.com help 000001546, 4 December 2023; initial from a copy |
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Literal

import msgspec

from ...events.bodies.run import Producer
from ...events.ledger import LedgerState

__all__ = ["SLOT", "VENUES", "OptionsParameters", "is_exempt", "rules_of"]

SLOT = "option_rules"

_PPM = 10**6


class OptionsParameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Volatility as in `process.py`, the settlement window, the figures of the standard margin, and who goes first.

    `liquidates` says which position of a book with options is ordered next: the one that requires most, or futures
    before options; of those that require nothing none is, which long options are. `hedges` says when a liquidation
    makes up for the delta of a book on its underlying (`hedging.py`); unset it never does. `deleverages` is false where
    nobody is deleveraged of an option.
    """

    window_ns: int = 1_800 * 10**9
    leverage_ppm: int = 0
    level_least_ppm: int = 100_000
    level_most_ppm: int = 10_000_000
    step_ppm: int = 1_000
    jump_ppm: int = 0
    jump_move_bps: int = 0
    jump_chance_ppm: int = 0
    jump_half_life_ns: int = 3_600 * 10**9
    rate_ppm: int = 75_000
    fee_ppm: int = 0
    initial_ppm: int = 150_000
    least_ppm: int = 100_000
    liquidates: Literal["most margin", "futures first"] = "most margin"
    hedges: Literal["delta first", "delta last"] | msgspec.UnsetType = msgspec.UNSET
    deleverages: bool | msgspec.UnsetType = msgspec.UNSET

    def __post_init__(self) -> None:
        """Refuse what is no rate, no level or no window."""
        rates = (self.rate_ppm, self.fee_ppm, self.initial_ppm, self.least_ppm, self.jump_chance_ppm)
        if min(rates) < 0 or max(rates) > _PPM:
            message = "rates and chances must lie between 0 and 1000000 ppm"
            raise ValueError(message)
        if not 0 < self.level_least_ppm <= _PPM <= self.level_most_ppm or min(self.leverage_ppm, self.jump_ppm) < 0:
            message = (
                "level_least_ppm must lie above 0 and up to 1000000, level_most_ppm at it or over it, no move below 0"
            )
            raise ValueError(message)
        if self.hedges is not msgspec.UNSET and self.liquidates == "futures first":
            message = 'hedges needs liquidates = "most margin": a venue that takes futures first would close its hedge'
            raise ValueError(message)
        if self.window_ns < 1 or self.jump_half_life_ns < 0 or self.step_ppm < 1 or self.jump_move_bps < 0:
            message = "window_ns and step_ppm must be at least 1, and no other figure below 0"
            raise ValueError(message)


VENUES: Mapping[str, Mapping[str, Any]] = {
    "bybit": {"rate_ppm": 30_000, "fee_ppm": 2_000, "liquidates": "futures first", "deleverages": False},
    "deribit": {"hedges": "delta last", "deleverages": False},
    "okx": {"rate_ppm": 30_000, "hedges": "delta first"},
}
"""What the rulebooks of venues say otherwise, by the table above; of hedges by `hedging.py`.

Deribit says that options are never eligible for auto-deleveraging (docs.deribit.com/articles/lsp-api-guide, 2026).
Bybit does not list them among what is (v5 API page adl-alert), which is no denial; OKX lists them.
"""


def rules_of(ledger: LedgerState, venue: str = "") -> OptionsParameters:
    """The rules in force; the defaults where nobody keeps options any more."""
    producer = ledger.producer(SLOT, venue)
    return OptionsParameters() if producer is None else _rules(producer)


def is_exempt(ledger: LedgerState, instrument: int) -> bool:
    """Whether an instrument is an option of which the venue's rules deleverage nobody."""
    if not ledger.options or instrument not in ledger.options:
        return False
    return rules_of(ledger, ledger.venue_of_instrument(instrument)).deleverages is False


@lru_cache(maxsize=8)
def _rules_of(parameters: tuple[tuple[str, Any], ...]) -> OptionsParameters:
    known = OptionsParameters.__struct_fields__
    return msgspec.convert({key: value for key, value in parameters if key in known}, OptionsParameters)


def _rules(producer: Producer) -> OptionsParameters:
    return _rules_of(tuple(producer.parameters.items()))
