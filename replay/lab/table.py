"""The results as one table, a row a cell: `results.csv`, and `results.parquet` where pyarrow is installed.

1. Columns: scenario, one for each varied key, seed, error, prices, asset, solvent, then the metrics by name. What a
   cell cannot say is an empty field; of one that failed, everything from prices on.
2. Money is in the asset named in the row; `equity` in a column's name means what accounts are worth, `contract_value`
   size times price, `contracts` sizes in units. `prices` says whether forced orders moved the marks (`endogenous`) or
   not (`held`).
3. Texts in the CSV are written so that no spreadsheet takes one for a formula (`replay/csv_text.py`).
4. Numbers are decimals, exact but for ratios, which have nine decimals. `solvent` is false where the run ended before
   what had fallen short was settled: its time to solvency is then up to there.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from ...events.record.disk import replace_file
from ..csv_text import CsvValue, csv_text
from .definition import Cell
from .lab import LabResult
from .metrics import metrics_of, rounded
from .workers import Outcome

__all__ = ["Row", "header_of", "rows_of", "write_tables"]

Row = dict[str, CsvValue]


def write_tables(result: LabResult) -> list[Path]:
    """Write what can be written, and tell where."""
    rows = rows_of(result)
    header = header_of(rows)
    written = [_write_csv(result.path / "results.csv", header, rows)]
    if find_spec("pyarrow") is not None:
        written.append(_write_parquet(result.path / "results.parquet", header, rows))
    return written


def rows_of(result: LabResult) -> list[Row]:
    """A row a cell, in their order."""
    keys = [one.key for one in result.definition.varied]
    pairs = zip(result.definition.cells, result.outcomes, strict=True)
    return [_row(keys, cell, outcome) for cell, outcome in pairs]


def header_of(rows: Sequence[Row]) -> list[str]:
    """The columns of all rows, in the order in which they come up."""
    return list(dict.fromkeys(name for row in rows for name in row))


def _row(keys: Sequence[str], cell: Cell, outcome: Outcome) -> Row:
    figures = outcome.figures
    row: Row = {"scenario": cell.variant.scenario, **dict(zip(keys, cell.variant.values, strict=True))}
    row |= {"seed": cell.seed, "error": outcome.error}
    if figures is not None:
        row |= {"prices": figures.prices, "asset": figures.asset, "solvent": figures.solvent}
        for metric in metrics_of(figures):
            value = metric.value(figures)
            row[metric.name] = None if value is None else rounded(value, metric.digits)
    return row


def _write_csv(path: Path, header: Sequence[str], rows: Sequence[Row]) -> Path:
    text = csv_text(header, ([row.get(name) for name in header] for row in rows))
    replace_file(path, text.encode(errors="backslashreplace"))
    return path


def _write_parquet(path: Path, header: Sequence[str], rows: Sequence[Row]) -> Path:
    pyarrow, parquet = import_module("pyarrow"), import_module("pyarrow.parquet")
    columns = {name: pyarrow.array([row.get(name) for row in rows]) for name in header}
    parquet.write_table(pyarrow.table(columns), path)
    return path
