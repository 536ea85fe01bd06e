"""Draws docs/schemas/ from what commands print with `--json`: python docs/draw_schemas.py.

1. An answer that is a struct of the program is described by that struct (`TYPED`), a line of `log` by the bodies of the
   events.
2. Every other answer is described by what its documents have in common (`shapes.py`), of the worlds in `asking.py`.
3. What is said of a key is what docs/data.md says; of others what the ending of the key says.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Iterator, Sequence
from inspect import cleandoc
from pathlib import Path
from typing import Any

import msgspec
from asking import LINES, asked, by_command
from shapes import Schema, shape_of

from deleverage.events.record.recover import Recovery
from deleverage.events.vocabulary import BODY_TYPES
from deleverage.replay.bridge.bridge import BridgeResult
from deleverage.replay.export.export import Exported
from deleverage.replay.importers.audit.audit import Audit
from deleverage.replay.importers.importing import ImportResult
from deleverage.replay.policies.listing import Listed
from deleverage.replay.report.regulator import RegulatorReport
from deleverage.replay.stress.defaults import Cover, LargePosition, Volume
from deleverage.replay.stress.trial import Reading
from deleverage.replay.tap.tapping import TapResult
from deleverage.replay.verdict.parts import RulebookVerdict
from deleverage.replay.verify.checks import Verification
from deleverage.replay.why.accounts import Forced
from deleverage.replay.why.answer import Answer, Befallen
from deleverage.sim.quantities import Quantity

DOCS = Path(__file__).parent
FOLDER = DOCS / "schemas"
SEEDS = (1, 2)
EVENT: Schema = {"$ref": "log.json#/$defs/Event"}
"""An event as `log --json` has it, perhaps without `at` and `values`."""
FIGURES: Schema = {"type": ["string", "integer", "boolean", "null"]}

TYPED: dict[str, type[Any]] = {
    "audit": Audit,
    "bridge": BridgeResult,
    "export": Exported,
    "import": ImportResult,
    "recover": Recovery,
    "tap": TapResult,
    "verdict": RulebookVerdict,
    "verify": Verification,
}
NAMED = {
    "calibrate": {"target.parameters"},
    "diff": {"events.by_type"},
    "info": {"accounts", "by_type"},
    "lab": {"rows"},
    "run": {
        "by_type", "chain.borne", "chain.borne_atoms", "chain.counts", "chain.sums", "chain.sums_atoms",
        "liquidations", "own_orders", "sums", "sums_atoms", "sums_by_asset", "sums_by_asset.*", "sums_by_asset_atoms",
        "sums_by_asset_atoms.*",
    },
    "sql": {""},
    "stress": {"volumes", "rays.weights", "rays.spared_at", "rays.not_spared_at", "found.weights", "found.spared_at"},
}  # fmt: skip
"""Where the keys are data: the places whose objects have them, by command."""
APART = {"check": ("proved", "report"), "run": ("limits",)}
"""Keys that tell documents of several kinds apart, by command: each kind is described by itself."""
PARTS = (Cover, LargePosition, Reading, Volume)
"""Structs that are in the middle of an answer: an object that has all of their keys has them as they say."""
GIVEN = {
    "check": {"event": EVENT, "chain": EVENT},
    "history": {"event": EVENT},
    "info": {"producers.parameters": {"type": "object"}},
    "lab": {"rows": {"type": "object", "additionalProperties": FIGURES}, "charts": {"type": ["string", "null"]}},
    "sql": {"": {"type": "object"}},
}
"""What is described elsewhere, or is data of any kind, by command and place."""
ENDINGS = {
    "_ns": "nanoseconds; of a time since 1970",
    "_atoms": "whole atoms of the asset",
    "_ticks": "whole ticks of the instrument",
    "_lots": "whole lots of the instrument",
    "_bps": "ten-thousandths",
    "_ppm": "millionths",
    "_ppb": "billionths",
    "_seq": "the number of an event",
}


def drawn() -> Iterator[tuple[str, Schema]]:
    """The schema of each command. Some 30 s."""
    with tempfile.TemporaryDirectory() as folder:
        printed = []
        for seed in SEEDS:
            home = Path(folder) / str(seed)
            home.mkdir()
            printed += asked(home, seed)
    known = typed()
    for command, documents in by_command(printed):
        yield command, finished(command, known.pop(command, None) or inferred(command, documents))
    yield from ((command, finished(command, schema)) for command, schema in known.items())


def typed() -> dict[str, Schema]:
    """Those that follow from the program's own types."""
    found = {command: of_type(kind) for command, kind in TYPED.items()}
    found["verify"]["$defs"]["Verification"]["properties"]["divergence"] = {"anyOf": [divergence(), {"type": "null"}]}
    listed = of_type(Listed)
    listed["$defs"]["Listed"]["required"].remove("fault")
    listed |= _object({"policies": {"type": "array", "items": {"$ref": listed.pop("$ref")}}})
    return {**found, "log": log(), "policies": listed, "report": report(), "why": why()}


def of_type(*kinds: type[Any]) -> Schema:
    """The schema of what a struct is encoded as: all of its fields are there, and no other."""
    references, defs = msgspec.json.schema_components(kinds, schema_hook=_hooked)
    for one in defs.values():
        if "properties" in one:
            one |= {"required": list(one["properties"]), "additionalProperties": False}
    whole = references[0] if len(references) == 1 else {"anyOf": list(references)}
    return {**whole, "$defs": defs}


def _hooked(kind: type[Any]) -> Schema:
    """What the program encodes by a rule of its own."""
    if kind is Quantity:
        told = _object({"value": {"type": "string"}, "unit": {"type": "string"}})
        return told | {"additionalProperties": {"type": "integer"}}
    if issubclass(kind, Path):
        return {"type": "string"}
    raise NotImplementedError


def why() -> Schema:
    """An answer about an event, about an account (where each part may be null), about everybody, or pages written."""
    whole = of_type(Answer, Befallen, Forced)
    defs = whole["$defs"]
    parts = {key: {"anyOf": [one, {"type": "null"}]} for key, one in defs["Answer"]["properties"].items()}
    own = {key: one for key, one in defs["Befallen"]["properties"].items() if key != "answer"}
    defs["Befallen"] |= _object(own | parts)
    pages = _object({"pages": {"type": "string"}, "number": {"type": "integer"}})
    return {"anyOf": [*whole["anyOf"], pages], "$defs": defs}


def report() -> Schema:
    """A report, or one that was signed."""
    whole = of_type(RegulatorReport)
    texts = {name: {"type": "string"} for name in ("algorithm", "public_key", "value")}
    signature = _object({**texts, "time_stamp": {"type": ["string", "null"]}})
    head = {"format": {"type": "string"}, "version": {"type": "integer"}}
    signed = _object({**head, "report": {"$ref": whole["$ref"]}, "signature": signature})
    return {"anyOf": [{"$ref": whole["$ref"]}, signed], "$defs": whole["$defs"]}


def divergence() -> Schema:
    """The first event that came out otherwise."""
    event, text = {"anyOf": [EVENT, {"type": "null"}]}, {"type": ["string", "null"]}
    chain = {"type": "array", "items": EVENT}
    return _object(
        {
            "seq": {"type": "integer"}, "error": text, "state": text,
            "expected": event, "expected_chain": chain, "got": event, "got_chain": chain,
            "handler": text, "policy": text, "version": text,
        }
    )  # fmt: skip


def log() -> Schema:
    """A line of `log`: the envelope, the fields of its type, the time, and what they stand for; or chosen columns."""
    bodies, defs = msgspec.json.schema_components(BODY_TYPES, schema_hook=_hooked)
    del bodies
    structs = {kind.__name__: kind for kind in _structs(BODY_TYPES)}
    shown = {name: _as_printed(one, structs.get(name)) for name, one in defs.items()}
    whole = {name: _event(name, shown.pop(name)) for name in [kind.__name__ for kind in BODY_TYPES]}
    choice = [{"if": {"properties": {"type": {"const": name}}}, "then": {"$ref": f"#/$defs/{name}"}} for name in whole]
    event = {"type": "object", "required": ["type"], "properties": {"type": {"enum": [*whole]}}, "allOf": choice}
    columns = sorted({key for one in whole.values() for key in one["properties"]} - {"values"})
    return {
        "if": {"required": ["values"]},
        "then": {"$ref": "#/$defs/Event", "required": ["at"]},
        "else": {"type": "object", "propertyNames": {"enum": columns}},
        "$defs": {"Event": event, **whole, **shown},
    }


def _structs(kinds: Sequence[type[Any]]) -> Iterator[type[Any]]:
    """The structs that have their fields as an array in the record, and those within them."""
    for kind in kinds:
        yield kind
        for field in msgspec.structs.fields(kind):
            yield from _structs([one for one in _within(field.type) if one is not kind])


def _within(hint: Any) -> Iterator[type[Any]]:
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        yield hint
    for one in getattr(hint, "__args__", ()):
        yield from _within(one)


def _as_printed(one: Schema, kind: type[Any] | None) -> Schema:
    """A struct that is an array in the record as the object that is printed; bytes as hexadecimal digits."""
    one = json.loads(json.dumps(one).replace('"contentEncoding": "base64"', '"pattern": "^[0-9a-f]*$"'))
    if kind is None or "prefixItems" not in one:
        return one
    names = [field.name for field in msgspec.structs.fields(kind)]
    fields = one["prefixItems"][-len(names) :] if names else []
    for field in fields:
        field.pop("default", None)
    return {"description": one.get("description", ""), **_object(dict(zip(names, fields, strict=True)))}


def _event(name: str, body: Schema) -> Schema:
    """A body with its envelope."""
    whole, text = {"type": "integer"}, {"type": "string"}
    envelope = {
        "seq": whole, "at_ns": whole, "origin": text, "cause": {"type": ["integer", "null"]},
        "producer": {"type": ["integer", "null"]}, "type": {"const": name}, "links": {"type": "array", "items": whole},
    }  # fmt: skip
    found = {"description": body["description"], **_object(envelope | body["properties"])}
    found["properties"] |= {"at": text, "values": {"type": "object", "additionalProperties": text}}
    return found


def _object(properties: dict[str, Schema]) -> Schema:
    return {"type": "object", "properties": properties, "required": [*properties], "additionalProperties": False}


def inferred(command: str, documents: list[Any]) -> Schema:
    """What all documents of a command, or all of a kind, have in common."""
    named = NAMED.get(command, set())
    kinds: dict[tuple[bool, ...], list[Any]] = {}
    for document in documents:
        kinds.setdefault(tuple(key in document for key in APART.get(command, ())), []).append(document)
    given = GIVEN.get(command, {})
    choices = [shape_of(alike, named).schema("", named, given) for alike in kinds.values()]
    schema = choices[0] if len(choices) == 1 else {"anyOf": choices}
    for kind in PARTS:
        _take_over(schema, of_type(kind)["$defs"][kind.__name__]["properties"])
    return schema


def _take_over(schema: Any, fields: dict[str, Schema]) -> None:
    """Wherever an object has all of these fields, describe them so; what leads elsewhere stays as it was seen."""
    if isinstance(schema, dict):
        for below in schema.values():
            _take_over(below, fields)
        if {*fields} <= {*schema.get("properties", ())}:
            schema["properties"] |= {key: one for key, one in fields.items() if "$ref" not in json.dumps(one)}
    elif isinstance(schema, list):
        for below in schema:
            _take_over(below, fields)


def finished(command: str, schema: Schema) -> Schema:
    """The schema with its head, and with what is said of its keys."""
    of = f"A line of `{command} --json`" if command in LINES else f"What `{command} --json` prints"
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": f"{command}.json", "title": f"{of}."}
    _tell(schema, told(command))
    return head | without_unused(schema)


def without_unused(schema: Schema) -> Schema:
    """The schema with those parts alone that something in it leads to."""
    defs = schema.pop("$defs", {})
    used, todo = dict[str, Schema](), [json.dumps(schema)]
    while todo:
        for name in re.findall(r'"#/\$defs/(\w+)"', todo.pop()):
            if name in defs and name not in used:
                used[name] = defs[name]
                todo.append(json.dumps(defs[name]))
    return schema | ({"$defs": {name: one for name, one in defs.items() if name in used}} if used else {})


def told(command: str) -> dict[str, str]:
    """What docs/data.md says of the keys of a command's document."""
    page = (DOCS / "data.md").read_text(encoding="utf-8")
    sections = re.findall(r"^### (.*)\n((?:(?!^### ).*\n)*)", page, re.MULTILINE)
    text = "".join(section for title, section in sections if command in title.split(", "))
    tables = re.split(r"^\| key of `(.+?)` .*$", text, flags=re.MULTILINE)
    own = (command, "--json", "--regulator --json")
    text = tables[0] + "".join(rows for of, rows in zip(tables[1::2], tables[2::2], strict=True) if of in own)
    rows = re.findall(r"^\| (`.*?) \| (.*) \|$", text, re.MULTILINE)
    plain = [(cell, re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", says)) for cell, says in rows]
    return {key: says for cell, says in plain for key in re.findall(r"`([^`]+)`", cell)}


def _tell(schema: Any, words: dict[str, str]) -> None:
    """Say of every key what is known of it: at the top what the page says, below what its ending says."""
    if isinstance(schema, list):
        for one in schema:
            _tell(one, words)
        return
    if not isinstance(schema, dict):
        return
    if isinstance(schema.get("description"), str):
        schema["description"] = cleandoc(schema["description"])  # of a docstring, whichever way it was indented
    properties = schema.get("properties", {})
    for key, one in properties.items():
        ending = next((says for ending, says in ENDINGS.items() if key.endswith(ending)), None)
        says = words.get(key) or ending
        if says and isinstance(one, dict) and "const" not in one:
            properties[key] = one | {"description": says}  # one that is described elsewhere is shared
    for key, one in schema.items():
        if key == "properties":
            for below in one.values():
                _tell(below, {})
        else:
            _tell(one, words if key == "anyOf" else {})


def text_of(schema: Schema) -> str:
    """As it stands in its file."""
    return json.dumps(schema, indent=1, ensure_ascii=False) + "\n"


def main() -> None:
    """Write all of them, and no other into the folder."""
    for old in FOLDER.glob("*.json"):
        old.unlink()
    for command, schema in drawn():
        (FOLDER / f"{command}.json").write_text(text_of(schema), encoding="utf-8")


if __name__ == "__main__":
    main()
