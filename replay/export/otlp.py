"""Spans for a tracing backend: OTLP as JSON, a request a line, as the collector's file receiver reads it.

A trace is all that followed from one input; its id is of the record's head and that input. A span is an event, its
parent the event that caused it, its links those that contributed. Events take no time, so a span ends where it begins.
https://opentelemetry.io/docs/specs/otel/protocol/file-exporter/
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator
from decimal import Decimal
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec

from ...events.regular import open_new
from ..run import Run
from ..tables.structs import provenance
from ..tables.tables import RecordTables
from .rows import EventRow, Span, event_rows, plain_figures

__all__ = ["OTLP", "write_otlp"]

OTLP = "spans.jsonl"

_SPANS = 1_000
_INTERNAL = 1

_encode = msgspec.json.Encoder().encode


def write_otlp(found: RecordTables, folder: Path, span: Span) -> dict[str, int]:
    """Write the spans into a folder: how many there are. Eight bytes an event are held in memory."""
    run, count = found.declared.run, 0
    roots, told = _roots(run), provenance(found.declared)
    resource = {"attributes": [_attribute("service.name", "deleverage"), *(_attribute(*one) for one in told.items())]}
    spans = (_span(row, roots, told["head"]) for row in event_rows(found, span))
    with open_new(folder / OTLP) as file:
        for some in _chunks(spans):
            scope = {"scope": {"name": "deleverage", "version": told["deleverage"]}, "spans": some}
            file.write(_encode({"resourceSpans": [{"resource": resource, "scopeSpans": [scope]}]}) + b"\n")
            count += len(some)
    return {"spans": count}


def _chunks(spans: Iterable[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    left = iter(spans)
    while some := list(islice(left, _SPANS)):
        yield some


def _roots(run: Run) -> array[int]:
    """The input that each event followed from."""
    roots = array("q")
    for seq in range(run.count):
        cause = run.columns.cause_of(seq)
        roots.append(seq if cause is None else roots[cause])
    return roots


def _span(row: EventRow, roots: array[int], head: str) -> dict[str, Any]:
    values, at_ns = row.values, str(row.values["time"])
    seq, cause = values["seq"], values["cause"]
    parent = {} if cause is None else {"parentSpanId": _span_id(cause)}
    own = {"seq": seq, "origin": values["origin"], "producer": values["producer"], **plain_figures(row)}
    return {
        "traceId": _trace_id(head, roots[seq]),
        "spanId": _span_id(seq),
        **parent,
        "name": row.type,
        "kind": _INTERNAL,
        "startTimeUnixNano": at_ns,
        "endTimeUnixNano": at_ns,
        "attributes": [_attribute(name, value) for name, value in own.items() if value is not None],
        "links": [{"traceId": _trace_id(head, roots[one]), "spanId": _span_id(one)} for one in values["links"]],
    }


def _trace_id(head: str, root: int) -> str:
    return sha256(f"{head}/{root}".encode()).hexdigest()[:32]


def _span_id(seq: int) -> str:
    return f"{seq + 1:016x}"  # a number of zeros alone is no span


def _attribute(name: str, value: Any) -> dict[str, Any]:
    """A value as OTLP has it: whole numbers as text of 64 bits, decimals as text, so that nothing of them is lost."""
    if isinstance(value, bool):
        return {"key": name, "value": {"boolValue": value}}
    if isinstance(value, int):
        return {"key": name, "value": {"intValue": str(value)}}
    return {"key": name, "value": {"stringValue": format(value, "f") if isinstance(value, Decimal) else value}}
