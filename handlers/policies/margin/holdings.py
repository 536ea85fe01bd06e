"""Models that go by what traders hold: how much of a side a few of them have, or how much there is in all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

import msgspec

from ...margin_rules import MarketMeasured
from ...valuation import BPS

__all__ = ["Concentration", "OpenInterestMargin"]


class ConcentrationParameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the largest `accounts` hold of a side, against what; over `from_bps` of it the rate rises.

    Against the open interest it is their share of the side; against the depth it is what they hold over what rests on
    the side of the book that they would have to trade with. For each whole that it is over `from_bps` the rate rises by
    `slope_bps` of the listing's.
    """

    accounts: int = 5
    against: Literal["open-interest", "depth"] = "open-interest"
    from_bps: int = 2_000
    slope_bps: int = 20_000

    def __post_init__(self) -> None:
        """Refuse what never asks for anything."""
        if min(self.accounts, self.slope_bps) <= 0 or self.from_bps < 0:
            message = "accounts and slope_bps must be above 0, and from_bps not negative"
            raise ValueError(message)


class Concentration:
    """The more of a side a few accounts hold, the dearer it is for all: they could not be closed without a move."""

    policy: ClassVar[str] = "concentration"
    version: ClassVar[str] = "1"
    formula: ClassVar[str] = "listed x (1 + slope x max(0, largest / (side or depth) - from))"
    source: ClassVar[str] = "this model's own; concentration add-ons are usual at central counterparties"
    sees_holdings: ClassVar[bool] = True
    Parameters: ClassVar[type[msgspec.Struct]] = ConcentrationParameters

    def __init__(self, parameters: ConcentrationParameters) -> None:
        self.rule = parameters

    def rate_ppm(self, seen: MarketMeasured) -> int:
        """By the side that is more concentrated; rounded up to a millionth."""
        sides = ((seen.longs_lots, seen.bid_lots), (seen.shorts_lots, seen.ask_lots))
        over_bps = max(self._measure_bps(held, depth) for held, depth in sides) - self.rule.from_bps
        raised = BPS * BPS + self.rule.slope_bps * max(0, over_bps)
        return -(-seen.listed_ppm * raised // (BPS * BPS))

    def _measure_bps(self, held_lots: tuple[int, ...], depth_lots: int) -> int:
        whole = sum(held_lots) if self.rule.against == "open-interest" else depth_lots
        return sum(held_lots[: self.rule.accounts]) * BPS // whole if whole else 0


class OpenInterestParameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """From `calm_atoms` of open interest on the rate rises: by `slope_bps` of the listing's for each time as much."""

    calm_atoms: int = 10**13
    slope_bps: int = BPS
    unstated: ClassVar[Mapping[str, int]] = {"calm": 10_000_000}

    def __post_init__(self) -> None:
        """Refuse what never asks for anything."""
        if min(self.calm_atoms, self.slope_bps) <= 0:
            message = "calm and slope_bps must be above 0"
            raise ValueError(message)


class OpenInterestMargin:
    """The more there is in all, worth at the mark, the dearer it is: the greater side counts."""

    policy: ClassVar[str] = "open-interest"
    version: ClassVar[str] = "1"
    formula: ClassVar[str] = "listed x (1 + slope x max(0, open interest / calm - 1))"
    source: ClassVar[str] = "this model's own"
    sees_holdings: ClassVar[bool] = True
    Parameters: ClassVar[type[msgspec.Struct]] = OpenInterestParameters

    def __init__(self, parameters: OpenInterestParameters) -> None:
        self.rule = parameters

    def rate_ppm(self, seen: MarketMeasured) -> int:
        """Rounded up to a millionth."""
        over_atoms, whole = seen.open_interest_atoms - self.rule.calm_atoms, BPS * self.rule.calm_atoms
        return -(-seen.listed_ppm * (whole + self.rule.slope_bps * max(0, over_atoms)) // whole)
