"""Compound v3 as the run's lending protocol; the rules are those of `compound.py`, counted in atoms of the base asset.

Absorbing pays nothing, so a keeper absorbs an account only together with buying what it brings, in one transaction,
and only where the reserves are then below their target. What nobody bought is for sale with each later block.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

import msgspec

from ....events.bodies.chain import CollateralSeized
from ....events.bodies.lots import CollateralAbsorbed, ReserveSold
from ....events.ledger import Account, LedgerState
from ....events.venue_names import plain
from ....events.vocabulary import Body
from ...protocol import Product
from ..borrowers import Weights, collateral_of, debts_of, first_of, health, quote_of
from ..compound import credit_of, is_for_sale, quoted
from ..lending import Lending, LendingParameters, by_price, settled
from ..offers import Deal, Offer
from ..worth import BPS, AssetQuote

__all__ = ["CompoundCollateral", "CompoundParameters", "CompoundV3"]

_PPM, _WAD_OF_PPM = 10**6, 10**12


class CompoundCollateral(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How much of an asset counts against liquidation, and how much of its worth is credited when it is absorbed."""

    liquidate_ppm: int
    liquidation_ppm: int = 950_000


class CompoundParameters(LendingParameters, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`collateral` by the name of the asset; how far the store front goes, and up to which reserves it is open."""

    collateral: dict[str, CompoundCollateral] = {}  # noqa: RUF012 - a struct copies it
    store_front_ppm: int = 500_000
    target_reserves_atoms: int = 0
    absorb_gas: int = 300_000
    buy_gas: int = 200_000

    def check(self) -> None:
        """Refuse a factor over 1."""
        for name, one in self.collateral.items():
            for factor in (one.liquidate_ppm, one.liquidation_ppm):
                if not 0 < factor <= _PPM:
                    message = f"collateral.{name}: {factor} is a factor over 1 or under 0; give 1 to 1000000"
                    raise ValueError(message)
        if not 0 <= self.store_front_ppm <= _PPM or self.target_reserves_atoms < 0:
            message = "store_front_ppm must lie between 0 and 1000000, and target_reserves not be negative"
            raise ValueError(message)

    def weights(self) -> Weights:
        """The liquidate factors."""
        return Weights(_PPM, {name: one.liquidate_ppm for name, one in self.collateral.items()})

    def offers(self, unsafe: Sequence[int], ledger: LedgerState, venue: str, now_ns: int) -> list[Offer]:
        """Each unsafe account may be absorbed, and what the reserves have may be bought."""
        reserve = first_of(self.reserve, ledger, venue)
        if reserve is None:
            return []
        found = [
            Offer(
                ("absorption", number), self.absorb_gas + self.buy_gas, self._absorbing(number, reserve, ledger, venue)
            )
            for number in unsafe
        ]
        if is_for_sale(reserve.balance_atoms, self.target_reserves_atoms):
            found += [
                Offer(("reserves", asset), self.buy_gas, self._buying(reserve, asset, atoms, ledger))
                for asset, atoms in collateral_of(reserve).items()
                if asset != reserve.asset
            ]
        return found

    def _factor(self, asset: int, ledger: LedgerState) -> int:
        """What is credited of an asset's worth, in parts of 10^18; nothing of one that is no collateral."""
        terms = self.collateral.get(plain(ledger.assets[asset].name))
        return 0 if terms is None else terms.liquidation_ppm * _WAD_OF_PPM

    def _buying(
        self, reserve: Account, asset: int, atoms: int, ledger: LedgerState
    ) -> Callable[[int | None, int], Deal | None]:
        """So much of what the reserves have of an asset, for so much money at most."""
        quote, factor = quote_of(reserve, asset, ledger), self._factor(asset, ledger)
        store_front = self.store_front_ppm * _WAD_OF_PPM
        conversion = ledger.conversions[asset]

        def deal(most_atoms: int | None, part_bps: int) -> Deal | None:
            paid = atoms * part_bps // BPS * quote.price // quote.unit
            paid = paid if most_atoms is None else min(paid, most_atoms)
            bought = min(atoms, quoted(paid, AssetQuote(1, 1), quote, factor, store_front)) if paid else 0
            if not bought:
                return None

            def recorded(keeper: int, _profit: int) -> list[Product]:
                body = ReserveSold(
                    account=reserve.account,
                    counterparty=keeper,
                    asset=asset,
                    instrument=conversion.instrument,
                    price_ticks=conversion.price_ticks,
                    amount_atoms=bought,
                    debt_asset=reserve.asset,
                    repaid_atoms=paid,
                    discount_bps=store_front * (10**18 - factor) // 10**18 * BPS // 10**18,
                )
                return [by_price(body, ledger, asset)]

            return Deal(paid, asset, bought, recorded)

        return deal

    def _absorbing(
        self, number: int, reserve: Account, ledger: LedgerState, venue: str
    ) -> Callable[[int | None, int], Deal | None]:
        """An account is absorbed, and a part of its largest collateral bought."""
        account = ledger.accounts[number]
        absorbed, credit_atoms = self._absorbed(account, reserve, ledger, venue)
        held = {asset: atoms for asset, atoms in account.coins.items() if atoms > 0}
        owed = debts_of(account, ledger).get(account.asset, 0)
        after = reserve.balance_atoms - max(owed, credit_atoms)

        def deal(most_atoms: int | None, part_bps: int) -> Deal | None:
            if not held or not is_for_sale(after, self.target_reserves_atoms):
                return None
            asset = max(held, key=lambda one: (held[one] * quote_of(account, one, ledger).price, -one))
            bought = self._buying(reserve, asset, held[asset], ledger)(most_atoms, part_bps)
            if bought is None:
                return None

            def recorded(keeper: int, profit: int) -> list[Product]:
                return [*absorbed, *bought.recorded(keeper, profit)]

            return bought._replace(recorded=recorded)

        return deal

    def _absorbed(
        self, account: Account, reserve: Account, ledger: LedgerState, venue: str
    ) -> tuple[list[Product], int]:
        """What is recorded of an absorption, all collateral of the account, and what is credited in all."""
        found, products, credited = health(account, self.weights(), ledger), list[Product](), 0
        products += settled(self, account, debts_of(account, ledger), ledger, venue)
        for asset, atoms in collateral_of(account).items():
            quote, factor = quote_of(account, asset, ledger), self._factor(asset, ledger)
            if asset == account.asset or not factor:
                continue
            credit = credit_of([(atoms, quote, factor)], AssetQuote(1, 1))
            conversion, credited = ledger.conversions[asset], credited + credit
            body = CollateralAbsorbed(
                account=account.account,
                counterparty=reserve.account,
                asset=asset,
                instrument=conversion.instrument,
                price_ticks=conversion.price_ticks,
                amount_atoms=atoms,
                debt_asset=account.asset,
                repaid_atoms=credit,
                health_ppb=found.factor_ppb,
                penalty_bps=BPS - factor // (_WAD_OF_PPM * _PPM // BPS),
            )
            products.append(by_price(body, ledger, asset))
        return products, credited


class CompoundV3(Lending):
    """What an absorbed account still owes the reserves pay; where they go below zero they owe it to the suppliers."""

    policy: ClassVar[str] = "compound-v3"
    subscribes: ClassVar[tuple[type[Body], ...]] = (
        *(kind for kind in Lending.subscribes if kind is not CollateralSeized),
        CollateralAbsorbed,
    )
    Parameters: ClassVar[type[msgspec.Struct]] = CompoundParameters
