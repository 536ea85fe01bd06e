"""The style of the code, as tests: what a reviewer would otherwise have to look for in every change."""

from __future__ import annotations

import ast
import importlib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = ("core", "events", "handlers", "sim", "replay")
FUNCTION_LINES_MOST = 50
# What belongs together is one file: a room of many small files is as hard to read as one long file. The longest are a
# question with all that answers it, such as `replay/why/grounds.py`: what a ground is, and the finder of each kind.
FILE_LINES_MOST = 460
# A group of events is declared in one file, with all that is to be known of each: half of its lines are its phrases.
DECLARATION_LINES_MOST = 480
CLOCKS = {"time", "datetime"}
# The manifest says when it was written and the disk is asked now and then; neither enters an event.
CLOCK_ALLOWED = {"events/record/manifest.py", "events/record/segments.py"}
NO_RANDOM = {"random", "secrets", "uuid", "numpy"}
# Columns of whole numbers; where an estimate in floating point could decide, exact integers do.
NUMPY_ALLOWED = {
    "handlers/options/portfolio.py",
    "handlers/options/risk_table.py",
    *(f"handlers/column{rest}.py" for rest in ("s", "_shares", "_weights", "_rules", "_ranking")),
    "handlers/options/price_grid.py",
    "events/quiet_ticks.py",
    "events/msgpack_columns.py",
    "events/record/encoded.py",
}


def sources(*rooms: str) -> list[Path]:
    """The files of some rooms, in order."""
    return sorted(path for room in rooms for path in (ROOT / room).rglob("*.py"))


def tree_of(path: Path) -> ast.Module:
    """A file's syntax tree."""
    return ast.parse(path.read_text(encoding="utf-8"))


def name_of(path: Path) -> str:
    """A path as tests name it."""
    return path.relative_to(ROOT).as_posix()


def imported(tree: ast.Module) -> Iterator[str]:
    """The absolute modules that a file imports."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module.partition(".")[0]


EVERY = [pytest.param(path, id=name_of(path)) for path in sources(*ROOMS)]
PURE = [pytest.param(path, id=name_of(path)) for path in sources("events", "handlers")]
TESTS = [pytest.param(path, id=name_of(path)) for path in sorted((ROOT / "tests").glob("test_*.py"))]


@pytest.mark.parametrize("path", EVERY)
def test_files_fit_in_one_sitting(path: Path) -> None:
    """No file and no function is longer than can be read at a stretch."""
    most = DECLARATION_LINES_MOST if path.parent.name == "bodies" else FILE_LINES_MOST
    assert len(path.read_text(encoding="utf-8").splitlines()) <= most
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.FunctionDef):
            length = (node.end_lineno or 0) - node.lineno + 1
            assert length <= FUNCTION_LINES_MOST, f"{node.name} has {length} lines"


@pytest.mark.parametrize("path", EVERY)
def test_modules_say_what_they_are_and_what_they_export(path: Path) -> None:
    """Every module has a docstring; those that define something have an `__all__` of names that exist, sorted."""
    tree = tree_of(path)
    assert ast.get_docstring(tree)
    module = importlib.import_module(
        "deleverage." + name_of(path).removesuffix(".py").replace("/", ".").removesuffix(".__init__")
    )
    if any(isinstance(node, ast.FunctionDef | ast.ClassDef) for node in tree.body):
        assert all(hasattr(module, name) for name in module.__all__)


@pytest.mark.parametrize("path", PURE)
def test_events_and_handlers_know_no_clock_and_no_chance(path: Path) -> None:
    """Nothing that decides or records reads the time of day or draws a number that is not keyed."""
    names = set(imported(tree_of(path)))
    assert not names & (NO_RANDOM - {"numpy"} if name_of(path) in NUMPY_ALLOWED else NO_RANDOM)
    assert "np.random" not in path.read_text(encoding="utf-8")
    if name_of(path) not in CLOCK_ALLOWED:
        assert not names & CLOCKS


@pytest.mark.parametrize("path", PURE)
def test_events_and_handlers_know_no_float(path: Path) -> None:
    """No float literal, no float(), no true division where whole numbers decide."""
    for node in ast.walk(tree_of(path)):
        assert not (isinstance(node, ast.Constant) and isinstance(node.value, float)), f"line {node.lineno}"
        assert not (isinstance(node, ast.Name) and node.id == "float"), f"line {node.lineno}"
        divides = isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div)
        # A path is joined with the same sign; the rooms that know the disk have nothing else to divide.
        assert not divides or name_of(path).startswith(("events/record/", "events/snapshots/")), f"line {node.lineno}"


@pytest.mark.parametrize("path", PURE)
def test_events_and_handlers_never_walk_a_set(path: Path) -> None:
    """No loop runs over a set display or `set(...)`, whose order is the interpreter's."""
    for node in ast.walk(tree_of(path)):
        loops = [node.iter] if isinstance(node, ast.For | ast.comprehension) else []
        for walked in loops:
            called = (
                isinstance(walked, ast.Call)
                and isinstance(walked.func, ast.Name)
                and walked.func.id in ("set", "frozenset")
            )
            assert not isinstance(walked, ast.Set | ast.SetComp)
            assert not called


@pytest.mark.parametrize("path", TESTS)
def test_every_test_says_what_it_shows(path: Path) -> None:
    """Every test has a docstring of one sentence."""
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            said = ast.get_docstring(node)
            assert said, f"{node.name} says nothing"
            assert said.split("\n\n")[0].rstrip().endswith("."), f"{node.name} does not end its sentence"


SAYING = [pytest.param(path, id=name_of(path)) for path in (*sources("sim", "replay"), ROOT / "__main__.py")]
# Where text leaves; who gives the log and the bars their stream; who flushes stdout at the end, and prints help.
SAYING_ALLOWED = {
    "sim/terminal.py",
    "sim/console.py",
    "sim/logs.py",
    "sim/progress.py",
    "sim/program.py",
    "__main__.py",
}
WRITERS = {"print", "click.echo", "click.secho", "csv.writer", "csv.DictWriter", "Console", "sys.stdout", "sys.stderr"}


@pytest.mark.parametrize("path", SAYING)
def test_text_leaves_in_one_place(path: Path) -> None:
    """Nobody prints but by `sim/terminal.py` and `sim/console.py`, nor writes cells but by `replay/csv_text.py`."""
    if name_of(path) in SAYING_ALLOWED:
        return
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Call | ast.Attribute):
            name = ast.unparse(node.func if isinstance(node, ast.Call) else node)
            assert name not in WRITERS, f"line {node.lineno}: {name}"


PACKINGS = {"bz2", "csv", "gzip", "lzma", "zipfile", "zlib", "zstandard"}
# The record packs its own blocks; a lab and `diff --csv` write cells by `replay/csv_text.py`; a page packs its rows.
PACKING_ALLOWED = (
    "sim/reading/",
    "events/record/",
    "events/snapshots/",
    "replay/csv_text.py",
    "replay/report/incident/payload.py",
)


@pytest.mark.parametrize("path", EVERY)
def test_files_are_read_in_one_place(path: Path) -> None:
    """Nobody unpacks a file or splits a table but `sim/reading`."""
    if not name_of(path).startswith(PACKING_ALLOWED):
        assert not set(imported(tree_of(path))) & PACKINGS


RECORD_MAKERS = [pytest.param(path, id=name_of(path)) for path in sources("replay/importers")]
SAYS = {"click", "rich", "sim.console", "sim.terminal", "sim.progress", "replay.command_line"}
COMMANDS_BESIDE = {"commands.py", "formats.py", "own_command.py", "text.py"}


@pytest.mark.parametrize("path", RECORD_MAKERS)
def test_importers_produce_records_and_nothing_else(path: Path) -> None:
    """What reads venues' files or audits them knows no command and prints nothing; commands and text stand beside."""
    if path.name in COMMANDS_BESIDE:
        return
    parts = name_of(path).split("/")[:-1]
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.ImportFrom):
            base = parts[: len(parts) - node.level + 1] if node.level else []
            assert ".".join([*base, node.module or ""]) not in SAYS, f"line {node.lineno}"
        elif isinstance(node, ast.Import):
            assert not {alias.name.partition(".")[0] for alias in node.names} & SAYS, f"line {node.lineno}"


ALL = [pytest.param(path, id=name_of(path)) for path in sources(*ROOMS, "research", "tests", "benchmarks", "docs")]
POSITIONAL_MOST = 8
VARIADIC = {"ask", "call", "one_of", "pack"}
"""Functions that take as many arguments of one kind as there are."""


@pytest.mark.parametrize("path", ALL)
def test_long_calls_name_their_arguments(path: Path) -> None:
    """No call has nine or more positional arguments: events and figures are built by the names of their fields."""
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Call) and len(node.args) > POSITIONAL_MOST:
            assert ast.unparse(node.func).rpartition(".")[2] in VARIADIC, f"line {node.lineno}"


INIT_WORDS_LEAST = 10


@pytest.mark.parametrize("path", EVERY)
def test_init_says_something_or_nothing(path: Path) -> None:
    """A docstring of `__init__` says what the class's does not, such as its errors; "Keep the mix." says nothing."""
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.FunctionDef) and node.name == "__init__" and len(node.body) > 1:
            said = ast.get_docstring(node)
            assert said is None or "Raises" in said or len(said.split()) >= INIT_WORDS_LEAST, f"line {node.lineno}"


def test_a_class_name_means_one_thing() -> None:
    """No two classes of the package have one name."""
    found: dict[str, list[str]] = {}
    for path in sources(*ROOMS):
        for node in tree_of(path).body:
            if isinstance(node, ast.ClassDef):
                found.setdefault(node.name, []).append(name_of(path))
    assert not {name: homes for name, homes in found.items() if len(homes) > 1}


def test_only_three_python_files_stand_at_the_root() -> None:
    """The four folders are the house; at its door stand the package's own two modules and nothing else."""
    assert sorted(path.name for path in ROOT.glob("*.py")) == ["__init__.py", "__main__.py"]
    assert (ROOT / "py.typed").exists()


def test_the_public_names_are_the_ones_promised() -> None:
    """`from deleverage import ...` gives exactly what the documentation names."""
    deleverage = importlib.import_module("deleverage")
    kept = ["Answer", "Changes", "DeleverageError", "Ledger", "Run", "RunResult", "Scenario", "__version__"]
    asked = ["diff", "explain", "fork", "open_run", "receipt_of", "run", "verify"]
    assert deleverage.__all__ == [*kept, *asked]
    assert set(deleverage.__all__) <= set(dir(deleverage))
    assert all(getattr(deleverage, name) is not None for name in deleverage.__all__)
