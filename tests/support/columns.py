"""The columns beside a record for tests: records to have them, and what they must say, found the plain way."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from random import Random

from hypothesis import strategies as st

from deleverage.events.bodies.inputs import Deposited, DepthQuoted, PriceTicked, Transferred
from deleverage.events.bodies.liquidation import BankruptcyDeclared
from deleverage.events.bodies.listing import AccountOpened
from deleverage.events.bodies.margin import MarkPriced
from deleverage.events.bodies.run import RunForked
from deleverage.events.codec import encode_event
from deleverage.events.envelope import Event, Origin
from deleverage.events.record import PAGE_EVENTS, RecordReader, RecordSettings, RecordWriter, page_root
from deleverage.events.record.columns import Columns
from deleverage.events.vocabulary import Body, accounts_named

__all__ = [
    "BY_PAGE",
    "COLUMN_FILES",
    "answers_rightly",
    "chain_of",
    "files_of",
    "made_events",
    "recorded_in",
    "written",
]

BY_PAGE = RecordSettings(pages_per_block=1, durability="none")
COLUMN_FILES = ("accounts.idx", "forced.idx", "forks.idx", "funds.idx", "parents.idx", "roots.idx", "settings.idx")


def made_events(count: int, seed: int = 0) -> list[Event]:
    """So many events by chance: stretches of public ones, some that name accounts, causes near and far."""
    chance = Random(seed)
    events, named_share = [], chance.choice((0, 3, 50))
    for seq in range(count):
        if seq % 100 == 0:
            named_share = chance.choice((0, 0, 3, 50))
        cause = None if not seq or chance.random() < 0.3 else seq - chance.choice((1, 1, 1, 2, chance.randint(1, seq)))
        cause = cause if cause is None or cause >= 0 else 0
        body = _named(chance) if chance.randrange(100) < named_share else _public(chance)
        origin = Origin.INPUT if cause is None else Origin.DECIDED
        events.append(Event(seq, 1000 + seq // 3, origin, cause, (), None, body))
    return events


def _public(chance: Random) -> Body:
    price = chance.randint(1, 9)
    if chance.randrange(100) == 0:
        return RunForked(b"", 1, ())
    return chance.choice((PriceTicked(((0, price),)), MarkPriced(0, price, 0, price)))


def _named(chance: Random) -> Body:
    account, other = chance.randrange(30), chance.choice((5, 2**32 - 1))
    return chance.choice(
        (
            Deposited(account, 1),
            Transferred(account, other, 1),
            BankruptcyDeclared(1, account, -1, 0, "unable to pay"),
            AccountOpened(account, "a", "v", chance.choice(("user", "insurance")), "cross", 0, None, other),
        )
    )


@st.composite
def recorded_in(draw: st.DrawFn) -> tuple[list[Event], RecordSettings]:
    """Some pages of events, and blocks of one to three pages in files of some blocks or of all."""
    events = made_events(draw(st.integers(0, 1500)), draw(st.integers(0, 999)))
    pages, segment_bytes = draw(st.integers(1, 3)), draw(st.sampled_from((9_000, 1 << 20)))
    return events, RecordSettings(pages_per_block=pages, segment_bytes=segment_bytes, durability="none")


def written(path: Path, events: Sequence[Event], settings: RecordSettings = BY_PAGE, *, seal: bool = True) -> Path:
    """A record, sealed or as a process leaves it that dies."""
    writer = RecordWriter(path, settings=settings)
    writer.append_many(events)
    if seal:
        writer.seal()
    return path


def files_of(path: Path) -> dict[str, bytes]:
    """The columns' files in a record's directory."""
    return {file.name: file.read_bytes() for file in path.glob("*.idx*") if file.is_file()}


def chain_of(events: Sequence[Event], seq: int) -> tuple[int, ...]:
    """The causes of an event, from the first one down to itself, as the events say."""
    found, cause = [seq], events[seq].cause
    while cause is not None:
        found.append(cause)
        cause = events[cause].cause
    return tuple(reversed(found))


def answers_rightly(path: Path, events: Sequence[Event], columns: Columns | None = None) -> Columns:
    """Assert that the columns of a record say of each event, page and block what these events say."""
    reader = RecordReader.open(path)
    columns = columns or reader.columns
    assert reader.count == len(events)
    assert [columns.cause_of(seq) for seq in range(len(events))] == [event.cause for event in events]
    assert all(columns.chain(seq) == chain_of(events, seq) for seq in range(0, len(events), 7))
    pages = [events[start : start + PAGE_EVENTS] for start in range(0, len(events), PAGE_EVENTS)]
    assert columns.page_roots == [page_root(page, encode_event(page)) for page in pages]
    assert columns.forks == tuple(event.seq for event in events if isinstance(event.body, RunForked))
    spans = [(entry.header.first_seq, entry.header.stop_seq) for entry in reader.blocks]
    named = {span: {a for event in events[slice(*span)] for a in accounts_named(event.body)} for span in spans}
    forced = {span: {body.account for body in _forced(events[slice(*span)])} for span in spans}
    for account in (*range(31), 2**32 - 1, 2**32, -1):
        assert columns.spans_naming(account) == [span for span in spans if account in named[span]]
        assert columns.spans_forced(account) == [span for span in spans if account in forced[span]]
    kinds = {span: {type(event.body) for event in events[slice(*span)]} for span in spans}
    for kind in (PriceTicked, MarkPriced, DepthQuoted):
        assert columns.spans_setting(kind, 0, len(events)) == [span for span in spans if kind in kinds[span]]
        assert columns.spans_setting(kind, 1, len(events)) == []
    for account, opened_seq in _funds(events).items():
        of_it = [event for event in events[opened_seq:] if account in accounts_named(event.body)]
        assert list(columns.events_naming(account, opened_seq)) == of_it
    return columns


def _funds(events: Sequence[Event]) -> dict[int, int]:
    """The insurance funds, each with the event that opens it first."""
    opened: dict[int, int] = {}
    for event in events:
        if isinstance(event.body, AccountOpened) and event.body.kind == "insurance":
            opened.setdefault(event.body.account, event.seq)
    return opened


def _forced(events: Sequence[Event]) -> list[BankruptcyDeclared]:
    """What was forced in events of `made_events`."""
    return [event.body for event in events if isinstance(event.body, BankruptcyDeclared)]
