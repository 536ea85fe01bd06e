"""Seeded populations: as leveraged, as heavy-tailed and as stable as they say."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deleverage.events.errors import ScenarioError
from deleverage.sim.populations.base import OpeningAccount, OpeningMarket
from deleverage.sim.populations.registry import PopulationSettings, open_population
from deleverage.sim.populations.seeded import QUANTILE_ONE, ParetoTable, SeededPopulation
from deleverage.sim.sources.base import InstrumentScale
from deleverage.sim.units import multiplier_atoms

DECIMALS = 6
SEEDED = {
    "source": "seeded",
    "accounts": 400,
    "median_notional": 5_000,
    "max_notional": 2_000_000,
    "leverage": [[3, 20], [10, 50], [Decimal("25.5"), 30]],
    "instruments": [50, 30, 20],
}
TABLES = {alpha: ParetoTable(Decimal(alpha)) for alpha in ("0.5", "0.9", "1.2", "3", "20")}


def market(instrument: int, tick: str, lot: str, price_ticks: int) -> OpeningMarket:
    """An instrument at its opening price."""
    scale = InstrumentScale(instrument, f"M{instrument}", Decimal(tick), Decimal(lot))
    return OpeningMarket(scale, price_ticks, multiplier_atoms(scale.tick_size, scale.lot_size, DECIMALS))


MARKETS = (market(0, "0.1", "0.001", 1_216_620), market(1, "0.01", "0.01", 436_025), market(2, "0.01", "0.1", 2841))


def population(**changes: object) -> SeededPopulation:
    """The population above with some settings changed."""
    opened = open_population(msgspec.convert(SEEDED | changes, PopulationSettings))
    assert isinstance(opened, SeededPopulation)
    return opened


def accounts(seed: int = 7, **changes: object) -> list[OpeningAccount]:
    """Its accounts."""
    return list(population(**changes).accounts(MARKETS, DECIMALS, seed))


def notional(account: OpeningAccount) -> int:
    """What an account holds in all at the opening prices, in atoms."""
    return sum(
        abs(p.size_lots) * MARKETS[p.instrument].price_ticks * MARKETS[p.instrument].multiplier_atoms
        for p in account.positions
    )


def equity(account: OpeningAccount) -> int:
    """Balance plus profit at the opening prices, in atoms."""
    value = sum(
        p.size_lots * MARKETS[p.instrument].price_ticks * MARKETS[p.instrument].multiplier_atoms
        for p in account.positions
    )
    return account.balance_atoms + value - sum(p.cost_atoms for p in account.positions)


def test_the_population_is_pinned() -> None:
    """A change of the draws would change every recorded run."""
    first = accounts()[0]
    assert first.name == "trader-1"
    assert (first.balance_atoms, [(p.instrument, p.size_lots, p.cost_atoms) for p in first.positions]) == (
        1617140377,
        [(0, 11, 1292969700), (1, 30, 1289463000), (2, 473, 1398661000)],
    )


def test_more_accounts_leave_the_first_ones_as_they_were() -> None:
    """Draws are keyed by account, not by order."""
    assert accounts(accounts=500)[:400] == accounts()


def test_the_seed_matters() -> None:
    """Another seed, other accounts; the same seed, the same."""
    assert accounts(seed=8) != accounts(seed=7) == accounts(seed=7)


def test_leverage_is_notional_over_equity_exactly() -> None:
    """Without a spread every account has one of the leverages asked for, its equity rounded up to an atom."""
    leverages = (Decimal(3), Decimal(10), Decimal("25.5"))
    for account in accounts(leverage_spread=0):
        held = notional(account)
        assert equity(account) in {-(-held * 10 // int(10 * leverage)) for leverage in leverages}


def test_leverage_is_spread_around_what_was_asked_for() -> None:
    """With a spread of a tenth every account lies within a tenth of 10, and not all in one place."""
    drawn = {
        notional(account) / equity(account) for account in accounts(leverage=[[10, 1]], leverage_spread=Decimal("0.1"))
    }
    assert 8.99 < min(drawn) < 9.2
    assert 10.8 < max(drawn) < 11.01


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**63), st.integers(1, 500), st.integers(0, 9))
def test_every_account_is_sound(seed: int, leverage: int, spread: int) -> None:
    """Balances stay above 0, sizes are not zero, costs have the sign of the size, nobody holds more than the most."""
    changes = {"accounts": 20, "leverage": [[leverage, 1]], "entry_spread": Decimal(spread) / 10}
    one_lot = max(m.price_ticks * m.multiplier_atoms for m in MARKETS)
    for account in accounts(seed, **changes):
        assert account.balance_atoms > 0
        assert 2 * account.balance_atoms >= equity(account)
        assert all(p.size_lots * p.cost_atoms > 0 for p in account.positions)
        assert notional(account) <= 2_000_000 * 10**DECIMALS + 3 * one_lot
        assert [p.instrument for p in account.positions] == sorted({p.instrument for p in account.positions})


def test_some_are_in_profit_and_some_at_a_loss() -> None:
    """Entries lie on both sides of the opening price, within the spread; without a spread there is no profit at all."""
    spread = accounts(leverage=[[2, 1]], entry_spread=Decimal("0.05"))
    profits = [(equity(account) - account.balance_atoms) / notional(account) for account in spread]
    assert -0.051 < min(profits) < -0.03
    assert 0.03 < max(profits) < 0.051
    assert all(equity(account) == account.balance_atoms for account in accounts(entry_spread=0))


def test_long_share_is_followed() -> None:
    """All long, all short, or about half."""

    def longs(share: object) -> float:
        sides = [p.size_lots > 0 for account in accounts(long_share=share) for p in account.positions]
        return sum(sides) / len(sides)

    assert (longs(1), longs(0)) == (1, 0)
    assert 0.4 < longs(Decimal("0.5")) < 0.6


def test_the_mix_of_instruments_is_followed() -> None:
    """Half hold one, three in ten two, the rest three; each instrument is held by its share."""
    held = [len(account.positions) for account in accounts(accounts=2000)]
    assert all(abs(held.count(n) - share) < 5 * 22 for n, share in ((1, 1000), (2, 600), (3, 400)))
    each = [p.instrument for account in accounts(accounts=2000) for p in account.positions]
    assert all(abs(each.count(n) - len(each) / 3) < 5 * 30 for n in range(3))


def test_sizes_are_heavy_tailed() -> None:
    """The median is the one asked for, a hundredth holds more than a tenth of it all, none passes the most."""
    held = sorted(notional(account) for account in accounts(accounts=5000, instruments=[1]))
    assert abs(held[2500] / 5_000_000_000 - 1) < 0.1
    assert sum(held[-50:]) * 10 > sum(held)
    assert held[-1] <= 2_000_000 * 10**DECIMALS


@settings(max_examples=200)
@given(st.integers(0, 2**64 - 1), st.sampled_from(sorted(TABLES)))
def test_the_pareto_table_is_close_to_the_formula(bits: int, alpha: str) -> None:
    """(2u)^(-1 / alpha) within one part in 20,000."""
    exact = (Decimal(2 * (bits | 1)) / 2**64) ** (-1 / Decimal(alpha))
    drawn = Decimal(TABLES[alpha].quantile(bits)) / QUANTILE_ONE
    assert abs(drawn / exact - 1) < Decimal("0.00005") + Decimal(2) / QUANTILE_ONE / exact


def test_the_hash_is_of_the_settings() -> None:
    """Other settings, another population by content; another way of writing them, the same."""
    assert population().sha256 == population(median_notional=Decimal("5000.0")).sha256 != population(accounts=9).sha256
    assert population().layout == "seeded population"


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"accounts": 0}, "accounts must lie between 1"),
        ({"median_notional": 0}, "median_notional must lie above 0"),
        ({"median_notional": 3_000_000}, "up to max_notional"),
        ({"max_notional": Decimal("Infinity")}, "max_notional must lie between 0"),
        ({"tail": Decimal("0.1")}, "tail must lie between 0.5 and 100"),
        ({"leverage": []}, "leverage needs at least one weight"),
        ({"leverage": [[10, 0]]}, "leverage needs at least one weight"),
        ({"leverage": [[0, 1]]}, r"leverage\[0\] must lie between 0.01 and 1000"),
        ({"leverage": [[10, -1]]}, r"leverage\[0\]: the weight must lie between 0"),
        ({"leverage_spread": 1}, "leverage_spread must lie between 0 and 0.9"),
        ({"long_share": Decimal("1.1")}, "long_share must lie between 0 and 1"),
        ({"entry_spread": 1}, "entry_spread must lie between 0 and 0.9"),
        ({"instruments": []}, "instruments needs at least one weight"),
        ({"acounts": 3}, "unknown field `acounts`"),
    ],
)
def test_senseless_settings_are_refused(changes: dict[str, object], what: str) -> None:
    """The error says which setting and what it must be."""
    with pytest.raises(msgspec.ValidationError, match=what):
        population(**changes)


def test_more_instruments_than_the_scenario_has_are_refused() -> None:
    """Weights for holding three of two instruments make no sense."""
    with pytest.raises(
        ScenarioError, match=r"\$.population.instruments: weights for holding up to 3, but the scenario lists 2"
    ):
        list(population().accounts(MARKETS[:2], DECIMALS, 1))


def test_an_account_that_could_overflow_is_refused() -> None:
    """A notional that 64 bits cannot hold with room to move is an error."""
    with pytest.raises(ScenarioError, match=r"passes 2\^63 - 1 atoms; use a lower max_notional or fewer decimals"):
        list(population(median_notional=9 * 10**12, max_notional=9 * 10**12).accounts(MARKETS, DECIMALS, 1))


def test_a_notional_that_is_no_whole_number_of_atoms_names_its_key() -> None:
    """The median must be payable in the settlement asset."""
    with pytest.raises(ScenarioError, match=r"\$.population.median_notional: 0.0000001 is not a whole number"):
        list(population(median_notional=Decimal("0.0000001")).accounts(MARKETS, DECIMALS, 1))
