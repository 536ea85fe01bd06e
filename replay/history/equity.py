"""The equity of an account over time, beside what it must have: `Run.equity`.

1. A point is the end of an instant at which either is another than before, and the end of the span. What
   happened within the instant is in `steps.py`.
2. Equity and requirement are those of `state` and `history`: whole atoms of what the account settles in, at the marks.
   An instant has none while the account is not open, or holds an instrument that has no mark.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from importlib import import_module
from typing import Any, NamedTuple

from ...events.bodies.listing import AssetListed
from ...events.errors import QueryError
from ...events.ledger import Ledger
from ...events.notebook import html_table
from ...sim.quantities import Quantity, amount_scale
from ...sim.units import format_time_ns
from ..charts import can_draw
from ..points import Moment
from ..run import Run
from ..state.queues import marked_margin
from ..tables.arrow import needed

__all__ = ["EquityPath", "EquityPoint", "equity_path"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SIZE_INCHES = (8, 3.5)


class EquityPoint(NamedTuple):
    """An instant's end: equity, and the maintenance requirement, rounded up, in atoms."""

    at_ns: int
    equity_atoms: int
    requirement_atoms: int


class EquityPath:
    """The points in order of time. `times`, `equity` and `requirement` are columns, exact to the atom."""

    def __init__(self, account: str, asset: AssetListed, points: tuple[EquityPoint, ...]) -> None:
        self.account, self.asset, self.points = account, asset, points
        self._scale = amount_scale(asset)

    def __len__(self) -> int:
        """How many points there are."""
        return len(self.points)

    def __iter__(self) -> Iterator[EquityPoint]:
        """The points."""
        return iter(self.points)

    def __repr__(self) -> str:
        """One line: whose, how many points, and from what to what."""
        told = ""
        if self.points:
            first, last = self.points[0], self.points[-1]
            told = f", {self._money(first.equity_atoms)} at {format_time_ns(first.at_ns)}"
            told += f" to {self._money(last.equity_atoms)} at {format_time_ns(last.at_ns)}"
        return f"<EquityPath {self.account}: {len(self)} points{told}>"

    def _repr_html_(self) -> str:
        """First, lowest, highest and last point, as a small table."""
        if not self.points:
            return html_table(f"Equity of {self.account}", [("no point", "")])
        by_equity = sorted(self.points, key=lambda point: point.equity_atoms)
        chosen = {"first": self.points[0], "lowest": by_equity[0], "highest": by_equity[-1], "last": self.points[-1]}
        rows = [
            (name, format_time_ns(one.at_ns), self._money(one.equity_atoms), self._money(one.requirement_atoms))
            for name, one in chosen.items()
        ]
        return html_table(f"Equity of {self.account}", rows, ("", "at", "equity", "requirement"))

    @property
    def times(self) -> tuple[datetime, ...]:
        """When, in UTC; nanoseconds below a microsecond are cut off."""
        return tuple(_EPOCH + timedelta(microseconds=point.at_ns // 1_000) for point in self.points)

    @property
    def equity(self) -> tuple[Decimal, ...]:
        """Equity in the asset that the account settles in."""
        return tuple(self._decimal(point.equity_atoms) for point in self.points)

    @property
    def requirement(self) -> tuple[Decimal, ...]:
        """The maintenance requirement in the same asset: below it the account is liquidated."""
        return tuple(self._decimal(point.requirement_atoms) for point in self.points)

    def plot(self, axes: Any = None, *, label: str | None = None) -> Any:
        """Draw both over time, on the `axes` of matplotlib that are given or new ones, which are returned.

        With a `label` only equity is drawn, under that name, so that several can be held against each other. Raises
        QueryError where matplotlib is not installed.
        """
        if not can_draw():
            message = "a plot needs matplotlib, which is not installed; pip install 'deleverage[lab]'"
            raise QueryError(message)
        if axes is None:
            axes = import_module("matplotlib.pyplot").subplots(figsize=_SIZE_INCHES, layout="constrained")[1]
        lines = {"equity": self.equity, "requirement": self.requirement} if label is None else {label: self.equity}
        for name, values in lines.items():
            axes.plot(self.times, [float(value) for value in values], drawstyle="steps-post", label=name)
        axes.set_title(self.account, parse_math=False)
        axes.set_ylabel(self.asset.name, parse_math=False)
        axes.xaxis.set_major_formatter(import_module("matplotlib.dates").DateFormatter("%H:%M", tz=UTC))
        axes.legend(frameon=False)
        return axes

    def to_pandas(self) -> Any:
        """A DataFrame indexed by `time`, with the atoms as whole numbers and both amounts as floats, for charts.

        Raises QueryError where pandas is not installed.
        """
        pandas = needed("pandas", "pandas")
        names = ("time", "equity_atoms", "requirement_atoms")
        frame = pandas.DataFrame(self.points, columns=names)
        frame["equity"] = [float(value) for value in self.equity]
        frame["requirement"] = [float(value) for value in self.requirement]
        frame["time"] = pandas.to_datetime(frame["time"], unit="ns", utc=True)
        return frame.set_index("time")

    def _decimal(self, atoms: int) -> Decimal:
        return Decimal(Quantity(atoms, self._scale).value)

    def _money(self, atoms: int) -> str:
        return str(Quantity(atoms, self._scale))


def equity_path(
    run: Run, account: int | str, *, since: Moment | None = None, until: Moment | None = None
) -> EquityPath:
    """The path of an account that is given by name or number.

    Costs a state and one fold of the span, some 10 us an event. Raises QueryError with the nearest names, or for a time
    that is none.
    """
    number = run.directory.find_account(account)
    first_seq, stop_seq = run.span(since, until)
    points = list[EquityPoint]()
    for ledger in _instants(run, first_seq, stop_seq):
        point = _point(ledger, number)
        if point is not None and (not points or points[-1][1:] != point[1:]):
            points.append(point)
    last = None if stop_seq <= first_seq else _point(ledger, number)
    if last is not None and points[-1].at_ns != last.at_ns:
        points.append(last)
    asset = run.directory.asset_of_account(number)
    assert asset is not None
    return EquityPath(run.directory.account_name(number), asset, tuple(points))


def _instants(run: Run, first_seq: int, stop_seq: int) -> Iterator[Ledger]:
    """One ledger, as it stands at the end of each instant of the span."""
    ledger = run.before(first_seq)
    for event in run.events(first_seq, stop_seq):
        if event.at_ns != ledger.at_ns and ledger.seq > first_seq:
            yield ledger
        ledger.fold(event)
    if stop_seq > first_seq:
        yield ledger


def _point(ledger: Ledger, account: int) -> EquityPoint | None:
    margin = marked_margin(ledger, ledger.accounts[account]) if account < len(ledger.accounts) else None
    return None if margin is None else EquityPoint(ledger.at_ns, margin.equity_atoms, margin.requirement_atoms)
