"""The columns of a record that was opened: from their files, or made again.

Rules:
1. A file is used only if it is whole and of this very record (layout.py). One that is missing is made again; one that
   is anything else is ignored, made again, and reported.
2. Making one again makes all: the record is read once. What was made is put in place of the files that were not right;
   where that cannot be, it is kept in memory, and nobody is troubled.
3. A fork's columns begin at its own `first_seq`; what is before is asked of its parent's.
"""

from __future__ import annotations

from functools import cached_property
from typing import NamedTuple, TypeVar

from ...errors import QueryError, RecordError
from ..files import damaged
from ..manifest import MANIFEST_NAME
from ..merkle import leaf_hash, tree_root
from ..pages import PAGE_EVENTS
from ..reader import RecordReader
from .accounts import AccountColumn, ForcedColumn
from .building import build
from .column import Column
from .kinds import KINDS
from .parents import ParentColumn
from .roots import RootColumn
from .stored import put_back, stored_body

__all__ = ["Columns", "open_columns"]

_AnyColumn = TypeVar("_AnyColumn", bound=Column)


class _Found(NamedTuple):
    """The column in a file, or what is wrong with the file; neither where there is no file."""

    column: Column | None = None
    fault: str | None = None


class Columns:
    """The columns of a record and of those it was forked from. Each is opened when it is first asked for."""

    def __init__(self, reader: RecordReader, reports: list[str] | None = None) -> None:
        """Columns of what `reader` serves. Opens none."""
        self.reports: list[str] = [] if reports is None else reports
        """What was found damaged and made again, a line each."""
        self._reader = reader
        self._parent = None if reader.parent is None else Columns(reader.parent, self.reports)
        self._found: dict[type[Column], _Found] = {}

    @cached_property
    def parents(self) -> ParentColumn | None:
        """The cause of each event of the record's own files; None where a column cannot hold them."""
        return self._open(ParentColumn)

    @cached_property
    def roots(self) -> RootColumn:
        """The page roots of the record's own files, proved by the record's head. Some 1 us a page.

        Raises RecordDamagedError if the record's events do not give its head.
        """
        column = self._open(RootColumn)
        assert column is not None, "a root always fits its column"
        if self._found[RootColumn].column is None and not self._gives_the_head(column):
            what = f"the head is {self._reader.head.hex()}, and its events do not give it"
            raise damaged(self._reader.path / MANIFEST_NAME, 0, what)
        return column

    @cached_property
    def accounts(self) -> AccountColumn | None:
        """The accounts that the blocks of the record's own files name; None where a column cannot hold them."""
        return self._open(AccountColumn)

    @cached_property
    def forced(self) -> ForcedColumn | None:
        """The accounts of whom something was forced in each of those blocks; None where a column cannot hold them."""
        return self._open(ForcedColumn)

    @property
    def page_roots(self) -> list[bytes]:
        """The roots of all pages, those that a fork shares with its parent included: the head is the tree over them."""
        return [*self._roots_before(), *self.roots.roots]

    def cause_of(self, seq: int) -> int | None:
        """The event that `seq`, which must exist, followed from; None for an input."""
        if self._parent is not None and seq < self._reader.first_seq:
            return self._parent.cause_of(seq)
        return self._reader.event(seq).cause if self.parents is None else self.parents.cause_of(seq)

    def chain(self, seq: int) -> tuple[int, ...]:
        """The causes of `seq`, which must exist, from the input that began it down to itself. Some 50 ns a hop.

        Raises RecordError where a cause does not come before its event.
        """
        if self._parent is not None and seq < self._reader.first_seq:
            return self._parent.chain(seq)
        found = self._walk(seq) if self.parents is None else self.parents.chain(seq)
        if self._parent is not None and found[0] < self._reader.first_seq:
            return self._parent.chain(found[0]) + found[1:]
        return found

    def spans_naming(self, account: int, first_seq: int = 0, stop_seq: int | None = None) -> list[tuple[int, int]]:
        """The blocks in which events name an account: first and stop seq, in order, cut to the span that is asked for.

        Some 0.5 us a block. Raises QueryError for a span that begins below 0.
        """
        return self.spans_in(AccountColumn, account, first_seq, stop_seq)

    def spans_forced(self, account: int) -> list[tuple[int, int]]:
        """The blocks in which something was forced of an account, as `spans_naming` gives them."""
        return self.spans_in(ForcedColumn, account, 0, None)

    def spans_in(
        self, kind: type[AccountColumn], account: int, first_seq: int, stop_seq: int | None
    ) -> list[tuple[int, int]]:
        """The blocks that a column of accounts has for one, over all that the record was forked from as well."""
        if first_seq < 0:
            message = f"events from {first_seq}: an event's number is counted from 0"
            raise QueryError(message)
        own, count = self._reader.first_seq, self._reader.count
        stop = count if stop_seq is None else min(stop_seq, count)
        found = []
        if self._parent is not None and first_seq < own:
            found = self._parent.spans_in(kind, account, first_seq, min(stop, own))
        if own < stop:
            span, column = (max(first_seq, own), stop), self._open(kind)
            found += [span] if column is None else column.spans_naming(account, *span)
        return found

    def _open(self, kind: type[_AnyColumn]) -> _AnyColumn | None:
        column = self._look(kind).column or self._made.get(kind)
        assert column is None or isinstance(column, kind)
        return column

    def _look(self, kind: type[Column]) -> _Found:
        """What the file of a column holds, read once."""
        if kind not in self._found:
            try:
                self._found[kind] = _Found(self._stored(kind))
            except ValueError as error:
                self._found[kind] = _Found(fault=str(error))
        return self._found[kind]

    def _stored(self, kind: type[Column]) -> Column | None:
        """The column in a file. Raises ValueError if the file is not right."""
        body = stored_body(self._reader, kind)
        column = None if body is None else kind(body, self._reader.first_seq, self._reader.count)
        if isinstance(column, RootColumn) and not self._gives_the_head(column):
            message = "its page roots do not give the record's head"
            raise ValueError(message)
        return column

    @cached_property
    def _made(self) -> dict[type[Column], Column]:
        """All columns, made again; those whose files are not right are put in their place."""
        bodies = build(self._reader)
        missing = [kind for kind in KINDS if self._look(kind).column is None]
        put_back(self._reader, {kind: body for kind, body in bodies.items() if kind in missing})
        for kind in missing:
            fault = self._look(kind).fault
            if fault:
                self.reports.append(f"{self._reader.path / kind.name}: {fault}; ignored, made again from the record")
        return {kind: kind(body, self._reader.first_seq, self._reader.count) for kind, body in bodies.items()}

    def _walk(self, seq: int) -> tuple[int, ...]:
        """The chain within the record's own files where no column holds it: a step decodes a block at most."""
        found, cause = [seq], self._reader.event(seq).cause
        while cause is not None:
            if not 0 <= cause < found[-1]:
                what = f"event {found[-1]} has event {cause} as its cause, which is not before it"
                message = (
                    f"{self._reader.path}: {what}; `deleverage verify {self._reader.path}` says what else is wrong"
                )
                raise RecordError(message)
            found.append(cause)
            cause = self._reader.event(cause).cause if cause >= self._reader.first_seq else None
        return tuple(reversed(found))

    def _gives_the_head(self, column: RootColumn) -> bool:
        if self._reader.torn:
            return True  # there is no other head than theirs
        roots = [*self._roots_before(), *column.roots]
        return tree_root([leaf_hash(root) for root in roots]) == self._reader.head

    def _roots_before(self) -> list[bytes]:
        """The roots of the pages that a fork shares with its parent."""
        return [] if self._parent is None else self._parent.page_roots[: self._reader.first_seq // PAGE_EVENTS]


def open_columns(reader: RecordReader) -> Columns:
    """The columns of an opened record. Reads nothing before it is asked for."""
    return Columns(reader)
