"""A question in SQL, and its answer as columns and rows. What is wrong with the question is told in one line."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

from ...events.errors import QueryError
from ..tables.arrow import needed
from ..tables.tables import GROUNDS

__all__ = ["Answered", "ask", "names_grounds"]

_AT = re.compile(r"^LINE (\d+): (.*)$", re.MULTILINE)
_ROWS = 10_000
_GROUNDS = re.compile(rf"\b{GROUNDS}\b", re.IGNORECASE)


class Answered(NamedTuple):
    """The names of the columns, and the rows, which are fetched as they are asked for."""

    names: tuple[str, ...]
    rows: Iterator[tuple[Any, ...]]


def names_grounds(question: str) -> bool:
    """Whether a question may ask for the table that is made only for who does."""
    return _GROUNDS.search(question) is not None


def ask(connection: Any, question: str) -> Answered:
    """What a question is answered. Raises QueryError with where in the question it cannot be followed."""
    found = _done(connection, lambda: connection.execute(question))
    if found is None:
        message = "the question is empty; ask something such as SELECT * FROM rounds"
        raise QueryError(message)
    names = tuple(column[0] for column in found.description or ())
    return Answered(names, _rows(connection, found) if names else iter(()))


def _rows(connection: Any, found: Any) -> Iterator[tuple[Any, ...]]:
    while some := _done(connection, lambda: found.fetchmany(_ROWS)):
        yield from some


def _done(connection: Any, call: Callable[[], Any]) -> Any:
    """What DuckDB does, in a thread of its own: Ctrl-C does not reach it there, but whoever waits, who then ends it.

    Raises QueryError, told of the question, whether it comes up as that is asked or as its rows are fetched.
    """
    duckdb = needed("duckdb")
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(call)
        try:
            return future.result()
        except duckdb.Error as error:
            raise QueryError(_told(str(error))) from error
        except KeyboardInterrupt:
            connection.interrupt()
            raise


def _told(text: str) -> str:
    """DuckDB's message in one line, with line and column in the question."""
    first = text.partition("\n")[0].strip()
    hint = next((line.strip() for line in text.splitlines() if line.startswith(("Candidate", "Did you mean"))), "")
    lines, where = text.splitlines(), ""
    found = _AT.search(text)
    if found is not None:
        place = next((number for number, line in enumerate(lines) if line.startswith("LINE ")), 0)
        caret = lines[place + 1].find("^") if place + 1 < len(lines) else -1
        column = caret - len(f"LINE {found[1]}: ") + 1
        where = f", line {found[1]}" + (f", character {column}" if caret >= 0 else "")
    return f"the question{where}: {first}" + (f" ({hint})" if hint else "")
