"""Looking back on a long import: 650 copies of the sample of node fills, 3.2 million fills and some 9 million events.

1. The fills are those of `importing.py`, their copies shifted; imported once, and asked by processes that did not.
2. *open*: wall time of `deleverage log RUN --to 0`, from start to exit.
3. *state.p99*: as in `looking_back.py`.
4. *why*: wall time of the command, the slowest of its questions: the last forced fill (where the sample has one); the
   last trade of the instrument whose mark has stood for longest; what befell the account that traded most of late.
5. *history*: of that account, and of the busiest one that holds a single position, in the middle of the record: 3,000
   events as text, in processor time an event. An account of many positions has to be valued at each of its events.
6. Times are the median of five after one to warm up the disk's cache.
"""

from __future__ import annotations

import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from io import StringIO
from itertools import islice
from pathlib import Path
from statistics import median

from child import python, watch_child
from contest import Line, at_most
from importing import copied, import_fills, sample_blocks
from looking_back import state

from deleverage import Run, open_run
from deleverage.events.bodies.inputs import TradeExecuted
from deleverage.events.envelope import Event
from deleverage.events.vocabulary import FORCED_TYPES
from deleverage.replay.history.steps import history
from deleverage.replay.history.text import print_history
from deleverage.sim.console import new_console

__all__ = ["measure"]

_COPIES, _RUNS, _STEPS = 650, 6, 3_000
_LATE = 1 << 15
_SECONDS_MOST, _STEP_MS_MOST = 2, 0.1


def measure(*, short: bool) -> Iterator[Line]:
    """All of it, over one record."""
    blocks, source = sample_blocks()
    with tempfile.TemporaryDirectory(prefix="deleverage-") as folder:
        fills, path = Path(folder) / "fills.jsonl.zst", Path(folder) / "long.run"
        import_fills(copied(fills, blocks, 1 if short else _COPIES), path)
        fills.unlink()
        yield _open(path, source, short=short)
        yield state("imported.state.p99", path, short=short)
        yield _why(path, short=short)
        yield from _histories(open_run(path), short=short)


def _open(path: Path, source: str, *, short: bool) -> Line:
    run = open_run(path)
    medians = {"events": run.count, "blocks": len(run.reader.blocks)}
    seconds = _seconds("log", str(path), "--to", "0", short=short)
    what = "wall time of `deleverage log RUN --to 0`, which opens the record"
    return Line("imported.open", what, seconds, "s", at_most(_SECONDS_MOST), medians, source)


def _why(path: Path, *, short: bool) -> Line:
    questions = _questions(open_run(path))
    seconds = {name: _seconds("why", str(path), *asked, short=short) for name, asked in questions.items()}
    medians = {f"{name}_s": round(taken, 2) for name, taken in seconds.items()}
    what = "wall time of `deleverage why`, the slowest question"
    return Line("imported.why", what, max(seconds.values()), "s", at_most(_SECONDS_MOST), medians)


def _histories(run: Run, *, short: bool) -> Iterator[Line]:
    traded, accounts = _traders(_late(run)), run.at().accounts
    positions = {account: len(accounts[account].positions) for account in traded}
    (busiest, _), *_ = traded.most_common(1)
    single = next((account for account, _ in traded.most_common() if positions[account] == 1), busiest)
    for name, account in (("busiest", busiest), ("single", single)):
        steps = history(run, account, run.count // 2, prospects=False)
        started = time.process_time()
        chosen = list(islice(steps, 10 if short else _STEPS))
        print_history(new_console(StringIO()), run.directory, account, chosen)
        milliseconds = (time.process_time() - started) * 1e3 / len(chosen)
        what = f"history of an account with {positions[account]} positions, an event of it"
        yield Line(f"imported.history.{name}", what, milliseconds, "ms", at_most(_STEP_MS_MOST))


def _questions(run: Run) -> dict[str, Sequence[str]]:
    """What is asked, by name, chosen among the last events."""
    late = _late(run)
    trades = [event for event in late if isinstance(event.body, TradeExecuted)]
    stood = {market.listing.instrument: market.marked_at_ns for market in run.at().markets}
    trade = min(reversed(trades), key=lambda event: stood[_trade(event).instrument])
    ((busiest, _),) = _traders(late).most_common(1)
    asked: dict[str, Sequence[str]] = {"trade": (str(trade.seq),), "account": ("--account", str(busiest))}
    forced = [event for event in late if type(event.body) in FORCED_TYPES and event.links]
    return {"forced": (str(forced[-1].seq),), **asked} if forced else asked


def _late(run: Run) -> list[Event]:
    """The last events."""
    return list(run.events(max(run.count - _LATE, 0)))


def _traders(events: Sequence[Event]) -> Counter[int]:
    """In how many trades each account was the taker."""
    return Counter(_trade(event).account for event in events if isinstance(event.body, TradeExecuted))


def _trade(event: Event) -> TradeExecuted:
    assert isinstance(event.body, TradeExecuted)
    return event.body


def _seconds(*arguments: str, short: bool) -> float:
    command = python("-m", "deleverage", *arguments)
    return median([watch_child(command).seconds for _ in range(2 if short else _RUNS)][1:])
