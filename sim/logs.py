"""The program's own log, apart from the record: structlog to stderr or a file, configured here and nowhere else.

1. Warnings only, unless asked for more, and a run warns of nothing. Milestones of a run are info, single events debug;
   neither costs anything where they are not asked for, structlog is then not even loaded.
2. A log decides nothing: it is a tap.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, TextIO

from ..events.bodies.liquidation import LiquidationStarted
from ..events.bodies.venue import TradingHalted, TradingResumed
from ..events.bodies.waterfall import DeleveragingStarted, ShortfallDeclared
from ..events.envelope import Event
from ..events.errors import QueryError
from ..events.ledger import Ledger
from ..events.vocabulary import Body
from .runner import RunResult, Simulation
from .terminal import printable
from .units import format_time_ns

__all__ = ["LOG_LEVELS", "LogLevel", "RunLog", "level_of", "log_stream"]

LogLevel = Literal["debug", "info", "warning", "error"]
LOG_LEVELS: tuple[LogLevel, ...] = ("debug", "info", "warning", "error")

_FIRST_ONLY: dict[type[Body], str] = {
    LiquidationStarted: "first liquidation",
    ShortfallDeclared: "first shortfall",
    DeleveragingStarted: "first deleveraging",
}
_EACH: dict[type[Body], str] = {TradingHalted: "trading halted", TradingResumed: "trading resumed"}


def level_of(level: LogLevel, verbosity: int) -> LogLevel:
    """The level, or that of so many -v if it tells more: info of one, debug of two."""
    asked = LOG_LEVELS[max(LOG_LEVELS.index("warning") - verbosity, 0)]
    return min(level, asked, key=LOG_LEVELS.index)


@contextmanager
def log_stream(path: Path | None) -> Iterator[TextIO]:
    """Where the log goes: a file, to whose end it is added, or stderr. Raises QueryError where it cannot be opened."""
    if path is None:
        yield sys.stderr
        return
    try:
        file = path.open("a", encoding="utf-8", buffering=1)
    except OSError as error:
        message = f"--log-file {path}: it cannot be written ({error.strerror}); name another place"
        raise QueryError(message) from error
    with file:
        yield file


def _logger(level: LogLevel, stream: TextIO, *, as_json: bool) -> Any:
    """What writes to a stream from `level` on, as text or as JSON Lines."""
    import structlog  # noqa: PLC0415 - only for whoever asks for a log

    renderer: Any = structlog.processors.JSONRenderer()
    if not as_json:
        renderer = structlog.dev.ConsoleRenderer(colors=stream.isatty())
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _printable,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(_number(level)),
        logger_factory=structlog.PrintLoggerFactory(stream),
        cache_logger_on_first_use=False,
    )
    return structlog.get_logger("deleverage")


def _printable(_logger: object, _method: str, fields: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """What is logged with every text printable: names come from files."""
    return {key: printable(value) if isinstance(value, str) else value for key, value in fields.items()}


def _number(level: LogLevel) -> int:
    return int(getattr(logging, level.upper()))


class RunLog:
    """Logs what happens in a run: its milestones from level info on, and every event where the level is debug."""

    def __init__(self, level: LogLevel = "warning", *, as_json: bool = False, stream: TextIO | None = None) -> None:
        """Write to a stream (stderr), as text or as JSON Lines."""
        self._level = _number(level)
        self._log: Any = None
        self._seen: set[type[Body]] = set()
        if self._level <= logging.INFO:
            self._log = _logger(level, sys.stderr if stream is None else stream, as_json=as_json)

    def watch(self, simulation: Simulation) -> None:
        """Listen on the bus of a run that begins."""
        if self._log is None:
            return
        scenario = simulation.scenario
        told = {"scenario": scenario.name, "seed": scenario.seed, "prices": scenario.prices, "inputs": scenario.inputs}
        self._log.info("run started", **told)
        simulation.bus.tap(self._milestone, (*_FIRST_ONLY, *_EACH))
        if self._level <= logging.DEBUG:
            simulation.bus.tap(self._event)

    def ended(self, result: RunResult) -> None:
        """The run is over."""
        if self._log is not None:
            self._log.info("run ended", status=result.status, events=result.events, head=result.head)

    def _milestone(self, event: Event, ledger: Ledger) -> None:
        kind = type(event.body)
        if kind in self._seen:
            return
        if kind in _FIRST_ONLY:
            self._seen.add(kind)
        what = _FIRST_ONLY.get(kind) or _EACH[kind]
        instrument: int | None = getattr(event.body, "instrument", None)
        known = {} if instrument is None else {"instrument": ledger.markets[instrument].listing.name}
        self._log.info(what, seq=event.seq, at=format_time_ns(event.at_ns), **known)

    def _event(self, event: Event, _ledger: Ledger) -> None:
        self._log.debug(type(event.body).__name__, seq=event.seq, at_ns=event.at_ns, cause=event.cause)
