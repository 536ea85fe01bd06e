"""A population drawn from the run's seed.

1. What an account holds in all is Pareto with `median_notional` and `tail`, at most `max_notional`, split evenly
   among its instruments and rounded down to lots, at least one lot each.
2. It holds one, two, ... instruments by the weights of `instruments`, which ones drawn evenly; long with
   `long_share`, drawn for each position. What does not balance, outside liquidity holds.
3. Its leverage is drawn by weight, then moved evenly within +- `leverage_spread` of itself, so that not all who
   chose 20 fall at one price. Its equity at the opening prices is notional / leverage, rounded up to an atom.
4. Each position was opened at a price that made or lost up to `entry_spread` since, drawn evenly, rounded to a tick
   toward today's price, and never more than half of what its margin is: so the balance, equity less profit, stays
   above 0. (An inverse long that bought so much lower made more than that in coins, so it is moved less.)
5. Draws are keyed by (seed, place in the population, purpose, n): more accounts leave the first ones as they were.

The Pareto distribution in whole numbers: a table and a shift instead of a power for every draw.

With u even in (0, 1), (2u)^(-1 / alpha) is Pareto with a median of 1. Write u as 2^-k x m with m in [1/2, 1): the
first factor comes from a table of k, the second from a table of m with straight lines between its points (within 1
part in 10^5 for an alpha from 0.5 on).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from decimal import Decimal
from itertools import accumulate
from typing import Annotated

import msgspec

from ...events.bodies.run import SourceTally
from ...events.errors import ScenarioError
from ...handlers.draws import draw_below, draw_bits
from ..checks import FEW, check_range, require
from ..reading.tally import Tally
from ..sources.base import canonical_sha256
from ..toml_tree import at_path
from ..units import CONTEXT, INT64_MAX, to_atoms, to_whole_down
from .base import OpeningAccount, OpeningMarket, OpeningPosition

__all__ = [
    "QUANTILE_ONE",
    "DrawnSettings",
    "ParetoTable",
    "SeededPopulation",
    "SeededSettings",
    "check_weights",
    "cumulative_weights",
]

_PPM = 10**6
_NOTIONAL_MOST = 10**15
_LEVERAGE_LEAST, _LEVERAGE_MOST = Decimal("0.01"), 1_000
_WEIGHT_MOST = 10**9
_COIN_SHARE_MOST = 100
_SPREAD_MOST = Decimal("0.9")

QUANTILE_ONE = 10**9
"""The median."""

_BITS = 64
_POINT_BITS = 8
_REST_BITS = _BITS - 1 - _POINT_BITS


class DrawnSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How many accounts and what they are like. Notionals are in the settlement asset, weights need not sum to 1.

    `leverage` holds [leverage, weight] pairs; `instruments` the weights of holding one, two, ... of them. `collateral`
    holds [asset, weight] pairs; who draws another asset than it settles in has `collateral_share` of its equity in it,
    one share or [share, weight] pairs. Over 1 it is bought on credit: what it costs more is owed.
    """

    accounts: int
    median_notional: Decimal
    max_notional: Decimal
    leverage: Annotated[tuple[tuple[Decimal, Decimal], ...], FEW]
    tail: Decimal = Decimal("1.2")
    leverage_spread: Decimal = Decimal("0.2")
    long_share: Decimal = Decimal("0.5")
    instruments: Annotated[tuple[Decimal, ...], FEW] = (Decimal(1),)
    entry_spread: Decimal = Decimal("0.05")
    collateral: Annotated[tuple[tuple[str, Decimal], ...], FEW] = ()
    collateral_share: Decimal | Annotated[tuple[tuple[Decimal, Decimal], ...], FEW] = Decimal(1)

    def __post_init__(self) -> None:
        """Refuse what cannot be drawn from."""
        check_range("accounts", self.accounts, 1, INT64_MAX)
        check_range("max_notional", self.max_notional, 0, _NOTIONAL_MOST)
        check_range("median_notional", self.median_notional, 0, _NOTIONAL_MOST)
        require(0 < self.median_notional <= self.max_notional, "median_notional must lie above 0, up to max_notional")
        check_range("tail", self.tail, Decimal("0.5"), 100)
        for place, (leverage, _) in enumerate(self.leverage):
            check_range(f"leverage[{place}]", leverage, _LEVERAGE_LEAST, _LEVERAGE_MOST)
        check_weights("leverage", [weight for _, weight in self.leverage])
        check_weights("instruments", self.instruments)
        check_range("leverage_spread", self.leverage_spread, 0, _SPREAD_MOST)
        check_range("long_share", self.long_share, 0, 1)
        check_range("entry_spread", self.entry_spread, 0, _SPREAD_MOST)
        for place, (share, _) in enumerate(self.collateral_shares):
            check_range(f"collateral_share[{place}]", share, 0, _COIN_SHARE_MOST)
        check_weights("collateral_share", [weight for _, weight in self.collateral_shares])
        if self.collateral:
            check_weights("collateral", [weight for _, weight in self.collateral])

    @property
    def collateral_shares(self) -> tuple[tuple[Decimal, Decimal], ...]:
        """The shares of the equity that collateral is, with their weights."""
        share = self.collateral_share
        return ((share, Decimal(1)),) if isinstance(share, Decimal) else share


class SeededSettings(DrawnSettings, frozen=True, forbid_unknown_fields=True, tag_field="source", tag="seeded"):
    """All accounts are drawn alike."""


class _Dice(msgspec.Struct, frozen=True, gc=False):
    """The draws of one account."""

    seed: int
    place: int

    def below(self, purpose: str, n: int, bound: int) -> int:
        """From 0 to `bound` - 1."""
        return draw_below(self.seed, self.place, purpose, n, bound)

    def around_zero(self, purpose: str, n: int, most: int) -> int:
        """From -`most` to `most`."""
        return self.below(purpose, n, 2 * most + 1) - most

    def chosen(self, cumulative: list[int], purpose: str) -> int:
        """A place in a list of cumulative weights."""
        return bisect_right(cumulative, self.below(purpose, 0, cumulative[-1])) if len(cumulative) > 1 else 0


class SeededPopulation:
    """The accounts of the settings, all cross margin, named trader-1, trader-2, ...

    Of several that are drawn side by side, each has its own `title` for its accounts' names, its own `first_place` for
    its draws and its own path `where` for what is wrong with it.
    """

    layout = "seeded population"
    name = "population"

    def __init__(
        self, settings: DrawnSettings, title: str = "trader", first_place: int = 0, where: str = "$.population"
    ) -> None:
        self._settings, self._made = settings, Tally()
        self._title, self._first_place, self._where = title, first_place, where
        self._pareto = ParetoTable(settings.tail)
        self._leverages = [_ppm(leverage) for leverage, _ in settings.leverage]
        self._leverage_weights = cumulative_weights([weight for _, weight in settings.leverage])
        self._count_weights = cumulative_weights(settings.instruments)
        self._spread_ppm, self._entry_ppm = _ppm(settings.leverage_spread), _ppm(settings.entry_spread)
        self._long_ppm = _ppm(settings.long_share)
        self._coin_names = [name for name, _ in settings.collateral]
        self._coin_weights = cumulative_weights([weight for _, weight in settings.collateral])
        self._coin_shares = [_ppm(share) for share, _ in settings.collateral_shares]
        self._coin_share_weights = cumulative_weights([weight for _, weight in settings.collateral_shares])
        self.size = settings.accounts
        self.sha256 = canonical_sha256(self.layout, settings)

    def accounts(self, markets: Sequence[OpeningMarket], decimals: int, seed: int) -> Iterator[OpeningAccount]:
        """The accounts in order; about 20 us each."""
        coins, traded = self._coins(markets), [market for market in markets if market.base is None]
        most_held = len(self._settings.instruments)
        if most_held > len(traded):
            listed = f"weights for holding up to {most_held}, but the scenario lists {len(traded)}"
            message = f"{self._where}.instruments: {listed}; shorten the list"
            raise ScenarioError(message)
        settings, where = self._settings, self._where
        median = at_path(f"{where}.median_notional", to_atoms, settings.median_notional, decimals)
        most = at_path(f"{where}.max_notional", to_atoms, settings.max_notional, decimals)
        self._made = made = Tally()
        for place in range(self._first_place, self._first_place + self._settings.accounts):
            made.rows += 1
            share = self._pareto.quantile(draw_bits(seed, place, "population size", 0))
            yield self._account(_Dice(seed, place), min(most, median * share // QUANTILE_ONE), traded, coins)

    def tally(self, number: int) -> SourceTally:
        """How many accounts were made."""
        return self._made.closed(number)

    def _coins(self, markets: Sequence[OpeningMarket]) -> list[OpeningMarket | None]:
        """The spot markets of what the weights of collateral are of; None stands for what an account settles in."""
        listed = {market.base.name: market for market in markets if market.base is not None}
        settled = list(dict.fromkeys(market.settles_in.name for market in markets))
        for place, name in enumerate(self._coin_names):
            if name not in listed and name not in settled:
                known = ", ".join([*settled, *listed])
                message = f"{self._where}.collateral[{place}]: {name!r} has no spot market; choose from {known}"
                raise ScenarioError(message)
        return [listed.get(name) for name in self._coin_names]

    def _account(
        self,
        dice: _Dice,
        worth_atoms: int,
        markets: Sequence[OpeningMarket],
        coins: Sequence[OpeningMarket | None],
    ) -> OpeningAccount:
        held, leverage_ppm = self._held(dice, markets), self._leverage(dice)
        positions, held_atoms, profit_atoms = [], 0, 0
        asset, notional_atoms = held[0].settles_in.asset, held[0].settles_in.rate.of_worth(worth_atoms)
        for n, market in enumerate(held):
            lot_atoms = abs(market.payoff.value_atoms(1, market.price_ticks))
            lots = max(1, notional_atoms // (len(held) * lot_atoms))
            position = self._position(dice, n, lots, self._entry_most(leverage_ppm, market), market)
            value = market.payoff.value_atoms(position.size_lots, market.price_ticks)
            positions.append(position)
            held_atoms, profit_atoms = held_atoms + abs(value), profit_atoms + value - position.cost_atoms
        equity_atoms = -(-held_atoms * _PPM // leverage_ppm)
        if max(held_atoms, equity_atoms) * 2 > INT64_MAX:
            message = f"{self._where}: an account passes 2^63 - 1 atoms; use a lower max_notional or fewer decimals"
            raise ScenarioError(message)
        name = f"{self._title}-{dice.place - self._first_place + 1}"
        balance_atoms = equity_atoms - profit_atoms
        chosen = coins[dice.chosen(self._coin_weights, "population collateral")] if coins else None
        coin = None if chosen is None or chosen.settles_in.asset != asset else chosen.base
        if coin is None:  # also where what was chosen is not sold for what the account settles in
            return OpeningAccount(name, "cross", None, balance_atoms, tuple(positions), asset=asset)
        share_ppm = self._coin_shares[dice.chosen(self._coin_share_weights, "population collateral share")]
        put_atoms = coin.rate.of_worth(max(0, balance_atoms) * share_ppm // _PPM)
        left_atoms = balance_atoms - coin.rate.worth_of(put_atoms)
        kept = ((coin.asset, put_atoms),) if put_atoms else ()
        return OpeningAccount(name, "cross", None, left_atoms, tuple(positions), asset=asset, coins=kept)

    def _held(self, dice: _Dice, markets: Sequence[OpeningMarket]) -> list[OpeningMarket]:
        """Which instruments it holds, in the scenario's order: the first draws of a shuffle, all of one asset."""
        count = 1 + dice.chosen(self._count_weights, "population count")
        order = list(range(len(markets)))
        for n in range(count):
            other = n + dice.below("population instrument", n, len(order) - n)
            order[n], order[other] = order[other], order[n]
        asset = markets[order[0]].settles_in.asset
        alike = [index for index in order if markets[index].settles_in.asset == asset]
        return [markets[index] for index in sorted(alike[:count])]

    def _leverage(self, dice: _Dice) -> int:
        chosen_ppm = self._leverages[dice.chosen(self._leverage_weights, "population leverage")]
        moved_ppm = dice.around_zero("population leverage spread", 0, self._spread_ppm)
        return chosen_ppm * (_PPM + moved_ppm) // _PPM

    def _entry_most(self, leverage_ppm: int, market: OpeningMarket) -> int:
        """How far an entry may lie from today's price, in millionths: x makes x if linear, x / (1 - x) if inverse."""
        inverse_ppm = _PPM if market.scale.kind == "inverse" else 0
        return min(self._entry_ppm, _PPM * _PPM // (2 * leverage_ppm + inverse_ppm))

    def _position(self, dice: _Dice, n: int, lots: int, entry_ppm: int, market: OpeningMarket) -> OpeningPosition:
        side = 1 if dice.below("population side", n, _PPM) < self._long_ppm else -1
        moved_ppm = dice.around_zero("population entry", n, entry_ppm)
        moved_ticks = market.price_ticks * abs(moved_ppm) // _PPM
        entry_ticks = market.price_ticks - (side if moved_ppm > 0 else -side) * moved_ticks
        cost_atoms = market.payoff.value_atoms(side * lots, entry_ticks)
        return OpeningPosition(market.scale.instrument, 0, side * lots, cost_atoms)


def check_weights(name: str, weights: Sequence[Decimal]) -> None:
    """Refuse weights of which nothing can be drawn."""
    for place, weight in enumerate(weights):
        check_range(f"{name}[{place}]: the weight", weight, 0, _WEIGHT_MOST)
    require(any(_ppm(weight) for weight in weights), f"{name} needs at least one weight of 0.000001 or more")


def cumulative_weights(weights: Sequence[Decimal]) -> list[int]:
    """Running sums in millionths, to draw a place from."""
    return list(accumulate(_ppm(weight) for weight in weights))


def _ppm(value: Decimal) -> int:
    return to_whole_down(value, Decimal("0.000001"))


class ParetoTable:
    """Turns 64 random bits into a multiple of the median."""

    def __init__(self, alpha: Decimal) -> None:
        power = CONTEXT.divide(-1, alpha)
        points = 1 << _POINT_BITS
        self._halvings = [_power(Decimal(2), CONTEXT.multiply(-k, power)) for k in range(_BITS + 1)]
        shares = (CONTEXT.divide(points + point, points) for point in range(points + 1))
        self._points = [_power(share, power) for share in shares]

    def quantile(self, bits: int) -> int:
        """The value whose share of greater ones is `bits` / 2^64, in units of 10^-9 medians, rounded down; O(1)."""
        drawn = bits | 1
        halvings = _BITS - drawn.bit_length()
        mantissa = (drawn << halvings) - (1 << (_BITS - 1))
        point, rest = mantissa >> _REST_BITS, mantissa & ((1 << _REST_BITS) - 1)
        high, low = self._points[point], self._points[point + 1]
        return self._halvings[halvings] * (high - ((high - low) * rest >> _REST_BITS)) // QUANTILE_ONE


def _power(base: Decimal, exponent: Decimal) -> int:
    return int(CONTEXT.multiply(CONTEXT.power(base, exponent), QUANTILE_ONE))
