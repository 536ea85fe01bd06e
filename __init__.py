"""deleverage: the flight recorder and time machine of a liquidation engine.

Three names are the whole way in: `Scenario` describes a venue, its traders and its prices; `run` drives it and writes a
record; `open_run` reads a record back. Everything else is behind one of the four folders.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .replay.run import Run, open_run
    from .sim.runner import RunResult, run
    from .sim.scenario import Scenario

__all__ = ["Run", "RunResult", "Scenario", "open_run", "run"]

# Imported on first use: `deleverage --help` should not pay for SimPy and zstandard.
_HOMES = {
    "Run": ".replay.run",
    "RunResult": ".sim.runner",
    "Scenario": ".sim.scenario",
    "open_run": ".replay.run",
    "run": ".sim.runner",
}


def __getattr__(name: str) -> object:
    """Import a public name from its home the first time it is asked for."""
    if name not in _HOMES:
        message = f"module 'deleverage' has no attribute {name!r}"
        raise AttributeError(message)
    return getattr(import_module(_HOMES[name], __name__), name)
