"""Policies that are not pure, each in its own way: what a re-execution must find out.

Run as a script, `whims.py record|verify POLICY RUN` is the process that has its own hash seed.
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import ClassVar

import msgspec

from deleverage import Scenario, run
from deleverage.__main__ import main
from deleverage.events.record import RecordSettings
from deleverage.handlers.adl_engine import AdlEngine, ClosingSettings
from deleverage.handlers.policies.ranking import Candidate
from deleverage.handlers.protocol import NoParameters
from deleverage.handlers.registry import SLOTS, Choice

__all__ = ["WHIMS", "whimsical"]

_SHORT = ("prices.duration_ns=40m",)


def _by_clock(candidates: Sequence[Candidate]) -> list[int]:
    return [time.time_ns() for _ in candidates]


def _by_chance(candidates: Sequence[Candidate]) -> list[int]:
    return [random.getrandbits(60) for _ in candidates]


def _by_set_order(candidates: Sequence[Candidate]) -> list[int]:
    order = list({f"account {candidate.account}" for candidate in candidates})
    return [order.index(f"account {candidate.account}") for candidate in candidates]


class _Whim:
    """Ranks by something that is in no event."""

    policy: ClassVar[str] = "whim"
    version: ClassVar[str] = "1"
    formula: ClassVar[str] = ""

    def __init__(self, scores: Callable[[Sequence[Candidate]], list[int]]) -> None:
        self.scores = scores


def whimsical(scores: Callable[[Sequence[Candidate]], list[int]], version: str = "1") -> Choice:
    """An ADL policy with these scores."""

    def make(_parameters: msgspec.Struct, _settings: msgspec.Struct) -> AdlEngine:
        return AdlEngine(_Whim(scores))

    return Choice(NoParameters, version, make, ClosingSettings())


WHIMS = {"clock": whimsical(_by_clock), "chance": whimsical(_by_chance), "set-order": whimsical(_by_set_order)}


def _called() -> None:
    what, policy, path = sys.argv[1:]
    SLOTS["adl"][policy] = WHIMS[policy]  # type: ignore[index]
    if what == "verify":
        main(["verify", path])
    scenario = Scenario.load(str(Path(__file__).with_name("small-crash.toml")), [*_SHORT, f"adl.policy={policy}"])
    run(scenario, path, settings=RecordSettings(pages_per_block=1, durability="none"))


if __name__ == "__main__":
    _called()
