"""What borrowers on chain do themselves, and the chains that collateral bought with a loan stands in. Tags 195 to 199.

A chain has layers. Of the first one the borrower supplied its own coins and borrowed against them; what it bought with
that it supplied again, borrowed against it, and so on. The last layer goes first, once the debt no longer reaches it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..grounds import Ground
from ..kinds import AccountAmount, AccountNumber, AssetAmount, AssetNumber, Count, DebtAmount, RateBps, RatePpb
from .base import BodyBase
from .chain import block_told, factor_told
from .collateral import CollateralSold
from .declaring import OUTSIDE, Payment

if TYPE_CHECKING:
    from ..envelope import Event
    from ..ledger import Ledger
    from ..phrases import Case, Names

__all__ = ["BorrowerSold", "CollateralLooped", "CollateralSupplied", "DebtRepaid", "LoansBody", "LoopUnwound"]


class CollateralLooped(BodyBase, frozen=True, tag=195):
    """Opening state: with `borrowed_atoms` of a debt an amount was bought that is collateral again, as this layer.

    It moves nothing: what the account has and owes is stated beside it. Layers are counted from 1.
    """

    grounds = ()

    account: AccountNumber
    layer: Count
    asset: AssetNumber
    amount_atoms: AssetAmount
    debt_asset: AssetNumber
    borrowed_atoms: DebtAmount

    def alters(self, ledger: Ledger, event: Event) -> None:
        ledger.chain.loop(self)

    def says(self, names: Names) -> str:
        amount, borrowed = names.coins(self.asset, self.amount_atoms), names.coins(self.debt_asset, self.borrowed_atoms)
        whose = names.account(self.account)
        return f"{whose} had supplied {amount}, bought with {borrowed} that it owes, as layer {self.layer} of its chain"


class LoopUnwound(BodyBase, frozen=True, tag=196):
    """What an account owes no longer reaches this layer of its chain, which is gone; `left` layers stand.

    The amounts are those with which the layer began.
    """

    grounds = (Ground.BALANCE, Ground.RULE)

    account: AccountNumber
    layer: Count
    asset: AssetNumber
    amount_atoms: AssetAmount
    debt_asset: AssetNumber
    borrowed_atoms: DebtAmount
    left: Count

    def alters(self, ledger: Ledger, event: Event) -> None:
        ledger.chain.unwind(self)

    def says(self, names: Names) -> str:
        return f"layer {self.layer} of the chain of {names.account(self.account)} was undone; {self.left} still stand"

    def tells(self, case: Case) -> str:
        names = case.names
        amount, borrowed = names.coins(self.asset, self.amount_atoms), names.coins(self.debt_asset, self.borrowed_atoms)
        first = (
            f"{self.says(names)}. In it {amount} had been bought with {borrowed} of borrowed money and supplied again."
        )
        return case.joined(first, case.followed())


class _Answer(BodyBase, frozen=True):
    """What a borrower did with money or coins that it had beside, as its health factor had come under `level_bps`."""

    grounds = (Ground.CONVERSION, Ground.BLOCK, Ground.BALANCE, Ground.RULE)
    posting = Payment(OUTSIDE, "account", asset="asset")

    account: AccountNumber
    asset: AssetNumber
    amount_atoms: AssetAmount
    worth_atoms: AccountAmount
    health_ppb: RatePpb
    level_bps: RateBps

    def alters(self, ledger: Ledger, event: Event) -> None:
        ledger.chain.spend(self.account, self.worth_atoms)

    def tells(self, case: Case) -> str:
        level = factor_told(self.level_bps * 10**5)
        first = (
            f"{self.says(case.names)}. Its health factor had been {factor_told(self.health_ppb)}, under the "
            f"{level} at which it acts itself, before keepers may."
        )
        return case.joined(first, block_told(case))


class DebtRepaid(_Answer, frozen=True, tag=197):
    """A borrower repaid a part of its debt with money of its own, as its health factor had come under `level_bps`.

    `worth_atoms` is what that was worth at the oracle's price, rounded up.
    """

    def says(self, names: Names) -> str:
        return f"{names.account(self.account)} repaid {names.coins(self.asset, self.amount_atoms)} of its debt"


class CollateralSupplied(_Answer, frozen=True, tag=198):
    """A borrower supplied more of a collateral, as its health factor had come under `level_bps`.

    `worth_atoms` is what that was worth at the oracle's price, rounded up.
    """

    def says(self, names: Names) -> str:
        return f"{names.account(self.account)} supplied {names.coins(self.asset, self.amount_atoms)} more as collateral"


class BorrowerSold(CollateralSold, frozen=True, tag=199):
    """A borrower took collateral out, sold it in the asset's own market and repaid with what that gave."""

    grounds = (Ground.CONVERSION, Ground.BLOCK, Ground.BALANCE, Ground.DEPTH, Ground.MARK, Ground.RULE)
    forces = False

    def says(self, names: Names) -> str:
        sold = names.coins(self.asset, self.amount_atoms)
        value, price = names.value(self.instrument, self.value_atoms), names.price(self.instrument, self.price_ticks)
        return f"{names.account(self.account)} sold {sold} of its collateral at {price} and repaid {value} with that"

    def tells(self, case: Case) -> str:
        return case.joined(f"{self.says(case.names)}: {self.reason}.", block_told(case) or case.followed())


LoansBody = CollateralLooped | LoopUnwound | DebtRepaid | CollateralSupplied | BorrowerSold
