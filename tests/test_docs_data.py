"""docs/data.md: what it says comes out of the commands is what comes out of them."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path
from typing import Any

import pytest

from .support.command_line import call
from .support.crash import SMALL_CRASH

PAGE = (Path(__file__).parents[1] / "docs" / "data.md").read_text(encoding="utf-8")


def _told(title: str) -> list[str]:
    """The names in the first column of the tables under a heading."""
    section = re.split(r"^### ", PAGE.partition(f"\n### {title}\n")[2], maxsplit=1, flags=re.MULTILINE)[0]
    cells = [row.split("|")[1] for row in section.splitlines() if row.startswith("| `")]
    return [name for cell in cells for name in re.findall(r"`([^`]+)`", cell)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small crash and a fork of it."""
    made = tmp_path_factory.mktemp("data")
    call("run", SMALL_CRASH, "-o", made / "a.run")
    call("fork", made / "a.run", "--at", "+00:15:00", "--set", "adl.policy=profit-share", "-o", made / "b.run")
    return made


def _reduction(run: Path) -> str:
    lines = call("log", run, "--type", "PositionDeleveraged", "--json").stdout.splitlines()
    return str(json.loads(lines[-1])["seq"])


@pytest.mark.parametrize("command", ["run", "state", "why", "verify", "split"])
def test_the_keys_of_a_document_stand_on_the_page(folder: Path, command: str) -> None:
    """All of them, and no other, for each command that prints one document."""
    arguments = {"run": [SMALL_CRASH], "why": [folder / "a.run", _reduction(folder / "a.run")]}
    printed = call(command, *arguments.get(command, [folder / "a.run"]), "--json")
    assert sorted(_told(command)) == sorted(json.loads(printed.stdout))


def test_the_keys_of_a_difference_stand_on_the_page(folder: Path) -> None:
    """Those of the JSON, and the columns of the CSV, with `*` for either run."""
    printed = json.loads(call("diff", folder / "a.run", folder / "b.run", "--json").stdout)
    call("diff", folder / "a.run", folder / "b.run", "--csv", folder / "diff.csv")
    with (folder / "diff.csv").open(encoding="utf-8", newline="") as file:
        columns = next(csv.reader(file))
    plain = {re.sub(r"_[ab]$", "_*", re.sub(r"^.*_lots_", "INSTRUMENT_lots_", column)) for column in columns}
    told = {name.replace("account_a", "account_*").replace("account_b", "account_*") for name in _told("diff")}
    assert told == plain | set(printed)


def test_the_keys_of_a_line_stand_on_the_page(folder: Path) -> None:
    """Those of the envelope in `log --json`; before and after in `history --json`."""
    line = json.loads(call("log", folder / "a.run", "--type", "RunEnded", "--json").stdout)
    assert set(_told("log, history")) == set(line) - {"sources"}
    account = json.loads(call("log", folder / "a.run", "--type", "MarginCalled", "--json").stdout.splitlines()[0])
    last = call("history", folder / "a.run", "--account", account["account"], "--json").stdout.splitlines()[-1]
    assert set(json.loads(last)) == {"event", "before", "after"}
    for name in re.findall(r"`(\w+)`", PAGE.partition("the account `before` and `after` it:")[2].partition("\n\n")[0]):
        assert name in json.loads(last)["after"]


def test_the_columns_of_a_lab_stand_on_the_page(tmp_path: Path) -> None:
    """Those that are there for every lab; `--json` has the same rows, figure by figure."""
    few = "--set", "population.accounts=40", "--seeds", "1", "--jobs", "1"
    done = call("lab", SMALL_CRASH, *few, "-o", tmp_path / "l", "--json")
    assert done.exit_code == 0
    document = json.loads(done.stdout)
    with (tmp_path / "l" / "results.csv").open(encoding="utf-8", newline="") as file:
        (row,) = csv.DictReader(file)
    told = {*_told("lab"), "scenario", "seed", "error", "prices", "asset", "solvent"} - set(document)
    assert {re.sub(r":.*", ":INSTRUMENT", column) for column in row} == told
    assert set(document) <= {*_told("lab")}
    (printed,) = document["rows"]
    texts = {None: "", True: "true", False: "false"}
    assert row == {name: texts.get(value, value) if name != "seed" else str(value) for name, value in printed.items()}


SCHEMAS = sorted((Path(__file__).parents[1] / "docs" / "schemas").glob("*.json"))


def _keys(schema: dict[str, Any], defs: dict[str, Any]) -> set[str]:
    """The keys at the top of every document that a schema allows."""
    if schema.get("$ref", "").startswith("#/$defs/"):
        return _keys(defs[schema["$ref"].removeprefix("#/$defs/")], defs)
    found = (_keys(one, defs) for one in schema.get("anyOf", ()))
    return set(schema.get("properties", ())).union(*found)


@pytest.mark.parametrize("path", SCHEMAS, ids=lambda path: path.stem)
def test_every_key_of_a_schema_is_told_in_the_section_of_its_command(path: Path) -> None:
    """In a table or in a sentence."""
    sections = re.findall(r"^### (.*)\n((?:(?!^### ).*\n)*)", PAGE, re.MULTILINE)
    told = "".join(text for title, text in sections if path.stem in title.split(", "))
    schema = json.loads(path.read_text(encoding="utf-8"))
    assert _keys(schema, schema.get("$defs", {})) <= set(re.findall(r"`([\w-]+)`", told))
