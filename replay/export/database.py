"""All tables in one DuckDB file. What a column is counted in stands as its comment, the head in the table `record`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..tables.arrow import needed, pyarrow

__all__ = ["DATABASE", "TableDatabase", "quoted", "quoted_text"]

DATABASE = "record.duckdb"


class TableDatabase:
    """The file, while it is written."""

    def __init__(self, folder: Path) -> None:
        self._connection = needed("duckdb").connect(str(folder / DATABASE))
        self._connection.execute("SET TimeZone = 'UTC'")
        self.rows: dict[str, int] = {}

    def write(self, table: str, batch: Any) -> None:
        """Append rows."""
        if table not in self.rows:
            self._create(table, batch.schema)
        self.rows[table] = self.rows.get(table, 0) + batch.num_rows
        self._connection.register("rows_now", pyarrow().Table.from_batches([batch]))
        self._connection.execute(f"INSERT INTO {quoted(table)} SELECT * FROM rows_now")  # noqa: S608 - quoted
        self._connection.unregister("rows_now")

    def close(self) -> None:
        """End the file."""
        self._connection.close()

    def _create(self, table: str, schema: Any) -> None:
        told = {key.decode(): text.decode() for key, text in schema.metadata.items()}
        if not self.rows:
            self._connection.execute("CREATE TABLE record (name VARCHAR, value VARCHAR)")
            about = [(name, text) for name, text in told.items() if name not in {"table", "about", "grounds", "forces"}]
            self._connection.executemany("INSERT INTO record VALUES (?, ?)", about)
        self._connection.register("rows_now", schema.empty_table())
        self._connection.execute(f"CREATE TABLE {quoted(table)} AS SELECT * FROM rows_now")  # noqa: S608 - quoted
        self._connection.unregister("rows_now")
        self._connection.execute(f"COMMENT ON TABLE {quoted(table)} IS {quoted_text(told['about'])}")
        for field in schema:
            unit = (field.metadata or {}).get(b"unit", b"").decode()
            if unit:
                where = f"{quoted(table)}.{quoted(field.name)}"
                self._connection.execute(f"COMMENT ON COLUMN {where} IS {quoted_text(unit)}")


def quoted(name: str) -> str:
    """A name as SQL has it."""
    return '"' + name.replace('"', '""') + '"'


def quoted_text(text: str) -> str:
    """A text as SQL has it."""
    return "'" + text.replace("'", "''") + "'"
