"""What a population is: accounts with balances and positions, as they stand when the run begins."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

import msgspec

from ...events.bodies.listing import AccountMode
from ...events.bodies.run import SourceTally
from ...events.payoff import Payoff, payoff_for
from ..sources.base import InstrumentScale

__all__ = ["OpeningAccount", "OpeningMarket", "OpeningPosition", "Population"]


class OpeningMarket(msgspec.Struct, frozen=True):
    """An instrument as the run begins: its scales, its price, and what one lot is worth at one tick."""

    scale: InstrumentScale
    price_ticks: int
    multiplier_atoms: int

    @property
    def payoff(self) -> Payoff:
        """What its lots are worth."""
        return payoff_for(self.scale.kind, self.multiplier_atoms)


class OpeningPosition(msgspec.Struct, frozen=True, gc=False):
    """A position: `size_lots` (signed) that cost `cost_atoms` (signed like a value). `row` is 0 without a file."""

    instrument: int
    leg: int
    size_lots: int
    cost_atoms: int
    row: int = 0


class OpeningAccount(msgspec.Struct, frozen=True, gc=False):
    """A margin account. `owner` names the cross account above an isolated one, which comes before it.

    `asset` is what it settles in: of several venues each lists its own.
    """

    name: str
    mode: AccountMode
    owner: str | None
    balance_atoms: int
    positions: tuple[OpeningPosition, ...]
    row: int = 0
    asset: int = 0


class Population(Protocol):
    """A stream of opening accounts with a name, a layout and a content hash, like a source of inputs."""

    name: str
    layout: str
    sha256: bytes

    @property
    def size(self) -> int | None:
        """How many accounts there are; None where only reading tells."""

    def accounts(self, markets: Sequence[OpeningMarket], decimals: int, seed: int) -> Iterator[OpeningAccount]:
        """The accounts, each at most once, in an order that is always the same. Raises ScenarioError.

        `decimals` are those of the settlement asset.
        """
        ...

    def tally(self, number: int) -> SourceTally:
        """What came of the rows read by the last call of `accounts`."""
        ...
