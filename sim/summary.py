"""What a run has to tell: counted while it runs, by taps that decide nothing.

Of several assets each amount is counted by what it was worth in the first one when it was paid or traded, at the price
at which its asset was converted then (`handlers/conversion.py`); each asset's own sums are kept beside.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from ..events.bodies.collateral import CollateralSold, InterestCharged
from ..events.bodies.liquidation import LiquidationEnded, LiquidationFilled, PositionTakenOver
from ..events.bodies.margin import CollateralAdded, MarkPriced, PositionReduced, RulesChanged
from ..events.bodies.trading import CampaignEnded, CollateralWithdrawn
from ..events.bodies.waterfall import (
    BalanceWrittenOff,
    FundDeficitDeclared,
    InsuranceFundCredited,
    InsuranceFundDebited,
    LossSocialized,
    PositionDeleveraged,
)
from ..events.envelope import DecidedRow, Event
from ..events.ledger import Ledger, LedgerState
from ..handlers.conversion import in_first, is_priced
from ..handlers.inventory import Inventory
from ..handlers.quiet import NEVER, QuietSpan
from ..handlers.valuation import margin_of
from .bus import Bus
from .chain_told import ChainFigures
from .invariants_told import InvariantFigures
from .living.market import LivingMarket
from .living.own_orders import OwnOrderFigures

if TYPE_CHECKING:
    from ..events.quiet_ticks import Column, QuietTicks

__all__ = ["Summary", "owed"]

_SAMPLES_MOST = 1024
_FIRST_STEP_NS = 10**6


class _Path:
    """A value over time: first, least, greatest, and no more than so many points evenly apart.

    When it outgrows them, every other one goes. `due_ns` is when the next point begins.
    """

    __slots__ = ("_first_ns", "_step_ns", "due_ns", "first", "high", "low", "points")

    def __init__(self, at_ns: int, value: int) -> None:
        self.first = self.low = self.high = value
        self.points = [value]
        self._first_ns, self._step_ns = at_ns, _FIRST_STEP_NS
        self.due_ns = at_ns + _FIRST_STEP_NS

    def sample(self, at_ns: int, value: int) -> None:
        """Fill the points up to this time, the last of them with this value."""
        while (at_ns - self._first_ns) // self._step_ns >= _SAMPLES_MOST:
            self.points, self._step_ns = self.points[1::2] or self.points, 2 * self._step_ns
        self._extend([(at_ns - self._first_ns) // self._step_ns], [value])

    def sample_run(self, times_ns: Column, values: Column) -> set[int]:
        """`sample` a run of values wherever a point is due; gives the times at which one was."""
        sampled = set[int]()
        while times_ns[-1] >= self.due_ns:
            start = int(times_ns.searchsorted(self.due_ns))
            self.sample(int(times_ns[start]), int(values[start]))
            sampled.add(int(times_ns[start]))
            stop = int(times_ns.searchsorted(self._first_ns + _SAMPLES_MOST * self._step_ns))
            places = (times_ns[start:stop] - self._first_ns) // self._step_ns
            rows = (places[1:] > places[:-1]).nonzero()[0] + 1
            if len(rows):
                self._extend(places[rows].tolist(), values[start + rows].tolist())
                sampled.update(times_ns[start + rows].tolist())
        return sampled

    def _extend(self, places: list[int], values: list[int]) -> None:
        """Points at later places, each repeated up to the next."""
        for place, value in zip(places, values, strict=True):
            self.points.extend([self.points[-1]] * (place - len(self.points)))
            self.points.append(value)
        self.due_ns = self._first_ns + (places[-1] + 1) * self._step_ns


class Summary:
    """Sums of what was forced, and the paths of marks and fund; the bus has the counts.

    `rates` are the first tier's rates that the rules changed to, by instrument. `sums` are amounts in the first asset,
    `sums_of` the same of each asset in its own. `own_orders` is what traders' own orders came to; `living` is what a
    market came to that makes its own price, None of any other; `chain` what a
    venue on chain came to, `invariants` what became of those that are declared.
    """

    def __init__(self) -> None:
        self.living: LivingMarket | None = None
        self.marks: dict[int, _Path] = {}
        self.outcomes: Counter[str] = Counter()
        self.sums: Counter[str] = Counter()
        self.sums_of: dict[int, Counter[str]] = {}
        self.own_orders = OwnOrderFigures()
        self.chain = ChainFigures()
        self.invariants = InvariantFigures()
        self.deleveraged: set[int] = set()
        self.rates: dict[int, list[int]] = {}
        self.stopped_at_ns: int | None = None
        self._bus: Bus | None = None
        self._fund: _Path | None = None
        self._inventory = Inventory()

    @property
    def by_type(self) -> Counter[str]:
        """How many events of each type there were, by name."""
        return Counter() if self._bus is None else Counter(self._bus.counts())

    @property
    def fund_points(self) -> list[int]:
        """The equity of all insurance funds over time, evenly apart, in atoms; empty before the first mark."""
        return [] if self._fund is None else self._fund.points

    def extremes(self, instrument: int) -> tuple[int, int, int, int] | None:
        """First, lowest, highest and last mark of an instrument in ticks; None where it never had one."""
        path = self.marks.get(instrument)
        if path is None or self._bus is None:
            return None
        return path.first, path.low, path.high, self._bus.ledger.markets[instrument].mark_ticks

    def attach(self, bus: Bus, *, living: bool = False) -> None:
        """Listen on a bus, on that of a living market for more."""
        self._bus = bus
        if living:
            self.living = LivingMarket()
            self.own_orders = self.living.own_orders
            bus.tap(self.living.take, LivingMarket.KINDS)
        else:
            bus.tap(self.own_orders.take, OwnOrderFigures.KINDS)
        kinds = (kind for kind in Inventory.KINDS if kind is not PositionDeleveraged)
        bus.tap(self._inventory.observe, kinds)
        bus.tap(self._inventory.observe, (PositionDeleveraged,), at_once=self._inventory.observe_reductions)
        bus.tap(self._mark, (MarkPriced,), self)
        bus.tap(self.chain.take, ChainFigures.KINDS)
        bus.tap(self.invariants.take, InvariantFigures.KINDS)
        bus.tap(self._forced, (LiquidationFilled, PositionTakenOver))
        bus.tap(self._deleveraged, (PositionDeleveraged,), at_once=self._all_deleveraged)
        paid = (InsuranceFundCredited, InsuranceFundDebited, LossSocialized, BalanceWrittenOff, InterestCharged)
        bus.tap(self._paid, paid)
        bus.tap(self._sold, (CollateralSold,))
        bus.tap(self._answered, (CollateralAdded, CollateralWithdrawn, PositionReduced))
        bus.tap(self._ruled, (RulesChanged,))
        bus.tap(self._campaigned, (CampaignEnded,))
        bus.tap(self._ended, (LiquidationEnded,))
        bus.tap(self._stopped, (FundDeficitDeclared,))

    def end(self, end_ns: int) -> None:
        """The run has ended."""
        if self.living is not None:
            self.living.end(end_ns)

    def _mark(self, event: Event, ledger: Ledger) -> None:
        """Every mark passes here: two comparisons, and a look at the fund when a point is due."""
        body: Any = event.body
        path, mark_ticks = self.marks.get(body.instrument), body.mark_ticks
        if path is None:
            path = self.marks[body.instrument] = _Path(event.at_ns, mark_ticks)
        if mark_ticks < path.low:
            path.low = mark_ticks
        elif mark_ticks > path.high:
            path.high = mark_ticks
        if event.at_ns >= path.due_ns:
            path.sample(event.at_ns, mark_ticks)
            self._look_at_funds([event.at_ns], ledger)

    def quiet_span(self, ledger: LedgerState) -> QuietSpan | None:
        """Of marks only extremes and some points are kept; but what a fund holds is worth more or less at each."""
        unseen = (number for number in range(len(ledger.markets)) if number not in self.marks)
        return None if self._inventory.lots_held else QuietSpan(dict.fromkeys(unseen, NEVER))

    def observe_ticks(self, ticks: QuietTicks, ledger: LedgerState) -> None:
        """As `_mark` would have: the paths, and a point of the funds' wherever one of them had one."""
        sampled = set[int]()
        for place, instrument in enumerate(ticks.instruments):
            path, marks = self.marks[instrument], ticks.marks(place)
            path.low, path.high = min(path.low, int(marks.min())), max(path.high, int(marks.max()))
            sampled |= path.sample_run(ticks.times_ns, marks)
        self._look_at_funds(sorted(sampled), ledger)

    def fund_equity(self, ledger: LedgerState, fund: int) -> int:
        """A fund's cash and its inventory at the mark, in atoms; as it reckons itself (`handlers/inventory.py`)."""
        return ledger.accounts[fund].balance_atoms + self._inventory.profit_atoms(ledger, fund)

    def fund_worth(self, ledger: LedgerState, fund: int) -> int:
        """The same in the first asset."""
        return in_first(ledger, ledger.accounts[fund].asset, self.fund_equity(ledger, fund))

    def _look_at_funds(self, times_ns: list[int], ledger: LedgerState) -> None:
        """Points of their path, where one is due, at times at which they were worth what they are now.

        None before all that they have can be converted.
        """
        if not times_ns or (self._fund is not None and times_ns[-1] < self._fund.due_ns):
            return
        if not all(is_priced(ledger, ledger.accounts[fund].asset) for fund in ledger.funds):
            return
        worth = self._funds_worth(ledger)
        self._fund = self._fund or _Path(times_ns[0], worth)
        for at_ns in times_ns:
            if at_ns >= self._fund.due_ns:
                self._fund.sample(at_ns, worth)

    def _funds_worth(self, ledger: LedgerState) -> int:
        return sum(self.fund_worth(ledger, fund) for fund in ledger.funds)

    def _add(self, name: str, ledger: Ledger, asset: int, atoms: int) -> None:
        self.sums[name] += in_first(ledger, asset, atoms)
        if len(ledger.assets) > 1:
            self.sums_of.setdefault(asset, Counter())[name] += atoms

    def _forced(self, event: Event, ledger: Ledger) -> None:
        body: Any = event.body
        name = type(body).__name__
        if name == "LiquidationFilled" and ledger.accounts[body.account].kind == "insurance":
            name = "InventorySold"
        self._add(name, ledger, ledger.markets[body.instrument].listing.asset, abs(body.value_atoms))

    def _deleveraged(self, event: Event, ledger: Ledger) -> None:
        self._all_deleveraged(DecidedRow([event]), ledger)

    def _all_deleveraged(self, row: DecidedRow, ledger: Ledger) -> None:
        self.deleveraged |= row.values("account")
        for instrument in sorted(row.values("instrument")):
            asset = ledger.markets[instrument].listing.asset
            amounts = [abs(body.value_atoms) for body in row.bodies if body.instrument == instrument]
            for atoms in amounts if asset in ledger.conversions else (sum(amounts),):  # each is converted by itself
                self._add("PositionDeleveraged", ledger, asset, atoms)

    def _paid(self, event: Event, ledger: Ledger) -> None:
        body: Any = event.body
        self._add(type(body).__name__, ledger, ledger.accounts[body.account].asset, body.amount_atoms)

    def _answered(self, event: Event, ledger: Ledger) -> None:
        body: Any = event.body
        atoms = body.amount_atoms if hasattr(body, "amount_atoms") else abs(body.value_atoms)
        self._add(type(body).__name__, ledger, ledger.accounts[body.account].asset, atoms)

    def _ruled(self, event: Event, _ledger: Ledger) -> None:
        body: Any = event.body
        self.rates.setdefault(body.instrument, []).append(body.tiers[0].rate_ppm)

    def _sold(self, event: Event, ledger: Ledger) -> None:
        body: Any = event.body
        self._add("CollateralSold", ledger, ledger.markets[body.instrument].listing.asset, body.value_atoms)

    def _campaigned(self, event: Event, ledger: Ledger) -> None:
        body: Any = event.body
        asset = ledger.accounts[body.account].asset
        self._add("CampaignPush", ledger, asset, body.push_atoms)
        self._add("CampaignNet", ledger, asset, body.net_atoms)

    def _ended(self, event: Event, _ledger: Ledger) -> None:
        body: Any = event.body
        self.outcomes[body.outcome] += 1

    def _stopped(self, event: Event, ledger: Ledger) -> None:
        body: Any = event.body
        self._add("FundDeficitDeclared", ledger, ledger.accounts[body.fund].asset, body.deficit_atoms)
        self.stopped_at_ns = event.at_ns if self.stopped_at_ns is None else self.stopped_at_ns


def owed(ledger: Ledger) -> tuple[int, int]:
    """What traders' accounts owe beyond all they have at the mark, in the first asset, and how many do; O(accounts)."""
    traders = (a for a in ledger.accounts if a.kind == "user")
    marked = (a for a in traders if all(ledger.markets[key[0]].mark_ticks for key in a.positions))
    equities = [(account.asset, margin_of(account, ledger).equity_atoms) for account in marked]
    debts = [in_first(ledger, asset, -atoms) for asset, atoms in equities if atoms < 0]
    return sum(debts), len(debts)
