"""Which populations there are.

`PopulationSettings` is a tagged union on the key `source`, ready for a strict schema.
"""

from __future__ import annotations

from pathlib import Path

from ..sources.own import Own, OwnSettings
from ..units import INT64_MAX
from .base import Population
from .borrowers import BorrowersPopulation, BorrowersSettings
from .csv_file import CsvPopulation, CsvPopulationSettings
from .groups import GroupsPopulation, GroupsSettings
from .own import OwnPopulation
from .seeded import SeededPopulation, SeededSettings

__all__ = ["PopulationSettings", "open_population"]

PopulationSettings = SeededSettings | GroupsSettings | CsvPopulationSettings | BorrowersSettings | OwnSettings


def open_population(
    settings: PopulationSettings,
    *,
    folder: Path | None = None,
    where: str = "$.population",
    rows_most: int = INT64_MAX,
    own: Own | None = None,
) -> Population:
    """The population that the settings describe. `folder` is the scenario's. Raises ScenarioError.

    `rows_most` is how many rows a file may have, or accounts a plug-in may give, which is `own` where the settings name
    one; the others say their size at once.
    """
    if own is not None:
        return OwnPopulation(own, most=rows_most)
    assert not isinstance(settings, OwnSettings), "who names a plug-in gives it"
    if isinstance(settings, SeededSettings):
        return SeededPopulation(settings, where=where)
    if isinstance(settings, GroupsSettings):
        return GroupsPopulation(settings, where=where)
    if isinstance(settings, BorrowersSettings):
        return BorrowersPopulation(settings, where=where)
    return CsvPopulation(settings, folder=folder, where=where, rows_most=rows_most)
