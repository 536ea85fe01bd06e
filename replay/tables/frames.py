"""A table of a record for whoever works with it in Python: as Arrow, and from there as pandas or polars has it.

Decimals stay decimals and times keep their nanoseconds: pandas gets columns that Arrow backs, polars its own decimals.
"""

from __future__ import annotations

from functools import reduce
from typing import Any

from ...events.errors import QueryError
from ..points import Moment
from ..run import Run
from .arrow import needed
from .tables import tables_of

__all__ = ["arrow_table", "pandas_frame", "polars_frame"]


def arrow_table(
    run: Run,
    table: str,
    *,
    account: int | str | None = None,
    since: Moment | None = None,
    until: Moment | None = None,
) -> Any:
    """The rows of a table, of events between two points, of states at the end of the span; all in memory.

    With an `account`, by name or number, the rows that name it. Raises QueryError for what is not there, or where
    pyarrow is not installed.
    """
    records = tables_of(run)
    schema = records.schema(table)
    batches = [batch for _, batch in records.batches([table], since, until)]
    found = needed("pyarrow").Table.from_batches(batches, schema)
    if account is None:
        return found
    return _naming(found, table, run.directory.account_name(run.directory.find_account(account)))


def _naming(found: Any, table: str, account: str) -> Any:
    """The rows that name an account in any of the columns that may."""
    compute = needed("pyarrow.compute")
    columns = [field.name for field in found.schema if (field.metadata or {}).get(b"kind") == b"account"]
    if not columns:
        message = f"{table} names no account; leave the account out"
        raise QueryError(message)
    named = [compute.fill_null(compute.equal(found[column], account), fill_value=False) for column in columns]
    return found.filter(reduce(compute.or_, named))


def pandas_frame(table: Any) -> Any:
    """An Arrow table as a pandas DataFrame. Raises QueryError where pandas is not installed."""
    pandas = needed("pandas", "pandas")
    return table.to_pandas(types_mapper=pandas.ArrowDtype)


def polars_frame(table: Any) -> Any:
    """An Arrow table as a polars DataFrame. Raises QueryError where polars is not installed."""
    return needed("polars", "polars").from_arrow(table)
