"""Which populations there are.

`PopulationSettings` is a tagged union on the key `source`, ready for a strict schema.
"""

from __future__ import annotations

from pathlib import Path

from ..units import INT64_MAX
from .base import Population
from .borrowers import BorrowersPopulation, BorrowersSettings
from .csv_file import CsvPopulation, CsvPopulationSettings
from .groups import GroupsPopulation, GroupsSettings
from .seeded import SeededPopulation, SeededSettings

__all__ = ["PopulationSettings", "open_population"]

PopulationSettings = SeededSettings | GroupsSettings | CsvPopulationSettings | BorrowersSettings


def open_population(
    settings: PopulationSettings,
    *,
    folder: Path | None = None,
    where: str = "$.population",
    rows_most: int = INT64_MAX,
) -> Population:
    """The population that the settings describe. `folder` is the scenario's. Raises ScenarioError.

    `rows_most` is how many rows a file may have; the others say their size at once.
    """
    if isinstance(settings, SeededSettings):
        return SeededPopulation(settings, where=where)
    if isinstance(settings, GroupsSettings):
        return GroupsPopulation(settings, where=where)
    if isinstance(settings, BorrowersSettings):
        return BorrowersPopulation(settings, where=where)
    return CsvPopulation(settings, folder=folder, where=where, rows_most=rows_most)
