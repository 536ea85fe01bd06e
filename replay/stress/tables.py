"""A stress as the four tables that a CCP's stress test is asked for: reverse, credit, concentration, recovery.

Each has a title, a header, rows of figures, and notes that say what it rests on. Text, Markdown and the chart are made
of these; `view.py` has the same for programs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal

import msgspec
from rich.console import Console

from ...events.bodies.listing import AssetListed
from ...sim.console import print_line, print_rows, print_table
from ...sim.figures import count, duration, rounded_money, size
from ...sim.units import divide_half_even, format_time_ns
from ..run import Run
from ..why.page.pages import escaped
from .covariance import DISTANCE, Covariance
from .defaults import AMONG, Cover, LargePosition
from .directions import HELD_EVERY, Direction, Shock
from .history import Crash, shapes
from .stress import Critical, ShockOutcome, Sized, SmallestShock, Stress
from .trial import TARGETS, Reading

__all__ = ["StressTable", "bps_text", "distance_text", "markdown", "print_stress", "shock_text", "tables_of"]

_HUNDRED, _WHOLE = 100, 10**4
_NONE = "-"


class StressTable(msgspec.Struct, frozen=True):
    """Rows under a header, then notes: (what it is of, text)."""

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[tuple[str, str], ...] = ()


def tables_of(run: Run, found: Stress) -> list[StressTable]:
    """All four, in the order reverse, credit, concentration, recovery."""
    teller = _Teller(run, found)
    return [teller.reverse(), teller.credit(), teller.concentration(), teller.recovery()]


def print_stress(console: Console, run: Run, found: Stress) -> None:
    """All tables, one under the other, each with what it rests on."""
    for table in tables_of(run, found):
        print_table(console, (table.title, *table.header[1:]), table.rows)
        print_rows(console, table.notes, label_width=max(map(len, (label for label, _ in table.notes)), default=0))
        print_line(console)
    print_rows(console, _closing(run, found))


def markdown(run: Run, found: Stress) -> str:
    """The same as Markdown, a heading a table."""
    return "\n".join(_markdown(run, found)) + "\n"


def _markdown(run: Run, found: Stress) -> Iterator[str]:
    yield from ("# Stress", "")
    for table in tables_of(run, found):
        yield from (f"## {escaped(table.title.capitalize())}", "")
        header = ("shock" if table.title != "concentration" else "account", *table.header[1:])
        for row in (header, (":---", *["---:"] * (len(header) - 1)), *table.rows):
            yield f"| {' | '.join(cell if set(cell) <= set(':-') else escaped(cell) for cell in row)} |"
        yield ""
        yield from _listed(table.notes)
    yield from _listed(_closing(run, found))


def _listed(notes: Iterable[tuple[str, str]]) -> Iterator[str]:
    for label, text in notes:
        yield f"- *{escaped(label)}*: {escaped(text)}"
    yield ""


def _closing(run: Run, found: Stress) -> list[tuple[str, str]]:
    start = found.asked.start
    began_ns = run.event(start.after_seq).at_ns
    within, held = duration(start.steps * start.step_ns), duration(start.held * start.step_ns)
    return [
        (
            "from",
            f"event {start.after_seq}, {format_time_ns(began_ns)}; what came in from outside after that is left out",
        ),
        ("shock", f"arrives within {within}, a price every {duration(start.step_ns)}, then holds for {held}"),
        (
            "held",
            f"a price every {duration(HELD_EVERY * start.step_ns)}; all else is decided by the run's own handlers",
        ),
        ("executed", count(found.executions, "execution")),
        ("head", run.head),
    ]


def distance_text(thousandths: int | None) -> str:
    """A distance with three decimals."""
    return _NONE if thousandths is None else f"{thousandths // DISTANCE:,}.{thousandths % DISTANCE:03d}"


def bps_text(bps: int) -> str:
    """Basis points as percent with a sign, exact."""
    return f"{'-' if bps < 0 else '+'}{abs(bps) // _HUNDRED}.{abs(bps) % _HUNDRED:02d}%"


def shock_text(directions: Sequence[Direction], shock: Shock) -> str:
    """Every part of a shock that is not nothing."""
    parts = (_amount_text(one, amount) for one, amount in zip(directions, shock, strict=True) if amount)
    return ", ".join(parts) or "nothing"


def _amount_text(one: Direction, amount: int) -> str:
    if one.kind == "fault":
        return f"fault for {amount} s"
    if one.kind == "liquidity":
        return f"{bps_text(amount)[1:]} of the depth gone"
    if one.kind == "volatility":
        return f"volatility {bps_text(amount)[1:]}"
    return f"{one.name.partition(':')[2]} {bps_text(amount)}"


def _hundredths(value: int) -> str:
    return f"{value // _HUNDRED:,}.{value % _HUNDRED:02d}"


class _Teller:
    """Makes the tables of one stress."""

    def __init__(self, run: Run, found: Stress) -> None:
        self._run, self._found, self._asked = run, found, found.asked
        self._directions = found.asked.start.directions
        self._asset: AssetListed = run.directory.assets[0]
        self._titles = {shape.name: shape.title for shape in shapes()} | {"found": "the shock found"}

    def _money(self, atoms: int) -> str:
        return rounded_money(atoms, self._asset)

    def _outcomes(self) -> list[ShockOutcome]:
        found = self._found.found
        return [*([] if found is None else [found.outcome]), *self._found.history]

    def reverse(self) -> StressTable:
        """Every ray with the place that met the target and the one that did not, and the smallest of all."""
        told = [*self._found.rays, *self._found.mixtures]
        header = ("reverse", "spared at", "distance", "not spared at", "distance")
        return StressTable("reverse", header, tuple(map(self._ray, told)), tuple(self._reverse_notes()))

    def _ray(self, told: Sized) -> tuple[str, ...]:
        ray = told.bracket.ray
        one = self._directions[ray.leading]
        meets = _NONE if told.bracket.meets is None else _led(one, told.bracket.meets[ray.leading])
        spares = _led(one, told.bracket.spares[ray.leading])
        return ray.name, spares, distance_text(told.spares_distance), meets, distance_text(told.meets_distance)

    def _reverse_notes(self) -> Iterator[tuple[str, str]]:
        target, found = self._asked.start.target, self._found.found
        yield "target", f"{target}: {TARGETS[target]}"
        if self._found.at_rest.met:
            yield "found", "the target is met without any shock; name another point, or another --until"
        elif found is None:
            yield (
                "found",
                f"nothing that was tried meets it within the bounds: {', '.join(map(_bound, self._directions))}",
            )
        else:
            yield from self._found_notes(found)
        yield "column", "how far the largest part of the ray goes; the distance is that of the whole shock"
        yield from _covariance_notes(self._asked.covariance, self._directions)

    def _found_notes(self, found: SmallestShock) -> Iterator[tuple[str, str]]:
        smallest, reading = found.smallest, found.outcome.reading
        assert smallest.bracket.meets is not None
        after = "" if reading.met_after_ns is None else f"; met after {duration(reading.met_after_ns)}"
        yield (
            "found",
            f"{shock_text(self._directions, smallest.bracket.meets)}: {distance_text(smallest.meets_distance)}{after}",
        )
        spares = shock_text(self._directions, smallest.bracket.spares)
        yield "spared at", f"{spares}: {distance_text(smallest.spares_distance)}, on the same ray"
        rays, mixtures = count(len(self._found.rays), "ray"), count(len(self._found.mixtures), "mixture")
        yield "which is", f"the smallest among {rays} and {mixtures} that were followed; a smaller one may lie between"
        if found.account is not None:
            yield "account", self._critical_account(found.account)
        if found.instrument is not None:
            name = found.instrument.name.partition(":")[2]
            yield "instrument", f"{name}: without its move {self._without(found.instrument.reading)}"

    def _critical_account(self, critical: Critical) -> str:
        lacked = self._money(critical.lacked_atoms or 0)
        told = f"{critical.name} lacked most when it was declared bankrupt, {lacked} as recorded in that execution"
        return f"{told}; executed again without its positions {self._without(critical.reading)}"

    def _without(self, reading: Reading) -> str:
        met = "the target is still met" if reading.met else "the target is not met"
        return f"{met}, and the funds have {self._money(reading.fund_least_atoms)} at the lowest"

    def credit(self) -> StressTable:
        """What the default of the accounts that cost most together would leave unpaid, shock by shock."""
        rows = [self._cover(one, cover) for one in self._outcomes() for cover in one.covers]
        header = ("credit", "cover", "notional", "loss beyond collateral", "funds after", "beyond the depth")
        notes = [
            (f"cover {len(cover.accounts)}", self._who(one, cover)) for one in self._outcomes() for cover in one.covers
        ]
        how = "closed at once at the shocked prices, those of a past crash at its lowest; the engine is not executed"
        among = f"the largest loss of any set among the {AMONG} accounts that cost most alone"
        return StressTable("credit", header, tuple(rows), (*notes, ("default", how), ("chosen", among)))

    def _cover(self, one: ShockOutcome, cover: Cover) -> tuple[str, ...]:
        return (
            self._titles[one.name],
            str(len(cover.accounts)),
            self._money(cover.notional_atoms),
            self._money(cover.loss_atoms),
            self._money(cover.fund_atoms),
            bps_text(cover.beyond_depth_bps)[1:],
        )

    def _who(self, one: ShockOutcome, cover: Cover) -> str:
        names = ", ".join(self._run.directory.account_name(number) for number in cover.accounts)
        return f"{self._titles[one.name]}: {names}"

    def concentration(self) -> StressTable:
        """The largest positions, and what it costs to close one at once."""
        header = (
            "concentration",
            "instrument",
            "size",
            "notional",
            "of its side",
            "days of volume",
            "cost",
            "beyond the depth",
        )
        notes = [("cost", "against the mark, closed at once into the depth as it stands before any shock")]
        volumes = dict(self._asked.volumes)
        for number, volume in volumes.items():
            listing = self._run.directory.instruments[number]
            notes.append(("volume", f"{listing.name}: {size(volume.lots, listing)} a day, by {volume.stated}"))
        if not volumes:
            notes.append(("volume", "none is known: nothing was traded before; give --volume NAME=SIZE"))
        return StressTable("concentration", header, tuple(map(self._held, self._found.concentration)), tuple(notes))

    def _held(self, one: LargePosition) -> tuple[str, ...]:
        listing = self._run.directory.instruments[one.instrument]
        days = _NONE if one.days_millis is None else f"{one.days_millis // DISTANCE:,}.{one.days_millis % DISTANCE:03d}"
        return (
            self._run.directory.account_name(one.account),
            listing.name,
            size(one.size_lots, listing),
            self._money(one.notional_atoms),
            bps_text(one.share_bps)[1:],
            days,
            self._money(one.cost_atoms),
            size(one.beyond_depth_lots, listing),
        )

    def recovery(self) -> StressTable:
        """What the engine made of each shock, and how long until funds and depth were back."""
        header = (
            "recovery", "funds at the lowest", "back after", "depth at the lowest", "back after", "settled after",
            "liquidated", "bankrupt", "deleveraged", "reduced by", "socialised",
        )  # fmt: skip
        start = self._found.at_rest.fund_start_atoms
        notes = (
            ("funds", f"{self._money(start)} before, in cash and inventory at the mark; looked at after each price"),
            ("depth", "of the market and side that has least of what it had; back at nine tenths of that"),
            (_NONE, "not within the time that is executed"),
            *((shape.title, f"{'; '.join(shape.sources)}. Ours: {shape.ours}") for shape in self._shapes()),
        )
        return StressTable("recovery", header, tuple(map(self._recovered, self._outcomes())), notes)

    def _shapes(self) -> Iterator[Crash]:
        asked = {course.name for course in self._asked.courses}
        return (shape for shape in shapes() if shape.name in asked)

    def _recovered(self, one: ShockOutcome) -> tuple[str, ...]:
        reading = one.reading
        settled = _NONE if reading.settled_after_ns is None else _time(reading.settled_after_ns)
        return (
            self._titles[one.name],
            self._money(reading.fund_least_atoms),
            _time(reading.fund_back_after_ns),
            bps_text(reading.depth_least_bps)[1:],
            _time(reading.depth_back_after_ns),
            settled,
            f"{reading.liquidated:,}",
            f"{reading.bankrupts:,}",
            f"{reading.deleveraged:,}",
            self._money(reading.deleveraged_atoms),
            self._money(reading.socialised_atoms),
        )


def _time(after_ns: int | None) -> str:
    """A time rounded to a second, since prices are looked at no more often."""
    if after_ns is None:
        return _NONE
    return duration(divide_half_even(after_ns, 10**9) * 10**9)


def _led(one: Direction, amount: int) -> str:
    return f"{amount} s" if one.kind == "fault" else bps_text(amount)


def _bound(one: Direction) -> str:
    if one.kind == "fault":
        return f"fault {one.most} s"
    return f"{one.name} {bps_text(one.most)[1:]}"


def _covariance_notes(covariance: Covariance, directions: Sequence[Direction]) -> Iterator[tuple[str, str]]:
    """The deviations, and the correlations that are not nothing."""
    deviations = zip(directions, covariance.deviations, strict=True)
    told = ", ".join(f"{one.name} {_hundredths(value)} {one.unit}" for one, value in deviations)
    yield "deviations", f"{told} ({covariance.stated})"
    pairs = [
        f"{one.name} with {directions[place].name} {Decimal(covariance.correlations[row][place]) / _WHOLE}"
        for row, one in enumerate(directions)
        for place in range(row)
        if covariance.correlations[row][place]
    ]
    if pairs:
        yield "correlations", ", ".join(pairs)
