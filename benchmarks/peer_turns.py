"""What each of the peers is asked to do, as it does it best; `peers.py` runs these turns, each in a process of its own.

A turn prepares, then does its work under the clock, and gives the processor seconds that one unit of it took.

1. *mark*: a new price of one instrument for a venue of `accounts` accounts, as the stage of the benign measurements
   has it: nobody comes near a call. A program that knows no accounts only gets the price.
2. *liquidation*: the bundled flash crash over the same 20,000 accounts, by the liquidations that it led to. Another
   engine is given the same positions, balances, tiers and fund, and at each instant the marks that ours ended it with.
3. *event*: a small public event written down, as many at once as the program takes.

A program is imported by whoever is asked about it: the others need not be installed.
"""

from __future__ import annotations

import gc
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

from append import append_public
from stage import benign, crash, opened, simulation, sink_at, venue

from deleverage.events.bodies.inputs import PriceTicked
from deleverage.events.envelope import Event
from deleverage.events.ledger import Ledger, LedgerState
from deleverage.events.record import HeadOnly

__all__ = ["TURNS", "Sizes", "Turn"]

_AT_ONCE = 256
_START_NS = 1_760_000_000_000_000_000
_FEW = 1_000
"""One account in so many may fall in a benign stream."""


class Sizes(NamedTuple):
    """How much of each there is to do."""

    accounts: int
    marks: int
    swept_marks: int
    """For a program that looks at every account at every mark."""
    events: int
    whole: bool
    """Whether the crash is the whole one."""


Turn = Callable[[Sizes], float]


def _spent(work: Callable[[], object], units: int) -> float:
    """Processor seconds a unit."""
    gc.collect()
    start = time.process_time()
    work()
    return (time.process_time() - start) / units


def _ours_mark(sizes: Sizes, *, recorded: bool) -> float:
    scenario = venue(sizes.accounts, 1)
    inputs = benign(scenario, sizes.marks)
    with tempfile.TemporaryDirectory(prefix="deleverage-") as folder:
        sink = sink_at(Path(folder) / "marks.run" if recorded else None)
        made = opened(scenario, sink, inputs)
        return _spent(lambda: (made.drive(), sink.seal()), sizes.marks)


def _ours_liquidation(sizes: Sizes) -> float:
    with tempfile.TemporaryDirectory(prefix="deleverage-") as folder:
        sink = sink_at(Path(folder) / "crash.run")
        made = simulation(crash(short=not sizes.whole), sink)
        made.open()
        spent = _spent(lambda: (made.drive(), sink.seal()), 1)
    return spent / max(made.ledger.liquidations_started, 1)


def _ours_event(sizes: Sizes) -> float:
    with tempfile.TemporaryDirectory(prefix="deleverage-") as folder:
        return _spent(lambda: append_public(Path(folder) / "marks.run", sizes.events), sizes.events)


def _prices(sizes: Sizes, marks: int) -> list[float]:
    """The prices of the benign stream, in units."""
    scenario = venue(sizes.accounts, 1)
    tick = float(scenario.instruments[0].tick_size)
    return [body.prices[0][1] * tick for _, body in benign(scenario, marks) if isinstance(body, PriceTicked)]


def _simpy_mark(sizes: Sizes) -> float:
    simpy, prices = import_module("simpy"), _prices(sizes, sizes.marks)
    environment, mark = simpy.Environment(), [0.0]

    def ticking() -> Iterator[Any]:
        for price in prices:
            mark[0] = price
            yield environment.timeout(1)

    environment.process(ticking())
    return _spent(environment.run, sizes.marks)


def _salabim_mark(sizes: Sizes) -> float:
    salabim, prices = import_module("salabim"), _prices(sizes, sizes.marks)
    salabim.yieldless(False)  # noqa: FBT003 - theirs
    mark = [0.0]

    class Ticking(salabim.Component):  # type: ignore[name-defined, misc]
        def process(self) -> Iterator[Any]:
            for price in prices:
                mark[0] = price
                yield self.hold(1)

    environment = salabim.Environment(trace=False)
    Ticking()
    return _spent(environment.run, sizes.marks)


def _lrvx_engine(ledger: Ledger, fund_units: float) -> Any:
    """Its liquidation engine with no account yet, and the tiers of our first instrument: it has one list of them."""
    engine = import_module("lrvx").LiquidationEngine()
    market = ledger.markets[0]
    for tier in market.tiers:
        engine.add_tier(tier.floor_atoms / 10**6, tier.rate_ppm / 10**6)
    engine.set_insurance_fund_capital(fund_units)
    return engine


def _held(ledger: Ledger) -> Iterator[tuple[int, float, list[tuple[int, float, float]]]]:
    """(account, balance, [(instrument, quantity, entry price)]) of each that holds anything, in units."""
    for account in ledger.accounts:
        positions = []
        for (instrument, _), position in account.positions.items():
            quantity = position.size_lots * float(ledger.markets[instrument].listing.lot_size)
            positions.append((instrument, quantity, position.cost_atoms / 10**6 / quantity))
        if positions:
            yield account.account, account.balance_atoms / 10**6, positions


def _lrvx_mark(sizes: Sizes) -> float:
    """One position an account, which it holds itself: ten times as fast as accounts that are attached."""
    scenario, prices = venue(sizes.accounts, 1), _prices(sizes, sizes.swept_marks)
    ledger = opened(scenario, HeadOnly()).ledger
    engine = _lrvx_engine(ledger, 1e6)
    for account, balance, [(_, quantity, entry)] in _held(ledger):
        engine.open_position(account, 0, quantity, entry, balance)

    def work() -> None:
        for price in prices:
            engine.on_mark(0, price)

    spent = _spent(work, sizes.swept_marks)
    if engine.liquidations_count() * _FEW > sizes.accounts:  # by its own reckoning a single one is too near
        message = f"{engine.liquidations_count()} liquidations in a benign stream"
        raise RuntimeError(message)
    return spent


class _Marks:
    """Taps a run for the marks that each instant ended with."""

    def __init__(self) -> None:
        self.instants: list[list[tuple[int, float]]] = []

    def __call__(self, event: Event, ledger: LedgerState) -> None:
        """At a price the marks still are those of the instant before."""
        if isinstance(event.body, PriceTicked):
            told = [(market.listing, market.mark_ticks) for market in ledger.markets if market.mark_ticks]
            self.instants.append([(one.instrument, ticks * float(one.tick_size)) for one, ticks in told])


def _lrvx_liquidation(sizes: Sizes) -> float:
    """Cross accounts with all their positions, attached."""
    lrvx = import_module("lrvx")
    made = simulation(crash(short=not sizes.whole), HeadOnly())
    made.bus.tap(marks := _Marks())
    made.open()
    engine, attached = _lrvx_engine(made.ledger, 1e6), []
    for account, balance, positions in _held(made.ledger):
        one = lrvx.Account(account, balance)
        for position in positions:
            one.open_position(*position)
        engine.attach_account(one)
        attached.append(one)
    made.drive()

    def work() -> None:
        for at, instant in enumerate(marks.instants):
            if instant:
                engine.on_marks(instant, at)

    return _spent(work, 1) / max(engine.liquidations_count(), 1)


def _lrvx_event(sizes: Sizes) -> float:
    """Trades in its binary log, from columns, uncompressed."""
    lrvx, numpy = import_module("lrvx"), import_module("numpy")
    with tempfile.TemporaryDirectory() as folder:
        writer = lrvx.DataWriter(folder)

        def work() -> None:
            for first in range(0, sizes.events, _AT_ONCE):
                at = numpy.arange(first, min(first + _AT_ONCE, sizes.events))
                ones = numpy.ones(len(at))
                zeros = numpy.zeros(len(at), numpy.uint32)
                writer.write_trades(at, at, 117_000 * ones, ones, at.astype("u8"), zeros, zeros.astype("u1"))
            writer.close()

        return _spent(work, sizes.events)


def _nautilus(module: str) -> Any:
    return import_module(f"nautilus_trader.{module}")


def _nautilus_quotes(prices: Sequence[float]) -> tuple[Any, list[Any]]:
    """An instrument of theirs, and these prices as quotes of it."""
    data, objects = _nautilus("model.data"), _nautilus("model.objects")
    instrument = _nautilus("test_kit.providers").TestInstrumentProvider.btcusdt_perp_binance()
    one = objects.Quantity(1, 3)
    return instrument, [
        data.QuoteTick(instrument.id, objects.Price(price, 1), objects.Price(price + 0.1, 1), one, one, at_ns, at_ns)
        for at_ns, price in enumerate(prices, _START_NS)
    ]


def _nautilus_mark(sizes: Sizes) -> float:
    """A backtest of a venue with one margin account, and nobody who trades."""
    engines, config, enums = _nautilus("backtest.engine"), _nautilus("config"), _nautilus("model.enums")
    currencies, objects = _nautilus("model.currencies"), _nautilus("model.objects")
    instrument, quotes = _nautilus_quotes(_prices(sizes, sizes.marks))
    engine = engines.BacktestEngine(engines.BacktestEngineConfig(logging=config.LoggingConfig(log_level="OFF")))
    money = [objects.Money(1_000_000, currencies.USDT)]
    engine.add_venue(instrument.id.venue, enums.OmsType.NETTING, enums.AccountType.MARGIN, money)
    engine.add_instrument(instrument)
    engine.add_data(quotes)
    return _spent(engine.run, sizes.marks)


def _nautilus_event(sizes: Sizes) -> float:
    """Quotes into its catalogue of Parquet files, as objects, all at once."""
    catalogs = _nautilus("persistence.catalog")
    prices = [117_000.0] * sizes.events
    with tempfile.TemporaryDirectory() as folder:
        catalog = catalogs.ParquetDataCatalog(folder)
        return _spent(lambda: catalog.write_data(_nautilus_quotes(prices)[1]), sizes.events)


def _eventsourcing_event(sizes: Sizes) -> float:
    """Domain events into the recorder that keeps plain objects, as JSON."""
    theirs = import_module("theirs")
    events = sizes.events // 4
    return _spent(lambda: theirs.put_public("popo", events, _AT_ONCE), events)


TURNS: dict[str, dict[str, Turn]] = {
    "deleverage": {
        "mark": lambda sizes: _ours_mark(sizes, recorded=True),
        "liquidation": _ours_liquidation,
        "event": _ours_event,
    },
    "deleverage, head only": {"mark": lambda sizes: _ours_mark(sizes, recorded=False)},
    "simpy": {"mark": _simpy_mark},
    "salabim": {"mark": _salabim_mark},
    "eventsourcing": {"event": _eventsourcing_event},
    "lrvx": {"mark": _lrvx_mark, "liquidation": _lrvx_liquidation, "event": _lrvx_event},
    "nautilus_trader": {"mark": _nautilus_mark, "event": _nautilus_event},
}
"""By peer, what it is asked."""
