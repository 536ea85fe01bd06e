"""Tables as files: a folder for each table, in it one for each day or hour that has rows, and in that one file.

    PositionDeleveraged/date=2025-10-10/rows.parquet

So whoever reads a day opens that day only, and programs that know the names (DuckDB, pyarrow, Spark) do so by
themselves. Rows are written as they come: of each table as many are held as make a group that is worth reading.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

import msgspec

from ...sim.units import format_time_ns
from ..csv_text import neutral
from ..tables.arrow import needed, pyarrow

__all__ = ["PARTITIONS", "Partition", "TableFiles"]

Partition = Literal["day", "hour"]

_GROUP_ROWS = 16_384
_SPAN_NS = {"day": 24 * 3_600 * 10**9, "hour": 3_600 * 10**9}
PARTITIONS: tuple[Partition, ...] = ("day", "hour")

_PLAIN_DECIMALS = 6
"""Of more decimals a small number would be written with an exponent in CSV (0E-7), which is not how it is told."""

_INDEXED = frozenset(("seq", "time", "cause", "trade_id", "order_id", "liquidation_id", "round"))
"""Columns of numbers that grow: their differences are small."""


class TableFiles:
    """The files of all tables of one export, in a folder of their own."""

    def __init__(self, folder: Path, layout: str, partition: Partition) -> None:
        self._folder, self._layout, self._partition = folder, layout, partition
        self._open: dict[str, _PartFile] = {}
        self.rows: dict[str, int] = {}

    def write(self, table: str, batch: Any) -> None:
        """Append rows, which come in the order of time."""
        self.rows[table] = self.rows.get(table, 0) + batch.num_rows
        for start_ns, part in _parts(batch, _SPAN_NS[self._partition]):
            held = self._open.get(table)
            if held is None or held.start_ns != start_ns:
                if held is not None:
                    held.close()
                held = self._open[table] = _PartFile(self._path(table, start_ns), start_ns, self._layout, part.schema)
            held.add(part)

    def close(self) -> None:
        """Write what is held, and end every file."""
        for part in self._open.values():
            part.close()
        self._open.clear()

    def _path(self, table: str, start_ns: int) -> Path:
        told = format_time_ns(start_ns)
        name = f"date={told[:10]}" if self._partition == "day" else f"hour={told[:13]}"
        return self._folder / table / name / f"rows.{self._layout}"


class _PartFile:
    """The file of one span of one table."""

    def __init__(self, path: Path, start_ns: int, layout: str, schema: Any) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.start_ns, self._schema = start_ns, schema
        self._writer = _WRITERS[layout](path, schema)
        self._held: list[Any] = []
        self._held_rows = 0

    def add(self, batch: Any) -> None:
        self._held.append(batch)
        self._held_rows += batch.num_rows
        if self._held_rows >= _GROUP_ROWS:
            self._flush()

    def close(self) -> None:
        self._flush()
        self._writer.close()

    def _flush(self) -> None:
        if self._held:
            self._writer.write_table(pyarrow().Table.from_batches(self._held, self._schema))
        self._held, self._held_rows = [], 0


def _parts(batch: Any, span_ns: int) -> Iterator[tuple[int, Any]]:
    """A batch cut where a span ends, each part with the beginning of its span."""
    times = batch.column("time").cast(pyarrow().int64()).to_numpy()
    first = 0
    while first < len(times):
        start_ns = int(times[first]) // span_ns * span_ns
        stop = int(times.searchsorted(start_ns + span_ns))
        yield start_ns, batch.slice(first, stop - first)
        first = stop


def _parquet(path: Path, schema: Any) -> Any:
    parquet, types = needed("pyarrow.parquet"), pyarrow().types
    numbers = {field.name for field in schema if types.is_integer(field.type) or types.is_timestamp(field.type)}
    alike = [field.name for field in schema if field.name not in numbers and not types.is_nested(field.type)]
    return parquet.ParquetWriter(
        path,
        schema,
        compression="zstd",
        compression_level=1,
        use_dictionary=alike,
        column_encoding=dict.fromkeys(numbers, "DELTA_BINARY_PACKED"),
        store_schema=True,
    )


def _arrow(path: Path, schema: Any) -> Any:
    return pyarrow().ipc.new_file(path, schema)


def _csv(path: Path, schema: Any) -> Any:
    return _CsvFile(path, schema)


class _CsvFile:
    """Comma-separated values: exact decimals, times with their zone, lists as JSON, and no cell that is a formula.

    A decimal is plain, never with an exponent; one that could be very small stands in quotes.
    """

    def __init__(self, path: Path, schema: Any) -> None:
        arrow, types = pyarrow(), pyarrow().types
        self._nested = {field.name for field in schema if types.is_nested(field.type)}
        self._text = {field.name for field in schema if types.is_string(field.type)}
        decimals = (field for field in schema if types.is_decimal(field.type))
        self._fine = {field.name for field in decimals if field.type.scale > _PLAIN_DECIMALS}
        as_text = self._nested | self._fine
        fields = [field.with_type(arrow.string()) if field.name in as_text else field for field in schema]
        self._schema = arrow.schema(fields)
        self._writer = needed("pyarrow.csv").CSVWriter(str(path), self._schema)

    def write_table(self, table: Any) -> None:
        columns = [self._column(name, column) for name, column in zip(table.column_names, table.columns, strict=True)]
        self._writer.write_table(pyarrow().Table.from_arrays(columns, schema=self._schema))

    def close(self) -> None:
        self._writer.close()

    def _column(self, name: str, column: Any) -> Any:
        if name in self._nested:
            encode = msgspec.json.Encoder(decimal_format="string").encode
            texts = [encode(value).decode() if value else None for value in column.to_pylist()]
            return pyarrow().array(texts, pyarrow().string())
        if name in self._fine:
            return _spelled(column, lambda number: format(number, "f"))
        return _spelled(column, neutral) if name in self._text else column


def _spelled(column: Any, spell: Callable[[Any], str]) -> Any:
    """The column as text; each value that there is is spelled once."""
    arrow = pyarrow()
    encoded = column.combine_chunks().dictionary_encode()
    texts = [None if value is None else spell(value) for value in encoded.dictionary.to_pylist()]
    return arrow.array(texts, arrow.string()).take(encoded.indices)


_WRITERS: dict[str, Callable[[Path, Any], Any]] = {"parquet": _parquet, "arrow": _arrow, "csv": _csv}
