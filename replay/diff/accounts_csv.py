"""The accounts of a difference as a CSV file: one row each, those that ended alike included.

    account_a, account_b        its number in each run
    name, kind, asset
    equity_difference_atoms     equity at the end, B less A
    gain_atoms                  the same without what was paid in during the runs
    balance_atoms_a, _b         at the end; likewise equity_atoms
    paid_in_atoms_a, _b         deposits, opening balance, answers to margin calls, transfers, less what went out
    liquidations_a, _b          how many it went through; likewise reductions (of auto-deleveraging)
    equity_taken_atoms_a, _b    what those moved against the mark; below zero it gave up
    INSTRUMENT_lots_a, _b       how much of it was deleveraged, for each instrument of which anything was
    ASSET_coins_a, _b           what it had at the end of another asset as collateral, in atoms, for each that anybody
                                had; likewise ASSET_coins_sold, what of it was sold

What a run does not have or does not know is empty. Names are written so that no spreadsheet takes one for a formula
(`replay/csv_text.py`). The file is in its place whole or not at all.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from ...events.errors import QueryError
from ...events.record.disk import replace_file
from ..csv_text import CsvValue, csv_text
from .difference import AccountDifference, Difference

__all__ = ["write_accounts"]

_OWN = ("balance_atoms", "equity_atoms")
_BEFALLEN = ("paid_in_atoms", "liquidations", "reductions", "equity_taken_atoms")


def write_accounts(difference: Difference, path: Path) -> int:
    """Write the file, or put it in the place of an older one; the number of rows.

    Raises QueryError where no file can be put there, OSError where the disk does not take it.
    """
    instruments = _instruments(difference)
    coins = _coins(difference)
    rows = (_row(one, instruments, coins) for one in difference.accounts)
    text = csv_text(_header(instruments, coins), rows)
    if path.exists() and not path.is_file():
        message = f"{path} is no file; name one that can be replaced"
        raise QueryError(message)
    try:
        replace_file(path, text.encode())
    except OSError as error:
        with suppress(OSError):
            path.with_name(path.name + ".tmp").unlink()
        if isinstance(error, FileNotFoundError | NotADirectoryError | PermissionError):
            message = f"{path} cannot be written ({error.strerror}); name a file in a folder that takes one"
            raise QueryError(message) from error
        raise
    return len(difference.accounts)


def _instruments(difference: Difference) -> list[str]:
    """Those of which anything was deleveraged in either run."""
    totals = [total for one in difference.assets for total in (one.a, one.b) if total is not None]
    return sorted({name for total in totals for name in total.deleveraged_lots})


def _coins(difference: Difference) -> list[str]:
    """The assets that anybody had as collateral, or sold, in either run."""
    ends = [end for one in difference.accounts for end in (one.a, one.b) if end is not None]
    return sorted({name for end in ends for name in (*end.coins, *end.befallen.coins_sold_atoms)})


def _header(instruments: list[str], coins: list[str]) -> list[str]:
    of_coins = [f"{name}_{what}" for name in coins for what in ("coins", "coins_sold")]
    both = [*_OWN, *_BEFALLEN, *(f"{name}_lots" for name in instruments), *of_coins]
    sides = [f"{column}_{side}" for column in both for side in ("a", "b")]
    return ["account_a", "account_b", "name", "kind", "asset", "equity_difference_atoms", "gain_atoms", *sides]


def _row(one: AccountDifference, instruments: list[str], coins: list[str]) -> Iterator[CsvValue]:
    ends = (one.a, one.b)
    yield from (None if end is None else end.account for end in ends)
    yield from (one.name, one.kind, one.asset, one.equity_difference_atoms, one.gain_atoms)
    for column in _OWN:
        yield from (None if end is None else getattr(end, column) for end in ends)
    for column in _BEFALLEN:
        yield from (None if end is None else getattr(end.befallen, column) for end in ends)
    for name in instruments:
        yield from (None if end is None else end.befallen.deleveraged_lots.get(name, 0) for end in ends)
    for name in coins:
        yield from (None if end is None else end.coins.get(name, 0) for end in ends)
        yield from (None if end is None else end.befallen.coins_sold_atoms.get(name, 0) for end in ends)
