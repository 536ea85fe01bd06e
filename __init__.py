"""deleverage: the flight recorder and time machine of a liquidation engine.

`Scenario` describes a venue, its traders and its prices; `run` drives it and writes a record; `open_run` reads it back,
and `explain`, `verify`, `fork`, `diff` and `receipt_of` are what can be asked of it. Everything else is behind one of
the four folders.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .replay.diff.difference import diff
    from .replay.fork.fork import fork
    from .replay.receipt.receipt import receipt_of
    from .replay.run import Run, open_run
    from .replay.verify.verification import verify
    from .replay.why.explain import explain
    from .sim.runner import RunResult, run
    from .sim.scenario import Scenario

__all__ = ["Run", "RunResult", "Scenario", "diff", "explain", "fork", "open_run", "receipt_of", "run", "verify"]

# Imported on first use: `deleverage --help` should not pay for SimPy and zstandard.
_HOMES = {
    "Run": ".replay.run",
    "RunResult": ".sim.runner",
    "Scenario": ".sim.scenario",
    "diff": ".replay.diff.difference",
    "explain": ".replay.why.explain",
    "fork": ".replay.fork.fork",
    "open_run": ".replay.run",
    "receipt_of": ".replay.receipt.receipt",
    "run": ".sim.runner",
    "verify": ".replay.verify.verification",
}


def __getattr__(name: str) -> object:
    """Import a public name from its home the first time it is asked for."""
    if name not in _HOMES:
        message = f"module 'deleverage' has no attribute {name!r}"
        raise AttributeError(message)
    return getattr(import_module(_HOMES[name], __name__), name)
