"""What lending protocols do with collateral that is theirs: auctions, absorption, sales. Tags 185 to 194.

In whatever a keeper buys `account` is whose it was and `counterparty` the keeper; where an account loses collateral to
the protocol, `counterparty` is the protocol's reserve.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..grounds import Ground
from ..kinds import (
    AccountNumber,
    AssetAmount,
    AssetNumber,
    Count,
    DebtAmount,
    InstrumentNumber,
    LotAmount,
    Price,
    RateBps,
    RatePpb,
)
from .base import BodyBase
from .chain import block_told, factor_told, oracle_told
from .collateral import CollateralSold
from .declaring import Payment, Swap

if TYPE_CHECKING:
    from ..envelope import Event
    from ..ledger import Ledger
    from ..phrases import Case, Names

__all__ = [
    "AuctionClosed",
    "AuctionRestarted",
    "BidPlaced",
    "BidRefunded",
    "CoinsSold",
    "CollateralAbsorbed",
    "CollateralAuctioned",
    "KeeperRewarded",
    "LotSold",
    "LotsBody",
    "ReserveSold",
]


class CollateralAuctioned(BodyBase, frozen=True, tag=185):
    """Collateral is auctioned for `owed_atoms`, the debt with a penalty; it and the debt are the protocol's from here.

    Of a falling price `top_ticks` is the first; 0 where bids rise.
    """

    grounds = (Ground.ORACLE, Ground.BLOCK, Ground.BALANCE, Ground.RULE)
    posting = Swap("account", "counterparty", fee=None)
    forces = True

    auction: Count
    account: AccountNumber
    counterparty: AccountNumber
    asset: AssetNumber
    instrument: InstrumentNumber
    amount_atoms: AssetAmount
    debt_asset: AssetNumber
    repaid_atoms: DebtAmount
    owed_atoms: DebtAmount
    top_ticks: Price
    health_ppb: RatePpb
    penalty_bps: RateBps

    def alters(self, ledger: Ledger, event: Event) -> None:
        ledger.chain.open_auction(self, event.at_ns, ledger)

    def says(self, names: Names) -> str:
        lot, owed = names.coins(self.asset, self.amount_atoms), names.coins(self.debt_asset, self.owed_atoms)
        return f"{lot} of {names.account(self.account)} went to auction {self.auction} for {owed}"

    def tells(self, case: Case) -> str:
        names = case.names
        first = (
            f"{self.says(names)}: its debt of {names.coins(self.debt_asset, self.repaid_atoms)} and a penalty of "
            f"{names.percent_of_bps(self.penalty_bps)}. The value of its collateral over what it must be worth was "
            f"{factor_told(self.health_ppb)}, under 1. {block_told(case)}"
        )
        top = names.price(self.instrument, self.top_ticks)
        falls = f"The price begins at {top} and falls." if self.top_ticks else "Bids rise from nothing."
        return case.joined(first, oracle_told(case, self.asset), falls)


class LotSold(BodyBase, frozen=True, tag=186):
    """A keeper bought `amount_atoms` of what an auction offers, for `repaid_atoms`; `left_atoms` are still offered."""

    grounds = (Ground.BLOCK, Ground.BALANCE, Ground.DEPTH, Ground.RULE)
    posting = Swap("account", "counterparty", fee=None)

    auction: Count
    account: AccountNumber
    counterparty: AccountNumber
    asset: AssetNumber
    instrument: InstrumentNumber
    price_ticks: Price
    amount_atoms: AssetAmount
    debt_asset: AssetNumber
    repaid_atoms: DebtAmount
    left_atoms: AssetAmount
    owed_atoms: DebtAmount

    def alters(self, ledger: Ledger, event: Event) -> None:
        ledger.chain.sell(self)

    def says(self, names: Names) -> str:
        lot, paid = names.coins(self.asset, self.amount_atoms), names.coins(self.debt_asset, self.repaid_atoms)
        return f"{names.account(self.counterparty)} paid {paid} for {lot} of auction {self.auction}"


class AuctionRestarted(BodyBase, frozen=True, tag=187):
    """An auction that nobody took in time, or whose price has fallen too far, begins anew at another price."""

    grounds = (Ground.ORACLE, Ground.BLOCK, Ground.RULE)

    auction: Count
    instrument: InstrumentNumber
    top_ticks: Price
    reason: str

    def alters(self, ledger: Ledger, event: Event) -> None:
        ledger.chain.restart(self, event.at_ns)

    def says(self, names: Names) -> str:
        return f"auction {self.auction} began anew at {names.price(self.instrument, self.top_ticks)}: {self.reason}"


class AuctionClosed(BodyBase, frozen=True, tag=188):
    """An auction is over: what is left of the lot goes back to the owner.

    `owed_atoms` of what it was to raise stay unpaid; `lost_atoms` is what it did not bring of the debt itself.
    """

    grounds = (Ground.BLOCK, Ground.BALANCE, Ground.RULE)
    posting = Payment("counterparty", "account", asset="asset")

    auction: Count
    account: AccountNumber
    counterparty: AccountNumber
    asset: AssetNumber
    amount_atoms: AssetAmount
    debt_asset: AssetNumber
    owed_atoms: DebtAmount
    lost_atoms: DebtAmount

    def alters(self, ledger: Ledger, event: Event) -> None:
        ledger.chain.close_auction(self.auction)

    def says(self, names: Names) -> str:
        back, owed = names.coins(self.asset, self.amount_atoms), names.coins(self.debt_asset, self.owed_atoms)
        unpaid = f", and {owed} stay unpaid" if self.owed_atoms else ""
        return f"auction {self.auction} is over: {back} went back to {names.account(self.account)}{unpaid}"


class BidPlaced(BodyBase, frozen=True, tag=189):
    """A keeper bid `amount_atoms` for `lot_atoms` of what is offered; the money is held until it is outbid or wins."""

    grounds = (Ground.BLOCK, Ground.BALANCE, Ground.RULE)
    posting = Payment("counterparty", "account", asset="asset")

    auction: Count
    account: AccountNumber
    counterparty: AccountNumber
    asset: AssetNumber
    amount_atoms: AssetAmount
    lot_asset: AssetNumber
    lot_atoms: LotAmount

    def alters(self, ledger: Ledger, event: Event) -> None:
        ledger.chain.bid(self, event.at_ns)

    def says(self, names: Names) -> str:
        bid = names.coins(self.asset, self.amount_atoms)
        lot = names.coins(self.lot_asset, self.lot_atoms)
        return f"{names.account(self.counterparty)} bid {bid} for {lot} in auction {self.auction}"


class BidRefunded(BodyBase, frozen=True, tag=190):
    """The money of a bid went back to who had placed it: it was outbid, or is to pay for what it won."""

    grounds = (Ground.BLOCK, Ground.BALANCE, Ground.RULE)
    posting = Payment("account", "counterparty", asset="asset")

    auction: Count
    account: AccountNumber
    counterparty: AccountNumber
    asset: AssetNumber
    amount_atoms: AssetAmount

    def says(self, names: Names) -> str:
        back = names.coins(self.asset, self.amount_atoms)
        return f"{back} of a bid in auction {self.auction} went back to {names.account(self.counterparty)}"


class KeeperRewarded(BodyBase, frozen=True, tag=191):
    """The protocol paid a keeper for beginning an auction, or for beginning it anew."""

    grounds = (Ground.BLOCK, Ground.RULE)
    posting = Payment("counterparty", "account", asset="asset")

    account: AccountNumber
    counterparty: AccountNumber
    asset: AssetNumber
    amount_atoms: AssetAmount
    auction: Count

    def says(self, names: Names) -> str:
        paid = names.coins(self.asset, self.amount_atoms)
        return f"{names.account(self.account)} was paid {paid} for beginning auction {self.auction}"


class CollateralAbsorbed(BodyBase, frozen=True, tag=192):
    """The protocol took collateral over and credited `repaid_atoms` to what the account owes."""

    grounds = (Ground.ORACLE, Ground.BLOCK, Ground.BALANCE, Ground.RULE)
    posting = Swap("account", "counterparty", fee=None)
    forces = True

    account: AccountNumber
    counterparty: AccountNumber
    asset: AssetNumber
    instrument: InstrumentNumber
    price_ticks: Price
    amount_atoms: AssetAmount
    debt_asset: AssetNumber
    repaid_atoms: DebtAmount
    health_ppb: RatePpb
    penalty_bps: RateBps

    def alters(self, ledger: Ledger, event: Event) -> None:
        ledger.chain.absorb(self, ledger)

    def says(self, names: Names) -> str:
        taken, credited = names.coins(self.asset, self.amount_atoms), names.coins(self.debt_asset, self.repaid_atoms)
        return f"{taken} of {names.account(self.account)} were absorbed, and {credited} of its debt with them"

    def tells(self, case: Case) -> str:
        names, at = case.names, case.names.price(self.instrument, self.price_ticks)
        first = (
            f"{self.says(names)}, which is its worth at {at} less a penalty of "
            f"{names.percent_of_bps(self.penalty_bps)}. What its collateral counts for over what it owed was "
            f"{factor_told(self.health_ppb)}, under 1. {block_told(case)}"
        )
        return case.joined(first, oracle_told(case, self.asset))


class ReserveSold(BodyBase, frozen=True, tag=193):
    """A keeper bought collateral that the protocol had absorbed, at a fixed discount."""

    grounds = (Ground.ORACLE, Ground.BLOCK, Ground.BALANCE, Ground.DEPTH, Ground.RULE)
    posting = Swap("account", "counterparty", fee=None)

    account: AccountNumber
    counterparty: AccountNumber
    asset: AssetNumber
    instrument: InstrumentNumber
    price_ticks: Price
    amount_atoms: AssetAmount
    debt_asset: AssetNumber
    repaid_atoms: DebtAmount
    discount_bps: RateBps

    def says(self, names: Names) -> str:
        lot, paid = names.coins(self.asset, self.amount_atoms), names.coins(self.debt_asset, self.repaid_atoms)
        below = names.percent_of_bps(self.discount_bps)
        return f"{names.account(self.counterparty)} bought {lot} of the reserves for {paid}, {below} below the price"


class CoinsSold(CollateralSold, frozen=True, tag=194):
    """A keeper sold what it had got into the asset's own market; nothing of it was forced."""

    grounds = (Ground.BLOCK, Ground.BALANCE, Ground.DEPTH, Ground.MARK, Ground.RULE)
    forces = False

    def tells(self, case: Case) -> str:
        return case.joined(f"{self.says(case.names)}.", case.followed())


LotsBody = (
    CollateralAuctioned
    | LotSold
    | AuctionRestarted
    | AuctionClosed
    | BidPlaced
    | BidRefunded
    | KeeperRewarded
    | CollateralAbsorbed
    | ReserveSold
    | CoinsSold
)
