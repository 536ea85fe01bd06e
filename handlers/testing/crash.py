"""A small venue and a crash made for it: enough for every slot to be asked, the same every time.

Eighty traders hold two instruments, long and short, on leverage from 2 to 25. Prices fall by half, then more than
double; depth is thin, and the fund is empty. So there are calls, liquidations, takeovers, rounds on both sides, losses
to share, halts and funding. With a coin every other trader has that as its collateral, and owes a little; it is sold in
a spot market of its own, which falls and rises with the others.
"""

from __future__ import annotations

from collections.abc import Iterator

from ...events.bodies.collateral import CoinStated, ConversionSet
from ...events.bodies.inputs import BalanceStated, DepthQuoted, PositionStated, PriceTicked
from ...events.bodies.listing import AccountKind, AccountOpened, AssetListed, InstrumentKind, InstrumentListed, Tier
from ...events.bodies.run import Producer, RunStarted
from ...events.vocabulary import SCHEMA, Body
from ..draws import draw_below
from ..pseudonyms import commitment, run_key

__all__ = ["SEED", "opening", "ticks"]

SEED = 20251010
SECOND_NS = 10**9

_VENUE_ACCOUNTS: tuple[AccountKind, ...] = ("outside", "liquidity", "insurance", "fees")
_COIN_ACCOUNTS: tuple[AccountKind, ...] = ("outside", "liquidity")
_TRADERS = 80
_CAPITAL = 100_000
_OPEN_TICKS = (10_000, 500)
_COIN, _COIN_TICKS, _COIN_DEBT = 1, 100, 200
_TIERS = (Tier(0, 50_000, 0), Tier(200_000, 100_000, 200_000 * 50_000))
_LEVERAGES = (2, 3, 5, 10, 25)
_TICK_NS = 20 * SECOND_NS
_STEPS = (
    *(-10,) * 2, *(-40,) * 12, *(10,) * 3, *(90,) * 12, *(-20,) * 3,
)  # fmt: skip
"""The path in thousandths of the price at each tick."""


def opening(producers: tuple[Producer, ...], actors: tuple[str, ...] = (), *, coin: bool = False) -> Iterator[Body]:
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
        yield _instrument(number, f"I{number}", "linear", _TIERS)
    if coin:
        spot = len(_OPEN_TICKS)
        yield AssetListed(_COIN, "COIN", 0)
        yield _instrument(spot, "COIN-USD", "spot", ())
        yield ConversionSet(_COIN, 0, spot, 1, 1)
    for number, kind in enumerate(_VENUE_ACCOUNTS):
        yield AccountOpened(number, kind, "none", kind, "cross", 0)
    yield BalanceStated(_VENUE_ACCOUNTS.index("insurance"), 20_000)
    first = len(_VENUE_ACCOUNTS)
    if coin:
        for number, kind in enumerate(_COIN_ACCOUNTS, first):
            yield AccountOpened(number, f"{kind}:COIN", "none", kind, "cross", _COIN)
        first += len(_COIN_ACCOUNTS)
    for trader in range(_TRADERS):
        yield from _trader(first + trader, coin=coin and trader % 2 == 1)
    for number, name in enumerate(actors, first + _TRADERS):
        yield AccountOpened(number, name, "none", "user", "cross", 0)
        yield BalanceStated(number, _CAPITAL)


def _instrument(number: int, name: str, kind: InstrumentKind, tiers: tuple[Tier, ...]) -> InstrumentListed:
    return InstrumentListed(
        instrument=number,
        name=name,
        venue="none",
        kind=kind,
        asset=0,
        tick_size="1",
        lot_size="1",
        multiplier_atoms=1,
        tiers=tiers,
        refill_half_life_ns=30 * SECOND_NS,
        impact_bps=5_000,
    )


def _trader(number: int, *, coin: bool) -> Iterator[Body]:
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
    capital = notional // leverage + 1
    yield BalanceStated(number, -_COIN_DEBT if coin else capital)
    if coin:
        yield CoinStated(number, _COIN, (capital + _COIN_DEBT) // _COIN_TICKS + 1)
    yield from held


def ticks(*, coin: bool = False) -> Iterator[tuple[int, Body]]:
    """Depth, then the path: (time, input)."""
    prices = [*_OPEN_TICKS, *([_COIN_TICKS] if coin else [])]
    for instrument, open_ticks in enumerate(prices):
        lots = 200_000 // open_ticks
        bands = ((10, lots // 10 + 1), (100, lots), (500, 3 * lots))
        yield SECOND_NS, DepthQuoted(instrument, bands, bands)
    yield SECOND_NS, PriceTicked(tuple(enumerate(prices)))
    for number, thousandths in enumerate(_STEPS, 1):
        prices = [price + price * thousandths // 1_000 for price in prices]
        yield SECOND_NS + number * _TICK_NS, PriceTicked(tuple(enumerate(prices)))


def _drawn(number: int, purpose: str, bound: int) -> int:
    return draw_below(SEED, number, purpose, 0, bound)
