"""A population of several groups, each drawn like a seeded one of its own: who is long is not who is short.

1. Accounts come group by group in the order of the file, named after their group: crowd-1, crowd-2, ..., hedger-1, ...
2. Draws are keyed by the place in the whole population, so a group that grows leaves those before it as they were.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Annotated

import msgspec

from ...events.bodies.run import SourceTally
from ..checks import FEW, require
from ..reading.tally import Tally
from ..sources.base import canonical_sha256
from .base import OpeningAccount, OpeningMarket
from .seeded import DrawnSettings, SeededPopulation

__all__ = ["GroupSettings", "GroupsPopulation", "GroupsSettings"]


class GroupSettings(DrawnSettings, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One group: what it is called, and what its accounts are like."""

    name: str

    def __post_init__(self) -> None:
        """Refuse a group without a name, and what cannot be drawn from."""
        require(bool(self.name.strip()), "name must not be empty")
        super().__post_init__()


class GroupsSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="source", tag="groups"):
    """The groups, at least one, each with a name of its own."""

    groups: Annotated[tuple[GroupSettings, ...], FEW]

    def __post_init__(self) -> None:
        """Refuse what would name two accounts alike."""
        require(bool(self.groups), "groups must hold at least one")
        require(len({group.name for group in self.groups}) == len(self.groups), "groups must have different names")


class GroupsPopulation:
    """The accounts of all groups."""

    layout = "grouped population"
    name = "population"

    def __init__(self, settings: GroupsSettings, *, where: str = "$.population") -> None:
        first_places = accumulate((group.accounts for group in settings.groups), initial=0)
        self._groups = [
            SeededPopulation(group, group.name, first_place, f"{where}.groups[{number}]")
            for number, (group, first_place) in enumerate(zip(settings.groups, first_places, strict=False))
        ]
        self.size = sum(group.accounts for group in settings.groups)
        self.sha256 = canonical_sha256(self.layout, settings)

    def accounts(self, markets: Sequence[OpeningMarket], decimals: int, seed: int) -> Iterator[OpeningAccount]:
        """The accounts in order; about 20 us each. Raises ScenarioError."""
        for group in self._groups:
            yield from group.accounts(markets, decimals, seed)

    def tally(self, number: int) -> SourceTally:
        """How many accounts were made."""
        made = Tally()
        made.rows = sum(group.tally(number).rows for group in self._groups)
        return made.closed(number)
