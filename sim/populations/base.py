"""What a population is: accounts with balances and positions, as they stand when the run begins."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import NamedTuple, Protocol

import msgspec

from ...events.bodies.listing import AccountMode
from ...events.bodies.run import SourceTally
from ...events.payoff import Payoff, payoff_for
from ..sources.base import InstrumentScale

__all__ = [
    "OpeningAccount",
    "OpeningAsset",
    "OpeningLayer",
    "OpeningMarket",
    "OpeningPosition",
    "OpeningRate",
    "Population",
]


class OpeningRate(NamedTuple):
    """So many atoms of an asset are worth so many of the first one as the run begins."""

    asset_atoms: int = 1
    worth_atoms: int = 1

    def of_worth(self, atoms: int) -> int:
        """How much of the asset is worth so much, rounded down."""
        return atoms * self.asset_atoms // self.worth_atoms

    def worth_of(self, atoms: int) -> int:
        """What so much of the asset is worth, rounded down."""
        return atoms * self.worth_atoms // self.asset_atoms


class OpeningAsset(msgspec.Struct, frozen=True):
    """An asset as the run begins: its number, its name without the venue's, its decimals, and what it is worth."""

    asset: int = 0
    name: str = ""
    decimals: int = 0
    rate: OpeningRate = OpeningRate()


class OpeningMarket(msgspec.Struct, frozen=True, dict=True):
    """An instrument as the run begins: its scales, its price, and what one lot is worth at one tick.

    A spot market has a `base`, what changes hands in it: nobody has a position in it, but an account may hold the base
    as collateral.
    """

    scale: InstrumentScale
    price_ticks: int
    multiplier_atoms: int
    settles_in: OpeningAsset = OpeningAsset()
    base: OpeningAsset | None = None

    @cached_property
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


class OpeningLayer(NamedTuple):
    """A layer of a chain: so much of an asset was bought with a loan of another and supplied again, in atoms."""

    asset: int
    amount_atoms: int
    debt_asset: int
    borrowed_atoms: int


class OpeningAccount(msgspec.Struct, frozen=True, gc=False):
    """A margin account. `owner` names the cross account above an isolated one, which comes before it.

    `asset` is what it settles in: of several venues each lists its own. `coins` are what it has of others, in atoms.
    `layers` are those of a chain of collateral that was bought with a loan, the first one first.
    """

    name: str
    mode: AccountMode
    owner: str | None
    balance_atoms: int
    positions: tuple[OpeningPosition, ...]
    row: int = 0
    asset: int = 0
    coins: tuple[tuple[int, int], ...] = ()
    layers: tuple[OpeningLayer, ...] = ()


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
