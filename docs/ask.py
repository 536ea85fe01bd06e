"""Asks the ten questions of every reduction of four scenarios under every rulebook: python docs/ask.py [RUN ...].

1. Runs are recorded in processes, then asked about in stretches. Within a stretch one pass makes all answers, as
   `why --everyone` does, so that what rounds share is worked out once.
2. Of each record a sample is asked alone, which costs re-executions: with `--flips`, `--prove` and `--not`.
3. A rulebook that deleverages nobody, because losses are socialised there, is asked with settings under which its
   auto-deleveraging has something to do; `SETTINGS` has them, and they are printed.

Prints a table. Exit code 1 and a line for each fault, if there are any, or if a record has no reduction.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

import msgspec
from questions import Document, faults

from deleverage.events.bodies.waterfall import PositionDeleveraged
from deleverage.replay.indexed import IndexedRun
from deleverage.replay.run import Run, open_run
from deleverage.replay.why.again.flips import flips_of
from deleverage.replay.why.again.proof import proved
from deleverage.replay.why.everyone import answers_together
from deleverage.replay.why.explain import explain
from deleverage.replay.why.page.pages import answer_document
from deleverage.replay.workers import Workers
from deleverage.sim.rulebooks import venues_with_positions
from deleverage.sim.runner import run as run_scenario
from deleverage.sim.scenario import Scenario

SUPPORT = Path(__file__).parents[1] / "tests" / "support"
SCENARIOS = {
    "flash-crash": (
        "population.accounts=600", "prices.interval_ns=5s", "insurance_fund.balance=10_000",
        "depth.multiples.BTC-PERP=0.01", "depth.multiples.ETH-PERP=0.006", "depth.multiples.AVAX-PERP=0.001",
    ),
    **{str(SUPPORT / f"{name}.toml"): () for name in ("small-crash", "inverse-crash", "spiral")},
}  # fmt: skip
"""Each with what is set in it: the first is made smaller, so that a rulebook's reductions are hundreds."""
SETTINGS = {
    "deribit": ("adl.policy=profit-leverage", "liquidation.limit=bankruptcy"),
    "drift": ("adl.policy=profit-leverage", "liquidation.policy=whole-takeover"),
}
"""What is set in rulebooks that deleverage nobody."""
STRETCH = 100
"""So many reductions are one task."""
SHOWN = 20


class Making(msgspec.Struct, frozen=True):
    """A run to be recorded."""

    scenario: str
    settings: tuple[str, ...]
    path: Path


class Stretch(msgspec.Struct, frozen=True):
    """Reductions of a record to be asked about together, and samples of them to be asked alone."""

    name: str
    path: Path
    seqs: tuple[int, ...]
    flips: tuple[int, ...] = ()
    prove: tuple[int, ...] = ()
    against: tuple[int, ...] = ()


class Held(msgspec.Struct):
    """How many answers were held against the questions, how many of them alone, what is wrong, and how long it took."""

    reductions: int = 0
    flips: int = 0
    prove: int = 0
    against: int = 0
    found: list[str] = []
    seconds: float = 0.0

    def add(self, other: Held) -> None:
        """Both together."""
        for name in ("reductions", "flips", "prove", "against", "found", "seconds"):
            setattr(self, name, getattr(self, name) + getattr(other, name))


def reductions_in(run: Run) -> tuple[int, ...]:
    """The reductions of a record, by number."""
    return tuple(event.seq for event in run.events() if isinstance(event.body, PositionDeleveraged))


def documents(run: Run, seqs: Sequence[int]) -> Iterator[Document]:
    """The answers about these reductions as `why --json` has them, made in one pass."""
    indexed = IndexedRun(run.reader, run.plugin_folders)
    indexed.keep_blocks()
    for answer in answers_together(indexed, seqs):
        yield json.loads(answer_document(answer))


def flipped(run: Run, seq: int) -> Document:
    """The answer with what would have spared it."""
    return document(msgspec.structs.replace(explain(run, seq), flips=flips_of(run, seq)))


def with_verdicts(run: Run, seq: int) -> Document:
    """The answer with a verdict beside each ground."""
    answer = explain(run, seq)
    return document(msgspec.structs.replace(answer, grounds=proved(run, seq, answer.grounds)))


def beside_another(run: Run, seq: int) -> Document:
    """The answer with why another was spared: whoever stands beside it in the ranking, else the next account."""
    one = document(explain(run, seq))
    asked = one["event"]["fields"]["account"]
    places = [place["account"] for place in one["ranking"]["places"] if place["account"] != asked]
    other = places[-1] if places else asked + 1 if asked + 1 < len(run.at(seq).accounts) else asked - 1
    return document(explain(run, seq, against=other))


def document(answer: Any) -> Document:
    """An answer as a program reads it."""
    one: Document = json.loads(answer_document(answer))
    return one


def asked(run: Run, stretch: Stretch) -> Held:
    """How many answers were held against the questions, and what is wrong."""
    began, held = perf_counter(), Held(found=[])
    for one in documents(run, stretch.seqs):
        held.reductions += 1
        held.found += told(one, run, "")
    for option, seqs, way, key in (
        ("--flips", stretch.flips, flipped, "flips"),
        ("--prove", stretch.prove, with_verdicts, "prove"),
        ("--not", stretch.against, beside_another, "against"),
    ):
        for seq in seqs:
            one = way(run, seq)
            held.found += told(one, run, f" {option}")
            setattr(held, key, getattr(held, key) + 1)
            if not {"--flips": one["flips"], "--prove": proofs(one), "--not": one["not"]}[option]:
                held.found.append(f"event {seq} {option}: nothing was answered")
    held.seconds = perf_counter() - began
    return held


def proofs(one: Document) -> list[Document]:
    """The verdicts beside the grounds."""
    return [ground["proof"] for ground in one["grounds"] if ground["proof"] is not None]


def told(one: Document, run: Run, option: str) -> list[str]:
    """A line for each fault of an answer."""
    return [f"event {one['event']['seq']}{option}: {fault}" for fault in faults(one, run)]


def make(task: Making) -> tuple[int, ...] | str:
    """Record a run: its reductions, or what went wrong."""
    try:
        run_scenario(Scenario.load(task.scenario, task.settings), task.path)
        return reductions_in(open_run(task.path))
    except Exception as error:  # noqa: BLE001 - the parent prints it
        return f"{type(error).__name__}: {error}"


def ask(task: Stretch) -> Held:
    """Ask about a stretch. Never raises: an error is a fault."""
    try:
        return asked(open_run(task.path), task)
    except Exception as error:  # noqa: BLE001 - the parent prints it
        return gone(f"{type(error).__name__}: {error}", task.seqs)


def gone(what: str, seqs: Sequence[int] = ()) -> Held:
    """Reductions that nothing could be asked about."""
    return Held(len(seqs), found=[f"events {seqs[0]} to {seqs[-1]}: {what}" if seqs else what])


def recorded(folder: Path, jobs: int, only: Sequence[str]) -> Iterator[tuple[str, Path, tuple[int, ...]]]:
    """The scenarios under every rulebook, each recorded: its name, where, and its reductions."""
    names = dict[Path, str]()
    tasks = deque[Making]()
    for scenario, base in SCENARIOS.items():
        for venue in venues_with_positions():
            name = f"{Path(scenario).stem} under {venue}"
            path = folder / f"{Path(scenario).stem}-{venue}.run"
            if not only or any(part in name for part in only):
                names[path] = name
                tasks.append(Making(scenario, (f"venue={venue}", *base, *SETTINGS.get(venue, ())), path))
    with Workers[Making, "tuple[int, ...] | str"](jobs, make, str) as workers:
        for number, (task, seqs) in enumerate(workers.outcomes(tasks), 1):
            if isinstance(seqs, str):
                message = f"{names[task.path]}: {seqs}"
                raise SystemExit(message)
            progress(f"{number} of {len(names)} recorded: {names[task.path]}, {len(seqs):,} reductions")
            yield names[task.path], task.path, seqs


def stretches(name: str, path: Path, seqs: tuple[int, ...], each: int) -> Iterator[Stretch]:
    """A record in stretches, with a sample of it, spread over the record, asked alone."""
    sample = {seqs[len(seqs) * number // each] for number in range(each)} if seqs else set[int]()
    for first in range(0, len(seqs), STRETCH):
        part = seqs[first : first + STRETCH]
        alone = tuple(seq for seq in part if seq in sample)
        yield Stretch(name, path, part, alone, alone, alone)


def held_by_name(tasks: Sequence[Stretch], jobs: int) -> dict[str, Held]:
    """Ask all of it, in processes."""
    found, done = {task.name: Held(found=[]) for task in tasks}, 0
    with Workers[Stretch, Held](jobs, ask, gone) as workers:
        for task, held in workers.outcomes(deque(tasks)):
            found[task.name].add(held)
            done += len(task.seqs)
            progress(f"{done:,} of {sum(len(one.seqs) for one in tasks):,} reductions asked: {task.name}")
    return found


def progress(text: str) -> None:
    """A line of how far it came."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def table(found: dict[str, Held]) -> Iterator[str]:
    """What was asked and what is wrong."""
    yield "| scenario and rulebook | reductions | `--flips`, `--prove` and `--not` | faults | seconds |"
    yield "|---|--:|--:|--:|--:|"
    whole = Held(found=[])
    for name, held in found.items():
        whole.add(held)
        yield row(name, held)
    yield row("together", whole)


def row(name: str, held: Held) -> str:
    """A row of the table."""
    alone = f"{held.flips}, {held.prove}, {held.against}"
    return f"| {name} | {held.reductions:,} | {alone} | {len(held.found):,} | {held.seconds:,.0f} |"


def main() -> int:
    """Ask, and print how many answers hold."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("records", nargs="*", type=Path)
    parser.add_argument("--each", type=int, default=2, help="so many of each record with --flips, --prove and --not")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--only", action="append", default=[], help="combinations that have this in their name")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if given.records:
            made = [(str(path), path, reductions_in(open_run(path))) for path in given.records]
        else:
            made = sorted(recorded(Path(folder), given.jobs, given.only))
        tasks = [one for record in made for one in stretches(*record, given.each)]
        found = {name: Held(found=[]) for name, *_ in made} | held_by_name(tasks, given.jobs)
    sys.stdout.write("\n".join(table(found)) + "\n")
    wrong = {name: held.found for name, held in found.items() if held.found}
    wrong |= {name: ["nobody was deleveraged"] for name, _, seqs in made if not seqs}
    for name, lines in wrong.items():
        sys.stdout.writelines(f"{name}: {line}\n" for line in lines[:SHOWN])
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
