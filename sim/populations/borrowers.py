"""A population of borrowers drawn from the run's seed: each has supplied an asset and owes what accounts settle in.

1. What an account owes is Pareto with `median_debt` and `tail`, at most `max_debt`.
2. What it has supplied is one asset, drawn by the weights of `collateral`; with `mixed_share` half of its worth is a
   second one. Its loan-to-value is drawn by weight, then moved evenly within +- `spread` of itself, so that not all
   fall at one price: the collateral at the opening prices is worth debt / loan-to-value, rounded up to an atom.
3. With `looped_share` an account has a chain of 2 to `loops` layers, drawn evenly: it supplied coins of its own,
   borrowed against them by its loan-to-value r, bought more with that, supplied it, borrowed r of that, and so on. So
   of what it owes layer n has a share of r^n / (r + r^2 + ...), and its own coins are worth the first loan / r.
4. Draws are keyed by (seed, place in the population, purpose, n): more accounts leave the first ones as they were.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Annotated, NamedTuple

import msgspec

from ...events.bodies.run import SourceTally
from ...events.errors import ScenarioError
from ...handlers.draws import draw_below, draw_bits
from ..checks import FEW, check_range, require
from ..reading.tally import Tally
from ..sources.base import canonical_sha256
from ..toml_tree import at_path
from ..units import INT64_MAX, to_atoms, to_whole_down
from .base import OpeningAccount, OpeningAsset, OpeningLayer, OpeningMarket
from .seeded import QUANTILE_ONE, ParetoTable, check_weights, cumulative_weights

__all__ = ["BorrowersPopulation", "BorrowersSettings", "Chain", "layers_of"]

_PPM = 10**6
_DEBT_MOST = 10**15
_LOOPS_MOST = 20
_STEP = Decimal("0.000001")
_COIN = "borrower collateral"


class Chain(NamedTuple):
    """What each layer borrowed, in atoms, and what the coins of the account's own are worth."""

    borrowed: list[int]
    own_atoms: int


def layers_of(debt_atoms: int, ratio_ppm: int, layers: int) -> Chain:
    """By rule 3, rounded down; what is left over is the first layer's, and a layer of nothing is left out."""
    weights = [ratio_ppm**n * _PPM ** (layers - n) for n in range(1, layers + 1)]
    later = [debt_atoms * weight // sum(weights) for weight in weights[1:]]
    borrowed = [debt_atoms - sum(later), *(atoms for atoms in later if atoms)]
    return Chain(borrowed, -(-borrowed[0] * _PPM // ratio_ppm))


class BorrowersSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="source", tag="borrowers"):
    """How many borrowers and what they are like. Debts are in the settlement asset, weights need not sum to 1."""

    accounts: int
    median_debt: Decimal
    max_debt: Decimal
    collateral: Annotated[tuple[tuple[str, Decimal], ...], FEW]
    loan_to_value: Annotated[tuple[tuple[Decimal, Decimal], ...], FEW]
    tail: Decimal = Decimal("1.2")
    spread: Decimal = Decimal("0.05")
    mixed_share: Decimal = Decimal(0)
    looped_share: Decimal = Decimal(0)
    loops: int = 5

    def __post_init__(self) -> None:
        """Refuse what cannot be drawn from, and who owes more than it has."""
        check_range("accounts", self.accounts, 1, INT64_MAX)
        check_range("max_debt", self.max_debt, 0, _DEBT_MOST)
        require(0 < self.median_debt <= self.max_debt, "median_debt must lie above 0, up to max_debt")
        check_range("tail", self.tail, Decimal("0.5"), 100)
        check_range("spread", self.spread, 0, Decimal("0.9"))
        check_range("mixed_share", self.mixed_share, 0, 1)
        check_range("looped_share", self.looped_share, 0, 1)
        check_range("loops", self.loops, 2, _LOOPS_MOST)
        for place, (ratio, _) in enumerate(self.loan_to_value):
            check_range(f"loan_to_value[{place}]", ratio, Decimal("0.01"), 1)
        for name in ("collateral", "loan_to_value"):
            check_weights(name, [weight for _, weight in getattr(self, name)])


class BorrowersPopulation:
    """The accounts of the settings, named borrower-1, borrower-2, ..."""

    layout = "borrowers"
    name = "population"

    def __init__(self, settings: BorrowersSettings, *, where: str = "$.population") -> None:
        self._settings, self._made, self._where = settings, Tally(), where
        self._pareto = ParetoTable(settings.tail)
        self._coin_weights = cumulative_weights([weight for _, weight in settings.collateral])
        self._ratio_weights = cumulative_weights([weight for _, weight in settings.loan_to_value])
        self.size = settings.accounts
        self.sha256 = canonical_sha256(self.layout, settings)

    def accounts(self, markets: Sequence[OpeningMarket], decimals: int, seed: int) -> Iterator[OpeningAccount]:
        """The accounts in order. Raises ScenarioError for collateral without a spot market."""
        coins, settles = self._coins(markets), markets[0].settles_in
        settings, where = self._settings, self._where
        median = at_path(f"{where}.median_debt", to_atoms, settings.median_debt, decimals)
        most = at_path(f"{where}.max_debt", to_atoms, settings.max_debt, decimals)
        self._made = made = Tally()
        for place in range(self._settings.accounts):
            made.rows += 1
            share = self._pareto.quantile(draw_bits(seed, place, "borrower debt", 0))
            debt_atoms = max(1, min(most, median * share // QUANTILE_ONE))
            yield self._account(seed, place, debt_atoms, coins, settles)

    def tally(self, number: int) -> SourceTally:
        """How many accounts were made."""
        return self._made.closed(number)

    def _coins(self, markets: Sequence[OpeningMarket]) -> list[OpeningAsset]:
        listed = {market.base.name: market.base for market in markets if market.base is not None}
        for place, (name, _) in enumerate(self._settings.collateral):
            if name not in listed:
                message = (
                    f"{self._where}.collateral[{place}]: {name!r} has no spot market; "
                    f"choose from {', '.join(listed) or 'none'}"
                )
                raise ScenarioError(message)
        return [listed[name] for name, _ in self._settings.collateral]

    def _account(
        self, seed: int, place: int, debt_atoms: int, coins: Sequence[OpeningAsset], settles: OpeningAsset
    ) -> OpeningAccount:
        ratio_ppm, first = self._ratio_ppm(seed, place), self._chosen(self._coin_weights, seed, place, _COIN)
        looped_ppm = to_whole_down(self._settings.looped_share, _STEP)
        if draw_below(seed, place, "borrower looped", 0, _PPM) < looped_ppm:
            layers = 2 + draw_below(seed, place, "borrower loops", 0, self._settings.loops - 1)
            return self._looped(place, debt_atoms, layers_of(debt_atoms, ratio_ppm, layers), coins[first], settles)
        worth_atoms = -(-debt_atoms * _PPM // ratio_ppm)
        parts = [(coins[first], worth_atoms)]
        mixed_ppm = to_whole_down(self._settings.mixed_share, _STEP)
        if len(coins) > 1 and draw_below(seed, place, "borrower mixed", 0, _PPM) < mixed_ppm:
            half = worth_atoms // 2
            parts = [(coins[first], worth_atoms - half), (coins[(first + 1) % len(coins)], half)]
        held = {one.asset: one.rate.of_worth(worth) + 1 for one, worth in parts}
        return self._opened(place, debt_atoms, held, (), settles)

    def _looped(
        self, place: int, debt_atoms: int, chain: Chain, coin: OpeningAsset, settles: OpeningAsset
    ) -> OpeningAccount:
        bought = [(coin.rate.of_worth(atoms), atoms) for atoms in chain.borrowed]
        layers = tuple(OpeningLayer(coin.asset, atoms, settles.asset, borrowed) for atoms, borrowed in bought)
        held_atoms = coin.rate.of_worth(chain.own_atoms) + 1 + sum(atoms for atoms, _ in bought)
        return self._opened(place, debt_atoms, {coin.asset: held_atoms}, layers, settles)

    def _opened(
        self,
        place: int,
        debt_atoms: int,
        held: dict[int, int],
        layers: tuple[OpeningLayer, ...],
        settles: OpeningAsset,
    ) -> OpeningAccount:
        if max(*held.values(), debt_atoms) > INT64_MAX:
            message = f"{self._where}: an account passes 2^63 - 1 atoms; use a lower max_debt or fewer decimals"
            raise ScenarioError(message)
        name, coins = f"borrower-{place + 1}", tuple(sorted(held.items()))
        return OpeningAccount(name, "cross", None, -debt_atoms, (), asset=settles.asset, coins=coins, layers=layers)

    def _ratio_ppm(self, seed: int, place: int) -> int:
        drawn = self._chosen(self._ratio_weights, seed, place, "borrower loan-to-value")
        ratio_ppm = to_whole_down(self._settings.loan_to_value[drawn][0], _STEP)
        spread_ppm = to_whole_down(self._settings.spread, _STEP)
        moved_ppm = draw_below(seed, place, "borrower spread", 0, 2 * spread_ppm + 1) - spread_ppm
        return min(_PPM, ratio_ppm * (_PPM + moved_ppm) // _PPM)

    def _chosen(self, cumulative: list[int], seed: int, place: int, purpose: str) -> int:
        return bisect_right(cumulative, draw_below(seed, place, purpose, 0, cumulative[-1]))
