"""Logs for other programs: an OCEL by its schema, a Perfetto trace decoded again, OTLP spans as a tree."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deleverage import open_run
from deleverage.events.bodies.margin import MarkPriced

from .support.command_line import call, small_record

pytest.importorskip("pyarrow")

TYPES = {"string": str, "integer": int, "float": int | float, "boolean": bool, "time": str}


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small crash."""
    return small_record(tmp_path_factory.mktemp("logs"))


def exported(record: Path, layout: str) -> Path:
    """The whole of it in a format; `export.json` counts the events."""
    path = record.parent / layout
    result = call("export", record, "-o", path, "--format", layout, "--json")
    assert result.exit_code == 0, result.stderr
    assert open_run(record).count in json.loads(result.stdout)["counts"].values()
    return path


def test_an_ocel_is_what_its_schema_asks(recorded: Path) -> None:
    """Types are declared, values are of them, relations lead to objects; each event is there once, with its cause."""
    log = json.loads((exported(recorded, "ocel") / "log.ocel.json").read_text())
    assert set(log) == {"objectTypes", "eventTypes", "objects", "events"}
    declared = {one["name"]: {a["name"]: TYPES[a["type"]] for a in one["attributes"]} for one in log["eventTypes"]}
    objects = {one["id"]: one for one in log["objects"]}
    assert {one["type"] for one in log["objects"]} <= {one["name"] for one in log["objectTypes"]}
    assert len(objects) == len(log["objects"])
    lots = 0
    for event in log["events"]:
        assert set(event) == {"id", "type", "time", "attributes", "relationships"}
        for attribute in event["attributes"]:
            assert isinstance(attribute["value"], declared[event["type"]][attribute["name"]])
        assert all(one["objectId"] in objects and one["qualifier"] for one in event["relationships"])
        lots += any(one["qualifier"] == "lot" for one in event["relationships"])
    assert all(one["objectId"] in objects for owner in log["objects"] for one in owner["relationships"])
    seqs = sorted(a["value"] for event in log["events"] for a in event["attributes"] if a["name"] == "seq")
    assert seqs == list(range(open_run(recorded).count))
    assert lots


def test_spans_are_trees_of_causes(recorded: Path) -> None:
    """A span's parent is the event that caused it, in the same trace, which begins with one that had none."""
    spans = [
        span
        for line in (exported(recorded, "otlp") / "spans.jsonl").read_text().splitlines()
        for span in json.loads(line)["resourceSpans"][0]["scopeSpans"][0]["spans"]
    ]
    by_id = {span["spanId"]: span for span in spans}
    past = open_run(recorded)
    assert len(by_id) == len(spans) == past.count
    for event in past.events():
        span = by_id[f"{event.seq + 1:016x}"]
        assert (span["name"], int(span["startTimeUnixNano"])) == (type(event.body).__name__, event.at_ns)
        parent = span.get("parentSpanId")
        assert (None if parent is None else int(parent, 16) - 1) == event.cause
        assert parent is None or by_id[parent]["traceId"] == span["traceId"]
    assert len({span["traceId"] for span in spans}) == sum("parentSpanId" not in span for span in spans)


def fields(data: bytes) -> Iterator[tuple[int, Any]]:
    """The fields of a protobuf message: number and value, another message as its bytes."""
    place = 0

    def varint() -> int:
        nonlocal place
        number, shift = 0, 0
        while True:
            byte = data[place]
            place += 1
            number |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return number

    while place < len(data):
        tag = varint()
        if tag & 7 == 0:
            yield tag >> 3, varint()
        elif tag & 7 == 1:
            yield tag >> 3, data[place : place + 8]
            place += 8
        else:
            length = varint()
            yield tag >> 3, data[place : place + length]
            place += length


def test_a_trace_has_every_event_every_arrow_and_the_marks(recorded: Path) -> None:
    """Decoded by the format's numbers: packets on tracks that were described before, an arrow at both of its ends."""
    data = (exported(recorded, "perfetto") / "trace.pftrace").read_bytes()
    packets = [dict(fields(packet)) for _, packet in fields(data)]
    tracks, events, flows, marks = dict[int, str](), 0, dict[int, int](), list[tuple[int, float]]()
    for packet in packets:
        if 60 in packet:
            told = dict(fields(packet[60]))
            tracks[told[1]] = told.get(2, b"").decode()
            continue
        body = list(fields(packet[11]))
        track = tracks[dict(body)[11]]
        events += dict(body)[9] == 3
        for number, value in body:
            if number == 47:
                flows[struct.unpack("<Q", value)[0]] = flows.get(struct.unpack("<Q", value)[0], 0) + 1
        if track == "mark BTC-PERP":
            marks.append((packet[8], struct.unpack("<d", dict(body)[44])[0]))
    past = list(open_run(recorded).events())
    assert events == len(past)
    assert flows == {event.seq + 1: 2 for event in past if event.cause is not None}
    priced = [event for event in past if isinstance(event.body, MarkPriced) and event.body.instrument == 0]
    assert marks == [(event.at_ns, event.body.mark_ticks / 10) for event in priced]
    assert {"insurance:USDT cash", "insurance:USDT equity", "traders' equity USDT"} <= set(tracks.values())


def test_a_log_has_no_tables(recorded: Path, tmp_path: Path) -> None:
    """To ask for one is refused before anything is written."""
    result = call("export", recorded, "-o", tmp_path / "out", "--format", "otlp", "--table", "MarkPriced")
    assert (result.exit_code, list(tmp_path.iterdir())) == (2, [])
    assert result.stderr.startswith("deleverage: --format otlp is a log of events and has no tables")
