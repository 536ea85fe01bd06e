"""The columns of a record that was opened: from their files, or made again.

Rules:
1. A file is used only if it is whole and of this very record (layout.py), and true of it: page roots lead to the head,
   any other file is known (known.py). Otherwise all columns are made again in one pass over the record.
2. A file that then turns out to be what was made is known from there on. Any other is replaced, and reported unless it
   was only missing; where it cannot be replaced, the column is kept in memory, silently.
3. A fork's columns begin at its own `first_seq`; what is before is asked of its parent's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from hashlib import sha256
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from ...envelope import Event
from ...errors import QueryError
from ...vocabulary import ACCOUNT_FIELDS, SETTING_TYPES, Body
from ..files import damaged
from ..manifest import MANIFEST_NAME
from ..merkle import leaf_hash, tree_root
from ..numbers import cause_before
from ..pages import PAGE_EVENTS
from .accounts import AccountColumn, ForcedColumn, SettingColumn
from .building import build
from .column import Column
from .facts import setting_word
from .forks import ForkColumn
from .funds import FundColumn
from .kinds import KINDS
from .parents import ParentColumn
from .roots import RootColumn
from .stored import body_of, file_of, put_back, stored_file

if TYPE_CHECKING:
    from ..reader import RecordReader

__all__ = ["Columns"]

_AnyColumn = TypeVar("_AnyColumn", bound=Column)


class _Found(NamedTuple):
    """The column in a file and the file's SHA-256, or what is wrong with the file; neither where there is none.

    A column that is not `true` is whole, and yet to be held against the record.
    """

    column: Column | None = None
    digest: bytes = b""
    true: bool = False
    fault: str | None = None


class Columns:
    """The columns of a record and of those it was forked from. Each is opened when it is first asked for."""

    def __init__(self, reader: RecordReader) -> None:
        self._reader = reader
        self._found: dict[type[Column], _Found] = {}

    @property
    def reports(self) -> list[str]:
        """What was found damaged and made again, a line each."""
        return self._reader.reports

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
        return column

    @cached_property
    def accounts(self) -> AccountColumn | None:
        """The accounts that the blocks of the record's own files name; None where a column cannot hold them."""
        return self._open(AccountColumn)

    @cached_property
    def forced(self) -> ForcedColumn | None:
        """The accounts of whom something was forced in each of those blocks; None where a column cannot hold them."""
        return self._open(ForcedColumn)

    @cached_property
    def forks(self) -> tuple[int, ...]:
        """The `RunForked` events, those of the past that a fork shares with its parent included."""
        past, column = self._past, self._open(ForkColumn)
        assert column is not None, "a number of 64 bits always fits its column"
        before = () if past is None else (seq for seq in past.forks if seq < self._reader.first_seq)
        return (*before, *column.seqs)

    @property
    def page_roots(self) -> list[bytes]:
        """The roots of all pages, those that a fork shares with its parent included: the head is the tree over them."""
        return [*self._roots_before(), *self.roots.roots]

    def open_roots(self) -> None:
        """Make sure that all pages lead to the record's head. Raises RecordDamagedError if they do not."""
        _ = self.roots

    def cause_of(self, seq: int) -> int | None:
        """The event that `seq`, which must exist, followed from; None for an input."""
        if self._past is not None and seq < self._reader.first_seq:
            return self._past.cause_of(seq)
        return self._reader.event(seq).cause if self.parents is None else self.parents.cause_of(seq)

    def chain(self, seq: int) -> tuple[int, ...]:
        """The causes of `seq`, which must exist, from the input that began it down to itself. Some 50 ns a hop.

        Raises RecordError where a cause does not come before its event.
        """
        if self._past is not None and seq < self._reader.first_seq:
            return self._past.chain(seq)
        found = self._walk(seq) if self.parents is None else self.parents.chain(seq)
        if self._past is not None and found[0] < self._reader.first_seq:
            return self._past.chain(found[0]) + found[1:]
        return found

    def events_naming(self, account: int, first_seq: int = 0, stop_seq: int | None = None) -> Iterator[Event]:
        """The events of a span that name an account, in their order.

        Only blocks that name it are decoded; for an insurance fund none, for its events stand in a column.

        Raises QueryError for a span that begins below 0.
        """
        own, count = self._reader.first_seq, self._reader.count
        stop = count if stop_seq is None else min(stop_seq, count)
        if self._past is not None and first_seq < own:
            yield from self._past.events_naming(account, first_seq, min(stop, own))
            first_seq = own
        column = self._open(FundColumn) if 0 <= first_seq < stop else None
        opened_seq = None if column is None else column.opened_seq(account)
        read_to = stop if opened_seq is None else min(stop, opened_seq)
        if first_seq < read_to:
            yield from self._read_naming(account, first_seq, read_to)
        if column is not None and opened_seq is not None:
            yield from column.naming(account, max(first_seq, opened_seq), stop)

    def _read_naming(self, account: int, first_seq: int, stop_seq: int) -> Iterator[Event]:
        """The same, from the blocks of the record's own files."""
        for span in self.spans_naming(account, first_seq, stop_seq):
            for event in self._reader.events(*span):
                body = event.body
                for field in ACCOUNT_FIELDS[type(body)]:
                    if getattr(body, field) == account:
                        yield event
                        break

    def spans_naming(self, account: int, first_seq: int = 0, stop_seq: int | None = None) -> list[tuple[int, int]]:
        """The blocks in which events name an account: first and stop seq, in order, cut to the span that is asked for.

        Some 0.5 us a block. Raises QueryError for a span that begins below 0.
        """
        return self.spans_in(AccountColumn, account, first_seq, stop_seq)

    def spans_forced(self, account: int) -> list[tuple[int, int]]:
        """The blocks in which something was forced of an account, as `spans_naming` gives them."""
        return self.spans_in(ForcedColumn, account, 0, None)

    def spans_setting(self, kind: type[Body], instrument: int, stop_seq: int) -> list[tuple[int, int]]:
        """The blocks before an event in which one of `SETTING_TYPES` is of an instrument, as `spans_naming` gives them.

        Raises KeyError for a type that is not one of them.
        """
        if kind not in SETTING_TYPES:
            raise KeyError(kind.__name__)
        return self.spans_in(SettingColumn, setting_word(kind, instrument), 0, stop_seq)

    def spans_in(
        self, kind: type[AccountColumn], account: int, first_seq: int, stop_seq: int | None
    ) -> list[tuple[int, int]]:
        """The blocks that a column of accounts has for a number, over all that the record was forked from as well."""
        if first_seq < 0:
            message = f"events from {first_seq}: an event's number is counted from 0"
            raise QueryError(message)
        own, count = self._reader.first_seq, self._reader.count
        stop = count if stop_seq is None else min(stop_seq, count)
        found = []
        if self._past is not None and first_seq < own:
            found = self._past.spans_in(kind, account, first_seq, min(stop, own))
        if own < stop:
            span, column = (max(first_seq, own), stop), self._open(kind)
            found += [span] if column is None else column.spans_naming(account, *span)
        return found

    def mend(self) -> None:
        """Make again, and report, what is damaged beside the record. What is whole is left as it is, true or not."""
        if any(self._look(kind).fault for kind in KINDS):
            _ = self._made

    def note_stored(self) -> None:
        """Note the files as known: for who has held each of them against the record."""
        stored = {kind: found for kind in KINDS if (found := self._look(kind)).column}
        self._reader.known.add(found.digest for found in stored.values())
        self._found |= {kind: found._replace(true=True) for kind, found in stored.items()}

    def _open(self, kind: type[_AnyColumn]) -> _AnyColumn | None:
        found = self._look(kind)
        column = found.column if found.true else self._made.get(kind)
        assert column is None or isinstance(column, kind)
        return column

    def _look(self, kind: type[Column]) -> _Found:
        """What the file of a column holds, read once."""
        if kind not in self._found:
            try:
                self._found[kind] = self._stored(kind)
            except ValueError as error:
                self._found[kind] = _Found(fault=str(error))
        return self._found[kind]

    def _stored(self, kind: type[Column]) -> _Found:
        """The column in a file. Raises ValueError if the file is not right."""
        data = stored_file(self._reader, kind)
        if data is None:
            return _Found()
        reader, digest = self._reader, sha256(data).digest()
        column = kind(body_of(reader, kind, data), reader.first_seq, reader.count)
        if not isinstance(column, RootColumn):
            return _Found(column, digest, digest in reader.known)
        if not self._gives_the_head(column.roots):
            message = "its page roots do not give the record's head"
            raise ValueError(message)
        return _Found(column, digest, true=True)

    @cached_property
    def _made(self) -> dict[type[Column], Column]:
        """All columns, made again; those whose files are not what was made are put in their place."""
        reader = self._reader
        bodies = build(reader)
        made = {kind: kind(body, reader.first_seq, reader.count) for kind, body in bodies.items()}
        roots = made[RootColumn]
        assert isinstance(roots, RootColumn)
        if not self._gives_the_head(roots.roots):
            what = f"the head is {reader.head.hex()}, and its events do not give it"
            raise damaged(reader.path / MANIFEST_NAME, 0, what)
        if not reader.torn:
            reader.note_all()
            self._keep({kind: file_of(reader, kind, body) for kind, body in bodies.items()})
        return made

    def _keep(self, files: Mapping[type[Column], bytes]) -> None:
        """Put what was made in the place of files that are something else, and report those."""
        digests = {kind: sha256(data).digest() for kind, data in files.items()}
        self._reader.known.add(digests.values())
        wrong = [kind for kind in KINDS if self._look(kind).digest != digests.get(kind, b"")]
        put_back(self._reader, {kind: files[kind] for kind in wrong if kind in files})
        for kind in wrong:
            found = self._look(kind)
            fault = found.fault or ("it is not what the record says" if found.column else None)
            if fault:
                self.reports.append(f"{self._reader.path / kind.name}: {fault}; ignored, made again from the record")

    def _walk(self, seq: int) -> tuple[int, ...]:
        """The chain within the record's own files where no column holds it: a step decodes a block at most."""
        found, cause = [seq], self._reader.event(seq).cause
        while cause is not None:
            found.append(cause_before(found[-1], cause, self._reader.path))
            cause = self._reader.event(cause).cause if cause >= self._reader.first_seq else None
        return tuple(reversed(found))

    def _gives_the_head(self, roots: list[bytes]) -> bool:
        if self._reader.torn:
            return True  # there is no other head than theirs
        return tree_root([leaf_hash(root) for root in (*self._roots_before(), *roots)]) == self._reader.head

    @cached_property
    def _past(self) -> Columns | None:
        """The columns of a fork's parent, which share its past for certain."""
        return None if self._reader.past is None else self._reader.past.columns

    def _roots_before(self) -> list[bytes]:
        """The roots of the pages that a fork shares with its parent."""
        parent = self._reader.parent
        return [] if parent is None else parent.columns.page_roots[: self._reader.first_seq // PAGE_EVENTS]
