"""The warning figures of one ledger. Amounts in atoms of the asset that an instrument settles in, at its mark.

| figure | is |
|---|---|
| open interest | what all accounts hold long |
| overhang | notional of positions whose liquidation price is within `NEAR_BPS` of the mark, over the equity behind |
| concentration | Herfindahl's index: the sum of squared shares in all lots that traders hold, long and short alike |
| largest | the largest trader's position over the depth within `NEAR_BPS` on the side that it would close against |
| map | by distance of the liquidation price from the mark, what falls due there, with the depth there beside it |
| stress | the smallest common move that starts a cascade which feeds itself (`stress.py`), per asset |
| fund | cash + inventory at the mark - floor: how much a fund can lose before it is empty |

The equity of an account that holds several instruments stands behind each of them. Depth is the lots of the bands whose
distance from the index (of a book: from its centre) is within so much, less what is eaten.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import NamedTuple

from ...events.ledger import LedgerState, Market
from ...handlers.depth import eaten_lots
from ...handlers.inventory import capacity_atoms
from ...handlers.valuation import BPS, is_marked
from .census import Census, Trader
from .stress import StressVector, stress_of

__all__ = [
    "LEVEL_BPS",
    "MAP_BPS_MOST",
    "NEAR_BPS",
    "FundFigures",
    "InstrumentFigures",
    "MapLevel",
    "WarningFigures",
    "funds_of",
    "warning_of",
]

NEAR_BPS = 200
"""What is near the mark: within 2%."""

LEVEL_BPS, MAP_BPS_MOST = 100, 1_000
"""The map's levels, and how far from the mark it goes on either side."""


class MapLevel(NamedTuple):
    """What falls due between two distances from the mark, signed, and the depth there, both in atoms.

    `near_bps` is the end that is nearer to the mark, and not part of the level; `far_bps` is.
    """

    near_bps: int
    far_bps: int
    due_atoms: int
    depth_atoms: int


class InstrumentFigures(NamedTuple):
    """The figures of an instrument that has a mark; `largest_bps` and `overhang` are None where there is no divisor."""

    instrument: int
    mark_ticks: int
    interest_atoms: int
    bids_atoms: int
    asks_atoms: int
    near_atoms: int
    near_equity_atoms: int
    concentration_ppm: int
    largest_account: int | None
    largest_atoms: int
    largest_bps: int | None
    levels: tuple[MapLevel, ...]
    halted: bool

    @property
    def overhang(self) -> Fraction | None:
        """Notional near liquidation over the equity behind it."""
        return Fraction(self.near_atoms, self.near_equity_atoms) if self.near_equity_atoms > 0 else None

    @property
    def against_depth(self) -> Fraction | None:
        """Notional near liquidation over the depth near the mark, of both sides; None without depth."""
        depth_atoms = self.bids_atoms + self.asks_atoms
        return Fraction(self.near_atoms, depth_atoms) if depth_atoms else None


class FundFigures(NamedTuple):
    """How far a fund is from empty; None while what it holds has no mark."""

    account: int
    asset: int
    left_atoms: int | None


class WarningFigures(NamedTuple):
    """All figures of one state; `stress` is by asset, of those that have a market with a mark."""

    seq: int
    at_ns: int
    instruments: tuple[InstrumentFigures, ...]
    funds: tuple[FundFigures, ...]
    stress: dict[int, StressVector]

    @property
    def stress_bps(self) -> int | None:
        """The smallest stress vector of all assets, either way; None where there is none."""
        found = (vector.nearest_bps for vector in self.stress.values())
        return min((bps for bps in found if bps is not None), default=None)


def warning_of(ledger: LedgerState, census: Census | None = None) -> WarningFigures:
    """The figures of a state; with a `census` that has seen earlier states of the same run, sooner.

    O(accounts x positions) and the sorting of who falls due.
    """
    traders = (Census() if census is None else census).traders(ledger)
    holders: dict[int, list[Trader]] = {}
    for trader in traders:
        for instrument in trader.lots:
            holders.setdefault(instrument, []).append(trader)
    lots = _long_lots(ledger)
    figures = tuple(
        _instrument(market, holders.get(number, []), lots.get(number, 0), ledger.at_ns)
        for number, market in enumerate(ledger.markets)
        if market.mark_ticks
    )
    return WarningFigures(ledger.seq, ledger.at_ns, figures, tuple(funds_of(ledger)), _stress(ledger, traders, figures))


def _long_lots(ledger: LedgerState) -> dict[int, int]:
    lots: dict[int, int] = {}
    for account in ledger.accounts:
        for (instrument, _), held in account.positions.items():
            if held.size_lots > 0:
                lots[instrument] = lots.get(instrument, 0) + held.size_lots
    return lots


def _instrument(market: Market, holders: Sequence[Trader], long_lots: int, now_ns: int) -> InstrumentFigures:
    instrument = market.listing.instrument
    depth = {sign: _depth_lots(market, now_ns, NEAR_BPS, sign) for sign in (-1, 1)}
    near = [one for one in holders if _is_near(market, one)]
    sizes = [abs(one.lots[instrument]) for one in holders]
    whole = sum(sizes)
    largest = max(holders, key=lambda one: (abs(one.lots[instrument]), -one.account), default=None)
    against = 0 if largest is None else depth[-1 if largest.lots[instrument] > 0 else 1]
    return InstrumentFigures(
        instrument=instrument,
        mark_ticks=market.mark_ticks,
        interest_atoms=_worth(market, long_lots),
        bids_atoms=_worth(market, depth[-1]),
        asks_atoms=_worth(market, depth[1]),
        near_atoms=sum(one.notionals_atoms[instrument] for one in near),
        near_equity_atoms=sum(max(one.equity_atoms, 0) for one in near),
        concentration_ppm=sum(lots * lots for lots in sizes) * 10**6 // (whole * whole) if whole else 0,
        largest_account=None if largest is None else largest.account,
        largest_atoms=0 if largest is None else largest.notionals_atoms[instrument],
        largest_bps=None if largest is None or not against else abs(largest.lots[instrument]) * BPS // against,
        levels=tuple(_levels(market, holders, now_ns)),
        halted=market.halted_until_ns is not None,
    )


def _worth(market: Market, lots: int) -> int:
    return abs(market.payoff.value_atoms(lots, market.mark_ticks))


def _depth_lots(market: Market, now_ns: int, within_bps: int, sign: int) -> int:
    """The bids (sign -1) or asks within a distance, less what is eaten."""
    bands = market.bids if sign < 0 else market.asks
    quoted = max((lots for distance_bps, lots in bands if distance_bps <= within_bps), default=0)
    return max(quoted - eaten_lots(market, selling=sign < 0, now_ns=now_ns), 0)


def _is_near(market: Market, trader: Trader) -> bool:
    ticks = trader.prices[market.listing.instrument].nearest_ticks(market.mark_ticks)
    return ticks is not None and abs(ticks - market.mark_ticks) * BPS <= NEAR_BPS * market.mark_ticks


def _levels(market: Market, holders: Sequence[Trader], now_ns: int) -> Iterator[MapLevel]:
    """From the lowest price up; who falls due at the mark itself stands in the level below it if long, else above."""
    instrument, mark = market.listing.instrument, market.mark_ticks
    due: dict[int, int] = {}
    for trader in holders:
        for sign, ticks in zip((-1, 1), trader.prices[instrument], strict=True):
            if ticks is None or (ticks == mark and sign * trader.lots[instrument] > 0):
                continue
            place = max(-(-abs(ticks - mark) * BPS // (mark * LEVEL_BPS)), 1)
            due[sign * place] = due.get(sign * place, 0) + trader.notionals_atoms[instrument]
    places = range(1, MAP_BPS_MOST // LEVEL_BPS + 1)
    for place in (*(-one for one in reversed(places)), *places):
        sign, far = (1 if place > 0 else -1), abs(place) * LEVEL_BPS
        lots = _depth_lots(market, now_ns, far, sign) - _depth_lots(market, now_ns, far - LEVEL_BPS, sign)
        yield MapLevel(sign * (far - LEVEL_BPS), sign * far, due.get(place, 0), _worth(market, lots))


def funds_of(ledger: LedgerState) -> Iterator[FundFigures]:
    """What each fund can lose before it is empty; O(funds and their inventory)."""
    for number in ledger.funds:
        account = ledger.accounts[number]
        left = capacity_atoms(ledger, number) if is_marked(account, ledger) else None
        yield FundFigures(number, account.asset, left)


def _stress(
    ledger: LedgerState, traders: Sequence[Trader], figures: Sequence[InstrumentFigures]
) -> dict[int, StressVector]:
    interest: dict[int, dict[int, int]] = {}
    for one in figures:
        asset = ledger.markets[one.instrument].listing.asset
        interest.setdefault(asset, {})[one.instrument] = one.interest_atoms
    return {
        asset: stress_of([one for one in traders if one.asset == asset], ledger, by_instrument)
        for asset, by_instrument in interest.items()
    }
