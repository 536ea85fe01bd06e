"""The readings of a watch for Prometheus: the last of them, and how many events of each type came, on loopback.

`/metrics` is answered by prometheus_client, imported only here. Money and sizes are floats there, as Prometheus has
nothing else: in units of the asset, rates as parts of one. What cannot be told has no sample.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from typing import Any, NamedTuple

from ...events.envelope import Event
from ...events.errors import QueryError
from ...events.ledger import LedgerState
from .levels import LEVELS, signs_of, worst
from .watcher import RunWatcher, WarningReading

__all__ = ["Metrics", "served_metrics"]

_LOOPBACK = "127.0.0.1"
_BPS, _PPM, _NS = 10**4, 10**6, 10**9


class _Figure(NamedTuple):
    """A family of samples: its name, what it says, the names of its labels."""

    name: str
    says: str
    labels: tuple[str, ...] = ()


_OF_ALL = {
    "at": _Figure("deleverage_simulated_time_seconds", "Time of the reading, in seconds since 1970."),
    "level": _Figure("deleverage_level", f"How loud the reading is: {', '.join(map(str.__add__, '012', LEVELS))}."),
    "correlation": _Figure("deleverage_correlation_ratio", "How alike prices move."),
}
_OF_INSTRUMENTS = {
    name: _Figure(f"deleverage_{name}", says, ("instrument",))
    for name, says in {
        "mark_price": "Mark, in the quote.",
        "open_interest": "Open interest at the mark, in the asset.",
        "bids_near": "Bids within 2% of the mark, in the asset.",
        "asks_near": "Asks within 2% of the mark, in the asset.",
        "due_near": "Notional that falls due within 2% of the mark, in the asset.",
        "concentration_ratio": "Herfindahl's index of the positions.",
        "halted": "1 while trading is halted.",
    }.items()
}
_STRESS = _Figure("deleverage_stress_ratio", "The smallest common move that would feed itself.", ("asset",))
_FUND = _Figure("deleverage_fund_left", "What a fund can lose before it is empty, in its asset.", ("fund", "asset"))


class Metrics:
    """What a watcher has read, as families of samples."""

    def __init__(self, watcher: RunWatcher) -> None:
        self._ledger = watcher.ledger
        self._reading: WarningReading | None = None
        self._events: Counter[str] = Counter()

    def read(self, reading: WarningReading) -> None:
        """The reading that is told from now on."""
        self._reading = reading

    def count(self, event: Event) -> None:
        """One more event of its type."""
        self._events[type(event.body).__name__] += 1

    def collect(self) -> Iterator[Any]:
        """The families, as prometheus_client asks for them from a thread of its own."""
        core = import_module("prometheus_client.core")
        events = core.CounterMetricFamily("deleverage_events", "Events so far.", labels=("type",))
        for name, number in sorted(self._events.copy().items()):
            events.add_metric((name,), number)
        yield events
        if self._reading is None:
            return
        for figure, samples in _samples(self._reading, self._ledger):
            family = core.GaugeMetricFamily(figure.name, figure.says, labels=figure.labels)
            for labels, value in samples:
                if value is not None:
                    family.add_metric(labels, value)
            yield family

    def describe(self) -> tuple[()]:
        """Nothing is told of before there is a reading."""
        return ()


_Samples = list[tuple[tuple[str, ...], float | None]]


def _samples(reading: WarningReading, ledger: LedgerState) -> Iterator[tuple[_Figure, _Samples]]:
    warning, correlation_ppm = reading.warning, reading.movement.correlation_ppm
    loudest = worst(sign.level for sign in signs_of(reading))
    yield _OF_ALL["at"], [((), reading.at_ns / _NS)]
    yield _OF_ALL["level"], [((), LEVELS.index(loudest))]
    yield _OF_ALL["correlation"], [((), None if correlation_ppm is None else correlation_ppm / _PPM)]
    found: dict[str, _Samples] = {name: [] for name in _OF_INSTRUMENTS}
    for one in warning.instruments:
        listing = ledger.markets[one.instrument].listing
        unit = 10 ** ledger.assets[listing.asset].decimals
        values = {
            "mark_price": one.mark_ticks * float(listing.tick_size),
            "open_interest": one.interest_atoms / unit,
            "bids_near": one.bids_atoms / unit,
            "asks_near": one.asks_atoms / unit,
            "due_near": one.near_atoms / unit,
            "concentration_ratio": one.concentration_ppm / _PPM,
            "halted": one.halted,
        }
        for name, value in values.items():
            found[name].append(((listing.name,), value))
    yield from ((_OF_INSTRUMENTS[name], samples) for name, samples in found.items())
    yield (
        _STRESS,
        [
            ((ledger.assets[asset].name,), None if vector.nearest_bps is None else vector.nearest_bps / _BPS)
            for asset, vector in warning.stress.items()
        ],
    )
    funds: _Samples = []
    for fund in warning.funds:
        asset = ledger.assets[fund.asset]
        left = None if fund.left_atoms is None else fund.left_atoms / 10**asset.decimals
        funds.append(((ledger.name(fund.account), asset.name), left))
    yield _FUND, funds


@contextmanager
def served_metrics(watcher: RunWatcher, port: int | None) -> Iterator[Metrics | None]:
    """Metrics that are served on this port of loopback meanwhile; none where no port is given.

    Raises QueryError where prometheus_client is not installed or the port is not to be had.
    """
    if port is None:
        yield None
        return
    if find_spec("prometheus_client") is None:
        message = "--metrics: prometheus_client is not installed; pip install 'deleverage[metrics]'"
        raise QueryError(message)
    client, metrics = import_module("prometheus_client"), Metrics(watcher)
    registry = client.CollectorRegistry(auto_describe=False)
    registry.register(metrics)
    try:
        server, _ = client.start_http_server(port, addr=_LOOPBACK, registry=registry)
    except OSError as error:
        message = f"--metrics {port}: the port is not to be had ({error.strerror}); give another one"
        raise QueryError(message) from error
    try:
        yield metrics
    finally:
        server.shutdown()
        server.server_close()
