"""The figures of early warning, each against a plain way of working it out."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from itertools import pairwise
from math import sqrt

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deleverage.events.ledger import Ledger
from deleverage.handlers.depth import eaten_lots, reach_millibps
from deleverage.handlers.valuation import BPS, MICRO, margin_of
from deleverage.replay.watch.census import MOVE_BPS_MOST, Census, Moved, Trader
from deleverage.replay.watch.levels import LIMITS, signs_of
from deleverage.replay.watch.moves import LONG_READINGS, SHORT_READINGS, Moves
from deleverage.replay.watch.stress import MATERIAL_BPS, STEP_BPS, stress_of
from deleverage.replay.watch.warning import LEVEL_BPS, MAP_BPS_MOST, NEAR_BPS, warning_of
from deleverage.replay.watch.watcher import RunWatcher

from .support.watching import events_of, state_of

WORLDS = ("crash", "living")
POINTS = st.integers(0, 99)


def ends(ledger: Ledger, trader: Trader, move_bps: int) -> bool:
    """Whether a common move liquidates an account, by its margin at those marks."""
    account = ledger.accounts[trader.account]
    markets = Moved(ledger).markets([instrument for instrument, _ in account.positions], move_bps)
    margin = margin_of(account, ledger, markets)
    return (
        account.status not in ("healthy", "called") or margin.collateral_atoms * MICRO < margin.requirement_microatoms
    )


@settings(max_examples=12)
@given(st.sampled_from((*WORLDS, "inverse")), POINTS, st.integers(0, MOVE_BPS_MOST))
def test_a_trader_falls_due_at_the_first_move_that_ends_it(world: str, hundredths: int, move_bps: int) -> None:
    """At the move it ends, one basis point before it does not; and at any other by the side on which that lies."""
    ledger = state_of(world, hundredths)
    for trader in Census().traders(ledger):
        for sign, due_bps in zip((-1, 1), trader.due_bps, strict=True):
            if due_bps == 0:
                assert ends(ledger, trader, 0)
                continue
            if due_bps is not None:
                assert ends(ledger, trader, sign * due_bps)
                assert not ends(ledger, trader, sign * (due_bps - 1))
            assert ends(ledger, trader, sign * move_bps) == (due_bps is not None and move_bps >= due_bps)


def swept(ledger: Ledger, traders: list[Trader], interest: dict[int, int], sign: int) -> int | None:
    """The stress vector by trying every step, each cascade account by account."""
    place, whole = (0 if sign < 0 else 1), sum(interest.values())
    for move_bps in range(0, MOVE_BPS_MOST + 1, STEP_BPS):
        reached, forced, totals = move_bps, set[int](), list[int]()
        while True:
            due = {one.account for one in traders if (at := one.due_bps[place]) is not None and at <= reached} - forced
            if not due:
                break
            forced |= due
            held = [one for one in traders if one.account in forced]
            totals.append(sum(one.notional_atoms for one in held))
            reached = max(reached, move_bps + pushed(ledger, held, interest, sign))
        ratios = [Fraction(after - totals[0], before) for before, after in pairwise(totals)]
        if totals and totals[-1] * BPS >= whole * MATERIAL_BPS and max(ratios, default=0) > 1:
            return move_bps
    return None


def pushed(ledger: Ledger, held: list[Trader], interest: dict[int, int], sign: int) -> int:
    """How far what these hold moves all prices on the whole, in basis points."""
    moved = 0
    for instrument, atoms in interest.items():
        market = ledger.markets[instrument]
        lots = sum(max(-sign * one.lots.get(instrument, 0), 0) for one in held)
        bands = market.bids if sign < 0 else market.asks
        eaten = eaten_lots(market, selling=sign < 0, now_ns=ledger.at_ns)
        reach = reach_millibps(bands, eaten + lots) - reach_millibps(bands, eaten)
        moved += atoms * (reach * market.listing.impact_bps // BPS)
    return moved // (sum(interest.values()) * 1000)


@pytest.mark.parametrize("world", WORLDS)
def test_the_stress_vector_is_the_first_step_of_a_sweep(world: str) -> None:
    """Bisection on what is forced finds what trying every step finds; and somewhere there is one."""
    found = []
    for hundredths in (1, 8, 20, 40, 70):
        ledger = state_of(world, hundredths)
        traders = Census().traders(ledger)
        interest = {one.instrument: one.interest_atoms for one in warning_of(ledger).instruments}
        vector = stress_of(traders, ledger, interest)
        assert vector.falls_bps == swept(ledger, traders, interest, -1)
        assert vector.rises_bps == swept(ledger, traders, interest, 1)
        found.append(vector.nearest_bps)
    assert any(found)


@settings(max_examples=12)
@given(st.sampled_from(WORLDS), st.integers(3, 90), POINTS)
def test_what_is_kept_between_readings_changes_none_of_them(world: str, every_s: int, hundredths: int) -> None:
    """A reading of a watcher that has seen all before is the reading from scratch of the same events."""
    events = events_of(world)
    watcher = RunWatcher(every_s * 10**9)
    stop = max(1, len(events) * hundredths // 100)
    for event in events[:stop]:
        reading = watcher.take(event)
        if reading is not None:
            assert reading.warning == warning_of(Ledger.of(events[: event.seq]))
    assert watcher.reading().warning == warning_of(Ledger.of(events[:stop]))


@pytest.mark.parametrize("world", WORLDS)
def test_the_figures_of_an_instrument_are_sums_over_its_holders(world: str) -> None:
    """Open interest, what is near, Herfindahl's index and the map, each summed account by account."""
    ledger = state_of(world, 15)
    traders = Census().traders(ledger)
    for one in warning_of(ledger).instruments:
        market = ledger.markets[one.instrument]
        longs = sum(
            p.size_lots
            for a in ledger.accounts
            for k, p in a.positions.items()
            if k[0] == one.instrument and p.size_lots > 0
        )
        assert one.interest_atoms == market.payoff.value_atoms(longs, market.mark_ticks)
        holders = [trader for trader in traders if one.instrument in trader.lots]
        sizes = [abs(trader.lots[one.instrument]) for trader in holders]
        assert one.concentration_ppm == int(sum(Fraction(size, sum(sizes)) ** 2 for size in sizes) * 10**6)
        near, map_atoms = 0, Counter[int]()
        for trader in holders:
            distances = [
                Fraction(ticks, market.mark_ticks) - 1 for ticks in trader.prices[one.instrument] if ticks is not None
            ]
            near += trader.notionals_atoms[one.instrument] * any(abs(d) * BPS <= NEAR_BPS for d in distances)
            map_atoms.update({place(d): trader.notionals_atoms[one.instrument] for d in distances if d})
        assert one.near_atoms == near
        for level in one.levels:
            assert level.due_atoms == map_atoms[level.far_bps]
        assert len(one.levels) == 2 * MAP_BPS_MOST // LEVEL_BPS


def place(distance: Fraction) -> int:
    """The far end of the level of a distance from the mark, signed."""
    levels = -(-abs(distance) * BPS // LEVEL_BPS)
    return int(levels * LEVEL_BPS) * (1 if distance > 0 else -1)


@given(st.lists(st.tuples(*[st.integers(900, 1100)] * 3), min_size=2, max_size=2 * LONG_READINGS))
def test_correlation_and_volatility_are_those_of_floating_point(marks: list[tuple[int, int, int]]) -> None:
    """To a few millionths, over the short window."""
    moves = Moves()
    for row in marks:
        moves.add(row)
    found, rows = moves.movement(), marks[-SHORT_READINGS - 1 :]
    returns = [[(b[i] - a[i]) / a[i] for a, b in pairwise(rows)] for i in range(3)]
    for instrument, column in enumerate(returns):
        assert found.volatility_ppm[instrument] == pytest.approx(1e6 * sqrt(sum(r * r for r in column)), abs=2)
    moving = [column for column in returns if any(column)]
    pairs = [(one, other) for place, one in enumerate(moving) for other in moving[place + 1 :]]
    if not pairs:
        assert found.correlation_ppm is None
        return
    alike = [sum(a * b for a, b in zip(one, other, strict=True)) for one, other in pairs]
    norms = [sqrt(sum(a * a for a in one) * sum(b * b for b in other)) for one, other in pairs]
    mean = sum(a / n for a, n in zip(alike, norms, strict=True)) / len(pairs)
    assert found.correlation_ppm == pytest.approx(1e6 * mean, abs=3)


def test_a_figure_is_as_loud_as_its_limits_say() -> None:
    """At a limit it is that loud already; what falls is loud where it is small; what cannot be told is calm."""
    stress, fund, largest = LIMITS["stress"], LIMITS["fund"], LIMITS["largest"]
    assert [stress.level(bps) for bps in (801, 800, 301, 300, 0)] == ["calm", "raised", "raised", "high", "high"]
    assert [largest.level(Fraction(n, 2)) for n in (1, 2, 5, 6)] == ["calm", "raised", "raised", "high"]
    assert fund.level(Fraction(1, 5)) == "high"
    assert {one.level(None) for one in LIMITS.values()} == {"calm"}


@pytest.mark.parametrize(
    ("near", "depth", "level"),
    [(0, 0, "calm"), (1, 0, "high"), (9, 10, "calm"), (10, 10, "raised"), (29, 10, "raised"), (30, 10, "high")],
)
def test_what_is_due_is_loud_by_the_depth_that_is_there(near: int, depth: int, level: str) -> None:
    """From as much as the depth on, from three times as much, and where there is none at all."""
    watcher = RunWatcher(10**10)
    watcher.ledger = state_of("living", 30)
    reading = watcher.reading()
    one, *others = reading.warning.instruments
    told = one._replace(near_atoms=near, bids_atoms=depth, asks_atoms=0)
    changed = reading._replace(warning=reading.warning._replace(instruments=(told, *others)))
    assert next(sign.level for sign in signs_of(changed) if (sign.name, sign.of) == ("overhang", 0)) == level
