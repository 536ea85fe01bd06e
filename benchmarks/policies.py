"""`flash-crash` under every ADL policy, in processor time: how long each takes, and the slowest against its bar.

Each policy has a process of its own, which runs the scenario once, without a record, and is ended at a limit of
processor time. Seconds are those of the whole process but for the imports. A policy that did not come to its end has
the limit, and is named in the note. `python benchmarks/policies.py NAME` runs one.
"""

from __future__ import annotations

import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import msgspec
from child import python
from contest import Line, at_most

from deleverage.handlers.policies.adl.choices import ADL_CHOICES
from deleverage.sim.runner import run
from deleverage.sim.scenario import Scenario

__all__ = ["measure"]

_LIMIT_SECONDS = 200
_BAR = at_most(10)
_SHORT = ("population.accounts=100", 'end="2025-10-10T20:42:00Z"')
_FEW = ("profit-leverage", "wealth-pro-rata", "online-learning")


class _Run(msgspec.Struct, frozen=True):
    """One policy's run: processor time, how many events, and of those how many rounds and reductions."""

    seconds: float
    events: int = 0
    rounds: int = 0
    reductions: int = 0
    ended: bool = True


def measure(*, short: bool) -> Iterator[Line]:
    """The slowest, with the seconds of each."""
    runs = {name: _run(name, _SHORT) for name in _FEW} if short else {name: _apart(name) for name in ADL_CHOICES}
    slowest = max(runs, key=lambda name: runs[name].seconds)
    told = [f"{slowest}: {runs[slowest].events:,} events, {runs[slowest].reductions:,} reductions"]
    told += [f"{name} did not end in {_LIMIT_SECONDS} s" for name, one in runs.items() if not one.ended]
    medians = {f"{name}_s": round(one.seconds, 1) for name, one in runs.items()}
    what = f"flash-crash under {len(runs)} ADL policies, the slowest, processor time"
    yield Line("policies.slowest", what, runs[slowest].seconds, "s", _BAR, medians, "; ".join(told))


def _apart(name: str) -> _Run:
    """A run in a process of its own, up to the limit."""
    done = subprocess.run(python(__file__, name), stdout=subprocess.PIPE, check=False)
    if -done.returncode in (signal.SIGXCPU, signal.SIGKILL):
        return _Run(_LIMIT_SECONDS, ended=False)
    done.check_returncode()
    return msgspec.json.decode(done.stdout, type=_Run)


def _run(name: str, overrides: tuple[str, ...] = ()) -> _Run:
    start = time.process_time()
    result = run(Scenario.load("flash-crash", (f"adl.policy={name}", *overrides)))
    counts = result.summary.by_type
    seen = (counts.get(kind, 0) for kind in ("DeleveragingStarted", "PositionDeleveraged"))
    return _Run(time.process_time() - start, result.events, *seen)


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CPU, (_LIMIT_SECONDS, _LIMIT_SECONDS))
    sys.stdout.buffer.write(msgspec.json.encode(_run(sys.argv[1])))
