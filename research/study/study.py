"""A study: the files it needs, and the figures it finds in them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from .arithmetic import exact
from .deficits import CLUSTERS, find_clusters, find_deficits
from .files import Table, read_tables
from .findings import Findings, Line
from .sample import SAMPLE, Fill, fills_of, find_equity, find_outliers, find_rows
from .totals import COINS, IMPACT, USERS, VOLUMES, find_accounts, find_impact, find_totals
from .waves import BATCH, GAPS, WAVES, find_gaps, find_waves

__all__ = ["STUDIES", "Study", "made"]

_Tables = Mapping[str, Table]


class Study(NamedTuple):
    """What came out: the files as read, a line a figure, and the rows of the sample where the study is about them."""

    name: str
    folder: Path
    caveats: str
    tables: _Tables
    lines: tuple[Line, ...]
    fills: tuple[Fill, ...]


class _Plan(NamedTuple):
    """The files a study needs, what a reader of its figures must know, and what finds them."""

    files: tuple[str, ...]
    caveats: str
    find: Callable[[_Tables, Findings], tuple[Fill, ...]]


def made(name: str, folder: Path) -> Study:
    """Make a study on the files of a folder. Raises QueryError naming file and line; takes about a second."""
    plan = STUDIES[name]
    with exact():
        tables, findings = read_tables(folder, plan.files), Findings()
        fills = plan.find(tables, findings)
    return Study(name, folder, plan.caveats, tables, tuple(findings.lines), fills)


def _find_tables(tables: _Tables, findings: Findings) -> tuple[Fill, ...]:
    waves, clusters, coins = tables[WAVES], tables[CLUSTERS], tables[COINS]
    find_waves(waves, findings)
    find_gaps(tables[GAPS], waves, tables[BATCH], tables[VOLUMES], findings)
    find_deficits(waves, clusters, coins, tables[USERS], findings)
    find_clusters(clusters, waves, coins, findings)
    find_totals(tables[USERS], coins, tables[VOLUMES], tables[IMPACT], findings)
    find_impact(tables[IMPACT], findings)
    find_accounts(tables[USERS], findings)
    return ()


def _find_sample(tables: _Tables, findings: Findings) -> tuple[Fill, ...]:
    fills = fills_of(tables[SAMPLE])
    find_rows(fills, findings)
    find_outliers(fills, findings)
    find_equity(fills, findings)
    return fills


STUDIES = {
    "adl-2025-10-10": _Plan(
        (WAVES, GAPS, CLUSTERS, COINS, USERS, VOLUMES, IMPACT, BATCH),
        "The files hold sums that others made, of fills and of accounts they reconstructed: that a figure agrees says "
        "it follows from those, not that the venue would say the same. Prices are as traded, or held: those that came "
        "about, kept for a course of events that did not. None is endogenous.",
        _find_tables,
    ),
    "adl-fills-sample": _Plan(
        (SAMPLE,),
        "The rows were chosen for leverage above 40 times and say nothing of other fills. Cash, entry, unrealised "
        "profit and equity are a reconstruction, not the venue's own; which positions were isolated is unknown.",
        _find_sample,
    ),
}
"""The studies by name."""
