"""A small venue and a crash made for it: enough for every slot to be asked, the same every time.

Eighty traders hold two instruments, long and short, on leverage from 2 to 25. Prices fall by half, then more than
double; depth is thin, and the fund is empty. So there are calls, liquidations, takeovers, rounds on both sides, losses
to share, halts and funding.
"""

from __future__ import annotations

from collections.abc import Iterator

from ...events.bodies.inputs import BalanceStated, DepthQuoted, PositionStated, PriceTicked
from ...events.bodies.listing import AccountKind, AccountOpened, AssetListed, InstrumentListed, Tier
from ...events.bodies.run import Producer, RunStarted
from ...events.vocabulary import SCHEMA, Body
from ..draws import draw_below
from ..pseudonyms import commitment, run_key

__all__ = ["SEED", "opening", "ticks"]

SEED = 20251010
SECOND_NS = 10**9

_VENUE_ACCOUNTS: tuple[AccountKind, ...] = ("outside", "liquidity", "insurance", "fees")
_TRADERS = 80
_CAPITAL = 100_000
_OPEN_TICKS = (10_000, 500)
_TIERS = (Tier(0, 50_000, 0), Tier(200_000, 100_000, 200_000 * 50_000))
_LEVERAGES = (2, 3, 5, 10, 25)
_TICK_NS = 20 * SECOND_NS
_STEPS = (
    *(-10,) * 2, *(-40,) * 12, *(10,) * 3, *(90,) * 12, *(-20,) * 3,
)  # fmt: skip
"""The path in thousandths of the price at each tick."""


def opening(producers: tuple[Producer, ...], actors: tuple[str, ...] = ()) -> Iterator[Body]:
    """What there is before the first price; each of the actors has money and no position."""
    yield RunStarted(
        schema=SCHEMA,
        scenario="conformance",
        scenario_sha256=b"",
        rulebook="none",
        rulebook_sha256=b"",
        producers=producers,
        seed=SEED,
        run_key_commitment=commitment(run_key(SEED)),
        prices="endogenous",
    )
    yield AssetListed(0, "USD", 0)
    for number in range(len(_OPEN_TICKS)):
        yield InstrumentListed(
            instrument=number,
            name=f"I{number}",
            venue="none",
            kind="linear",
            asset=0,
            tick_size="1",
            lot_size="1",
            multiplier_atoms=1,
            tiers=_TIERS,
            refill_half_life_ns=30 * SECOND_NS,
            impact_bps=5_000,
        )
    for number, kind in enumerate(_VENUE_ACCOUNTS):
        yield AccountOpened(number, kind, "none", kind, "cross", 0)
    yield BalanceStated(_VENUE_ACCOUNTS.index("insurance"), 20_000)
    for trader in range(_TRADERS):
        yield from _trader(len(_VENUE_ACCOUNTS) + trader)
    for number, name in enumerate(actors, len(_VENUE_ACCOUNTS) + _TRADERS):
        yield AccountOpened(number, name, "none", "user", "cross", 0)
        yield BalanceStated(number, _CAPITAL)


def _trader(number: int) -> Iterator[Body]:
    """An account with one position or two."""
    yield AccountOpened(number, f"trader {number}", "none", "user", "cross", 0)
    leverage, notional, held = _LEVERAGES[_drawn(number, "leverage", len(_LEVERAGES))], 0, []
    for instrument, open_ticks in enumerate(_OPEN_TICKS):
        if instrument and _drawn(number, "second", 3):
            continue
        side = 1 if _drawn(number, f"side {instrument}", 2) else -1
        lots = side * (1 + _drawn(number, f"lots {instrument}", 400_000) // open_ticks)
        cost = lots * (open_ticks + _drawn(number, f"entry {instrument}", open_ticks // 50))
        notional += abs(cost)
        held.append(PositionStated(number, instrument, 0, lots, cost))
    yield BalanceStated(number, notional // leverage + 1)
    yield from held


def ticks() -> Iterator[tuple[int, Body]]:
    """Depth, then the path: (time, input)."""
    for instrument in range(len(_OPEN_TICKS)):
        lots = 200_000 // _OPEN_TICKS[instrument]
        bands = ((10, lots // 10 + 1), (100, lots), (500, 3 * lots))
        yield SECOND_NS, DepthQuoted(instrument, bands, bands)
    prices = list(_OPEN_TICKS)
    yield SECOND_NS, PriceTicked(tuple(enumerate(prices)))
    for number, thousandths in enumerate(_STEPS, 1):
        prices = [price + price * thousandths // 1_000 for price in prices]
        yield SECOND_NS + number * _TICK_NS, PriceTicked(tuple(enumerate(prices)))


def _drawn(number: int, purpose: str, bound: int) -> int:
    return draw_below(SEED, number, purpose, 0, bound)
