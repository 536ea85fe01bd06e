"""What is left of a record after the power failed: everything that was forced, as an exact prefix, said to be one."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from deleverage.events.bodies.inputs import Deposited
from deleverage.events.bodies.margin import MarkPriced
from deleverage.events.envelope import Event, Origin
from deleverage.events.errors import RecordNotFoundError
from deleverage.events.record import (
    Codec,
    Durability,
    MemoryRecord,
    RecordReader,
    RecordSettings,
    RecordWriter,
    recover,
)
from deleverage.events.record import segments as segments_module
from deleverage.events.record.files import segment_name
from deleverage.events.record.manifest import MANIFEST_NAME

from .support.disks import Asked, LoggedDisk
from .support.power import Power, events_in

BLOCKS, ENDING = 8, 100
SEGMENT_BYTES = {"none": 20_000, "zstd": 6_000}
PLACE = Path("new") / "a.run"
SCHEDULES = 400


def make_event(seq: int) -> Event:
    """Marks that do not compress well, and now and then a deposit."""
    body = MarkPriced(1, seq * 7919 % 100_003, 0, 100) if seq % 200 else Deposited(2, seq)
    return Event(seq, seq, Origin.INPUT, None, (), None, body)


EVENTS = [make_event(seq) for seq in range(BLOCKS * 256 + ENDING)]


@cache
def head_after(count: int) -> bytes:
    """The head of a record of so many of the events."""
    record = MemoryRecord()
    record.append_many(EVENTS[:count])
    return record.head


@cache
def asked_by_a_writer(durability: Durability, codec: Codec) -> tuple[Path, list[Asked], int]:
    """What a writer asks of its disk from the first to the last, and how much of it before there is a record.

    At the durability "interval" every third block is forced.
    """
    root, disk, clock_ns = Path(tempfile.mkdtemp()), LoggedDisk(), iter(range(0, 1 << 60, 400_000_000))
    settings = RecordSettings(
        codec=codec,
        pages_per_block=1,
        segment_bytes=SEGMENT_BYTES[codec],
        durability=durability,
        interval_ms=1200,
        reserve_bytes=5000,
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(segments_module, "monotonic_ns", lambda: next(clock_ns))
        writer = RecordWriter(root / PLACE, settings=settings, disk=disk)
        begun = len(disk.log)
        writer.append_many(EVENTS)
        writer.seal()
    shutil.rmtree(root)
    return root, disk.log, begun


@pytest.fixture
def places() -> Iterator[Iterator[Path]]:
    """Directories that do not exist yet, for one test after another."""
    with tempfile.TemporaryDirectory() as folder:
        yield (Path(folder) / str(number) for number in range(1 << 30))


def certain_events(power: Power, root: Path) -> int:
    """How many events must be there whatever happened."""
    return events_in(power.certain(root / PLACE / segment_name(number)) for number in range(99))


def check_what_is_left(path: Path, certain: int) -> RecordReader:
    """What is served is an exact prefix with all that is certain in it, and is said to be as long as it is."""
    reader = RecordReader.open(path)
    events = list(reader.events())
    assert certain <= reader.count == len(events)
    assert events == EVENTS[: len(events)]
    if reader.torn:
        assert f"its first {len(events)} events are served, " in (reader.warning or "")
    else:
        assert (reader.status, len(events)) == ("complete", len(EVENTS))
    return reader


def check_recovery(path: Path, count: int, disk: LoggedDisk) -> None:
    """It keeps what was served, no more and no less, and leaves a sound record."""
    recovery = recover(path, disk)
    assert (recovery.count, recovery.head) == (count, head_after(count))
    reader = RecordReader.open(path)
    assert (reader.torn, reader.count, reader.head) == (False, count, head_after(count))
    assert recover(path).recovered is False


quick = settings(max_examples=SCHEDULES, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.mark.parametrize("codec", ["none", "zstd"])
@pytest.mark.parametrize("durability", ["block", "interval", "none"])
@given(moment=st.floats(0, 1), seed=st.integers(0, 1 << 32))
@quick
def test_what_was_forced_outlives_a_power_loss(
    places: Iterator[Path], durability: Durability, codec: Codec, moment: float, seed: int
) -> None:
    """Whenever the power fails, and whatever unforced pages and names are kept, dropped or reordered: see the checks.

    Once a writer was made there is a record, and once it sealed it the record is whole.
    """
    root, log, begun = asked_by_a_writer(durability, codec)
    done = round(moment * len(log))
    power = Power(root)
    power.follow(log[:done])
    path = power.fail(Random(seed), next(places)) / PLACE
    if not (path / MANIFEST_NAME).exists():
        assert done < begun
        with pytest.raises(RecordNotFoundError):
            RecordReader.open(path)
        return
    reader = check_what_is_left(path, certain_events(power, root))
    assert not reader.torn or done < len(log)
    check_recovery(path, reader.count, LoggedDisk())


@given(moment=st.floats(0, 1), seed=st.integers(0, 1 << 32), again=st.floats(0, 1), other=st.integers(0, 1 << 32))
@quick
def test_a_recovery_outlives_a_power_loss(
    places: Iterator[Path], moment: float, seed: int, again: float, other: int
) -> None:
    """Where the power fails once more while a record is recovered, the recovery is done over, to the same end."""
    root, log, begun = asked_by_a_writer("interval", "none")
    power = Power(root)
    power.follow(log[: max(round(moment * len(log)), begun)])
    left = power.fail(Random(seed), next(places))
    count = RecordReader.open(left / PLACE).count
    recovering, disk = Power(left), LoggedDisk()
    recover(left / PLACE, disk)
    recovering.follow(disk.log[: round(again * len(disk.log))])
    path = recovering.fail(Random(other), next(places)) / PLACE
    assert RecordReader.open(path).count == count
    check_recovery(path, count, LoggedDisk())


def test_what_is_promised_of_each_durability() -> None:
    """Of eight blocks all are certain when each is forced, the first six where every third is, or none."""
    certain = {}
    for durability in ("block", "interval", "none"):
        root, log, _ = asked_by_a_writer(durability, "none")  # type: ignore[arg-type]
        written = [place for place, asked in enumerate(log) if asked.what == "write" and asked.path.suffix == ".seg"]
        power = Power(root)
        power.follow(log[: written[-1]])
        certain[durability] = certain_events(power, root) // 256
    assert certain == {"block": 8, "interval": 6, "none": 0}
