"""What a venue counts of each asset, what an account may owe, and in which order its collateral is sold.

1. `ratios_ppm` has the tiers of each asset: over so many whole units so many millionths of its worth count, up to the
   next tier. An asset that is not named counts nothing. A last tier of 0 is a limit on concentration.
2. An account that holds collateral may owe `debt_most_atoms` of the asset that it settles in. Who owes more has
   collateral sold for all that it owes, at the next mark.
3. On what is owed over `free_debt_atoms` interest of `rate_ppb` is charged each `interest_interval_ns`.
4. `order` says what is sold first: what counts for most ("highest ratio"), what counts for least ("lowest ratio"), or
   what was listed first ("listed"). Of equals what was listed first goes first.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import msgspec

from ...events.bodies.collateral import CollateralRated, CollateralTier
from ...events.bodies.venue import TimerSet
from ...events.ledger import Account, LedgerState
from ...events.venue_names import plain

__all__ = [
    "SLOT",
    "CollateralParameters",
    "coins_in_order",
    "first_interest",
    "rated_anew",
    "rules_in_force",
    "tiers_of",
]

SLOT = "collateral"

Order = Literal["highest ratio", "lowest ratio", "listed"]

_PPM, _BPS = 10**6, 10**4


class CollateralParameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Amounts in the settlement asset; ratios by the name of the asset; `fee_bps` of what a sale brings.

    What the depth does not take is offered again after `retry_ns`.
    """

    ratios_ppm: dict[str, tuple[tuple[int, int], ...]] = {}
    order: Order = "highest ratio"
    fee_bps: int = 0
    debt_most_atoms: int = 0
    free_debt_atoms: int = 0
    rate_ppb: int = 0
    interest_interval_ns: int = 3_600 * 10**9
    retry_ns: int = 10 * 10**9

    def __post_init__(self) -> None:
        """Refuse a haircut over 1 or under 0, tiers out of order, and what would never come round."""
        for asset, tiers in self.ratios_ppm.items():
            _check_tiers(asset, tiers)
        if min(self.debt_most_atoms, self.free_debt_atoms, self.rate_ppb) < 0 or not 0 <= self.fee_bps <= _BPS:
            message = "debt_most, free_debt and rate_ppb must not be negative, and fee_bps lie between 0 and 10000"
            raise ValueError(message)
        if self.interest_interval_ns < 1 or self.retry_ns < 1:
            message = "interest_interval_ns and retry_ns must be at least 1"
            raise ValueError(message)


def _check_tiers(asset: str, tiers: tuple[tuple[int, int], ...]) -> None:
    floors = [floor for floor, _ in tiers]
    if not tiers or floors[0] != 0 or floors != sorted(set(floors)):
        message = f"ratios_ppm.{asset}: tiers begin at 0 and rise, as in [[0, 950_000], [1_000, 900_000]]"
        raise ValueError(message)
    for place, (_, ratio_ppm) in enumerate(tiers):
        if not 0 <= ratio_ppm <= _PPM:
            message = f"ratios_ppm.{asset}[{place}]: {ratio_ppm} is a haircut over 1 or under 0; give 0 to 1000000"
            raise ValueError(message)


def tiers_of(rules: CollateralParameters, name: str, decimals: int) -> tuple[CollateralTier, ...]:
    """The tiers of an asset in its atoms; without a ratio nothing of it counts."""
    stated = rules.ratios_ppm.get(plain(name), ((0, 0),))
    return tuple(CollateralTier(floor * 10**decimals, ratio_ppm) for floor, ratio_ppm in stated)


def rated_anew(ledger: LedgerState, asset: int, tiers: tuple[CollateralTier, ...]) -> Iterator[CollateralRated]:
    """That so much of an asset counts, where it is news."""
    conversion = ledger.conversions[asset]
    if conversion.tiers != tiers:
        yield CollateralRated(asset, conversion.instrument, tiers)


def first_interest(ledger: LedgerState, asset: int, purpose: str, due_ns: int) -> Iterator[TimerSet]:
    """The first timer of interest at an asset's venue, with the first of the assets that are converted there."""
    venue = ledger.assets[asset].venue
    pending = (one for one in ledger.timers.values() if one.timer.purpose == purpose and one.producer is not None)
    first = min(one for one in ledger.conversions if ledger.assets[one].venue == venue)
    if asset == first and not any(ledger.producers[one.producer or 0].venue == venue for one in pending):
        yield TimerSet(purpose, due_ns)


def rules_in_force(ledger: LedgerState, venue: str = "") -> CollateralParameters:
    """The rules of those who decide now on a venue; where nobody does, nothing counts and nothing may be owed."""
    producer = ledger.producer(SLOT, venue)
    if producer is None:
        return CollateralParameters()
    return msgspec.convert(
        {key: value for key, value in producer.parameters.items() if key in CollateralParameters.__struct_fields__},
        CollateralParameters,
    )


def coins_in_order(account: Account, ledger: LedgerState, order: Order) -> list[int]:
    """The assets that an account holds as collateral, what is sold first at the front."""
    held = sorted(asset for asset, atoms in account.coins.items() if atoms > 0)
    if order == "listed":
        return held
    sign = -1 if order == "highest ratio" else 1
    return sorted(held, key=lambda asset: sign * _ratio_ppm(account, ledger, asset))


def _ratio_ppm(account: Account, ledger: LedgerState, asset: int) -> int:
    """How much of an asset that an account holds counts, over all tiers, rounded down."""
    atoms = account.coins[asset]
    return ledger.conversions[asset].counted_microatoms(atoms) // atoms
