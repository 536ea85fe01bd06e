"""Reading a record or a receipt executes nothing that the reader did not name, wherever it lies."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from deleverage import Scenario, explain, open_run, run, verify
from deleverage.events.bodies.run import RunStarted
from deleverage.events.bodies.waterfall import DeleveragingStarted, PositionDeleveraged
from deleverage.events.envelope import Event
from deleverage.events.errors import QueryError, ScenarioError
from deleverage.events.record import RecordSettings
from deleverage.handlers.plugins.at_hand import Plugins
from deleverage.handlers.plugins.files import is_plain
from deleverage.handlers.plugins.found import digest_of
from deleverage.replay.fork.changes import Changes
from deleverage.replay.fork.fork import fork

from .support.command_line import COMMAND, ENVIRONMENT, call
from .support.crash import SMALL_CRASH, recorded
from .support.rewritten import written
from .test_plugins import BY_SIZE

EVENTS = recorded()
REDUCTION = next(event for event in EVENTS if isinstance(event.body, PositionDeleveraged))
TRADER = REDUCTION.body.account  # type: ignore[union-attr]


class Trap:
    """A folder to stand in, and a plug-in that leaves a mark wherever it is executed."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.mark, self.here = folder, folder / "executed", folder / "here"
        self.here.mkdir()
        self.source = f"open({str(self.mark)!r}, 'w')\n{BY_SIZE}".encode()

    def lay(self, path: Path) -> Path:
        """Write it there."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(self.source)
        return path

    def record(self, policy: str, digits: int = 64) -> Path:
        """A sound record, made by a policy of that name with the plug-in's content."""
        return written(self.here / "a.run", decided_by(policy, f"1+sha256:{digest_of(self.source)[:digits]}"))


def decided_by(policy: str, version: str) -> list[Event]:
    """The small crash as if another ADL policy had decided it."""

    def renamed(event: Event) -> Event:
        body = event.body
        if isinstance(body, DeleveragingStarted):
            body = msgspec.structs.replace(body, policy=policy)
        elif isinstance(body, RunStarted):
            own = [one for one in body.producers if one.handler == "adl"]
            other = msgspec.structs.replace(own[0], policy=policy, version=version)
            body = msgspec.structs.replace(body, producers=tuple(other if p in own else p for p in body.producers))
        return msgspec.structs.replace(event, body=body)

    return [renamed(event) for event in EVENTS]


@pytest.fixture
def trap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Trap:
    """Whoever reads stands in a folder of its own, which is first on Python's path, as after `python -m`."""
    found = Trap(tmp_path)
    monkeypatch.chdir(found.here)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setattr(sys, "path", [str(found.here), "", *sys.path])
    return found


def in_a_package(trap: Trap) -> str:
    """A package of the working directory."""
    trap.lay(trap.here / "trapped" / "module.py")
    trap.lay(trap.here / "trapped" / "__init__.py")
    return "trapped.module:BySize"


def offered_here(trap: Trap) -> str:
    """A distribution that lies in the working directory, with an entry point."""
    metadata = trap.here / "trapping-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: trapping\nVersion: 1.0\n", encoding="utf-8")
    (metadata / "entry_points.txt").write_text("[deleverage.policies]\nadl:caught = trap:BySize\n", encoding="utf-8")
    trap.lay(trap.here / "trap.py")
    return "caught"


PLACES: dict[str, Callable[[Trap], str]] = {
    "an absolute path": lambda trap: f"{trap.lay(trap.folder / 'far' / 'trap.py')}:BySize",
    "a path upwards": lambda trap: f"../{trap.lay(trap.folder / 'trap.py').name}:BySize",
    "a path downwards": lambda trap: f"sub/{trap.lay(trap.here / 'sub' / 'trap.py').name}:BySize",
    "another separator": lambda trap: f"sub\\{trap.lay(trap.here / 'sub' / 'trap.py').name}:BySize",
    "the home": lambda trap: f"~/{trap.lay(trap.folder / 'home' / 'trap.py').name}:BySize",
    "a drive": lambda trap: f"C:{trap.lay(trap.here / 'trap.py').name}:BySize",
    "the working directory": lambda trap: f"{trap.lay(trap.here / 'trap.py').name}:BySize",
    "with a dot before it": lambda trap: f"./{trap.lay(trap.here / 'trap.py').name}:BySize",
    "within the record": lambda trap: f"a.run/{trap.lay(trap.here / 'trap.py').name}:BySize",
    "a module": lambda trap: f"{trap.lay(trap.here / 'trapmodule.py').stem}:BySize",
    "a package": in_a_package,
    "an entry point that nobody installed": offered_here,
    "nothing": lambda trap: f"{trap.lay(trap.here / '.py').name}:BySize",
    "a zero byte": lambda _trap: "trap\0.py:BySize",
    "a module of the standard library": lambda _trap: "os:system",
    "code": lambda _trap: "__import__('os').system('true')",
}

COMMANDS: tuple[tuple[str, ...], ...] = (
    ("verify", "a.run"),
    ("verify", "a.run", "--force"),
    ("why", "a.run", str(REDUCTION.seq)),
    ("why", "a.run", str(REDUCTION.seq), "--flips", "--not", str(TRADER + 1)),
    ("why", "a.run", "--account", str(TRADER)),
    ("state", "a.run", "--account", str(TRADER), "--at", str(REDUCTION.seq - 1)),
    ("history", "a.run", "--account", str(TRADER)),
    ("log", "a.run", "--type", "DeleveragingStarted"),
    ("diff", "a.run", "a.run"),
    ("receipt", "a.run", str(REDUCTION.seq), "-o", "r.json"),
    ("fork", "a.run", "--at", str(REDUCTION.seq)),
    ("fork", "a.run", "--at", str(REDUCTION.seq), "--set", "adl.latency_ns=5"),
    ("fork", "a.run", "--at", str(REDUCTION.seq), "--set", "adl.least=5"),
    ("fork", "a.run", "--at", str(REDUCTION.seq), "--set", "insurance_fund.balance=+5"),
)


@pytest.mark.parametrize("place", PLACES)
def test_nothing_that_a_record_names_is_executed(trap: Trap, place: str) -> None:
    """Every command that opens a record, in one line where it ends with an error, and never as a fault of ours."""
    trap.record(PLACES[place](trap))
    for command in COMMANDS:
        result = call(*command)
        assert not trap.mark.exists(), command
        assert "fault of deleverage" not in result.stderr, (command, result.stderr)
        assert result.exit_code in (0, 2), (command, result.stderr)
        assert result.stderr.count("\n") == (result.exit_code == 2), (command, result.stderr)
    assert call("verify", "a.run").exit_code == 2
    assert call("why", "a.run", str(REDUCTION.seq)).exit_code == 0


@pytest.mark.parametrize("place", [place for place in PLACES if "trap" in PLACES[place].__code__.co_varnames])
def test_a_folder_of_plugins_opens_no_other_place(trap: Trap, place: str) -> None:
    """With the folder where it lies given, only the plain name of a file is taken from there."""
    policy = PLACES[place](trap)
    trap.record(policy)
    for folder in (trap.here, trap.folder, trap.here / "a.run"):
        result = call("verify", "a.run", "--plugins", folder)
        assert trap.mark.exists() == (place == "the working directory"), folder
        trap.mark.unlink(missing_ok=True)
        assert result.exit_code == (1 if place == "the working directory" and folder == trap.here else 2)
        if place == "the working directory":
            return


@pytest.mark.parametrize("digits", [0, 1, 15, 16, 17, 63, 64, 65])
def test_only_a_whole_hash_counts(trap: Trap, digits: int) -> None:
    """Of older records the first 16 digits; anything shorter or odd is no hash."""
    trap.lay(trap.here / "trap.py")
    trap.record("trap.py:BySize", digits)
    call("verify", "a.run", "--plugins", ".")
    assert trap.mark.exists() == (digits in (16, 64, 65))  # a 65th digit there is not


def test_a_process_of_its_own_executes_nothing_either(trap: Trap) -> None:
    """`python -m deleverage` in a folder full of traps, whose name the record has."""
    in_a_package(trap)
    for policy in (offered_here(trap), "trapped.module:BySize", "trap.py:BySize"):
        path = trap.record(policy)
        done = subprocess.run(
            [*COMMAND, "verify", "a.run", "--jobs", "2"],
            cwd=trap.here,
            env=ENVIRONMENT | {"PYTHONPATH": os.pathsep.join(p for p in sys.path[2:] if p)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, trap.mark.exists()) == (2, False), done.stderr
        for file in path.iterdir():
            file.unlink()
        path.rmdir()


def test_a_plain_name_is_one(tmp_path: Path) -> None:
    """Letters, digits and a few signs, the ending, and a class."""
    good = ("by_size.py:BySize", "my-rule.v2.py:It", "Größe (1).py:It"[:5] + ".py:It", "a b.py:_It")
    assert all(map(is_plain, good))
    for bad in ("a/b.py:It", "..py:It", "a..py:It", "~a.py:It", "c:a.py:It", ".py:It", "a.py:", "a.py", "a.py:a.b", ""):
        assert not is_plain(bad), bad
    for bad in ("a\0.py:It", "a.py:It\n", "a\n.py:It", "\x1ba.py:It", "a.py:1", "a.pyc:It", "a.py :It", "a*.py:It"):
        assert not is_plain(bad), bad
    (tmp_path / "b*d.py").write_text(BY_SIZE, encoding="utf-8")
    with pytest.raises(ScenarioError, match="a record cannot name it; use letters"):
        Plugins().named("adl", f"{tmp_path}/b*d.py:BySize")


def test_a_folder_that_is_not_there_is_said() -> None:
    """In Python as on the command line."""
    with pytest.raises(QueryError, match="nowhere: there is no such folder"):
        open_run("a.run", plugins="nowhere") if Path("a.run").exists() else Plugins("nowhere")
    assert call("verify", "a.run", "--plugins", "nowhere").exit_code == 2


def crash(folder: Path, *settings: str, **files: str) -> Path:
    """A run of a plug-in that lies in a folder with other files."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / f"{name}.py").write_text(text, encoding="utf-8")
    path = folder.parent / "made.run"
    scenario = Scenario.load(SMALL_CRASH, ["prices.duration_ns=40m", f"adl.policy={folder}/rule.py:BySize", *settings])
    run(scenario, path, settings=RecordSettings(pages_per_block=1, durability="none"))
    return path


SIBLINGS = {
    "an import": "import helper\n",
    "an import of a part": "from helper import WORTH\n",
    "an import later": f"{BY_SIZE}\n        import helper\n",
    "by another way": "import importlib\nhelper = importlib.import_module('helper')\n",
}


@pytest.mark.parametrize("how", SIBLINGS)
@pytest.mark.parametrize("path", ["none", "python's", "the working directory"])
def test_what_lies_beside_a_plugin_is_not_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str, path: str
) -> None:
    """No hash is over it, so it is refused when the plug-in is loaded, whether Python would find it or not."""
    if path == "python's":
        monkeypatch.syspath_prepend(tmp_path / "rules")
    if path == "the working directory":
        (tmp_path / "rules").mkdir()
        monkeypatch.chdir(tmp_path / "rules")
        monkeypatch.setattr(sys, "path", ["", *sys.path])
    if how == "an import later" and path == "none":
        return  # it fails when it comes to that
    text = SIBLINGS[how] if how == "an import later" else SIBLINGS[how] + BY_SIZE
    with pytest.raises(ScenarioError, match=r"rule\.py:BySize .* could not be loaded: (ImportError|ModuleNotFound)"):
        crash(tmp_path / "rules", rule=text, helper="WORTH = 1")
    assert "helper" not in sys.modules


def test_a_plugin_has_no_place_of_its_own(tmp_path: Path) -> None:
    """Its folder cannot be told from `__file__`, nor put on Python's path for longer than it is loaded."""
    with pytest.raises(ScenarioError, match="NameError: name '__file__' is not defined"):
        crash(tmp_path / "rules", rule=f"import pathlib\nHERE = pathlib.Path(__file__)\n{BY_SIZE}")
    before = sys.path[:]
    crash(tmp_path / "rules", rule=f"import sys\nsys.path.insert(0, '/nowhere')\n{BY_SIZE}")
    assert sys.path == before


def test_the_bytes_that_were_hashed_are_the_ones_that_are_executed(tmp_path: Path) -> None:
    """A file that changes between the two is executed as it was."""
    rule = tmp_path / "rule.py"
    rule.write_text(BY_SIZE, encoding="utf-8")
    plugins = Plugins(tmp_path)
    found = plugins.recorded("adl", "rule.py:BySize", f"1+sha256:{digest_of(BY_SIZE.encode())}")
    rule.write_text("raise SystemExit('executed')", encoding="utf-8")
    assert found.load().__name__ == "BySize"  # type: ignore[attr-defined]
    assert plugins.recorded("adl", "rule.py:BySize", f"1+sha256:{found.digest}") == found


def installed(folder: Path, entry: str, module: str, text: str) -> None:
    """A distribution as an installer leaves it, with a package."""
    package, _, name = module.rpartition(".")
    inside = folder.joinpath(*package.split("."))
    inside.mkdir(parents=True)
    (inside / "__init__.py").write_text("", encoding="utf-8")
    (inside / f"{name}.py").write_text(text, encoding="utf-8")
    metadata = folder / "sizes-2.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: sizes\nVersion: 2.0\n", encoding="utf-8")
    (metadata / "entry_points.txt").write_text(f"[deleverage.policies]\n{entry} = {module}:BySize\n", encoding="utf-8")


@pytest.mark.parametrize("policy", ["sizes", "other_sizes.rule:BySize"])
def test_what_is_installed_is_taken_with_the_recorded_content(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, policy: str
) -> None:
    """By the name of its entry point, or by the class that one leads to; with another content it is not executed."""
    package = "other_sizes" if ":" in policy else "pkg_of_sizes"
    monkeypatch.syspath_prepend(tmp_path / "site")
    installed(tmp_path / "site", "adl:sizes", f"{package}.rule", BY_SIZE)
    scenario = Scenario.load(SMALL_CRASH, ["prices.duration_ns=40m", f"adl.policy={policy}"])
    run(scenario, tmp_path / "a.run", settings=RecordSettings(durability="none"))
    assert verify(tmp_path / "a.run").sound
    module = tmp_path / "site" / package / "rule.py"
    module.write_text(f"open({str(tmp_path / 'executed')!r}, 'w')\n", encoding="utf-8")
    found = verify(tmp_path / "a.run")
    assert found.sound is None
    assert "entry point of sizes 2.0 has sha256:" in (found.refused or "")
    assert not (tmp_path / "executed").exists()


def test_why_answers_from_the_evidence(tmp_path: Path) -> None:
    """Without the plug-in: who was taken, rank and score as recorded, and what could not be made again."""
    path = crash(tmp_path / "rules", rule=BY_SIZE)
    with_it, without = open_run(path, plugins=tmp_path / "rules"), open_run(path)
    reduction = next(event for event in without.events() if isinstance(event.body, PositionDeleveraged))
    whole, answer = explain(with_it, reduction.seq), explain(without, reduction.seq)
    assert whole.ranking is not None
    assert answer.ranking is not None
    assert (answer.ranking.formula, answer.ranking.proved, answer.ranking.recomputed_digest) == (None, None, None)
    assert "rule.py:BySize" in (answer.ranking.not_made_again or "")
    for name in ("rank", "score", "candidates", "taken", "last_rank", "left", "recorded_digest", "version"):
        assert getattr(answer.ranking, name) == getattr(whole.ranking, name), name
    own = {place.account: place for place in whole.ranking.places}
    assert all(own[place.account] == place for place in answer.ranking.places if place.account in own)
    told = " ".join(call("why", path, str(reduction.seq)).stdout.split())
    assert "in the order of the score that the code of rule.py:BySize gave" in told
    assert "The ranking could NOT be made again: plug-in adl:rule.py:BySize" in told
    assert "It was not made again." in told
    assert "max(notional, least)" not in told
    flips = call("why", path, str(reduction.seq), "--flips")
    assert (flips.exit_code, flips.stderr) == (0, "")
    assert "Searched: nothing, because nothing can be executed again: plug-in adl:rule.py:BySize" in " ".join(
        flips.stdout.split()
    )


def test_why_not_another_without_the_plugin(tmp_path: Path) -> None:
    """One that was taken, one that was no candidate, and one whose place cannot be told."""
    path = crash(tmp_path / "rules", rule=BY_SIZE)
    whole, record = open_run(path, plugins=tmp_path / "rules"), open_run(path)
    reduction = next(event for event in record.events() if isinstance(event.body, PositionDeleveraged))
    reasons = set()
    accounts = range(len(record.before(reduction.seq).accounts))
    for account in sorted({*accounts[:40], *accounts[40::4], reduction.body.account}):  # type: ignore[union-attr]
        due, found = explain(whole, reduction.seq, against=account), explain(record, reduction.seq, against=account)
        assert due.spared is not None
        assert found.spared is not None
        reasons.add(found.spared.reason)
        if found.spared.reason == "not_made_again":
            assert due.spared.reason in ("behind", "passed_over", "no_profit", "in_liquidation")
            assert "because the ranking could not be made again: plug-in adl:rule.py:BySize" in found.spared.text
        elif due.spared.reason == "in_liquidation":  # which stands in the way only under the policy's own terms
            assert found.spared.reason in ("in_liquidation", "not_opposite", "no_equity")
        else:
            assert (found.spared.reason, found.spared.rank) == (due.spared.reason, due.spared.rank)
    assert reasons >= {"taken", "not_made_again", "no_trader", "not_opposite"}


def test_state_says_that_places_are_unknown(tmp_path: Path) -> None:
    """Without the plug-in nobody is said to have no place in the queue; with it everybody is told theirs."""
    path = crash(tmp_path / "rules", rule=BY_SIZE)
    reduction = next(event for event in open_run(path).events() if isinstance(event.body, PositionDeleveraged))
    asked = ("state", path, "--account", str(reduction.body.account), "--at", str(reduction.seq - 1))  # type: ignore[union-attr]
    shown = " ".join(call(*asked).stdout.split())
    assert "in the ADL queue is unknown: plug-in adl:rule.py:BySize" in shown
    assert "not in the ADL queue" not in shown
    (held, *_) = json.loads(call(*asked, "--json").stdout)["accounts"][0]["positions"]
    assert (held["adl_queue"]["rank"], "is not at hand" in held["adl_queue"]["unknown"]) == (None, True)
    told = json.loads(call(*asked, "--json", "--plugins", tmp_path / "rules").stdout)["accounts"][0]["positions"]
    assert any(one["adl_queue"] and one["adl_queue"]["rank"] == 1 for one in told)


def test_verify_says_what_it_did_not_execute(tmp_path: Path) -> None:
    """The others are executed: a decision of theirs that was tampered with is found without the plug-in."""
    path = crash(tmp_path / "rules", rule=BY_SIZE)
    for jobs in ("1", "2"):
        found = call("verify", path, "--jobs", jobs)
        told = " ".join(found.stdout.split())
        theirs = sum(event.producer == 7 for event in open_run(path).events())
        assert (found.exit_code, found.stderr.count("\n")) == (2, 1)
        assert "CHECKED IN PART" in told
        assert "sound" not in told
        assert f"not executed again: the {theirs:,} decided by adl:rule.py:BySize, which were taken as recorded" in told
    assert verify(path).sound is None
    assert verify(path, plugins=[tmp_path, tmp_path / "rules"]).sound is True
    events = list(open_run(path).events())
    target = next(event for event in events if type(event.body).__name__ == "MarginCalled")
    lied = msgspec.structs.replace(target, body=msgspec.structs.replace(target.body, equity_atoms=1))
    written(tmp_path / "b.run", [lied if event is target else event for event in events])
    assert call("verify", tmp_path / "b.run").exit_code == 1


def test_a_run_that_failed_in_the_plugin_is_checked_in_part(tmp_path: Path) -> None:
    """That it fails again cannot be seen without it, and is no divergence."""
    with pytest.raises(Exception, match="no more"):
        crash(
            tmp_path / "rules",
            rule=BY_SIZE.replace("        return [", "        raise ValueError('no more')\n        return ["),
        )
    path = tmp_path / "made.run"
    assert verify(path).sound is None
    assert verify(path, plugins=tmp_path / "rules").sound is True


def test_a_fork_that_replaces_the_plugin_needs_it_only_for_what_was_under_way(tmp_path: Path) -> None:
    """Between two instants nothing is; in the middle of one it must be known what it was still to hear."""
    path = crash(tmp_path / "rules", rule=BY_SIZE)
    record, builtin = open_run(path), Changes(("adl.policy=profit-share",))
    round_seq = next(event.seq for event in record.events() if isinstance(event.body, DeleveragingStarted))
    at_rest = record.first_at(record.event(round_seq).at_ns) - 1
    whole = fork(open_run(path, plugins=tmp_path / "rules"), at_rest, builtin)
    assert fork(record, at_rest, builtin).head == whole.head
    with pytest.raises(ScenarioError, match="is not at hand"):
        fork(record, at_rest, Changes(("insurance_fund.balance=+1",)))
    for seq in range(at_rest, round_seq + 3):
        try:
            found = fork(record, seq, builtin).head
        except ScenarioError as error:
            assert "is not at hand" in str(error)  # noqa: PT017
        else:
            assert found == fork(open_run(path, plugins=tmp_path / "rules"), seq, builtin).head
