"""Policies and handlers from outside the package: found, recorded by content, verified, forked, seen to change."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from deleverage import Scenario, fork, open_run, run, verify
from deleverage.events.bodies.inputs import PriceTicked
from deleverage.events.bodies.run import Producer
from deleverage.events.bodies.waterfall import DeleveragingStarted
from deleverage.events.errors import HandlerError, ScenarioError
from deleverage.events.record import RecordSettings
from deleverage.handlers.plugins.at_hand import Plugins
from deleverage.handlers.plugins.found import digest_of
from deleverage.handlers.registry import build, producer_of
from deleverage.replay.fork.changes import Changes

from .support.command_line import call
from .support.crash import SMALL_CRASH

BY_SIZE = '''
import msgspec
from deleverage.handlers.policies.ranking import score_of


class BySize:
    """The largest first."""

    formula = "max(notional, least) / 10^9"

    class Parameters(msgspec.Struct):
        least: int = 0

    def __init__(self, parameters):
        self.least = parameters.least

    def scores(self, candidates):
        return [score_of(max(c.notional, self.least), 10**9) for c in candidates]
'''

QUIET = '''
from deleverage.handlers.market import DepthMarket


class Quiet(DepthMarket):
    """The builtin market, from outside."""
'''

SHORT = ("prices.duration_ns=40m",)


@pytest.fixture(autouse=True)
def _elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Each test stands in a folder of its own."""
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)


def written(folder: Path, name: str = "by_size.py", text: str = BY_SIZE) -> Path:
    """A plug-in's file."""
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def recorded(path: Path, *overrides: str, scenario: str = SMALL_CRASH) -> Path:
    """A short run of the small crash with these overrides."""
    settings = RecordSettings(pages_per_block=1, durability="none")
    run(Scenario.load(scenario, [*SHORT, *overrides]), path, settings=settings)
    return path


def adl_producer(path: Path) -> Producer:
    """Who auto-deleverages at the end of a record."""
    opened = open_run(path)
    (found,) = (one for one in opened.producers_at(opened.count - 1) if one.handler == "adl")
    return found


def test_a_policy_in_a_file_runs_records_and_verifies(tmp_path: Path) -> None:
    """It decides the rounds, and the record says so by name and content, not by folder."""
    rule = written(tmp_path / "rules")
    path = recorded(tmp_path / "a.run", f"adl.policy={rule}:BySize", "adl.least=3")
    producer = adl_producer(path)
    assert (producer.policy, producer.parameters) == ("by_size.py:BySize", {"least": 3, "closes_at": "bankruptcy"})
    assert producer.version == f"1+sha256:{digest_of(rule.read_bytes())}"
    rounds = [event for event in open_run(path).events() if isinstance(event.body, DeleveragingStarted)]
    assert {event.body.policy for event in rounds} == {"by_size.py:BySize"}  # type: ignore[union-attr]
    assert verify(path, plugins=rule.parent).sound
    assert str(tmp_path).encode() not in b"".join(file.read_bytes() for file in path.glob("*.seg"))


def test_the_head_does_not_depend_on_the_folder(tmp_path: Path) -> None:
    """The same file elsewhere gives the same head, and is found from the scenario's folder first."""
    heads = []
    for folder in ("one", "two"):
        written(tmp_path / folder)
        scenario = shutil.copy(SMALL_CRASH, tmp_path / folder)
        path = recorded(tmp_path / f"{folder}.run", "adl.policy=by_size.py:BySize", scenario=str(scenario))
        heads.append(open_run(path).head)
    rule = tmp_path / "two" / "by_size.py"
    heads.append(open_run(recorded(tmp_path / "three.run", f"adl.policy={rule}:BySize")).head)
    assert len(set(heads)) == 1


def test_a_record_is_verified_where_the_reader_says_that_its_plugin_is(tmp_path: Path) -> None:
    """The working directory is no such place; several folders are."""
    rule = written(tmp_path / "rules")
    path = recorded(tmp_path / "a.run", f"adl.policy={rule}:BySize")
    shutil.copy(rule, Path.cwd())
    absent = call("verify", path)
    assert (absent.exit_code, absent.stderr.count("\n")) == (2, 1)
    assert "is not at hand; give --plugins DIR, a folder that holds by_size.py" in absent.stderr
    given = ("--plugins", tmp_path, "--plugins", rule.parent)
    assert call("verify", path, *given).exit_code == 0
    assert call("verify", path, *given, "--jobs", "2").exit_code == 0
    assert call("verify", path, "--plugins", ".").exit_code == 0


@pytest.mark.parametrize("asked", [("fate", "--fund", "--process", "walk", "--draws", "1"), ("stress",)])
def test_a_record_whose_plugin_is_not_here_is_not_taken_up_again(tmp_path: Path, asked: tuple[str, ...]) -> None:
    """Neither for a forecast nor for a stress: one line says what is missing and what to do, and nothing is kept."""
    path = recorded(tmp_path / "a.run", f"adl.policy={written(tmp_path / 'rules')}:BySize", "population.accounts=40")
    command, *options = asked
    absent = call(command, f"{path}@+10m" if command == "stress" else path, *options, "--jobs", "1")
    assert (absent.exit_code, absent.stderr.count("\n")) == (2, 1), absent.stderr
    assert "is not at hand; give --plugins DIR, a folder that holds by_size.py" in absent.stderr
    assert {one.name for one in tmp_path.iterdir()} == {"a.run", "here", "rules"}


def test_another_content_is_not_executed_whatever_is_forced(tmp_path: Path) -> None:
    """Neither verify nor a fork takes it; brought back, the recorded file is taken."""
    rule = written(Path.cwd())
    path = recorded(tmp_path / "a.run", "adl.policy=by_size.py:BySize")
    mark = tmp_path / "executed"
    rule.write_text(f"open({str(mark)!r}, 'w')", encoding="utf-8")
    for options in ((), ("--force",), ("--jobs", "2")):
        refused = call("verify", path, "--plugins", ".", *options)
        assert (refused.exit_code, refused.stderr.count("\n")) == (2, 1)
        assert f"with the content sha256:{digest_of(BY_SIZE.encode())[:16]}, and file by_size.py has" in refused.stderr
    with pytest.raises(ScenarioError, match=r"adl:by_size\.py:BySize was recorded with the content"):
        fork(open_run(path, plugins="."), open_run(path).count // 2)
    assert not mark.exists()
    rule.write_text(BY_SIZE, encoding="utf-8")
    assert call("verify", path, "--plugins", ".").exit_code == 0


def test_of_several_files_of_a_name_the_recorded_one_is_taken(tmp_path: Path) -> None:
    """The content decides, wherever it stands among the folders."""
    right, wrong = written(tmp_path / "right"), written(tmp_path / "wrong", text=BY_SIZE + "# another\n")
    path = recorded(tmp_path / "a.run", f"adl.policy={right}:BySize")
    assert verify(path, plugins=[wrong.parent, right.parent]).sound
    assert verify(path, plugins=wrong.parent).sound is None


def test_a_fork_takes_a_policy_from_a_file(tmp_path: Path) -> None:
    """`fork --set adl.policy=path:Class`: the child names it without its folder, and verifies."""
    parent = recorded(tmp_path / "a.run")
    rule = written(tmp_path / "rules")
    child = tmp_path / "child.run"
    first = next(event.seq for event in open_run(parent).events() if isinstance(event.body, DeleveragingStarted))
    forked = call("fork", parent, "--at", str(first - 1), "--set", f"adl.policy={rule}:BySize", "-o", child)
    assert forked.exit_code == 0, forked.output
    assert adl_producer(child).policy == "by_size.py:BySize"
    assert str(tmp_path / "rules").encode() not in b"".join(file.read_bytes() for file in child.glob("*.seg"))
    assert verify(child, plugins=rule.parent).sound


def test_a_whole_handler_from_a_file_decides_as_the_builtin_one(tmp_path: Path) -> None:
    """Any slot takes a subclass of `Handler`; watched, it decides the same events."""
    rule = written(tmp_path / "rules", "quiet.py", QUIET)
    path = recorded(tmp_path / "a.run", f"market.policy={rule}:Quiet")
    builtin = recorded(tmp_path / "b.run")
    bodies = [[event.body for event in list(open_run(one).events())[1:]] for one in (path, builtin)]
    assert bodies[0] == bodies[1]
    assert verify(path, plugins=rule.parent).sound


def test_a_class_of_a_module_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`package.module:Class`, with the module's content in the version."""
    rule = written(tmp_path / "rules", "sizes_of_mine.py")
    monkeypatch.syspath_prepend(rule.parent)
    plugins = Plugins()
    producer = producer_of("adl", {"policy": "sizes_of_mine:BySize"}, "$.adl", plugins)
    assert producer is not None
    assert producer.policy == "sizes_of_mine:BySize"
    assert producer.version.endswith(digest_of(rule.read_bytes()))
    assert build(producer, plugins).plugin == "sizes_of_mine:BySize"
    with pytest.raises(ScenarioError, match="a record cannot have a module imported: install it with an entry point"):
        build(producer)


def distribution(folder: Path, name: str, entry: str, module: str) -> None:
    """A distribution as an installer leaves it: a module and its metadata."""
    written(folder, f"{module}.py")
    metadata = folder / f"{name}-2.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 2.0\n", encoding="utf-8")
    (metadata / "entry_points.txt").write_text(f"[deleverage.policies]\n{entry} = {module}:BySize\n", encoding="utf-8")


@pytest.mark.parametrize("entry", ["adl:by-size", "by-size"])
def test_an_entry_point_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, entry: str) -> None:
    """With the slot in its name or without, it runs and verifies by its name."""
    module = f"by_size_{len(entry)}"
    distribution(tmp_path / "site", "sizes", entry, module)
    monkeypatch.syspath_prepend(tmp_path / "site")
    path = recorded(tmp_path / "a.run", "adl.policy=by-size")
    assert adl_producer(path).policy == "by-size"
    assert verify(path).sound


def test_two_distributions_with_one_name_are_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither is taken: the error names both."""
    for name in ("first", "second"):
        distribution(tmp_path / name, name, "adl:by-size", f"{name}_sizes")
        monkeypatch.syspath_prepend(tmp_path / name)
    with pytest.raises(ScenarioError, match=r"offered by second 2\.0 .* and first 2\.0"):
        producer_of("adl", {"policy": "by-size"}, "$.adl")


@pytest.mark.parametrize(
    ("policy", "said"),
    [
        ("nowhere.py:BySize", r"\$\.adl\.policy: there is no file 'nowhere\.py'"),
        ("no_such_module:BySize", r"\$\.adl\.policy: there is no adl policy 'no_such_module:BySize'"),
        ("no-such-policy", r"there is no adl policy 'no-such-policy'; choose from"),
        ("by_size.py:Other", r"by_size\.py:Other .*there is no class Other; it has BySize"),
        ("broken.py:BySize", r"broken\.py:BySize .*could not be loaded: NameError: name 'nothing' .*line 1: nothing"),
        ("exits.py:BySize", r"could not be loaded: SystemExit: 3"),
    ],
)
def test_what_cannot_be_taken_in_is_one_clear_line(policy: str, said: str) -> None:
    """A file, a module, a name or a class that is not there, and a file that cannot be executed."""
    written(Path.cwd())
    written(Path.cwd(), "broken.py", "nothing")
    written(Path.cwd(), "exits.py", "raise SystemExit(3)")
    with pytest.raises(ScenarioError, match=said) as caught:
        producer_of("adl", {"policy": policy}, "$.adl")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"least": 1.5}, r"\$\.adl\.least: Expected `int`, got `float`"),
        ({"lest": 1}, r"\$\.adl: Object contains unknown field `lest`"),
        ({"latency_ns": -1}, r"\$\.adl\.latency_ns: -1 is not"),
    ],
)
def test_a_wrong_parameter_is_named_by_its_path(settings: dict[str, object], said: str) -> None:
    """Also where the plug-in's Struct would not mind an unknown one."""
    written(Path.cwd())
    with pytest.raises(ScenarioError, match=said):
        producer_of("adl", {"policy": "by_size.py:BySize", **settings}, "$.adl")


@pytest.mark.parametrize(
    ("slot", "body", "said"),
    [
        ("adl", "formula = 'profit'", "It lacks scores"),
        ("liquidation", "hands_over = pause_ns = step = print", "It lacks formula"),
        ("adl", "scores = print\n    version = 2", "It.version is 2"),
        ("adl", "scores = print\n    slot = 'fund'", "It.slot is 'fund'"),
        ("adl", "scores = print\n    worth = 'par'", "It.worth is 'par'"),
        ("adl", "scores = print\n    Parameters = dict", "It.Parameters is <class 'dict'>"),
        ("adl", "scores = print\n    formula = 7", "It.formula is 7; it must be a text"),
        (
            "adl",
            "scores = print\n    formula = 'the largest first'",
            "cannot be read: `largest` stands where the end is due",
        ),
        (
            "adl",
            "scores = print\n    formula = 'profits / equity'",
            "there is no figure `profits`; there are account, profit",
        ),
        ("adl", "scores = print\n    figures = 'mark'", "It.figures is 'mark'; it must be a tuple of names"),
        ("market", "scores = print", "It is no subclass of deleverage.handlers.protocol.Handler"),
    ],
)
def test_a_class_that_lacks_something_is_named_with_it(slot: str, body: str, said: str) -> None:
    """One line that names the class and what is missing."""
    written(Path.cwd(), "it.py", f"class It:\n    {body}\n")
    with pytest.raises(ScenarioError) as caught:
        producer_of(slot, {"policy": "it.py:It"}, f"$.{slot}")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


HANDLER = """
from deleverage.events.bodies.inputs import PriceTicked
from deleverage.handlers.protocol import Handler
class It(Handler):
    {}
"""


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("name = 'adl'", "It.name is 'adl'; to fill this slot it must be 'market'"),
        ("name = 'market'", "It lacks handle(event, ledger, now_ns)"),
        ("name = 'market'; handle = print", "It.subscribes is None"),
        ("name = 'market'; handle = print; subscribes = (int,)", "It.subscribes is (<class 'int'>,)"),
        ("name = 'market'; handle = print; subscribes = PriceTicked", "must be a tuple of types of events"),
    ],
)
def test_a_handler_that_lacks_something_is_named_with_it(body: str, said: str) -> None:
    """A name, what it hears, and what it does."""
    written(Path.cwd(), "it.py", HANDLER.format(body))
    with pytest.raises(ScenarioError) as caught:
        producer_of("market", {"policy": "it.py:It"}, "$.market")
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("field", "said"),
    [
        ("share: float = 0", "It.Parameters.share is a floating-point number; use int or Decimal"),
        ("share: int", "It.Parameters.share has no default"),
    ],
)
def test_parameters_are_whole_and_have_defaults(field: str, said: str) -> None:
    """No float enters a record, and every policy can be listed with its defaults."""
    head = "import msgspec\nclass It:\n    scores = print\n"
    written(Path.cwd(), "it.py", f"{head}    class Parameters(msgspec.Struct):\n        {field}\n")
    with pytest.raises(ScenarioError, match=said):
        producer_of("adl", {"policy": "it.py:It"}, "$.adl")


SCORING = "class It:\n    def scores(self, candidates):\n        {}\n"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("return [1 / 2 for c in candidates]", "scores() gave 0.5 (float) for account"),
        ("return [True for c in candidates]", "scores() gave True (bool) for account"),
        ("return [-1 for c in candidates]", "scores() gave -1 (int) for account"),
        ("return [2**63 for c in candidates]", f"scores() gave {2**63} (int) for account"),
        ("return []", "scores() gave 0 scores for "),
        ("return None", "scores() raised TypeError: 'NoneType' object is not iterable"),
        ("return candidates.pop()", "scores() raised AttributeError"),
        ("raise KeyError('here')", "scores() raised KeyError: 'here'"),
        ("import sys; sys.exit(0)", "scores() raised SystemExit: 0"),
    ],
)
def test_nonsense_for_scores_stops_the_run(tmp_path: Path, line: str, said: str) -> None:
    """With the plug-in's name and the value, exit code 1, and the record sealed up to there."""
    written(Path.cwd(), "it.py", SCORING.format(line))
    path = tmp_path / "a.run"
    done = call("run", SMALL_CRASH, "--set", SHORT[0], "--set", "adl.policy=it.py:It", "-o", path)
    assert done.exit_code == 1
    assert f"plug-in it.py:It: {said}" in done.stderr
    assert done.stderr.count("\n") == 1
    assert open_run(path).manifest.status == "failed"


def test_the_same_policy_over_a_changed_one_is_admitted(tmp_path: Path) -> None:
    """A fork that names the policy anew takes it as it is now."""
    written(Path.cwd())
    path = recorded(tmp_path / "a.run", "adl.policy=by_size.py:BySize")
    written(Path.cwd(), text=BY_SIZE.replace("notional", "equity"))
    opened = open_run(path)
    changes = Changes(settings=("adl.policy=by_size.py:BySize",))
    tick = next(event for event in opened.events(opened.count // 2) if isinstance(event.body, PriceTicked))
    child = fork(opened, tick.seq - 1, changes, tmp_path / "child.run")
    assert child.path is not None
    assert adl_producer(child.path).version != adl_producer(path).version


def test_a_plugin_error_is_a_handler_error(tmp_path: Path) -> None:
    """In Python it is caught like any handler's."""
    written(Path.cwd(), "it.py", SCORING.format("return [None for c in candidates]"))
    with pytest.raises(
        HandlerError, match=r"handler 'adl' .* failed on event .*plug-in it\.py:It: scores\(\) gave None"
    ):
        recorded(tmp_path / "a.run", "adl.policy=it.py:It")
