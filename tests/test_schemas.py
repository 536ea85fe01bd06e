"""docs/schemas: what every command prints with --json is what its schema says, and nothing else is."""

from __future__ import annotations

import json
from collections.abc import Iterator
from copy import deepcopy
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import click
import pytest

from deleverage.__main__ import COMMANDS, main

jsonschema = pytest.importorskip("jsonschema")
referencing = pytest.importorskip("referencing")

DOCS = Path(__file__).parents[1] / "docs"
SCHEMAS = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in (DOCS / "schemas").glob("*.json")}
SEED = 7
"""None of those that the schemas were drawn from."""
SHOWN, LISTENING = "explore", "tap"
"""What answers in a browser; what answers when a venue does (`test_tap.py` holds its document against the schema)."""
ASKED = [command for command in COMMANDS if command not in (SHOWN, LISTENING)]
FREE = {"sql"}
"""Whose keys are all the asker's."""


def _of_docs(name: str) -> ModuleType:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(DOCS)
        return import_module(name)


DRAW, ASKING = _of_docs("draw_schemas"), _of_docs("asking")


def _validator(command: str) -> Any:
    resources = [(name, referencing.Resource.from_contents(one)) for name, one in SCHEMAS.items()]
    registry = referencing.Registry().with_resources([(f"{name}.json", one) for name, one in resources])
    return jsonschema.Draft202012Validator(SCHEMAS[command], registry=registry)


def _faults(command: str, document: Any) -> list[str]:
    return [f"{error.json_path}: {error.message[:200]}" for error in _validator(command).iter_errors(document)]


@pytest.fixture(scope="module")
def printed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Any]]:
    """What the commands print about worlds of another seed; of the lines of `log` the first and last of each type."""
    documents = dict(ASKING.by_command(ASKING.asked(tmp_path_factory.mktemp("schemas"), SEED)))
    lines = documents["log"]
    ends = {**{line.get("type"): line for line in lines[::-1]}}, {line.get("type"): line for line in lines}
    return documents | {"log": [line for end in ends for line in end.values()]}


def _alone(command: click.Command) -> Iterator[click.Command]:
    """The command, or those beneath it."""
    if not isinstance(command, click.Group):
        yield command
        return
    context = click.Context(command)
    for name in command.list_commands(context):
        below = command.get_command(context, name)
        assert below is not None
        yield from _alone(below)


def test_every_command_answers_a_program_and_has_a_schema() -> None:
    """Each of the table has --json, and a schema; there is none of any other."""
    for command in _alone(main):
        assert any("--json" in one.opts for one in command.params) or command.name == SHOWN, command.name
    assert set(SCHEMAS) == {*ASKED, LISTENING}


def test_every_schema_is_one() -> None:
    """By the draft that it names, and under the name of its file."""
    for name, schema in SCHEMAS.items():
        jsonschema.Draft202012Validator.check_schema(schema)
        assert (schema["$id"], schema["$schema"].rpartition("/")[2]) == (f"{name}.json", "schema")


@pytest.mark.parametrize("command", ASKED)
def test_what_is_printed_is_what_the_schema_says(printed: dict[str, list[Any]], command: str) -> None:
    """Of worlds that it was not drawn from."""
    assert printed[command]
    for document in printed[command]:
        assert _faults(command, document) == []


@pytest.mark.parametrize("command", sorted(set(ASKED) - FREE))
def test_a_key_that_is_not_known_fails(printed: dict[str, list[Any]], command: str) -> None:
    """And so does a document without any of its keys."""
    for document in printed[command][-1:]:
        assert _faults(command, {**document, "surprise": 1})
        assert _faults(command, {}) or command == "log"


def _places(value: Any) -> Iterator[dict[str, Any]]:
    """Every object within a document."""
    if isinstance(value, dict):
        yield value
        for below in value.values():
            yield from _places(below)
    elif isinstance(value, list):
        for below in value[:1]:
            yield from _places(below)


def test_a_key_that_is_not_known_fails_at_any_depth(printed: dict[str, list[Any]]) -> None:
    """In the answers that are the program's alone: why, state and info but for what is data there."""
    for command, free in (("state", 0), ("watch", 0), ("fair", 0), ("verify", 0)):
        document = deepcopy(printed[command][0])
        passed = 0
        for place in _places(document):
            place["surprise"] = 1
            passed += not _faults(command, document)
            del place["surprise"]
        assert passed == free, command


def test_the_schemas_of_typed_answers_are_drawn_from_the_code() -> None:
    """Each is what its struct says today; so is a line of `log` what the events are."""
    for command, schema in DRAW.typed().items():
        assert DRAW.text_of(DRAW.finished(command, schema)) == DRAW.text_of(SCHEMAS[command]), command


def test_the_data_page_leads_to_every_schema() -> None:
    """docs/data.md links each of them."""
    page = (DOCS / "data.md").read_text(encoding="utf-8")
    for name in SCHEMAS:
        assert f"(schemas/{name}.json)" in page, name
