"""A trace for ui.perfetto.dev: events on a track for each who decides, arrows from cause to effect, counters above.

The counters are the mark of each instrument, the cash and equity of each fund, and the equity of all traders together;
the last two are taken at instants spread over the span. A trace is protobuf, of which a few lines write all that is
needed here: https://perfetto.dev/docs/reference/trace-packet-proto has the numbers of the fields.
Counters are floats, as Perfetto has them; every other figure is text, in full.
"""

from __future__ import annotations

import struct
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from ...events.regular import open_new
from ...sim.units import INT64_MAX
from ..run import Run
from ..state.queues import TRADERS, marked_margin
from ..tables.tables import RecordTables
from .rows import EventRow, Span, event_rows, plain_figures

__all__ = ["PERFETTO", "write_perfetto"]

PERFETTO = "trace.pftrace"

_PACKET, _TIMESTAMP, _SEQUENCE, _TRACK_EVENT, _TRACK = 1, 8, 10, 11, 60
_UUID, _NAME, _PROCESS, _PARENT, _COUNTER = 1, 2, 3, 5, 8
_PID, _PROCESS_NAME, _UNIT_NAME = 1, 6, 6
_ANNOTATIONS, _TYPE, _ON_TRACK, _CATEGORIES, _EVENT_NAME, _VALUE, _FLOWS = 4, 9, 11, 22, 23, 44, 47
_TEXT_VALUE, _ANNOTATION_NAME = 6, 10
_INSTANT, _COUNTS = 3, 4

_VARINT, _FIXED64, _BYTES = 0, 1, 2
_SEVEN_BITS, _MORE = 0x7F, 0x80
_INSTANTS = 120
_RUN_TRACK = 1


def write_perfetto(found: RecordTables, folder: Path, span: Span) -> dict[str, int]:
    """Write the trace into a folder: how many events and arrows. The causes are held in memory."""
    run = found.declared.run
    first, stop = run.span(*span)
    effects = _effects(run, first, stop)
    with open_new(folder / PERFETTO) as file:
        trace, events = _Trace(file, run), 0
        for row in event_rows(found, span):
            values = row.values
            flows = list(effects.get(values["seq"], ()))
            if values["cause"] is not None and values["cause"] >= first:
                flows.append(values["seq"])
            trace.event(row, flows)
            if row.type == "MarkPriced":
                trace.count(f"mark {values['instrument']}", "quote", values["time"], float(values["mark"]))
            events += 1
        for name, unit, at_ns, value in _standings(run, first, stop):
            trace.count(name, unit, at_ns, value)
    return {"events": events, "arrows": sum(map(len, effects.values()))}


def _effects(run: Run, first: int, stop: int) -> dict[int, list[int]]:
    """The effects of each event of a span: an arrow has the number of the effect."""
    found: dict[int, list[int]] = defaultdict(list)
    for seq in range(first, stop):
        cause = run.columns.cause_of(seq)
        if cause is not None and cause >= first:
            found[cause].append(seq)
    return found


def _standings(run: Run, first: int, stop: int) -> Iterator[tuple[str, str, int, float]]:
    """Funds and the traders' equity at instants spread over a span: name, unit, time, value in units."""
    for ledger in run.states(sorted({first + (stop - first) * part // _INSTANTS for part in range(1, _INSTANTS + 1)})):
        equity = dict[int, int]()
        for one in ledger.accounts:
            margin = marked_margin(ledger, one)
            if margin is None:
                continue
            if one.account in ledger.funds:
                unit = 10 ** ledger.assets[one.asset].decimals
                told = ledger.name(one.account), ledger.assets[one.asset].name
                yield f"{told[0]} cash", told[1], ledger.at_ns, one.balance_atoms / unit
                yield f"{told[0]} equity", told[1], ledger.at_ns, margin.equity_atoms / unit
            elif one.kind in TRADERS:
                equity[one.asset] = equity.get(one.asset, 0) + margin.equity_atoms
        for asset, atoms in equity.items():
            listed = ledger.assets[asset]
            yield f"traders' equity {listed.name}", listed.name, ledger.at_ns, atoms / 10**listed.decimals


class _Trace:
    """The packets, as they are written; a track is described before what stands on it."""

    def __init__(self, file: BinaryIO, run: Run) -> None:
        self._file = file
        self._tracks: dict[str, int] = {}
        process = _number(_PID, 1) + _text(_PROCESS_NAME, f"{run.path.name} {run.sealed_head or 'torn'}")
        self._packet(_bytes(_TRACK, _number(_UUID, _RUN_TRACK) + _bytes(_PROCESS, process)))

    def event(self, row: EventRow, flows: list[int]) -> None:
        """An event on the track of who decided it."""
        values = row.values
        told = {"seq": values["seq"], "cause": values["cause"], **plain_figures(row)}
        body = _number(_TYPE, _INSTANT) + _number(_ON_TRACK, self._track(values["producer"] or values["origin"]))
        body += _text(_CATEGORIES, values["origin"]) + _text(_EVENT_NAME, row.type)
        body += b"".join(_fixed(_FLOWS, flow + 1) for flow in flows)
        for name, value in told.items():
            if value is not None:
                body += _bytes(_ANNOTATIONS, _text(_ANNOTATION_NAME, name) + _text(_TEXT_VALUE, str(value)))
        self._packet(_number(_TIMESTAMP, values["time"]) + _bytes(_TRACK_EVENT, body))

    def count(self, name: str, unit: str, at_ns: int, value: float) -> None:
        """What a counter is from then on."""
        track = self._track(name, _bytes(_COUNTER, _text(_UNIT_NAME, unit)))
        body = _number(_TYPE, _COUNTS) + _number(_ON_TRACK, track) + _tag(_VALUE, _FIXED64) + struct.pack("<d", value)
        self._packet(_number(_TIMESTAMP, at_ns) + _bytes(_TRACK_EVENT, body))

    def _track(self, name: str, counter: bytes = b"") -> int:
        if name not in self._tracks:
            self._tracks[name] = _RUN_TRACK + 1 + len(self._tracks)
            told = _number(_UUID, self._tracks[name]) + _number(_PARENT, _RUN_TRACK) + _text(_NAME, name)
            self._packet(_bytes(_TRACK, told + counter))
        return self._tracks[name]

    def _packet(self, body: bytes) -> None:
        self._file.write(_bytes(_PACKET, body + _number(_SEQUENCE, 1)))


def _varint(number: int) -> bytes:
    """Seven bits a byte, the lowest first; the top bit says that more follow."""
    assert 0 <= number <= INT64_MAX
    found = bytearray()
    while number > _SEVEN_BITS:
        found.append(number & _SEVEN_BITS | _MORE)
        number >>= 7
    found.append(number)
    return bytes(found)


def _tag(field: int, wire: int) -> bytes:
    return _varint(field << 3 | wire)


def _number(field: int, number: int) -> bytes:
    return _tag(field, _VARINT) + _varint(number)


def _fixed(field: int, number: int) -> bytes:
    return _tag(field, _FIXED64) + struct.pack("<Q", number)


def _bytes(field: int, data: bytes) -> bytes:
    return _tag(field, _BYTES) + _varint(len(data)) + data


def _text(field: int, text: str) -> bytes:
    return _bytes(field, text.encode())
