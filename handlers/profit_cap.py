"""A cap on traders' profits: who may be owed how large a part of the pool, and how far winners are reduced beyond it.

1. A side of an instrument is above the cap where its profit over the pool's value is strictly above the greatest
   factor; at the factor it is not. Profit is that of the side as a whole, losers counted, and longs and shorts are
   looked at apart: so the source has it (`MarketUtils.getPnl` is open interest at the price less what it cost, by
   market and side). There each market has a pool of its own with a part for each side; here there is one to an asset.
2. It is looked at whenever the instrument is marked or its funding accrues, in O(1): `pool.py` keeps the sums.
3. Above the cap, profitable positions are closed at the mark in the order of the ADL policy, each whole before the
   next, until profit over pool is at or below the least factor: the fewest lots of the last one that do. The profit
   that is paid leaves the pool, so both sides of the ratio fall. Nobody is bankrupt in such a round: a winner is paid
   in full, by outside liquidity, and loses only its position. The source's keepers may stop earlier, and must not go
   below the least factor; here one lot, which cannot be divided, may.
4. What has changed since the cap was found exceeded is looked at again before anybody is reduced.
5. Where funding, or an inverse contract, rounds, the end may be off by two atoms a reduction.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

import msgspec

from ..events.bodies.margin import FundingAccrued, MarkPriced
from ..events.bodies.waterfall import ProfitCapExceeded
from ..events.envelope import Event
from ..events.ledger import LedgerState
from ..events.ledger.postings import POSTINGS
from ..events.vocabulary import Body, accounts_named
from .policies.adl.gmx import is_enabled, profit_to_realise
from .policies.ranking import Ranked
from .pool import Pool
from .protocol import Handler, Product

__all__ = ["ProfitCap", "ProfitCapParameters", "to_realise_atoms", "winners_down"]

_PPM = 10**6


class ProfitCapParameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """On above `max_factor_ppm` of the pool, down to `min_factor_ppm`."""

    max_factor_ppm: int = 850_000
    min_factor_ppm: int = 770_000

    def __post_init__(self) -> None:
        """Reject min_factor > max_factor or min_factor >= 100%."""
        if not 0 <= self.min_factor_ppm <= self.max_factor_ppm or self.min_factor_ppm >= _PPM:
            message = "min_factor_ppm must be from 0 to 999999 and at most max_factor_ppm"
            raise ValueError(message)


class ProfitCap(Handler):
    """profit of a side / pool > max factor: winners are closed at the mark down to the min factor.

    The ADL slot makes the rounds. Source: gmx-io/gmx-synthetics, MarketUtils.isPnlFactorExceeded and
    AdlHandler.executeAdl; the defaults are baseMarketConfig of config/markets.ts.
    """

    name: ClassVar[str] = "profit_cap"
    policy: ClassVar[str] = "pool-profit"
    formula: ClassVar[str] = "profit of a side / pool > max_factor: winners closed at the mark down to min_factor"
    source: ClassVar[str] = "gmx-io/gmx-synthetics, MarketUtils.isPnlFactorExceeded, AdlHandler, config/markets.ts"
    subscribes: ClassVar[tuple[type[Body], ...]] = (MarkPriced, FundingAccrued)
    observes: ClassVar[tuple[type[Body], ...]] = tuple(POSTINGS)
    Parameters: ClassVar[type[msgspec.Struct]] = ProfitCapParameters

    def __init__(self, parameters: ProfitCapParameters) -> None:
        self.factors = parameters
        self._pool = Pool()

    def observe(self, event: Event, ledger: LedgerState) -> None:
        """Keep the sums."""
        self._pool.note(ledger, accounts_named(event.body))

    def prime(self, ledger: LedgerState, past: Iterable[Event]) -> None:
        """They follow from the ledger."""
        self._pool = Pool(ledger)

    def handle(self, event: Event, ledger: LedgerState, now_ns: int) -> Iterable[Product]:
        """Which sides of the instrument are above the cap, longs first."""
        body = event.body
        assert isinstance(body, MarkPriced | FundingAccrued)
        found = (self._exceeded(body.instrument, side, ledger) for side in (1, -1))
        return [exceeded for exceeded in found if exceeded is not None]

    def _exceeded(self, instrument: int, side: int, ledger: LedgerState) -> ProfitCapExceeded | None:
        market, factors = ledger.markets[instrument], self.factors
        lots, profit_atoms = (self._pool.open_lots(instrument, side), self._pool.profit_atoms(ledger, instrument, side))
        if not lots or not market.mark_ticks:
            return None
        pool_atoms = self._pool.value_atoms(ledger, market.listing.asset)
        if not is_enabled(profit_atoms, pool_atoms, factors.max_factor_ppm):
            return None
        return ProfitCapExceeded(
            instrument, lots, profit_atoms, pool_atoms, factors.max_factor_ppm, factors.min_factor_ppm
        )


def to_realise_atoms(cap: ProfitCapExceeded, pool: Pool, ledger: LedgerState) -> int:
    """How much profit winners must be paid as things stand now; 0 where the cap is kept again."""
    profit_atoms = pool.profit_atoms(ledger, cap.instrument, 1 if cap.open_lots > 0 else -1)
    pool_atoms = pool.value_atoms(ledger, ledger.markets[cap.instrument].listing.asset)
    if not is_enabled(profit_atoms, pool_atoms, cap.max_factor_ppm):
        return 0
    return profit_to_realise(profit_atoms, pool_atoms, cap.min_factor_ppm)


def winners_down(places: Iterable[Ranked], needed_atoms: int) -> list[tuple[Ranked, int]]:
    """The lots that must be closed at the mark, from the first place down, until so much profit is paid."""
    left_atoms, taken = needed_atoms, []
    for place in places:
        if left_atoms <= 0:
            break
        profit_atoms, held_lots = place.candidate.profit, abs(place.candidate.size)
        if profit_atoms > 0:
            lots = min(held_lots, -(-left_atoms * held_lots // profit_atoms))
            left_atoms -= profit_atoms * lots // held_lots
            taken.append((place, lots))
    return taken
