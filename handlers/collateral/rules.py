"""What a venue counts of each asset, what an account may owe, and in which order its collateral is sold.

1. `ratios_ppm` has the tiers of each asset: over so many whole units so many millionths of its worth count, up to the
   next tier. An asset that is not named counts nothing. A last tier of 0 is a limit on concentration. Where another
   part counts for the initial margin of an order, `initial_ratios_ppm` has its tiers. `imf_ppm` has the assets whose
   part falls with the size besides (`events/ledger/conversion.py`).
2. An account that holds collateral may owe `debt_most_atoms` of the asset that it settles in. Who owes more has
   collateral sold, at the next mark, for all that it owes but `left_bps` of what it may owe.
3. On what is owed over `free_debt_atoms` interest of `rate_ppb` is charged each `interest_interval_ns`.
4. `order` says what is sold first: what counts for most ("highest ratio"), what counts for least ("lowest ratio"),
   what was listed first ("listed"), or of all a part in the proportion of what each is worth ("in proportion"). Of
   equals what was listed first goes first. What counts for nothing is sold in a liquidation, and for no other debt.
5. Who has a debt repaid pays `fee_bps` of what the sale brings, and of an asset in `conversion_haircuts_ppm` that part
   of what it brings: so more of it is sold, to leave what is owed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal

import msgspec

from ...events.bodies.collateral import CollateralDiscounted, CollateralRated, CollateralTier, InitialCollateralRated
from ...events.bodies.listing import AssetListed
from ...events.bodies.venue import TimerSet
from ...events.ledger import Account, LedgerState
from ...events.ledger.conversion import Conversion
from ...events.venue_names import plain

__all__ = [
    "SLOT",
    "CollateralParameters",
    "Order",
    "Rating",
    "coins_in_order",
    "first_interest",
    "rated",
    "rated_anew",
    "rules_in_force",
]

SLOT = "collateral"

Order = Literal["highest ratio", "lowest ratio", "listed", "in proportion"]

_PPM, _BPS = 10**6, 10**4

_Tiers = tuple[tuple[int, int], ...]

Rating = CollateralRated | InitialCollateralRated | CollateralDiscounted
"""What may be said of how much of an asset counts."""


class CollateralParameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Amounts in the settlement asset; ratios by the name of the asset; `fee_bps` of what a sale brings.

    What the depth does not take is offered again after `retry_ns`.
    """

    ratios_ppm: dict[str, _Tiers] = {}
    initial_ratios_ppm: dict[str, _Tiers] = {}
    imf_ppm: dict[str, int] = {}
    order: Order = "highest ratio"
    fee_bps: int = 0
    conversion_haircuts_ppm: dict[str, int] = {}
    debt_most_atoms: int = 0
    left_bps: int = 0
    free_debt_atoms: int = 0
    rate_ppb: int = 0
    interest_interval_ns: int = 3_600 * 10**9
    retry_ns: int = 10 * 10**9

    def __post_init__(self) -> None:
        """Refuse a haircut over 1 or under 0, tiers out of order, and what would never come round."""
        for name, ratios in (("ratios_ppm", self.ratios_ppm), ("initial_ratios_ppm", self.initial_ratios_ppm)):
            for asset, tiers in ratios.items():
                _check_tiers(f"{name}.{asset}", tiers)
        _check_rates(self)
        if min(self.debt_most_atoms, self.free_debt_atoms, self.rate_ppb) < 0 or not 0 <= self.fee_bps <= _BPS:
            message = "debt_most, free_debt and rate_ppb must not be negative, and fee_bps lie between 0 and 10000"
            raise ValueError(message)
        if self.interest_interval_ns < 1 or self.retry_ns < 1:
            message = "interest_interval_ns and retry_ns must be at least 1"
            raise ValueError(message)


def _check_rates(rules: CollateralParameters) -> None:
    for asset, imf_ppm in rules.imf_ppm.items():
        if imf_ppm < 0:
            message = f"imf_ppm.{asset}: {imf_ppm} would let more count of more; give 0 or more"
            raise ValueError(message)
    for asset, haircut_ppm in rules.conversion_haircuts_ppm.items():
        if not 0 <= haircut_ppm < _PPM:
            message = f"conversion_haircuts_ppm.{asset}: {haircut_ppm} would leave nothing; give 0 to 999999"
            raise ValueError(message)
    if not 0 <= rules.left_bps <= _BPS:
        message = "left_bps must lie between 0 and 10000, as a part of what may be owed"
        raise ValueError(message)


def _check_tiers(where: str, tiers: _Tiers) -> None:
    floors = [floor for floor, _ in tiers]
    if not tiers or floors[0] != 0 or floors != sorted(set(floors)):
        message = f"{where}: tiers begin at 0 and rise, as in [[0, 950_000], [1_000, 900_000]]"
        raise ValueError(message)
    for place, (_, ratio_ppm) in enumerate(tiers):
        if not 0 <= ratio_ppm <= _PPM:
            message = f"{where}[{place}]: {ratio_ppm} is a haircut over 1 or under 0; give 0 to 1000000"
            raise ValueError(message)


def rated(rules: CollateralParameters, listed: AssetListed, conversion: Conversion) -> Iterator[Rating]:
    """How much of an asset counts, in its atoms, where that is news; without a ratio nothing of it does."""
    name, asset, instrument, unit_atoms = plain(listed.name), listed.asset, conversion.instrument, 10**listed.decimals
    yield from rated_anew(conversion, _tiers(rules.ratios_ppm, name, unit_atoms) or (CollateralTier(0, 0),))
    initial = _tiers(rules.initial_ratios_ppm, name, unit_atoms)
    if initial != conversion.initial:
        yield InitialCollateralRated(asset, instrument, initial)
    imf_ppm = rules.imf_ppm.get(name, 0)
    if imf_ppm != conversion.imf_ppm:
        yield CollateralDiscounted(asset, instrument, imf_ppm, unit_atoms)


def _tiers(ratios: Mapping[str, _Tiers], name: str, unit_atoms: int) -> tuple[CollateralTier, ...]:
    return tuple(CollateralTier(floor * unit_atoms, ratio_ppm) for floor, ratio_ppm in ratios.get(name, ()))


def rated_anew(conversion: Conversion, tiers: tuple[CollateralTier, ...]) -> Iterator[CollateralRated]:
    """That so much of an asset counts, where it is news."""
    if conversion.tiers != tiers:
        yield CollateralRated(conversion.asset, conversion.instrument, tiers)


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
    if order in ("listed", "in proportion"):
        return held
    sign = -1 if order == "highest ratio" else 1
    return sorted(held, key=lambda asset: sign * _ratio_ppm(account, ledger, asset))


def _ratio_ppm(account: Account, ledger: LedgerState, asset: int) -> int:
    """How much of an asset that an account holds counts, over all tiers, rounded down."""
    atoms = account.coins[asset]
    return ledger.conversions[asset].counted_microatoms(atoms) // atoms
