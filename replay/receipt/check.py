"""Checking a receipt without the record.

1. Every event lies under the head that the checker gives, which is not taken from the file.
2. From the event down, each event's cause is in the file, comes before it and is not later than it, to one that has
   none: an input from outside, or what was taken in from a venue's files.
3. For a reduction that a handler decided, the ranking (`standing.py`). A reduction that was taken in from a venue's
   files has none, and shows the file and the row that it was read from.
4. The run key, where it is given or follows from the seed, is the one that `RunStarted` commits to.

What does not hold is raised as RecordDamagedError, in one line.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple

from ...events.bodies.run import RunStarted, SourceOpened
from ...events.bodies.waterfall import PositionDeleveraged
from ...events.envelope import Event, Origin
from ...events.errors import RecordDamagedError
from ...events.record import proved_events
from ...handlers.pseudonyms import commitment, run_key
from .file import Receipt, account_of, decode_receipt
from .standing import Standing, standing_of
from .values import ensure

__all__ = ["Checked", "KeySource", "check_receipt"]

KeySource = Literal["given", "seed", "secret"]
"""Where the run key is from: the checker, the seed that the file shows, or not known to whoever checks."""


class Checked(NamedTuple):
    """A receipt that holds: what it says, its events by number, the chain from the first cause down, the place."""

    receipt: Receipt
    events: Mapping[int, Event]
    chain: tuple[Event, ...]
    standing: Standing | None
    key: KeySource

    @property
    def event(self) -> Event:
        """The event that the receipt is for."""
        return self.chain[-1]

    @property
    def source(self) -> tuple[SourceOpened, int] | None:
        """The file and the row that an imported event was read from; None for any other."""
        provenance = getattr(self.event.body, "provenance", None)
        if provenance is None or self.event.origin is not Origin.IMPORTED:
            return None
        opened = (event.body for event in self.events.values())
        files = [one for one in opened if isinstance(one, SourceOpened) and one.source == provenance.source]
        return (files[0], provenance.row) if files else None


def check_receipt(data: bytes, head: bytes, key: bytes | None = None) -> Checked:
    """What the file proves under this head; `key` is the run key, for whoever has it.

    Raises RecordDamagedError for the first thing that does not hold; QueryError if the file is no receipt,
    RecordNotFoundError if it shows what this version does not know.
    """
    receipt = decode_receipt(data)
    ensure(receipt.head == head.hex(), f"it is a receipt under the head {receipt.head}, not under {head.hex()}")
    events = proved_events(receipt.proof, head)
    chain = _chain(receipt.event, events)
    source, known_key = _key(events, key)
    body, account = chain[-1].body, receipt.account
    ensure(account_of(body) == account, f"it says that event {receipt.event} is about account {account}, and it is not")
    if isinstance(body, PositionDeleveraged) and chain[-1].origin is Origin.DECIDED:
        standing = standing_of(chain[-1], body, receipt.rounds, events, known_key)
        return Checked(receipt, events, chain, standing, source)
    ensure(not receipt.rounds, f"it has a ranking, and event {receipt.event} ({type(body).__name__}) follows from none")
    return Checked(receipt, events, chain, None, source)


def _chain(seq: int, events: Mapping[int, Event]) -> tuple[Event, ...]:
    """The causes of an event from the first one down to itself."""
    chain = [_shown(seq, events)]
    while (cause := chain[-1].cause) is not None:
        event, later = _shown(cause, events), chain[-1]
        before = event.seq < later.seq and event.at_ns <= later.at_ns
        ensure(before, f"event {later.seq} names event {event.seq} as its cause, which comes after it")
        chain.append(event)
    first = chain[-1]
    ensure(first.origin is not Origin.DECIDED, f"event {first.seq} was decided by a handler and names no cause")
    return tuple(reversed(chain))


def _shown(seq: int, events: Mapping[int, Event]) -> Event:
    event = events.get(seq)
    if event is None:
        message = f"event {seq}, which it needs, is not in the file"
        raise RecordDamagedError(message)
    return event


def _key(events: Mapping[int, Event], given: bytes | None) -> tuple[KeySource, bytes | None]:
    """The run key, and where it is from. Raises RecordDamagedError if the one given is not the run's."""
    started = _shown(0, events).body
    if not isinstance(started, RunStarted):
        message = f"event 0 is {type(started).__name__}, not RunStarted, so nothing says who decided"
        raise RecordDamagedError(message)
    if given is not None:
        ensure(commitment(given) == started.run_key_commitment, "the key given is not the one that the run commits to")
        return "given", given
    simulated = run_key(started.seed)
    return ("seed", simulated) if commitment(simulated) == started.run_key_commitment else ("secret", None)
