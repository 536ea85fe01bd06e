"""What is asked: whose fate, seen from which instants, how often drawn, how far ahead, from which process.

1. The *instants* lie evenly between two points; each is the last event at or before its time, so all of that time is in
   the past. By default the last one is just before what befell the account (or the fund) in the record.
2. A *draw* is known by a seed: a hash of the run's seed, the event and the time of the instant, and the number of the
   draw. Nothing later than the instant is in it, so a record with another future draws the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from hashlib import blake2b
from struct import pack

import msgspec

from ...events.bodies.inputs import PriceTicked
from ...events.bodies.waterfall import ShortfallDeclared
from ...events.errors import QueryError
from ...sim.units import format_time_ns
from ..run import Run

__all__ = ["FateInstant", "FateQuestion", "instants_of", "seeds_of"]


class FateQuestion(msgspec.Struct, frozen=True):
    """The fate of `account`, of the fund where it is None; `horizon_ns` of 0 is up to the record's end.

    `process` is a name of `processes.PROCESSES`, `volatility` per square root of a day in place of the one that is
    estimated from the `memory_ns` before an instant. Without `answers` those of traders stay as they were, and
    without `order` what may come in any order within an instant comes as the engine does it.
    `of` is what the point of no return is of, where that is said.
    """

    account: int | None
    instants: int
    draws: int
    horizon_ns: int
    process: str
    volatility: Decimal | None = None
    memory_ns: int = 1_800_000_000_000
    answers: bool = True
    order: bool = True
    first: str | None = None
    last: str | None = None
    of: str | None = None
    remedies: bool = True

    @property
    def watched(self) -> tuple[str, ...]:
        """What can come, by name."""
        return ("empty", "deleveraged") if self.account is None else ("liquidated", "deleveraged")


class FateInstant(msgspec.Struct, frozen=True):
    """The last event of an instant, its time, and up to when draws go from there."""

    seq: int
    at_ns: int
    until_ns: int


def instants_of(run: Run, question: FateQuestion) -> list[FateInstant]:
    """The instants asked about, the first first; those that are the same event count once.

    Raises QueryError where there is none between the two points.
    """
    opened_ns = _opened_ns(run)
    last_ns = _point_ns(run, question.last) if question.last is not None else _befell_ns(run, question)
    span_ns = question.horizon_ns or last_ns - opened_ns
    first_ns = _point_ns(run, question.first) if question.first is not None else last_ns - span_ns
    first_ns = max(first_ns, opened_ns)
    if first_ns > last_ns:
        told = format_time_ns(first_ns), format_time_ns(last_ns)
        message = (
            f"no instant lies between {told[0]}, where prices are there, and {told[1]}; give another --from or --to"
        )
        raise QueryError(message)
    steps = max(1, question.instants - 1)
    times = [last_ns - (last_ns - first_ns) * step // steps for step in range(question.instants)]
    seqs = sorted({run.first_at(at_ns + 1) - 1 for at_ns in times})
    return [_instant(run, seq, question) for seq in seqs]


def _instant(run: Run, seq: int, question: FateQuestion) -> FateInstant:
    at_ns = run.event(seq).at_ns
    until_ns = at_ns + question.horizon_ns if question.horizon_ns else run.end_ns
    return FateInstant(seq, at_ns, until_ns)


def _point_ns(run: Run, text: str) -> int:
    return run.event(run.last_seq(text)).at_ns


def _opened_ns(run: Run) -> int:
    """When the first price came in."""
    first = next((event for event in run.events() if type(event.body) is PriceTicked), None)
    if first is None:
        message = f"{run.path}: no price came in, so that nothing can be drawn from there on"
        raise QueryError(message)
    return first.at_ns


def _befell_ns(run: Run, question: FateQuestion) -> int:
    """Just before what befell it first in the record; where nothing did, so long before the end as draws go."""
    found = next(_befallen(run, question.account), None)
    return run.end_ns - question.horizon_ns if found is None else run.event(run.first_at(found) - 1).at_ns


def _befallen(run: Run, account: int | None) -> Iterator[int]:
    """When what is forced came: of an account, or when the fund could not pay."""
    if account is not None:
        yield from (event.at_ns for event in run.events_forced(account))
        return
    funds = run.at().funds
    named = (event for fund in funds for event in run.events_naming(fund))
    times = [event.at_ns for event in named if isinstance(event.body, ShortfallDeclared)]
    times += (
        [event.at_ns for event in run.events() if isinstance(event.body, ShortfallDeclared)][:1] if not times else []
    )
    yield from sorted(times)[:1]


def seeds_of(run: Run, instant: FateInstant, draw: int) -> tuple[int, int]:
    """The seeds of a draw: of its prices, and of traders' answers."""
    told = b"fate" + pack("<qqqq", run.started.seed, instant.seq, instant.at_ns, draw)
    hashed = blake2b(told, digest_size=16).digest()
    return int.from_bytes(hashed[:8], "little") >> 1, int.from_bytes(hashed[8:], "little") >> 1
