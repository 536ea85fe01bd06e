"""A process that writes a record where the system keeps files below a size; and what it writes."""

from __future__ import annotations

import resource
import sys

from deleverage.events.bodies.inputs import Deposited
from deleverage.events.bodies.margin import MarkPriced
from deleverage.events.envelope import Event, Origin
from deleverage.events.errors import RecordFullError
from deleverage.events.record import RecordSettings, RecordWriter

__all__ = ["make_event", "make_events"]


def make_event(seq: int, at_ns: int) -> Event:
    """A mark, or each seventh time a deposit."""
    body = MarkPriced(1, seq, 0, seq) if seq % 7 else Deposited(2, seq)
    return Event(seq, at_ns, Origin.INPUT, None, (), None, body)


def make_events(count: int, first_seq: int = 0) -> list[Event]:
    """Events of which three share an instant."""
    return [make_event(seq, 1000 + seq // 3) for seq in range(first_seq, first_seq + count)]


def write_limited(path: str, limit_bytes: int) -> None:
    """What runs in that process."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, limit_bytes))
    try:
        writer = RecordWriter(path, settings=RecordSettings(pages_per_block=4))
        writer.append_many(make_events(200_000))
    except RecordFullError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    write_limited(sys.argv[1], int(sys.argv[2]))
