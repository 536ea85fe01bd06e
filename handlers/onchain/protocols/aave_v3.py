"""Aave v3 as the run's lending protocol; the rules are those of `aave.py`, counted in atoms of what accounts owe."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import ClassVar

import msgspec

from ....events.bodies.chain import CollateralSeized
from ....events.ledger import Account, LedgerState
from ....events.venue_names import plain
from ...protocol import Product
from ..aave import CloseFactor, Seizure, close_factor, leaves_dust, seizure
from ..borrowers import Weights, collateral_of, debts_of, health, quote_of
from ..lending import Lending, LendingParameters, by_price, settled
from ..offers import Deal, Offer
from ..worth import BPS, AssetQuote, collateral_value

__all__ = ["AaveCollateral", "AaveParameters", "AaveV3"]


class AaveCollateral(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What of an asset counts, the bonus of who liquidates it, and the protocol's part of that bonus."""

    threshold_bps: int
    bonus_bps: int = 500
    fee_bps: int = 1_000


class AaveParameters(LendingParameters, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`collateral` by the name of the asset; the close factor as `CloseFactor` has it; what a liquidation costs."""

    collateral: dict[str, AaveCollateral] = {}  # noqa: RUF012 - a struct copies it
    share_bps: int = 5_000
    whole_health_ppm: int = 950_000
    least_value_atoms: int = 0
    least_left_atoms: int = 0
    gas: int = 349_519

    def check(self) -> None:
        """Refuse a threshold over 1, and a bonus of less than nothing."""
        for name, one in self.collateral.items():
            if not 0 < one.threshold_bps <= BPS:
                message = f"collateral.{name}: {one.threshold_bps} is a threshold over 1 or under 0; give 1 to 10000"
                raise ValueError(message)
            if one.bonus_bps < 0 or not 0 <= one.fee_bps <= BPS:
                message = f"collateral.{name}: bonus_bps must not be negative, and fee_bps lie between 0 and 10000"
                raise ValueError(message)
        if not 1 <= self.share_bps <= BPS or not 0 <= self.whole_health_ppm <= 10**6:
            message = "share_bps must lie between 1 and 10000, and whole_health_ppm between 0 and 1000000"
            raise ValueError(message)
        if min(self.least_value_atoms, self.least_left_atoms) < 0:
            message = "least_value and least_left must not be negative"
            raise ValueError(message)

    def weights(self) -> Weights:
        """The liquidation thresholds."""
        return Weights(BPS, {name: one.threshold_bps for name, one in self.collateral.items()})

    @property
    def close_factor(self) -> CloseFactor:
        """How much may be repaid at once."""
        return CloseFactor(self.share_bps, self.whole_health_ppm, self.least_value_atoms, self.least_left_atoms)

    def offers(self, unsafe: Sequence[int], ledger: LedgerState, venue: str, now_ns: int) -> list[Offer]:
        """A debt of each unsafe account may be repaid for collateral."""
        return [offer for number in unsafe for offer in self._offers(ledger.accounts[number], ledger, venue)]

    def _offers(self, account: Account, ledger: LedgerState, venue: str) -> Iterator[Offer]:
        """Of the debt in what keepers have, for the collateral that is worth most."""
        weights, held = self.weights(), collateral_of(account)
        worth = {
            asset: collateral_value(atoms, quote_of(account, asset, ledger))
            for asset, atoms in held.items()
            if asset != account.asset and weights.of(asset, ledger)
        }
        if account.balance_atoms >= 0 or not any(worth.values()):
            return
        asset = max(worth, key=lambda one: (worth[one], -one))
        yield Offer(("liquidation", account.account), self.gas, self._deals(account, asset, ledger, venue))

    def _deals(
        self, account: Account, asset: int, ledger: LedgerState, venue: str
    ) -> Callable[[int | None, int], Deal | None]:
        """What a keeper gets of an account's asset for so much money and a part of what may be repaid."""
        quote, dollar = quote_of(account, asset, ledger), AssetQuote(1, 1)
        owed, held = debts_of(account, ledger)[account.asset], account.coins[asset]
        terms = self.collateral[plain(ledger.assets[asset].name)]
        found = health(account, self.weights(), ledger)
        most, share_bps = close_factor(self.close_factor, found, owed, collateral_value(held, quote), dollar)

        def deal(most_atoms: int | None, part_bps: int) -> Deal | None:
            repay = most * part_bps // BPS
            repay = repay if most_atoms is None else min(repay, most_atoms)
            taken = seizure(repay, held, dollar, quote, BPS + terms.bonus_bps, terms.fee_bps)
            left = owed - taken.repaid, held - taken.taken - taken.fee
            if not taken.repaid or not taken.taken or leaves_dust(self.close_factor, *left, dollar, quote):
                return None
            return Deal(taken.repaid, asset, taken.taken, partial(recorded, taken))

        def recorded(taken: Seizure, keeper: int, profit_atoms: int) -> list[Product]:
            conversion = ledger.conversions[asset]
            body = CollateralSeized(
                account=account.account,
                counterparty=keeper,
                asset=asset,
                instrument=conversion.instrument,
                price_ticks=conversion.price_ticks,
                amount_atoms=taken.taken + taken.fee,
                fee_atoms=taken.fee,
                debt_asset=account.asset,
                repaid_atoms=taken.repaid,
                health_ppb=found.factor_ppb,
                close_factor_bps=share_bps,
                bonus_bps=terms.bonus_bps,
                profit_atoms=profit_atoms,
            )
            before = settled(self, account, {account.asset: owed}, ledger, venue)
            return [*before, by_price(body, ledger, asset)]

        return deal


class AaveV3(Lending):
    """Collateral is seized by keepers; what is owed beyond it is bad at once (the deficit of v3.3)."""

    policy: ClassVar[str] = "aave-v3"
    Parameters: ClassVar[type[msgspec.Struct]] = AaveParameters
