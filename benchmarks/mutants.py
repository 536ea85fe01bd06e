"""How many small faults the tests find: a sample of mutants of four packages, each held against its tests.

    pip install -e '.[test,mutants]' && python benchmarks/mutants.py --seed 1 --sample 50

1. A mutant is the program with one change in one function: `<` became `<=`, a number one more, an argument None, and so
   on, as mutmut makes them. Text with a space in it is prose for people; its letters are left alone.
2. Of each package a sample is drawn by the seed. Each mutant is put into a copy of the repository. The quick tests
   of its package run, and then all others that import the mutated module or are named after it or its folder; the
   first test that fails kills it.
3. All of these pass without a mutant, which is seen first. If they take `LOOP_FACTOR` times as much of the processor
   with one, the program has run into a loop, and the mutant counts as killed ("looped").
4. A mutant that cannot be told from the program stands in `mutants.toml`, with the reason, and is not counted. Nor is
   one that only takes `strict=True` from a zip, which asserts what holds anyway.

It prints a table and every survivor. It takes about an hour with a sample of 50, on one core. `--name` runs single
mutants again, by the names that were printed.
"""

from __future__ import annotations

import argparse
import difflib
import os
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import libcst
from mutmut.mutation.file_mutation import Mutation, create_mutations

ROOT = Path(__file__).resolve().parents[1]
LOOP_FACTOR, LOOP_LEAST_S = 3, 30
LEFT_OUT = shutil.ignore_patterns(".*", "__pycache__", "*.egg-info", "build")
STRICT = re.compile(r",? ?strict=\w+|(?<=,) (?=\))|,(?= ?\))")
PACKAGES = {
    "events/ledger": "ledger_* legs margin_monitor oracle_price payoff policies_fund profit_cap",
    "handlers": """handlers_* conformance_[alp]* formula* leading_shares legs liquidation_price margin_monitor
        order parameter_limits plugins_guard plugins_steps policies_[fl]* profit_cap rankings_none rulebooks
        worked_figures""",
    "replay/receipt": "receipt_[cpsw]*",
    "replay/why": "why_[acdefimpr]* import_adl_table import_cases",
}
"""The quick test modules of each package; whatever else has to do with the mutated module runs after them."""

WHOLE_RUNS = tuple(
    f"test_{name}"
    for name in (
        *("conformance_kit", "conformance_table", "fork", "hostile", "kill", "lab", "prime", "profit_cap_run"),
        *("reexecution", "resumption", "snapshots", "states", "verify", "waterfall"),
    )
)
"""Beginnings of the names of test modules that execute whole runs, for a minute and more: they are not asked."""


class Mutant(NamedTuple):
    """One change: where it is, how it is named, and the lines before and after."""

    name: str
    file: str
    function: str
    was: str
    now: str
    source: str


class Site(NamedTuple):
    """A change that could be made; what the file is with it is worked out for those that are drawn."""

    file: str
    module: libcst.Module
    number: int
    mutation: Mutation


def sites_of(package: str) -> list[Site]:
    """Every mutant of a package, in the order of its files and lines."""
    found: list[Site] = []
    for path in sorted((ROOT / package).rglob("*.py")):
        file = path.relative_to(ROOT).as_posix()
        module, mutations, *_ = create_mutations(file, path.read_text(encoding="utf-8"))
        inside = [one for one in mutations if _function_of(one) and not _is_prose(one.original_node)]
        found.extend(Site(file, module, number, one) for number, one in enumerate(inside, 1))
    return found


def _function_of(mutation: Mutation) -> libcst.FunctionDef | None:
    """Where a change is made; None where it is in the body of a module or class."""
    within = mutation.contained_by_top_level_function
    return within if isinstance(within, libcst.FunctionDef) else None


def _is_prose(node: libcst.CSTNode) -> bool:
    return isinstance(node, libcst.SimpleString) and " " in node.value


def mutant_of(site: Site) -> Mutant:
    """The file with its change, and the lines that differ."""
    function = _function_of(site.mutation)
    assert function is not None
    source = site.module.deep_replace(site.mutation.original_node, site.mutation.mutated_node).code  # type: ignore[arg-type]
    before, after = site.module.code.splitlines(), source.splitlines()
    lines = [line for line in difflib.unified_diff(before, after, n=0, lineterm="") if line[:3] not in ("---", "+++")]
    was, now = (" ".join(line[1:].strip() for line in lines if line[0] == sign) for sign in "-+")
    return Mutant(f"{site.file}:{site.number}", site.file, function.name.value, was, now, source)


def equivalents() -> dict[tuple[str, str, str, str], str]:
    """The reasons of those that cannot be told from the program, by file, function, and the lines before and after."""
    listed = tomllib.loads((ROOT / "benchmarks" / "mutants.toml").read_text(encoding="utf-8"))
    return {(one["file"], one["function"], one["was"], one["now"]): one["why"] for one in listed.get("equivalent", [])}


class LoopError(Exception):
    """Tests took far more time of the processor than they do without a mutant."""


class Tree:
    """A copy of the repository in which mutants are made and tested."""

    def __init__(self, folder: Path) -> None:
        self._root, self._limits_s = folder / "deleverage", dict[tuple[Path, ...], int]()
        shutil.copytree(ROOT, self._root, ignore=LEFT_OUT)
        self._environment = os.environ | {"PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}

    def fails(self, tests: Iterable[Path], limit_s: int) -> bool:
        """Whether a test fails, or the tests cannot be imported. Raises LoopError where they take too long."""
        options = ("-x", "-q", "-n", "0", "-p", "no:cacheprovider", "--hypothesis-seed=0")
        command = [sys.executable, "-m", "pytest", *options, *map(str, tests)]
        with subprocess.Popen(
            command,
            cwd=self._root,
            env=self._environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        ) as process:
            resource.prlimit(process.pid, resource.RLIMIT_CPU, (limit_s, limit_s))
            code = process.wait()
        if code in (-signal.SIGXCPU, -signal.SIGKILL):
            raise LoopError
        assert code not in (4, 5), f"pytest ran no tests (exit code {code}): {' '.join(command)}"
        return code != 0

    def limit_s(self, tests: tuple[Path, ...]) -> int:
        """How long these tests may take of the processor; without a mutant they pass, and are timed, once."""
        if tests not in self._limits_s:
            before_s = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
            assert not self.fails(tests, 3600), f"they fail without a mutant: {' '.join(map(str, tests))}"
            took_s = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before_s
            self._limits_s[tests] = LOOP_LEAST_S + LOOP_FACTOR * int(took_s)
        return self._limits_s[tests]

    def verdict(self, mutant: Mutant, quick: tuple[Path, ...], slow: tuple[Path, ...]) -> str:
        """What becomes of a mutant under some tests and, if it survives these, under some more."""
        for tests in filter(None, (quick, slow)):
            limit_s, path = self.limit_s(tests), self._root / mutant.file
            original = path.read_bytes()
            path.write_text(mutant.source, encoding="utf-8")
            try:
                if self.fails(tests, limit_s):
                    return "killed"
            except LoopError:
                return "looped"
            finally:
                path.write_bytes(original)
        return "survived"


def quick_tests(package: str) -> tuple[Path, ...]:
    """The test modules of a package, as they are found from the root of the repository."""
    named = {path for pattern in PACKAGES[package].split() for path in (ROOT / "tests").glob(f"test_{pattern}.py")}
    return tuple(sorted(path.relative_to(ROOT) for path in named))


@cache
def _text(path: Path) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


def slow_tests(file: str, quick: tuple[Path, ...]) -> tuple[Path, ...]:
    """Whatever else imports the mutated module, or is named after it or its folder."""
    names = (f"test_{Path(file).parent.name}", f"test_{Path(file).stem}")
    module = "deleverage." + file.removesuffix(".py").replace("/", ".").removesuffix(".__init__")
    every = sorted(path.relative_to(ROOT) for path in (ROOT / "tests").glob("test_*.py"))
    near = (path for path in every if f"from {module} import" in _text(path) or path.name.startswith(names))
    return tuple(path for path in near if path not in quick and not path.name.startswith(WHOLE_RUNS))


class Tally(NamedTuple):
    """A package's line of the table."""

    package: str
    mutants: int
    verdicts: Counter[str]

    def __str__(self) -> str:
        """The line; the score is of those that are not equivalent."""
        of = self.verdicts
        found, counted = of["killed"] + of["looped"], of.total() - of["equivalent"]
        score = f"{found / counted:9.1%}" if counted else "        -"
        figures = (self.mutants, of.total(), *(of[each] for each in VERDICTS))
        return f"{self.package:<15}" + "".join(f"{figure:>11,}" for figure in figures) + score


VERDICTS = ("killed", "looped", "survived", "equivalent")
HEADING = f"{'package':<15}" + "".join(f"{name:>11}" for name in ("mutants", "sampled", *VERDICTS)) + f"{'score':>9}"


def drawn(package: str, arguments: argparse.Namespace) -> tuple[int, list[Mutant]]:
    """How many mutants there are, and those to be tested."""
    sites = sites_of(package)
    chosen = [site for site in sites if f"{site.file}:{site.number}" in arguments.name]
    if not arguments.name:
        generator = random.Random(f"{arguments.seed} {package}")
        chosen = generator.sample(sites, min(arguments.sample, len(sites)))
    return len(sites), [mutant_of(site) for site in chosen]


def judged(package: str, mutants: list[Mutant], tree: Tree) -> Iterator[tuple[Mutant, str]]:
    """Each mutant with its verdict."""
    quick, same = quick_tests(package), equivalents()
    for mutant in mutants:
        where = (mutant.file, mutant.function, mutant.was, mutant.now)
        if where in same or STRICT.sub("", mutant.was) == STRICT.sub("", mutant.now):
            yield mutant, "equivalent"
        else:
            yield mutant, tree.verdict(mutant, quick, slow_tests(mutant.file, quick))


def main() -> None:
    """Draw, test, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1, help="what the sample is drawn by")
    parser.add_argument("--sample", type=int, default=50, help="how many mutants of each package")
    parser.add_argument("--package", action="append", choices=PACKAGES, help="only this package")
    parser.add_argument("--name", action="append", default=[], help="only this mutant, as in handlers/depth.py:7")
    arguments = parser.parse_args()
    os.chdir(ROOT)  # where mutmut reads its settings
    tallies: list[Tally] = []
    with tempfile.TemporaryDirectory() as folder:
        tree = Tree(Path(folder))
        for package in arguments.package or PACKAGES:
            count, mutants = drawn(package, arguments)
            tally = Tally(package, count, Counter())
            for mutant, verdict in judged(package, mutants, tree) if mutants else ():
                tally.verdicts[verdict] += 1
                print(f"{verdict:<10} {mutant.name} {mutant.function}", file=sys.stderr, flush=True)
                if verdict == "survived":
                    print(f"{mutant.name} {mutant.function}\n  - {mutant.was}\n  + {mutant.now}", flush=True)
            tallies.append(tally)
    print(f"\n{time.strftime('%Y-%m-%d')}, seed {arguments.seed}, {arguments.sample} of each package\n{HEADING}")
    every = Tally("all", sum(one.mutants for one in tallies), sum((one.verdicts for one in tallies), Counter()))
    print(*tallies, every, sep="\n")


if __name__ == "__main__":
    main()
