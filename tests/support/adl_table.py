"""Reconstructed tables written by hand, in the layout of one batch, for the tests of the importer and of `why`."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path

from deleverage.replay.importers.adl_table.importer import AdlTableImporter
from deleverage.replay.importers.faults import OnError
from deleverage.replay.importers.importing import ImportResult, run_import

__all__ = ["HEADER", "TABLE", "imported", "row", "written"]

HEADER = (
    "seq,time_ms,coin,adl_price,user_prefix,adl_size,closed_pnl,position_size,entry_price,account_value_cash,"
    "total_unrealized_pnl,liquidated_user"
)


def row(seq: int, user: str, **facts: str) -> str:
    """One fill: `user` is short 10 AVAX from 30 with 100 in cash and a profit of 80, closed whole at 22."""
    fields = {
        "seq": str(seq),
        "time_ms": "1760130964831",
        "coin": "AVAX",
        "adl_price": "22.0",
        "user_prefix": user,
        "adl_size": "10.0",
        "closed_pnl": "80.0",
        "position_size": "-10.0",
        "entry_price": "30.0",
        "account_value_cash": "100.0",
        "total_unrealized_pnl": "80.0",
        "liquidated_user": "0xdead",
    }
    return ",".join((fields | facts).values())


TABLE = (
    row(0, "0xa"),
    row(1, "0xb", account_value_cash="20.0"),
    row(2, "0xc", total_unrealized_pnl="-15.25", account_value_cash="500.0"),
    row(3, "0xd", adl_size="4.0", closed_pnl="32.0"),
)
"""A batch of four: one with more leverage, one with losses elsewhere, the last closed in part."""


def written(folder: Path, *rows: str, header: str = HEADER, name: str = "table.csv") -> Path:
    """A file of these rows."""
    path = folder / name
    path.write_text("".join(f"{line}\n" for line in (header, *rows)))
    return path


def imported(
    folder: Path,
    *rows: str,
    on_error: OnError = "stop",
    marks: Mapping[str, Decimal] | None = None,
    header: str = HEADER,
    name: str = "table.run",
) -> ImportResult:
    """Import a file of these rows into `folder`/`name`."""
    path = written(folder, *rows, header=header)
    return run_import(AdlTableImporter([str(path)], marks), folder / name, on_error=on_error)
