"""A run measured: one pass over its events, each taken before it is folded into a ledger of the meter's own.

1. So a figure depends on the record alone, and is the same whether a run is watched while it goes or read back.
2. The *fund used* is what was paid into the fund and its fees, less its equity at the end: cash and inventory at the
   mark. Below zero it has gained. What befell accounts is counted as `deleverage diff` counts it.
3. Money is in atoms of the first asset, sizes in lots (contracts), times in nanoseconds; nothing is rounded. What is in
   another asset counts by what it was worth in the first one when it happened; a fund by what it is worth at the end.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from fractions import Fraction
from typing import Any

import msgspec

from ...events.bodies.listing import InstrumentListed
from ...events.bodies.margin import RulesChanged
from ...events.bodies.sharing import AdlCompensated, AdlPremiumPaid, BailInCharged
from ...events.bodies.waterfall import (
    BalanceWrittenOff,
    FundDeficitDeclared,
    LossSocialized,
    PositionDeleveraged,
)
from ...events.envelope import Event
from ...events.ledger import Ledger, LedgerState
from ...events.vocabulary import Body
from ...handlers.conversion import counted_in, in_first
from ...handlers.valuation import margin_of
from ...sim.living.market import LivingMarket
from ...sim.summary import owed
from ..diff.tally import AccountSums, ForcedTally
from .cascade import Cascade, Solvency
from .waves import Waves

__all__ = ["Figures", "Meter", "measured"]

Ratio = tuple[int, int]
"""Numerator and denominator."""


class Figures(msgspec.Struct, frozen=True):
    """What a run came to. `lots_deleveraged` and `lot_sizes` are by instrument; None is what cannot be said.

    `prices` is "endogenous" where forced orders moved the marks, or "held"; `living` is whether the venue's own book
    made the price. What follows it is of `sim/living`: by instrument but for the cascade, makers and own orders (by
    what they were for); of a market that is not living there is no depth, no makers and no own orders. `rates_peak_ppm`
    is the highest maintenance rate of the first tier that was in force, by instrument. `fairness_spread_atoms` is of
    `fairness.py`, None where nobody asked for it.
    """

    prices: str
    asset: str
    decimals: int
    lot_sizes: dict[str, str]
    accounts_deleveraged: int
    lots_deleveraged: dict[str, int]
    value_deleveraged_atoms: int
    equity_taken_atoms: int
    equity_needed_atoms: int
    share_taken_max: Ratio
    gini: Ratio | None
    ptsr: Ratio | None
    pmr: Ratio | None
    fund_used_atoms: int
    socialised_loss_atoms: int
    written_off_atoms: int
    deficit_atoms: int
    owed_atoms: int
    accounts_bankrupt: int
    cascade_depth_fills: int
    time_to_solvency_ns: int
    solvent: bool
    living: bool
    amplifications: dict[str, Ratio | None]
    recoveries_ns: dict[str, int | None]
    liquidations: int
    forced_by_forced: int
    generations: int
    cascade_length_ns: int
    depth_start_lots: dict[str, int]
    depth_least_lots: dict[str, int]
    makers_away: Ratio | None
    own_orders_atoms: dict[str, int]
    orders_refused: int = 0
    rule_changes: int = 0
    rates_peak_ppm: dict[str, int] = {}
    regret_atoms: Ratio = (0, 1)
    regret_bound_atoms: int = 0
    bailed_in_atoms: int = 0
    premiums_atoms: int = 0
    compensated_atoms: int = 0
    impacts: dict[str, Ratio | None] = {}
    contagions: dict[str, Ratio | None] = {}
    fairness_spread_atoms: int | None = None


class WorthSums:
    """What was forced, added up in the first asset: each amount as it is worth when it happens."""

    def __init__(self) -> None:
        self.of: Counter[type[Body]] = Counter()

    def note(self, body: Body, ledger: LedgerState) -> None:
        """Count an event that `ledger` is about to fold, if it is of those and of what the first asset counts."""
        if isinstance(body, PositionDeleveraged):
            asset, atoms = ledger.markets[body.instrument].listing.asset, abs(body.value_atoms)
        elif isinstance(body, LossSocialized | BalanceWrittenOff | BailInCharged | AdlPremiumPaid | AdlCompensated):
            asset, atoms = ledger.accounts[body.account].asset, body.amount_atoms
        elif isinstance(body, FundDeficitDeclared):
            asset, atoms = ledger.accounts[body.fund].asset, body.deficit_atoms
        else:
            return
        if counted_in(ledger, asset) == 0:
            self.of[type(body)] += in_first(ledger, asset, atoms)


class Meter:
    """Takes every event of a run in its order, from the first one on."""

    def __init__(self) -> None:
        self.ledger = Ledger()
        self._tally, self._waves, self._cascade, self._solvency = ForcedTally(), Waves(), Cascade(), Solvency()
        self._market, self._sums = LivingMarket(), WorthSums()
        self._rule_changes, self._peaks_ppm = 0, dict[str, int]()

    def take(self, event: Event) -> None:
        """The next event; some 4 us. Raises LedgerError where it cannot follow."""
        ledger = self.ledger
        self._tally.note(event.body, ledger)
        self._sums.note(event.body, ledger)
        self._waves.take(event, ledger)
        self._cascade.take(event)
        self._solvency.take(event)
        ledger.fold(event)
        self._market.take(event, ledger)
        if isinstance(event.body, InstrumentListed | RulesChanged):
            self._rule(event.body)

    def _rule(self, body: InstrumentListed | RulesChanged) -> None:
        """The rate that an instrument begins with, or is changed to."""
        if not body.tiers:  # a spot market requires nothing
            return
        name, rate_ppm = self.ledger.markets[body.instrument].listing.name, body.tiers[0].rate_ppm
        self._rule_changes += isinstance(body, RulesChanged)
        self._peaks_ppm[name] = max(rate_ppm, self._peaks_ppm.get(name, 0))

    def tap(self, event: Event, _ledger: object) -> None:
        """The same, as a tap on a bus."""
        self.take(event)

    def figures(self) -> Figures:
        """What it came to. Nothing can be taken after this."""
        ledger, tally, waves = self.ledger, self._tally, self._waves
        waves.close(ledger)
        traders = [one for number, one in tally.accounts.items() if ledger.accounts[number].kind == "user"]
        sums, asset = self._sums, ledger.assets[0]
        return Figures(
            prices="" if ledger.run is None else ledger.run.prices,
            asset=asset.name,
            decimals=asset.decimals,
            lot_sizes={market.listing.name: market.listing.lot_size for market in ledger.markets},
            accounts_deleveraged=sum(one.reductions > 0 for one in traders),
            lots_deleveraged=self._lots(traders),
            value_deleveraged_atoms=sums.of[PositionDeleveraged],
            equity_taken_atoms=waves.taken_atoms,
            equity_needed_atoms=waves.needed_atoms,
            share_taken_max=waves.share_max.as_integer_ratio(),
            gini=_ratio(waves.gini),
            ptsr=_ratio(waves.ptsr),
            pmr=_ratio(waves.pmr),
            fund_used_atoms=self._fund_used(),
            socialised_loss_atoms=sums.of[LossSocialized],
            written_off_atoms=sums.of[BalanceWrittenOff],
            deficit_atoms=sums.of[FundDeficitDeclared],
            owed_atoms=owed(ledger)[0],
            accounts_bankrupt=sum(one.bankruptcies > 0 for one in traders),
            cascade_depth_fills=self._cascade.depth_fills,
            time_to_solvency_ns=self._solvency.time_ns,
            solvent=self._solvency.settled,
            regret_atoms=waves.regret.atoms.as_integer_ratio(),
            regret_bound_atoms=waves.regret.bound_atoms,
            bailed_in_atoms=sums.of[BailInCharged],
            premiums_atoms=sums.of[AdlPremiumPaid],
            compensated_atoms=sums.of[AdlCompensated],
            **self._living(),
        )

    def _living(self) -> dict[str, Any]:
        """What the market came to, by the names of `Figures`."""
        market, names, end_ns = self._market, [one.listing.name for one in self.ledger.markets], self.ledger.at_ns
        market.end(end_ns)
        prices, paths, cascade = market.swings.prices, market.liquidity.paths, market.cascade
        away_ns, all_ns = market.liquidity.away(end_ns)
        return {
            "living": any(one.book is not None for one in self.ledger.markets),
            "amplifications": {name: market.swings.amplification(number) for number, name in enumerate(names)},
            "impacts": {name: market.swings.impact(number) for number, name in enumerate(names)},
            "recoveries_ns": {
                name: prices[number].recovery_ns for number, name in enumerate(names) if number in prices
            },
            "contagions": self._contagions(),
            "liquidations": cascade.liquidations,
            "forced_by_forced": cascade.forced_by_forced,
            "generations": len(cascade.by_generation),
            "cascade_length_ns": cascade.length_ns,
            "depth_start_lots": {names[number]: path.start[0] for number, path in paths.items()},
            "depth_least_lots": {names[number]: path.least[0] for number, path in paths.items()},
            "makers_away": (away_ns, all_ns) if all_ns else None,
            "own_orders_atoms": dict(market.own_orders.traded_atoms),
            "orders_refused": sum(market.own_orders.refused.values()),
            "rule_changes": self._rule_changes,
            "rates_peak_ppm": self._peaks_ppm,
        }

    def _contagions(self) -> dict[str, Ratio | None]:
        """Of each of several venues the share of its liquidations that came from elsewhere; None where it had none."""
        found = {one.venue: (one.from_elsewhere, one.liquidations) for one in self._market.contagion}
        return {asset.venue: found.get(asset.venue) for asset in self.ledger.assets if asset.venue}

    def _lots(self, befallen: Iterable[AccountSums]) -> dict[str, int]:
        """By instrument, those without any included."""
        lots = Counter({market.listing.name: 0 for market in self.ledger.markets})
        for one in befallen:
            lots.update(one.deleveraged_lots)
        return dict(lots)

    def _fund_used(self) -> int:
        """Of all funds that are counted in the first asset, each by what it is worth at the end."""
        ledger, used_atoms = self.ledger, 0
        for asset in range(len(ledger.assets)):
            if counted_in(ledger, asset) != 0:
                continue
            funds = [ledger.accounts[number] for number in ledger.funds_of(asset)]
            paid_in_atoms = sum(self._tally.accounts[fund.account].paid_in_atoms for fund in funds)
            equity_atoms = sum(margin_of(fund, ledger).equity_atoms for fund in funds)
            own_atoms = paid_in_atoms + self._tally.assets[asset].fund_fees_atoms - equity_atoms
            used_atoms += in_first(ledger, asset, own_atoms)
        return used_atoms


def measured(events: Iterable[Event]) -> Figures:
    """The figures of a whole run. Raises LedgerError where its events do not follow one another."""
    meter = Meter()
    for event in events:
        meter.take(event)
    return meter.figures()


def _ratio(value: Fraction | None) -> Ratio | None:
    return None if value is None else value.as_integer_ratio()
