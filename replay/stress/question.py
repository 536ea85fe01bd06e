"""The options of `deleverage stress`, checked and made into a question of a record."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from ...events.errors import QueryError
from ...events.ledger import LedgerState
from ...handlers.fault_plan import FAULT_KINDS
from ...sim.quantities import Quantity, size_scale
from ...sim.units import parse_duration_ns
from ..directory import nearest
from ..jobs import Jobs
from ..run import Run
from .covariance import estimated, given_covariance
from .defaults import Volume, traded
from .directions import Direction, directions_of
from .opened import Opened, opened_at
from .stress import StressAsked, courses_of
from .trial import Start, Target

__all__ = ["Options", "question_of"]

_STEP_NS = 10**9
_STEPS_MOST, _HELD_MOST = 3_600, 86_400


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """As the command line has them; its help says what each is."""

    asked: str
    target: Target = "adl"
    within: str = "1m"
    hold: str = "10m"
    most: int = 9_500
    resolution: int = 10
    mixtures: int = 3
    covariance: Path | None = None
    fault: str | None = None
    cover: int = 2
    largest: int = 10
    volumes: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()
    seed: int | None = None
    output: Path | None = None
    keep: Path | None = None
    jobs: Jobs = 1
    chart: Path | None = None
    layout: str = "text"
    head: str | None = None
    plugins: tuple[Path, ...] = ()
    as_json: bool = False


def question_of(options: Options) -> tuple[Run, StressAsked]:
    """The record and the question. Raises QueryError or ScenarioError for what cannot be asked."""
    _check_fault(options.fault)
    steps, held = _steps("--within", options.within, _STEPS_MOST), _steps("--hold", options.hold, _HELD_MOST)
    opened = opened_at(
        options.asked,
        steps * _STEP_NS,
        settings=options.settings,
        seed=options.seed,
        output=options.output,
        head=options.head,
        plugins=options.plugins,
    )
    ledger, fault = opened.run.at(seq=opened.after_seq), options.fault
    directions = directions_of(ledger, options.most, None if fault is None else steps + held)
    _check_state(opened, ledger, directions)
    if options.covariance is not None:
        covariance = given_covariance(options.covariance, directions)
    else:
        stated = f"{opened.stated} over {options.within} each, the others ours"
        covariance = estimated(directions, opened.prices, stated)
    start = Start(opened.after_seq, _STEP_NS, steps, held, options.target, directions, fault)
    return opened.run, StressAsked(
        start=start,
        covariance=covariance,
        resolution=options.resolution,
        rounds=options.mixtures,
        cover=options.cover,
        largest=options.largest,
        volumes=tuple(sorted(_volumes(opened, ledger, options.volumes).items())),
        courses=courses_of(ledger, start),
    )


def _check_state(opened: Opened, ledger: LedgerState, directions: Sequence[Direction]) -> None:
    """Refuse a state from which nothing goes on, or that nothing can be done to."""
    if opened.run.imported:
        message = f"{opened.run.path} was imported: nobody decided in it, so that no shock would be answered"
        raise QueryError(message)
    if ledger.ended:
        message = f"{opened.run.path} has ended by event {opened.after_seq}; name an earlier point"
        raise QueryError(message)
    if not any(one.is_price for one in directions):
        message = f"no instrument has a price from outside at event {opened.after_seq} yet; name a later point"
        raise QueryError(message)


def _steps(option: str, text: str, most: int) -> int:
    """A time in whole seconds, at least one."""
    length_ns = parse_duration_ns(text)
    if length_ns % _STEP_NS or not 1 <= length_ns // _STEP_NS <= most:
        message = f"{option} {text}: give whole seconds, from 1 to {most:,}"
        raise QueryError(message)
    return length_ns // _STEP_NS


def _check_fault(text: str | None) -> None:
    """A fault whose length is searched is named without one."""
    if text is None:
        return
    kind, *settings = text.split() or [""]
    if kind not in FAULT_KINDS:
        message = f"--fault {text!r}: there is no fault {kind!r}{nearest(kind, FAULT_KINDS)}"
        raise QueryError(message)
    if any(one.startswith(("for=", "for_ns=")) for one in settings):
        message = f"--fault {text!r}: its length is what is searched; leave for= out"
        raise QueryError(message)


def _volumes(start: Opened, ledger: LedgerState, texts: tuple[str, ...]) -> dict[int, Volume]:
    """Those of the record before the point, each replaced by what is given."""
    found = traded(start.run, start.after_seq + 1)
    names = {market.listing.name: number for number, market in enumerate(ledger.markets)}
    for text in texts:
        name, _, written = text.partition("=")
        if name not in names or not written:
            message = f"--volume {text!r}: write it like NAME=250, NAME one of {', '.join(names)}"
            raise QueryError(message)
        lots = Quantity.parse(written.replace("_", ""), size_scale(ledger.markets[names[name]].listing)).number
        if lots < 1:
            message = f"--volume {text!r}: a day's volume is above 0; give what is traded in a day"
            raise QueryError(message)
        found[names[name]] = Volume(lots, "--volume")
    return found
