"""Made-up accounts and markets of every size, from one atom to more than C can hold, and what Python says of them."""

from __future__ import annotations

from random import Random
from types import SimpleNamespace
from typing import Any

from deleverage.core import native
from deleverage.events.bodies.liquidation import LiquidationStarted
from deleverage.events.bodies.listing import Tier
from deleverage.events.bodies.margin import MarginCalled, MarginCallMet
from deleverage.events.ledger import Account, Position
from deleverage.events.ledger.conversion import Conversion
from deleverage.events.ledger.market import Market, market_of
from deleverage.events.vocabulary import Body
from deleverage.handlers.margin_monitor import LevelledMonitor, LevelParameters, MarginMonitor, MarginParameters
from deleverage.handlers.ranges import RangeIndex
from deleverage.handlers.safe_ranges import SafeRanges, tightest
from deleverage.handlers.valuation import BPS, Margin, _margin_alone, slack

from .venue import listed, tiers_of

__all__ = ["check_ends", "check_looks", "check_margin", "check_moves", "some_account", "some_markets", "two_monitors"]

_INSTRUMENTS = 4
_LEVELS = (BPS, 11_000, 12_500, 15_000, 17_500)
_END_MOST = 1 << 94
_UNPRICED = Conversion(1, 0, 0, 1, 1)


def some_number(random: Random, bits_most: int) -> int:
    """A whole number of 0 to so many bits, above nought or below."""
    number = random.getrandbits(random.randint(0, bits_most))
    return -number if random.random() < 0.5 else number


def some_markets(random: Random, bits_most: int, *, joined: bool = False) -> list[Market]:
    """Linear and inverse instruments, most of them marked, with one tier to four, of which some do not join."""
    markets = []
    for _ in range(_INSTRUMENTS):
        floors = sorted({0, *(random.getrandbits(random.randint(1, bits_most)) for _ in range(random.randint(0, 3)))})
        rates = sorted(random.randint(0, random.choice((50_000, 10**6))) for _ in floors)
        tiers = tiers_of(*zip(floors, rates, strict=True))
        if not joined and random.random() < 0.1:
            tiers = tuple(Tier(one.floor_atoms, one.rate_ppm, abs(some_number(random, 40))) for one in tiers)
        kind, multiplier = random.choice(("linear", "inverse")), 1 + random.getrandbits(random.randint(1, bits_most))
        listing = listed(
            tiers=tiers, kind=kind, multiplier_atoms=multiplier if kind == "inverse" else 1 + multiplier % 64
        )
        market = market_of(listing)
        market.mark_ticks = max(int(random.random() > 0.02), random.getrandbits(random.randint(1, bits_most // 2)))
        market.cumulative_funding_nanoatoms = some_number(random, bits_most) if random.random() < 0.5 else 0
        markets.append(market)
    return markets


def some_account(random: Random, markets: list[Market], bits_most: int) -> Account:
    """Healthy, called or in liquidation, with none to all of the instruments, often near a level."""
    account = Account(random.randrange(50), "user", "cross", 0, None, None, some_number(random, bits_most), {})
    account.status = random.choice(("healthy", "healthy", "called", "called", "liquidating"))
    account.called_bps = random.choice(_LEVELS) if account.status == "called" else 0
    for instrument in random.sample(range(len(markets)), random.randint(0, len(markets))):
        lots = some_number(random, bits_most // 2) or 1
        cost, funding = some_number(random, bits_most), some_number(random, bits_most) if random.random() < 0.3 else 0
        account.positions[instrument, 0] = Position(lots, cost, funding)
    if random.random() < 0.02:
        account.positions[0, random.choice((1, 2))] = Position(5, 5, 0)
    if random.random() < 0.02:
        account.coins = {1: 5}
    if random.random() < 0.7:
        _bring_near(random, account, markets)
    return account


def _bring_near(random: Random, account: Account, markets: list[Market]) -> None:
    """Give it, or take from it, what puts it near a level: as much as a part of the requirement, or an atom or two."""
    margin = _margin_alone(account, markets)
    level = random.choice(_LEVELS) * margin.requirement_microatoms
    spare = random.choice((random.randint(-2, 2), some_number(random, max(1, margin.requirement_atoms.bit_length()))))
    account.balance_atoms += -margin.equity_atoms + level // (BPS * 10**6) + spare


def check_margin(account: Account, markets: list[Market]) -> bool:
    """Whether C told the margin: if so it is that of Python."""
    told = native.margin_of(account, markets)
    if told is None:
        return False
    assert not account.coins
    assert Margin(*told) == _margin_alone(account, markets)
    return True


def check_ends(random: Random, account: Account, markets: list[Market]) -> bool:
    """Whether C armed the account: if so its ends are those of Python, above one level, below another or both."""
    if account.coins:
        return False
    margin, ledger = _margin_alone(account, markets), _ledger(markets)
    level = random.choice(_LEVELS)
    above_bps = level if slack(margin, level) >= 0 else 0
    further = random.choice(_LEVELS)
    below_bps = further if slack(margin, further) < 0 else 0
    index = native.RangeIndex()
    index.grow(len(markets))
    pace: Any = SimpleNamespace(weights=random.choice(([], [random.randint(1, 8) for _ in markets])))
    if not index.arm_between(account, markets, pace.weights, above_bps, below_bps):
        return False
    ends = SafeRanges(above_bps, pace).above(account, ledger, margin) if above_bps else {}
    if below_bps:
        ends = tightest(ends, SafeRanges(below_bps, pace).below(account, ledger, margin))
    assert _armed(index, account.account, markets) == _clamped(ends)
    return True


def check_looks(random: Random, accounts: list[Account], markets: list[Market], monitors: list[MarginMonitor]) -> None:
    """A look of a monitor with C and one without: the same verdicts of the same margins, and the same ends."""
    ledger = _ledger(markets, accounts)
    due = {account.account for account in accounts if random.random() < 0.8}
    found = []
    for monitor in monitors:
        monitor.due.update(due)
        for number in due:
            monitor.index.doubt(number)
        found.append([(one.account, margin, verdict) for one, margin, verdict in monitor._tested(ledger)])
    assert found[0] == found[1]
    assert monitors[0].due == monitors[1].due
    assert monitors[0].looks == monitors[1].looks
    monitors[0].due.clear()
    monitors[1].due.clear()
    (core, plain) = (monitor.index for monitor in monitors)
    for account in accounts:
        number = account.account
        assert _armed(core, number, markets) == _clamped(_armed(plain, number, markets))
    assert len(core) == len(plain)
    assert core.floor_ticks == [_clamp(end) for end in plain.floor_ticks]
    assert core.ceiling_ticks == [_clamp(end) for end in plain.ceiling_ticks]


def check_moves(random: Random, accounts: list[Account], markets: list[Market], monitor: MarginMonitor) -> int:
    """Marks and funding wander, and whoever meets a test is found, however his ends were moved.

    How many were due, and not looked at.
    """
    ledger, spared = _ledger(markets, accounts), 0
    monitor.due.update(account.account for account in accounts)
    for one in range(30):
        monitor.looks, due = 0, len(monitor.due)
        found = {account.account: verdict for account, _, verdict in monitor._tested(ledger)}
        spared += due - monitor.looks if one else 0
        for account in accounts:
            if not all(markets[instrument].mark_ticks for instrument, _ in account.positions):
                assert account.account in monitor.due  # until there is a mark of all that it holds
                continue
            margin = _margin_alone(account, markets)
            verdict = _said(account, margin, monitor) if account.status in ("healthy", "called") else None
            if verdict is not None:
                assert found[account.account] is verdict
                account.status = "liquidating"
        moved = random.choice((3, 30, 300))
        for number, market in enumerate(markets):
            market.mark_ticks = max(1, market.mark_ticks * (1000 + random.randint(-moved, moved)) // 1000)
            monitor.due.update(monitor.index.crossed_by_mark(number, market.mark_ticks))
            market.cumulative_funding_nanoatoms += some_number(random, 20)
            monitor.due.update(monitor.index.crossed_by_funding(number, market.cumulative_funding_nanoatoms))
    return spared


def _said(account: Account, margin: Margin, monitor: MarginMonitor) -> type[Body] | None:
    """What is to be said of an account, by its levels alone."""
    if slack(margin, BPS) < 0:
        return LiquidationStarted
    if account.status == "called" and slack(margin, monitor.recovery_bps) >= 0:
        return MarginCallMet
    level_bps = monitor.calls_bps[0] if account.status == "healthy" else monitor._next_bps(account.called_bps)
    return MarginCalled if slack(margin, level_bps) < 0 else None


def two_monitors(random: Random, markets: list[Market]) -> list[MarginMonitor]:
    """One with the index of the core, and one with the plain index."""
    levels = random.choice((None, (15_000, 12_500, 11_000)))
    monitors = []
    for index in (native.RangeIndex(), RangeIndex()):
        monitor = LevelledMonitor(LevelParameters(levels)) if levels else MarginMonitor(MarginParameters())
        index.grow(len(markets))
        monitor.index = index
        monitors.append(monitor)
    return monitors


def _ledger(markets: list[Market], accounts: list[Account] | None = None) -> Any:
    """What is read of a ledger."""
    by_number = {one.account: one for one in accounts or ()}
    nobody = Account(0, "user", "cross", 0, None, None, 0, {})
    numbers = range(max(by_number, default=-1) + 1)
    listed_accounts = [by_number.get(number, nobody) for number in numbers]
    return SimpleNamespace(markets=markets, accounts=listed_accounts, options={}, conversions=[None, _UNPRICED])


def _armed(index: Any, account: int, markets: list[Market]) -> dict[int, int]:
    ends = {slot: index.end_of(account, slot) for slot in range(4 * len(markets))}
    return {slot: end for slot, end in ends.items() if end is not None}


def _clamp(end: int) -> int:
    return end if abs(end) == 1 << 200 else max(-_END_MOST, min(_END_MOST, end))


def _clamped(ends: dict[int, int]) -> dict[int, int]:
    return {slot: _clamp(end) for slot, end in ends.items()}
