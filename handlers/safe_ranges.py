"""How far each mark and each cumulative funding may go before an account must be looked at again; see `ranges.py`.

Slack H is in 10^-10 atoms (`valuation.slack`). A position worth V adds, on the line of tier t,

    h_t(V) = 10^10 V - k (rate_t |V| - amount_t) = slope_t V + k amount_t,    h(V) = min over t,

as the requirement is the greatest of its lines. So h(V) >= bound holds where every line is at or above it: a bound on
V per tier, and the tightest counts. V is the value as it is rounded, so a bound on it is exact; which prices keep it
is the payoff's to say, linear or inverse (a long's V rises with the price in both). For the other direction,
h(V) <= the line of the present tier, so that line alone bounds it from above.

Shares of H go by notional x pace, the pace being how much an instrument's mark has moved of late (`Pace`): of
instruments that fall together, each at its own rate, none uses up its share long before the others. Any shares are
safe; good ones only save looks.

Funding axes get 1/1024 of H as long as H is large against the notional; once it is small they get nothing, and whoever
pays any funding is looked at: so for one instrument the last range ends exactly at the liquidation price.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from ..events.ledger import Account, LedgerState, Market
from ..events.ledger.conversion import Conversion
from .ranges import CEILING, FLOOR, FUNDING, MARK, conversion_slot, slot_of
from .valuation import MICRO, SLACK_SCALE, Margin
from .valuation import slack as slack_over

__all__ = ["Pace", "SafeRanges", "outlasts", "tightest"]

_NANO = 10**9
_FUNDING_SHARE = 1024
_NEAR_SHARE = 64
_PACE_MOST = 32
_PACE_FORGETS = 10
_ROUNDED_ATOMS = 4

_Lines = list[tuple[int, int]]


class _Exposure(msgspec.Struct, frozen=True, gc=False):
    """A side at the mark: where, how many lots, what they are worth, the lines of the side, and on how many legs."""

    instrument: int
    market: Market
    lots: int
    value: int
    weight: int
    lines: _Lines
    legs: int = 1


class _Coin(msgspec.Struct, frozen=True, gc=False):
    """What counts of an asset that an account holds, in millionths of an atom, and what that is worth in the quote."""

    conversion: Conversion
    counted_microatoms: int
    worth_atoms: int
    weight: int


class Pace:
    """How much each mark has moved of late, as weights for the shares of slack: whole numbers from 1 to 32.

    Taken between looks: a moving sum of the moves in millionths, of which each look at other marks than the last one
    forgets a thousandth: how lively an instrument is shows over hours, and not in the last moves. The fastest weighs
    32, the others in proportion.
    """

    def __init__(self) -> None:
        self.weights: list[int] = []
        self._seen_ticks: list[int] = []
        self._moved_ppm: list[int] = []

    def note(self, markets: Sequence[Market]) -> None:
        """Take in the marks as they are; O(instruments)."""
        if self._seen_ticks == [market.mark_ticks for market in markets]:
            return
        for market in markets[len(self._seen_ticks) :]:
            self._seen_ticks.append(market.mark_ticks)
            self._moved_ppm.append(0)
        for i, market in enumerate(markets):
            before, now = self._seen_ticks[i] or market.mark_ticks or 1, market.mark_ticks
            self._moved_ppm[i] += abs(now - before) * MICRO // before - (self._moved_ppm[i] >> _PACE_FORGETS)
            self._seen_ticks[i] = now
        most = max(self._moved_ppm, default=0)
        self.weights = [max(1, _PACE_MOST * moved // most) if most else _PACE_MOST for moved in self._moved_ppm]


class SafeRanges:
    """The ranges for one level, `level_bps` of the requirement. `above` and `below`: O(positions x tiers)."""

    def __init__(self, level_bps: int, pace: Pace | None = None) -> None:
        """No lines yet: they are worked out once per instrument and side. Without a pace, shares go by notional."""
        self._level_bps = level_bps
        self._pace = pace or Pace()
        self._lines: dict[tuple[int, bool], _Lines] = {}

    def forget(self) -> None:
        """The tiers are others from here on: lines are worked out anew."""
        self._lines.clear()

    def above(self, account: Account, ledger: LedgerState, margin: Margin) -> dict[int, int]:
        """Ranges within which slack over the level, now at or above zero, stays there."""
        ends: dict[int, int] = {}
        slack = slack_over(margin, self._level_bps)
        exposures = self._exposures(account, ledger.markets, margin.values_atoms)
        coins = self._coins(account, ledger) if account.coins else ()
        weight = sum([exposure.weight for exposure in (*exposures, *coins)])
        far = slack * _NEAR_SHARE > sum([abs(exposure.value) for exposure in exposures]) * SLACK_SCALE
        for exposure in exposures:
            share = slack * exposure.weight // weight
            funding_share = share // _FUNDING_SHARE if far else 0
            _keep_above(ends, exposure, share - funding_share)
            _limit_funding(ends, exposure, funding_share, paying=True)
        for coin in coins:
            _keep_coin_above(ends, coin, slack * coin.weight // weight // SLACK_SCALE)
        return ends

    def below(self, account: Account, ledger: LedgerState, margin: Margin) -> dict[int, int]:
        """Ranges within which slack over the level, now below zero, stays there."""
        ends: dict[int, int] = {}
        slack = slack_over(margin, self._level_bps)
        exposures = self._exposures(account, ledger.markets, margin.values_atoms)
        coins = self._coins(account, ledger) if account.coins else ()
        weight = sum([exposure.weight for exposure in (*exposures, *coins)])
        for exposure in exposures:
            _keep_below(ends, exposure, (-slack - 1) * exposure.weight // weight)
            _limit_funding(ends, exposure, 0, paying=False)
        for coin in coins:
            _keep_coin_below(ends, coin, (-slack - 1) * coin.weight // weight // SLACK_SCALE)
        return ends

    def _coins(self, account: Account, ledger: LedgerState) -> list[_Coin]:
        """The coins that count for anything; one that does not count now counts at no price."""
        found, paces = [], self._pace.weights
        for asset, atoms in account.coins.items():
            conversion = ledger.conversions[asset]
            counted = conversion.counted_microatoms(atoms)
            if counted:
                counted_atoms = conversion.counted_atoms(atoms)
                pace = paces[conversion.instrument] if paces else 1
                found.append(_Coin(conversion, counted, counted_atoms, max(1, abs(counted_atoms)) * pace))
        return found

    def _exposures(self, account: Account, markets: Sequence[Market], values_atoms: Sequence[int]) -> list[_Exposure]:
        """The sides that are worth anything: each position is one, but for those on several legs."""
        found, paces = [], self._pace.weights
        for ((instrument, leg), held), value in zip(account.positions.items(), values_atoms, strict=True):
            if leg:
                return self._over_legs(account, markets, values_atoms)
            if value:
                market, side = markets[instrument], (instrument, value > 0)
                lines = self._lines.get(side) or self._work_out(market, side)
                weight = abs(value) * paces[instrument] if paces else abs(value)
                found.append(_Exposure(instrument, market, held.size_lots, value, weight, lines))
        return found

    def _over_legs(self, account: Account, markets: Sequence[Market], values_atoms: Sequence[int]) -> list[_Exposure]:
        """The same where an instrument is held on several legs: those of one side are one exposure."""
        sides: dict[tuple[int, bool], list[tuple[int, int]]] = {}
        for ((instrument, _), held), value in zip(account.positions.items(), values_atoms, strict=True):
            if value:
                sides.setdefault((instrument, value > 0), []).append((held.size_lots, value))
        found, paces = [], self._pace.weights
        for side, legs in sides.items():
            market, value = markets[side[0]], sum(value for _, value in legs)
            lines = self._lines.get(side) or self._work_out(market, side)
            weight = abs(value) * paces[side[0]] if paces else abs(value)
            lots = sum(lots for lots, _ in legs)
            found.append(_Exposure(side[0], market, lots, value, weight, lines, len(legs)))
        return found

    def _work_out(self, market: Market, side: tuple[int, bool]) -> _Lines:
        """(slope, offset) of each tier's line, for values of one sign."""
        level = self._level_bps if side[1] else -self._level_bps
        lines = [
            (SLACK_SCALE - level * tier.rate_ppm, self._level_bps * tier.amount_microatoms) for tier in market.tiers
        ]
        self._lines[side] = lines
        return lines


def outlasts(market: Market, end_ticks: int, before_lots: int, after_lots: int, paid_atoms: int) -> bool:
    """Whether the ranges of an account, found by `above`, hold as well after a part of a side was closed.

    The account got `paid_atoms` for it; `end_ticks` is the only end of that side's mark. At the end the part is worth
    d = V(before) - V(after). No line rises by less than V itself where V is negative, nor by more where it is positive,
    so that h(before) - h(after) <= 10^10 d there; away from the end h rises with either. So where no less than d was
    paid the side uses up no more of H than it did, wherever its mark goes. The atoms kept are for what is rounded: the
    values, and the funding that was settled.
    """
    if not abs(after_lots) < abs(before_lots) or before_lots * after_lots < 0:
        return False
    value_atoms = market.payoff.value_atoms
    given_up_atoms = value_atoms(before_lots, end_ticks) - value_atoms(after_lots, end_ticks)
    return paid_atoms >= given_up_atoms + _ROUNDED_ATOMS


def tightest(first: dict[int, int], second: dict[int, int]) -> dict[int, int]:
    """Both sets of ranges at once: on every slot the end that is nearer."""
    for slot, end in second.items():
        _tighten(first, slot, end)
    return first


def _tighten(ends: dict[int, int], slot: int, end: int) -> None:
    known = ends.get(slot)
    if known is None or (end > known if slot % 2 == FLOOR else end < known):
        ends[slot] = end


def _keep_above(ends: dict[int, int], exposure: _Exposure, share: int) -> None:
    """The value at which the least of the lines has used up the share."""
    value, lines = exposure.value, exposure.lines
    bound = min([slope * value + offset for slope, offset in lines]) - share
    rising = [-((offset - bound) // slope) for slope, offset in lines if slope > 0]
    if rising:
        _bound_value(ends, exposure, max(rising), at_least=True)
    if len(rising) < len(lines):
        falling = [(bound - offset) // slope for slope, offset in lines if slope < 0]
        _bound_value(ends, exposure, min(falling, default=value), at_least=False)


def _keep_below(ends: dict[int, int], exposure: _Exposure, share: int) -> None:
    """The value at which the present line has risen by the share."""
    value = exposure.value
    _, slope = min((slope * value + offset, slope) for slope, offset in exposure.lines)
    if slope > 0:
        _bound_value(ends, exposure, value + share // slope, at_least=False)
    elif slope < 0:
        _bound_value(ends, exposure, value - share // -slope, at_least=True)


def _keep_coin_above(ends: dict[int, int], coin: _Coin, share_atoms: int) -> None:
    """The conversion price at which what counts is worth so much less: a floor of what is held, a ceiling of a debt."""
    price_ticks = coin.conversion.price_at_least(coin.counted_microatoms, coin.worth_atoms - share_atoms)
    side = FLOOR if coin.counted_microatoms > 0 else CEILING
    _tighten(ends, conversion_slot(coin.conversion.asset, side), price_ticks)


def _keep_coin_below(ends: dict[int, int], coin: _Coin, share_atoms: int) -> None:
    """The conversion price at which what counts is worth so much more: a ceiling of what is held, a floor of a debt."""
    price_ticks = coin.conversion.price_at_most(coin.counted_microatoms, coin.worth_atoms + share_atoms)
    side = CEILING if coin.counted_microatoms > 0 else FLOOR
    _tighten(ends, conversion_slot(coin.conversion.asset, side), price_ticks)


def _bound_value(ends: dict[int, int], exposure: _Exposure, value: int, *, at_least: bool) -> None:
    """The side's value must stay at or above (below) this: an end of the mark's range.

    Each leg's value is rounded by itself, so the sum may be an atom a further leg away from the value of all lots. The
    mark as it is keeps the bound, whatever is allowed for that.
    """
    payoff, lots, spare = exposure.market.payoff, exposure.lots, exposure.legs - 1
    price = payoff.price_at_least(lots, value + spare) if at_least else payoff.price_at_most(lots, value - spare)
    side = FLOOR if at_least == (lots > 0) else CEILING
    if spare:
        nearest = min if side == FLOOR else max
        price = nearest(price, exposure.market.mark_ticks)
    _tighten(ends, slot_of(exposure.instrument, MARK, side), price)


def _limit_funding(ends: dict[int, int], exposure: _Exposure, share: int, *, paying: bool) -> None:
    """The rate may go so far against (if not `paying`: in favour of) the side; an atom a leg is kept for rounding."""
    lots, now = exposure.lots, exposure.market.cumulative_funding_nanoatoms
    room = max(0, share // SLACK_SCALE - exposure.legs) * _NANO // abs(lots)
    if paying == (lots > 0):
        _tighten(ends, slot_of(exposure.instrument, FUNDING, CEILING), now + room)
    else:
        _tighten(ends, slot_of(exposure.instrument, FUNDING, FLOOR), now - room)
