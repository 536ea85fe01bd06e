"""deleverage: the flight recorder and time machine of a liquidation engine.

`Scenario` describes a venue, its traders and its prices; `run` drives it and writes a record; `open_run` reads it back,
and `explain`, `verify`, `fork`, `diff` and `receipt_of` are what can be asked of it. Everything else is behind one of
the four folders.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .events.errors import DeleverageError
    from .events.ledger import Ledger
    from .replay.diff.difference import diff
    from .replay.fork.changes import Changes
    from .replay.fork.fork import fork
    from .replay.receipt.receipt import receipt_of
    from .replay.run import Run, open_run
    from .replay.verify.verification import verify
    from .replay.why.answer import Answer
    from .replay.why.explain import explain
    from .sim.runner import RunResult, run
    from .sim.scenario import Scenario

    __version__: str

__all__ = [
    "Answer",
    "Changes",
    "DeleverageError",
    "Ledger",
    "Run",
    "RunResult",
    "Scenario",
    "__version__",
    "diff",
    "explain",
    "fork",
    "open_run",
    "receipt_of",
    "run",
    "verify",
]

# Imported on first use: `deleverage --help` should not pay for SimPy and zstandard.
_HOMES = {
    "Answer": ".replay.why.answer",
    "Changes": ".replay.fork.changes",
    "DeleverageError": ".events.errors",
    "Ledger": ".events.ledger",
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
    if name == "__version__":
        return import_module(".events.record.fingerprint", __name__).package_version()
    if name not in _HOMES:
        message = f"module 'deleverage' has no attribute {name!r}"
        raise AttributeError(message)
    return getattr(import_module(_HOMES[name], __name__), name)


def __dir__() -> list[str]:
    """The public names, imported or not, beside what every module has."""
    return sorted({*__all__, *(name for name in globals() if name.startswith("__"))})
