"""`deleverage policies` and `deleverage new-policy`."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from deleverage.handlers.policies.adl.choices import ADL_CHOICES
from deleverage.handlers.registry import SLOTS

from .support.command_line import ENVIRONMENT, call
from .test_plugins import BY_SIZE, HANDLER, distribution, written


@pytest.fixture(autouse=True)
def _elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Each test stands in a folder of its own."""
    monkeypatch.chdir(tmp_path)


def told(*names: str) -> list[dict[str, Any]]:
    """What `policies --json` prints."""
    done = call("policies", *names, "--json")
    assert done.exit_code == 0, done.output
    found: list[dict[str, Any]] = json.loads(done.stdout)["policies"]
    return found


def test_every_builtin_policy_is_listed_with_what_it_does() -> None:
    """One row for each, in the order of the slots, one default in each slot."""
    found = told()
    assert [(one["slot"], one["policy"]) for one in found] == [(slot, name) for slot in SLOTS for name in SLOTS[slot]]
    assert {one["origin"] for one in found} == {"builtin"}
    assert all(one["does"].strip() for one in found)
    assert [one["slot"] for one in found if one["default"]] == list(SLOTS)
    assert all(one["source"] for one in told("adl") if one["policy"] != "profit-share")
    assert [one["policy"] for one in found if one["formula"]] == list(ADL_CHOICES)
    assert all(not one["formula"] or not one["rule"] for one in found)


def test_every_builtin_policy_is_listed_as_text() -> None:
    """Whatever kind of default its parameters have."""
    done = call("policies")
    assert (done.exit_code, done.stderr) == (0, "")
    printed = done.stdout.split()
    assert not {name for slot in SLOTS for name in SLOTS[slot]} - set(printed)


def test_parameters_are_listed_with_type_and_default() -> None:
    """As a scenario would write them."""
    (found,) = told("partial-then-whole")
    parameters = {one["name"]: one for one in found["parameters"]}
    assert parameters["first_share_bps"] == {"name": "first_share_bps", "type": "int", "default": 2_000}
    assert parameters["limit"] == {"name": "limit", "type": "bankruptcy | none", "default": "bankruptcy"}
    assert parameters["whole_below"] == {"name": "whole_below", "type": "amount", "default": 0}
    assert list(parameters)[-1] == "order"


def test_a_file_that_is_named_is_listed(tmp_path: Path) -> None:
    """With its hash, its formula and where it is; in text as well."""
    written(tmp_path)
    (found,) = told("by_size.py:BySize")
    formula = "max(notional, least) / 10^9"
    assert (found["slot"], found["formula"], found["origin"]) == ("adl", formula, "file by_size.py")
    assert found["version"].startswith("1+sha256:")
    least, closes_at = found["parameters"]
    assert least == {"name": "least", "type": "int", "default": 0}
    assert (closes_at["name"], closes_at["default"]) == ("closes_at", "bankruptcy")
    text = call("policies", "adl", "--plugins", ".").stdout
    assert f"by_size.py:BySize\n  does        The largest first.\n  formula     {formula}\n" in text
    assert max(map(len, text.splitlines())) <= 60 + len("reverse-engineered")


def test_what_lies_in_the_working_directory_is_only_read(tmp_path: Path) -> None:
    """It is listed with what it says of itself, and not executed before it is named."""
    mark = tmp_path / "executed"
    written(tmp_path, text=f"{BY_SIZE}\nopen({str(mark)!r}, 'w')\n")
    (found,) = [one for one in told("adl") if one["policy"] == "by_size.py:BySize"]
    assert (found["does"], found["origin"]) == (
        "The largest first.",
        "file by_size.py, read and not loaded; name it to see all",
    )
    assert not mark.exists()
    assert told("by_size.py:BySize")[0]["version"].startswith("1+sha256:")
    assert mark.exists()


def test_a_policy_without_a_formula_is_listed_as_such(tmp_path: Path) -> None:
    """Its score is what its code gives; a policy of another slot has a rule, which is no formula."""
    written(tmp_path, text=BY_SIZE.replace('formula = "max(notional, least) / 10^9"', "pass"))
    (found,) = told("by_size.py:BySize")
    assert (found["formula"], found["rule"]) == ("", "the score is what this code gave")
    (found,) = told("partial-then-whole")
    assert (found["formula"], bool(found["rule"])) == ("", True)


def test_a_file_in_a_folder_of_plugins_is_listed(tmp_path: Path) -> None:
    """A handler is found by the slot that it names; what does not read like a plug-in is not executed."""
    rules = ("--plugins", str(tmp_path / "rules"))
    body = "name = 'market'\n    subscribes = (PriceTicked,)\n    def handle(self, event, ledger, now_ns): return ()"
    written(tmp_path / "rules", "it.py", HANDLER.format(body))
    written(tmp_path / "rules", "other.py", "raise SystemExit(3)")
    written(tmp_path / "rules", "broken.py", "class (")
    assert [one["slot"] for one in told("it.py:It", *rules)] == ["market"]


def test_an_installed_entry_point_is_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the distribution that it came with."""
    distribution(tmp_path / "site", "sizes", "adl:by-size", "by_size_listed")
    monkeypatch.syspath_prepend(tmp_path / "site")
    (found,) = told("by-size")
    assert (found["slot"], found["origin"]) == ("adl", "entry point of sizes 2.0")


def test_a_rooms_entry_point_and_file_are_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An importer that is installed and named as such, and one in a file, each in its room."""
    distribution(tmp_path / "site", "reading", "importer:mine", "by_size_reading")
    call("new-policy", "importer", "by-size", "-o", tmp_path / "rules")
    code = (tmp_path / "rules" / "by_size.py").read_text(encoding="utf-8")
    (tmp_path / "site" / "by_size_reading.py").write_text(code, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path / "site")
    listed = told("importer", "--plugins", str(tmp_path / "rules"))
    assert [(one["policy"], one["origin"].partition(" ")[0]) for one in listed] == [
        ("mine", "entry"),
        ("by_size.py:BySize", "file"),
    ]
    assert all(one["does"].startswith("Lines of a time in milliseconds") and "fault" not in one for one in listed)


def test_a_plugin_that_cannot_be_used_is_listed_with_its_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A listing goes on after it: a class that lacks something, a module that is not there, no such slot."""
    written(tmp_path, text=BY_SIZE.replace("notional, least", "notional, most"))
    for number, entry in enumerate(("adl:gone", "nowhere:by-size")):
        site = tmp_path / f"site-{number}"
        distribution(site, f"sizes{number}", entry, f"by_size_faulty_{number}")
        monkeypatch.syspath_prepend(site)
    (tmp_path / "site-0" / "by_size_faulty_0.py").unlink()
    faults = {one["policy"]: one["fault"] for one in told("--plugins", ".") if "fault" in one}
    assert "there is no figure `most`" in faults["by_size.py:BySize"]
    assert faults["gone"] == "its module is not there or fails"
    assert faults["by-size"] == "there is no slot 'nowhere'"


def test_a_mistyped_name_is_answered_with_the_nearest() -> None:
    """In one line, exit code 2."""
    done = call("policies", "ald")
    assert done.exit_code == 2
    assert done.stderr == "deleverage: there is no slot and no policy 'ald'; the nearest are adl\n"


def test_a_new_policy_and_its_test_pass_as_written(tmp_path: Path) -> None:
    """Outside the package, with pytest, and in a run."""
    done = call("new-policy", "adl", "my-rule", "-o", tmp_path / "rules")
    assert done.exit_code == 0, done.output
    assert "--set adl.policy=" in done.stdout
    tested = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path / "rules")],
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "1 passed" in tested.stdout
    assert call("run", "calm", "--set", f"adl.policy={tmp_path}/rules/my_rule.py:MyRule").exit_code == 0


@pytest.mark.parametrize("slot", [slot for slot in SLOTS if slot != "adl"])
def test_every_slot_has_a_skeleton(tmp_path: Path, slot: str) -> None:
    """It is taken in as written, and listed."""
    written = json.loads(call("new-policy", slot, "own", "-o", tmp_path, "--json").stdout)
    assert (Path(written["policy"]), Path(written["test"])) == (tmp_path / "own.py", tmp_path / "test_own.py")
    assert written["use"].startswith("deleverage run " if slot != "actor" else "in a living scenario")
    (found,) = told("own.py:Own")
    assert (found["slot"], found.get("fault")) == (slot, None)


def test_nothing_is_written_over(tmp_path: Path) -> None:
    """Neither the policy nor its test, and if one is there the other is not written either."""
    kept = tmp_path / "test_my_rule.py"
    kept.write_text("mine", encoding="utf-8")
    done = call("new-policy", "adl", "My Rule")
    assert done.exit_code == 2
    assert done.stderr.startswith("deleverage: test_my_rule.py is there already; nothing is written over")
    assert kept.read_text(encoding="utf-8") == "mine"
    assert not (tmp_path / "my_rule.py").exists()


@pytest.mark.parametrize("name", ["1st", "---", "class"])
def test_a_name_that_is_none_is_refused(name: str) -> None:
    """In one line."""
    done = call("new-policy", "adl", name) if not name.startswith("-") else call("new-policy", "adl", "--", name)
    assert done.exit_code == 2
    assert "cannot be the name of a policy" in done.stderr
