"""What invariants cost a run: the flash crash with all of them declared against the same without, in turn.

The head alone is kept, not the record, so that the disk has no part in it; the ratio is over whole runs. Under the
plain rulebook many of them are broken, so that the events that say so are in it as well; `held` declares those that
hold.
"""

from __future__ import annotations

from collections.abc import Iterator

from contest import Contest, Line, Turn, at_most, stopwatch

from deleverage import Scenario, run
from deleverage.handlers.invariants.declared import INVARIANTS

__all__ = ["measure"]

_SHORT = ("population.accounts=100", 'end="2025-10-10T20:42:00Z"')
_HELD = ("only_profit_is_taken", "fund_before_adl", "queue_order", "whole_lots", "no_reduction_past_zero")


def measure(*, short: bool) -> Iterator[Line]:
    """The ratio of a run's time, with all, and with those that hold there."""
    every = [kind.key() for kind in INVARIANTS]
    settings = {
        "none": (),
        "all": (*every, "block_notional_max", "block_fund_loss_max", "notice_ns"),
        "held": _HELD,
    }
    contest = Contest({name: _turn(keys, short=short) for name, keys in settings.items()}, short=short)
    medians = contest.medians_ns("run")
    for name in ("all", "held"):
        what = f"a run of flash-crash with {name} invariants against none"
        yield Line(f"invariants.{name}", what, contest.ratio(name, "none"), bar=at_most(1.05), medians=medians)


def _turn(keys: tuple[str, ...], *, short: bool) -> Turn:
    figures = {"block_notional_max": "100_000", "block_fund_loss_max": "1_000_000", "notice_ns": '"1h"'}
    stated = ", ".join(f"{key}={figures.get(key, chr(34) + 'measured' + chr(34))}" for key in keys)
    declared = (f'invariants={{policy="declared", {stated}}}',) if keys else ()

    def turn() -> float:
        scenario = Scenario.load("flash-crash", [*(_SHORT if short else ()), *declared])
        return stopwatch(lambda: run(scenario))

    return turn
