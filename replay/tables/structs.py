"""Structs of one type as columns: taken apart as they come, made arrays when a batch is full."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from ...events.vocabulary import SCHEMA
from .arrays import array_column
from .columns import body_columns
from .declared import Declared

__all__ = ["StructColumns", "about", "provenance", "reader_of"]


def reader_of(field: str) -> Callable[[Sequence[Any]], list[Any]]:
    """What gives a field of each of a list; written out, for so it takes half as long as with `attrgetter`."""
    assert field.isidentifier()
    read: Callable[[Sequence[Any]], list[Any]] = eval(f"lambda things: [thing.{field} for thing in things]")  # noqa: S307
    return read


class StructColumns:
    """The columns of a type of struct, `beside` others of these names, and the values that are not arrays yet."""

    def __init__(self, struct_type: type[msgspec.Struct], declared: Declared, beside: tuple[str, ...] = ()) -> None:
        columns = body_columns(struct_type, beside)
        self._columns = [array_column(struct_type, column, declared) for column in columns]
        self._readers = [(column.field, reader_of(column.field)) for column in self._columns]
        self._values = {column.field: list[Any]() for column in self._columns}

    @property
    def fields(self) -> list[Any]:
        """The Arrow fields."""
        return [column.arrow_field for column in self._columns]

    def add(self, structs: Sequence[msgspec.Struct]) -> None:
        """Take structs apart."""
        for field, read in self._readers:
            self._values[field].extend(read(structs))

    def take(self) -> list[Any]:
        """What is held as arrays; nothing is held from then on."""
        arrays = [column.make(self._values[column.field], self._values) for column in self._columns]
        for values in self._values.values():
            values.clear()
        return arrays


def about(struct_type: type[msgspec.Struct]) -> str:
    """What a row is, in a line."""
    return (struct_type.__doc__ or "").partition("\n")[0]


def provenance(declared: Declared) -> dict[str, str]:
    """Where a table comes from: the record's head, where it is sealed, and the run. Names and values are text."""
    run = declared.run
    told = {"head": run.sealed_head or "", "events": str(run.count), "ending": run.ending if run.count else "torn"}
    started = declared.ledger.run
    if started is not None:
        told |= {"scenario": started.scenario, "seed": str(started.seed), "rulebook": started.rulebook}
    return told | {"schema": str(SCHEMA), "deleverage": run.manifest.deleverage}
