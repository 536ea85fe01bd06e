"""Structs of one type as columns: taken apart as they come, made arrays of a table when a batch is full."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from ...events.msgpack_columns import FieldColumn
from ...events.vocabulary import SCHEMA
from .arrays import array_column
from .columns import body_columns
from .declared import Declared
from .fields import array_of_column, array_of_values, joined

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
        self._readers = [(column.field, column.kind.name, reader_of(column.field)) for column in columns]
        self._arrays = {column.field: list[Any]() for column in columns}

    @property
    def fields(self) -> list[Any]:
        """The Arrow fields."""
        return [column.arrow_field for column in self._columns]

    def add(self, structs: Sequence[msgspec.Struct]) -> None:
        """Take structs apart."""
        for field, kind, read in self._readers:
            self._arrays[field].append(array_of_values(kind, read(structs)))

    def add_columns(self, columns: Mapping[str, FieldColumn]) -> None:
        """Take what was read of such structs, by field."""
        for field, column in columns.items():
            self._arrays[field].append(array_of_column(column))

    def take(self) -> list[Any]:
        """What is held as arrays; nothing is held from then on."""
        whole = {field: joined(arrays) for field, arrays in self._arrays.items()}
        for arrays in self._arrays.values():
            arrays.clear()
        return [column.make(whole[column.field], whole) for column in self._columns]


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
