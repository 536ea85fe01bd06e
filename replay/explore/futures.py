"""A fork with a changed rule: executed in a process of its own, into a folder of the server's, beside what was.

1. One at a time. It says how far it has come; the next one takes the place of the last, whose folder is gone then.
2. Rules are builtin ones or those of the record, by name: a browser names no file that would be executed.
3. What is shown is how both ended, as `diff` tells it, and both timelines from a little before the fork to the end.

Cost: executing the rest of the record, and reading both records; one of 250,000 events some 20 s.
"""

from __future__ import annotations

import shutil
import tempfile
from collections import deque
from collections.abc import Iterable
from functools import partial
from multiprocessing import get_context
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path
from threading import Lock, Thread
from typing import Any, Literal

import msgspec

from ...events.errors import DeleverageError, QueryError
from ...events.venue_names import plain
from ...handlers.registry import SLOTS
from ...sim.collecting import seldom_collected
from ..diff.difference import AccountDifference, AssetDifference, account_differences, asset_differences
from ..diff.ending import FoldedRun
from ..fork.changes import Changes
from ..fork.fork import fork
from ..run import Run, open_run
from ..timeline import timeline_of
from ..workers import Workers
from .curves import Curves, curves_of

__all__ = ["AccountGain", "ForkAsked", "Future", "Futures", "Rule", "RuleSetting", "TotalPair", "rules_at"]

_SETTINGS_MOST, _SETTING_MOST = 16, 300
_GAINS = 12
_STEPS = 400
_BEFORE = 6
"""One part in so many of what is drawn lies before the fork."""


class RuleSetting(msgspec.Struct, frozen=True):
    """A figure of a rule as it is in force, as text."""

    key: str
    value: str


class Rule(msgspec.Struct, frozen=True):
    """A slot with the policy that decides there, those that could, and its figures."""

    slot: str
    policy: str
    policies: tuple[str, ...]
    settings: tuple[RuleSetting, ...]


class ForkAsked(msgspec.Struct, frozen=True):
    """After which event to fork, and what to change: `slot.key=value`."""

    seq: int
    settings: tuple[str, ...]


class TotalPair(msgspec.Struct, frozen=True):
    """A total of one asset, in both."""

    name: str
    a: float | None
    b: float | None
    unit: str


class AccountGain(msgspec.Struct, frozen=True):
    """Who gained, or lost, by the change, and how much, in whole units; how it ended in both."""

    name: str
    gain: float
    asset: str
    bankrupt_a: bool
    bankrupt_b: bool
    deleveraged_a: int
    deleveraged_b: int


class Future(msgspec.Struct, frozen=True):
    """How a fork is coming on, and what came of it once it is `done`."""

    state: Literal["none", "working", "done", "failed"]
    asked: ForkAsked | None = None
    share: float = 0.0
    fault: str = ""
    boundary: int = 0
    events: tuple[int, int] = (0, 0)
    head: str = ""
    identical: bool = False
    totals: tuple[TotalPair, ...] = ()
    gained: tuple[AccountGain, ...] = ()
    lost: tuple[AccountGain, ...] = ()
    was: Curves | None = None
    would_be: Curves | None = None


def rules_at(run: Run, seq: int) -> tuple[Rule, ...]:
    """Who decides at an event, and who could."""
    return tuple(
        Rule(
            one.handler,
            one.policy,
            tuple(name for name in SLOTS.get(plain(one.handler), {}) if name),
            tuple(RuleSetting(key, _written(value)) for key, value in one.parameters.items()),
        )
        for one in run.producers_at(seq)
    )


def _written(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


class Futures:
    """Executes forks of a record, one at a time."""

    def __init__(self, path: Path, plugins: Any) -> None:
        self._path, self._plugins = path, plugins
        self._folder = Path(tempfile.mkdtemp(prefix="deleverage-explore-"))
        self._lock, self._number = Lock(), 0
        self._progress: Synchronized[int] = get_context("spawn").Value("q", 0)
        self._workers: Workers[ForkAsked, Future] | None = None
        self._thread: Thread | None = None
        self._future, self._span = Future("none"), (0, 1)

    def begin(self, run: Run, asked: ForkAsked) -> Future:
        """Start one, in place of any that is under way. Raises QueryError for what cannot be asked."""
        run.check_sealed()
        _check(run, asked)
        self.stop()
        with self._lock:
            self._number += 1
            self._progress.value, self._span = asked.seq, (asked.seq, max(run.count, asked.seq + 1))
            self._future = Future("working", asked)
            output = self._folder / f"{self._number}.run"
            perform = partial(_executed, self._path, self._plugins, output, self._progress)
            self._workers = Workers(1, perform, partial(_lost, asked))
            self._thread = Thread(target=self._work, args=(self._workers, asked), daemon=True)
            self._thread.start()
            return self._future

    def now(self) -> Future:
        """How it is coming on."""
        with self._lock:
            if self._future.state != "working":
                return self._future
            first, last = self._span
            share = min((self._progress.value - first) / max(last - first, 1), 1.0) * 0.8
            return msgspec.structs.replace(self._future, share=max(share, 0.0))

    def stop(self) -> None:
        """End what is under way, and let go of what it wrote."""
        workers, thread = self._workers, self._thread
        with self._lock:
            self._workers, self._thread, self._future = None, None, Future("none")
        if workers is not None and thread is not None:
            workers.__exit__(None, None, None)
            thread.join()
        for path in self._folder.glob("*.run"):
            shutil.rmtree(path, ignore_errors=True)

    def close(self) -> None:
        """The same, and the folder with it."""
        self.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _work(self, workers: Workers[ForkAsked, Future], asked: ForkAsked) -> None:
        try:
            for _asked, future in workers.outcomes(deque([asked])):
                with self._lock:
                    if self._workers is workers:
                        self._future = future
        except OSError:  # the process was ended while it was waited for
            return
        finally:
            workers.__exit__(None, None, None)


def _lost(asked: ForkAsked, told: str) -> Future:
    return Future("failed", asked, fault=f"the execution was lost: {told}")


def _check(run: Run, asked: ForkAsked) -> None:
    """Raises QueryError for what names a file, or is too long to be meant."""
    run.reader.existing(asked.seq)
    if len(asked.settings) > _SETTINGS_MOST or any(len(one) > _SETTING_MOST for one in asked.settings):
        message = f"a fork takes at most {_SETTINGS_MOST} changes of {_SETTING_MOST} characters each"
        raise QueryError(message)
    known = {(one.handler, one.policy) for one in run.producers_at(asked.seq)}
    for setting in asked.settings:
        key, _, value = setting.partition("=")
        slot, _, name = key.partition(".")
        if name == "policy" and value not in SLOTS.get(plain(slot), {}) and (slot, value) not in known:
            message = f"{key}: {value!r} is no builtin policy of that slot; a file is forked with by the command"
            raise QueryError(message)


def _executed(path: Path, plugins: Any, output: Path, progress: Synchronized[int], asked: ForkAsked) -> Future:
    """Fork, compare, draw: in a process of its own."""
    try:
        with seldom_collected():
            run = open_run(path, plugins=plugins)
            run.kept.leave_as_they_are()
            changes = Changes(settings=asked.settings)

            def advance(seq: int, _at_ns: int) -> None:
                progress.value = seq

            result = fork(run, asked.seq, changes, output, progress=advance)
            progress.value = run.count
            return _compared(run, open_run(output, plugins=plugins), asked, result.boundary)
    except DeleverageError as error:
        return Future("failed", asked, fault=str(error))


def _compared(run: Run, other: Run, asked: ForkAsked, boundary: int) -> Future:
    ended = FoldedRun(run.events()), FoldedRun(other.events())
    assets = tuple(asset_differences(*ended))
    forked_ns = run.event(min(boundary, run.count) - 1).at_ns
    since_ns = max(run.start_ns, forked_ns - max(run.end_ns - forked_ns, 1) // _BEFORE)
    was, would_be = (curves_of(one, timeline_of(one, since_ns, steps_most=_STEPS), one.count) for one in (run, other))
    accounts = account_differences(*ended)
    gains = sorted(filter(None, map(partial(_gain, assets), accounts)), key=lambda one: one.gain)
    return Future(
        state="done",
        asked=asked,
        share=1.0,
        boundary=boundary,
        events=(run.count, other.count),
        head=other.head,
        identical=(run.count, run.head) == (other.count, other.head),
        totals=tuple(_totals(assets)),
        gained=tuple(one for one in gains[: -_GAINS - 1 : -1] if one.gain > 0),
        lost=tuple(one for one in gains[:_GAINS] if one.gain < 0),
        was=was,
        would_be=would_be,
    )


_COUNTED = {
    "margin_calls": "margin calls",
    "liquidations": "liquidations",
    "accounts_bankrupt": "accounts bankrupt",
    "rounds": "rounds of auto-deleveraging",
    "accounts_deleveraged": "accounts deleveraged",
}
_MONEY = {
    "deleveraged_value_atoms": "closed by auto-deleveraging",
    "fund_equity_atoms": "insurance fund at the end",
    "socialised_loss_atoms": "socialised loss",
    "written_off_atoms": "written off",
}


def _totals(assets: Iterable[AssetDifference]) -> list[TotalPair]:
    pairs = []
    for one in assets:
        sides = [None if side is None else msgspec.structs.asdict(side) for side in (one.a, one.b)]
        told = [(key, name, 1, "") for key, name in _COUNTED.items()]
        told += [(key, name, 10**one.asset.decimals, one.asset.name) for key, name in _MONEY.items()]
        for key, name, unit, unit_name in told:
            a, b = (None if side is None or side[key] is None else side[key] / unit for side in sides)
            pairs.append(TotalPair(name, a, b, unit_name))
    return pairs


def _gain(assets: Iterable[AssetDifference], one: AccountDifference) -> AccountGain | None:
    """What an account gained; None for the venue's own, and where nothing is known of it."""
    if one.kind not in ("user", "vault") or one.gain_atoms in (None, 0) or one.a is None or one.b is None:
        return None
    decimals = next(asset.asset.decimals for asset in assets if asset.asset.name == one.asset)
    a, b = one.a.befallen, one.b.befallen
    return AccountGain(
        name=one.name,
        gain=(one.gain_atoms or 0) / 10**decimals,
        asset=one.asset,
        bankrupt_a=a.bankruptcies > 0,
        bankrupt_b=b.bankruptcies > 0,
        deleveraged_a=a.reductions,
        deleveraged_b=b.reductions,
    )
