"""An object-centric event log (OCEL 2.0, JSON) for process mining: https://www.ocel-standard.org/2.0/.

1. Objects are accounts, instruments, assets, orders, liquidations, rounds and lots. A lot is what an insurance fund
   took over of one instrument in one liquidation, until it is sold.
2. An event is related to each object that it names, and the qualifier is the name of the field: `account`, `against`.
3. Its other figures are attributes, numbers in full; `seq`, `cause` and `producer` are as well.

What is held in memory are the objects, not the events.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from ...events.regular import open_new
from ...events.vocabulary import TYPES_BY_NAME
from ...sim.units import format_time_ns
from ..tables.tables import RecordTables
from .rows import EventRow, Span, event_rows, kinds_in, plain_figures

__all__ = ["OCEL", "write_ocel"]

OCEL = "log.ocel.json"

_OBJECTS = ("account", "instrument", "asset", "order", "liquidation", "round", "lot")
_TYPES = {"int64": "integer", "bool": "boolean", "string": "string", "timestamp[ns, tz=UTC]": "time"}
_ATTRIBUTES = ("seq", "cause", "producer")

_encode = msgspec.json.Encoder(decimal_format="number").encode


def write_ocel(found: RecordTables, folder: Path, span: Span) -> dict[str, int]:
    """Write the log into a folder: how many events and objects it has."""
    objects, types, events = _Objects(), dict[str, dict[str, Any]](), 0
    with open_new(folder / OCEL) as file:
        file.write(b'{"events":[')
        for row in event_rows(found, span):
            if row.type not in types:
                types[row.type] = _event_type(found.schema(row.type), row.type)
            kinds = types[row.type]["kinds"]
            file.write(b",\n" if events else b"\n")
            file.write(_encode(_event(row, kinds, objects)))
            events += 1
        file.write(b'],\n"objects":[')
        for place, one in enumerate(objects.known.values()):
            file.write((b",\n" if place else b"\n") + _encode(one))
        kinds_told = [{"name": name, "attributes": []} for name in _OBJECTS]
        event_types = [{"name": name, "attributes": one["attributes"]} for name, one in types.items()]
        file.write(b'],\n"objectTypes":' + _encode(kinds_told) + b',\n"eventTypes":' + _encode(event_types) + b"}\n")
    return {"events": events, "objects": len(objects.known)}


class _Objects:
    """The objects that events named so far, and the lots of the funds."""

    def __init__(self) -> None:
        self.known: dict[str, dict[str, Any]] = {}

    def named(self, kind: str, value: Any) -> str:
        """The number of an object, which is known from now on."""
        number = f"{kind}:{value}"
        if number not in self.known:
            self.known[number] = {"id": number, "type": kind, "attributes": [], "relationships": []}
        return number

    def lot(self, row: EventRow) -> str | None:
        """The lot that an event is about: taken over by this one, or known since one before."""
        liquidation, instrument = row.values.get("liquidation_id"), row.values.get("instrument")
        number = f"lot:{liquidation}/{instrument}"
        if row.type == "PositionTakenOver":
            self.known[number] = {
                "id": number,
                "type": "lot",
                "attributes": [],
                "relationships": [
                    {"objectId": self.named("liquidation", liquidation), "qualifier": "from"},
                    {"objectId": self.named("instrument", instrument), "qualifier": "of"},
                ],
            }
        return number if number in self.known else None


def _event_type(schema: Any, table: str) -> dict[str, Any]:
    """The type's attributes, and the kinds of its columns."""
    kinds = kinds_in(schema)
    attributes = [{"name": "seq", "type": "integer"}, {"name": "cause", "type": "integer"}]
    attributes.append({"name": "producer", "type": "string"})
    for name, kind in kinds.items():
        arrow_type = schema.field(name).type
        if kind not in _OBJECTS and not arrow_type.num_fields:
            attributes.append({"name": name, "type": _TYPES.get(str(arrow_type), "float")})
    assert table in TYPES_BY_NAME
    return {"kinds": kinds, "attributes": attributes}


def _event(row: EventRow, kinds: dict[str, str], objects: _Objects) -> dict[str, Any]:
    attributes = [{"name": name, "value": row.values[name]} for name in _ATTRIBUTES if row.values[name] is not None]
    related = []
    for name, value in plain_figures(row).items():
        kind = kinds[name]
        if kind in _OBJECTS:
            related.append({"objectId": objects.named(kind, value), "qualifier": name})
        else:
            attributes.append({"name": name, "value": format_time_ns(value) if kind == "time" else value})
    for name, kind in kinds.items():
        if kind == "prices":
            related += [
                {"objectId": objects.named("instrument", one["instrument"]), "qualifier": name}
                for one in row.values[name]
            ]
    if (lot := objects.lot(row)) is not None:
        related.append({"objectId": lot, "qualifier": "lot"})
    return {
        "id": f"event:{row.values['seq']}",
        "type": row.type,
        "time": format_time_ns(row.values["time"]),
        "attributes": attributes,
        "relationships": related,
    }
