"""What a market that makes its own price came to: for a person to read, and as plain data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import chain
from typing import Any

import msgspec

from ...events.bodies.listing import InstrumentListed
from ..figures import count, duration, percent, rounded_money, size
from ..runner import RunResult
from ..units import divide_half_even, format_time_ns
from .liquidity import NEAR_BPS, DepthPath
from .market import LivingMarket
from .swings import RECOVERED_SHARE, Swing

__all__ = ["living_document", "living_parts"]

Document = dict[str, Any]
Rows = Iterator[tuple[str, str]]

_THOUSANDTHS = 1000


def living_parts(result: RunResult) -> Iterator[tuple[Rows, list[int]]]:
    """Lines of the summary, and what is drawn under them; none for a market that does not make its own price."""
    living = result.summary.living
    if living is None:
        return
    for number, listing in enumerate(result.scenario.instruments):
        if number in living.swings.prices:
            yield _fall(living, number, listing), []
    for number, path in sorted(living.liquidity.paths.items()):
        bids = [side[0] for side in path.minutes]
        yield _depth_left(path, result.scenario.instruments[number]), bids if len(bids) > 1 else []
    yield chain(_makers(result, living), _cascade(living), _contagion(living)), []


def _depth_left(path: DepthPath, listing: InstrumentListed) -> Rows:
    """The bids: they are what a fall uses up."""
    start, least = (size(side[0], listing) for side in (path.start, path.least))
    near = percent(NEAR_BPS, 10_000)[1:]
    yield "depth", f"{listing.name} within {near} of the book: {start} bid at the start, {least} at the least"


def _makers(result: RunResult, living: LivingMarket) -> Rows:
    """How long makers were away, and what traders' own orders came to."""
    away_ns, all_ns = living.liquidity.away(result.end_ns)
    if all_ns:
        yield "makers", f"away for {_share(away_ns, all_ns)} of the time"
    yield "own orders", ", ".join(_volumes(result, living)) or "none filled"


def _fall(living: LivingMarket, number: int, listing: InstrumentListed) -> Rows:
    """How far, over how far without feedback, and how soon half of it was made good."""
    price, without = living.swings.prices[number], living.swings.without[number]
    fell, outside = (percent(-one.fallen_ticks, one.first_ticks) for one in (price, without))
    times = living.swings.amplification(number)
    amplified = "" if times is None else f", amplified {_decimal(*times, 100)} times"
    yield "fell", f"{listing.name} {fell}, {outside} without feedback{amplified}"
    if not price.fallen_ticks:
        return
    if price.recovered_at_ns is None or price.recovery_ns is None:
        yield "", "half of that was not made good by the end"
    else:
        yield "", f"half of that made good {duration(price.recovery_ns)} after the low"


def _volumes(result: RunResult, living: LivingMarket) -> list[str]:
    """What own orders traded for, by purpose."""
    asset = result.scenario.assets[0]
    return [
        f"{purpose.replace('_', ' ')} {rounded_money(atoms, asset)}"
        for purpose, atoms in sorted(living.own_orders.traded_atoms.items())
    ]


def _cascade(living: LivingMarket) -> Rows:
    found = living.cascade
    if not found.liquidations:
        return
    ratio = _decimal(found.forced_by_forced, found.liquidations, _THOUSANDTHS)
    whole = count(found.liquidations, "liquidation")
    yield "cascade", f"{found.forced_by_forced:,} of {whole} forced by forced orders: a branching ratio of {ratio}"
    generations = count(len(found.by_generation), "generation")
    yield "", f"{generations}; in the largest cascade {found.largest:,} within {duration(found.length_ns)}"


def _contagion(living: LivingMarket) -> Rows:
    """Of each venue, how many of its liquidations came from elsewhere: what is told of it stands in `contagion.py`."""
    for number, one in enumerate(living.contagion):
        title = "" if number else "contagion"
        whole = count(one.liquidations, "liquidation")
        yield title, f"{one.venue}: {one.from_elsewhere:,} of {whole} by what forced orders elsewhere did to its index"
        yield "", f"{one.with_carried:,} with what arbitrage and hedges carried there"


def _share(part: int, whole: int) -> str:
    return percent(part, whole)[1:]


def _decimal(numerator: int, denominator: int, scale: int) -> str:
    """A quotient with two decimals, or three, rounded half to even."""
    digits = len(str(scale)) - 1
    rounded = divide_half_even(numerator * scale, denominator)
    return f"{rounded // scale:,}.{rounded % scale:0{digits}d}"


def living_document(result: RunResult, living: LivingMarket) -> Document:
    """The same as plain data, nothing rounded: ratios as numerator and denominator."""
    away_ns, all_ns = living.liquidity.away(result.end_ns)
    cascade = living.cascade
    return {
        "instruments": [
            _instrument(living, number, listing)
            for number, listing in enumerate(result.scenario.instruments)
            if number in living.swings.prices
        ],
        "makers": {"away_ns": away_ns, "quoting_or_away_ns": all_ns},
        "cascade": {
            "liquidations": cascade.liquidations,
            "forced_by_forced": cascade.forced_by_forced,
            "by_generation": list(cascade.by_generation),
            "largest": cascade.largest,
            "length_ns": cascade.length_ns,
        },
        "contagion": [msgspec.to_builtins(one) for one in living.contagion],
    }


def _instrument(living: LivingMarket, number: int, listing: InstrumentListed) -> Document:
    times = living.swings.amplification(number)
    return {
        "instrument": number,
        "name": listing.name,
        "price": _swing(living.swings.prices[number]),
        "without_feedback": _swing(living.swings.without[number]),
        "amplification": None if times is None else {"numerator": times[0], "denominator": times[1]},
        "recovered_share": list(RECOVERED_SHARE),
        "depth": _depth(living.liquidity.paths.get(number)),
        "own_orders_atoms": dict(sorted(living.own_orders.volumes_atoms.get(number, Counter()).items())),
    }


def _swing(one: Swing) -> Document:
    return {
        "first_ticks": one.first_ticks,
        "low_ticks": one.low_ticks,
        "low_at_ns": one.low_at_ns,
        "low_at": format_time_ns(one.low_at_ns),
        "recovered_at_ns": one.recovered_at_ns,
        "recovery_ns": one.recovery_ns,
    }


def _depth(path: DepthPath | None) -> Document | None:
    """In lots; `minutes` has the least in each, bids first."""
    if path is None:
        return None
    return {
        "within_bps": NEAR_BPS,
        "bid_lots_at_the_start": path.start[0],
        "ask_lots_at_the_start": path.start[1],
        "bid_lots_least": path.least[0],
        "ask_lots_least": path.least[1],
        "minutes": [list(side) for side in path.minutes],
    }
