"""Maker as it was on 12 March 2020, liquidations 1.x: bids rise, and whoever is not outbid in time has the lot.

Source: makerdao/dss at fa4f663, src/flip.sol, and the flipper's page in makerdao/mcd-docs-content.

1. Of an unsafe vault one lot of at most `lump` is auctioned at a time, with its part of the debt and the penalty.
2. A bid is higher than the one that stands by `beg` at least. There is no least price: where no bid stands the
   smallest amount that there is will do. Its money is held; who is outbid has it back.
3. Who has not been outbid for `ttl`, or has the highest bid when the auction is `tau` old, gets the lot. Without a bid
   the auction begins anew then.
4. A bid of all that is to be raised may ask for less than the lot; the rest goes back to the owner. The venue has
   further bids lower the lot step by step, here a keeper at once asks for what the debt is worth to it.
5. A keeper offers a share of what a lot is worth at the market's mark, all of it less its margin at most.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import count
from typing import ClassVar

import msgspec

from ....events.bodies.chain import BlockMined
from ....events.bodies.lots import AuctionRestarted, BidPlaced, BidRefunded, LotSold
from ....events.ledger import Account, LedgerState
from ....events.ledger.chain import CollateralAuction
from ....events.venue_names import plain
from ....events.vocabulary import Body
from ...protocol import Product
from ..borrowers import Weights, debts_of, first_of
from ..lending import LendingParameters
from ..offers import Deal, Offer
from ..worth import BPS
from .maker import AuctionLot, Maker, auctioned, closed, lot_asset, ratios

__all__ = ["MakerOne", "MakerOneCollateral", "MakerOneParameters"]

_SECOND_NS = 10**9
_PARTS_BPS = (10_000, 7_500, 5_000, 2_500, 1_000, 0)


class MakerOneCollateral(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How much collateral must be worth over the debt, the penalty, and of how many units a lot is at most."""

    mat_bps: int
    penalty_bps: int = 1_300
    lump_units: int = 50


class MakerOneParameters(LendingParameters, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """As the protocol's own parameters are called; `margin_bps` is what keepers want below the market's mark."""

    collateral: dict[str, MakerOneCollateral] = {}  # noqa: RUF012 - a struct copies it
    beg_bps: int = 300
    ttl_ns: int = 600 * _SECOND_NS
    tau_ns: int = 3 * 86_400 * _SECOND_NS
    margin_bps: int = 500
    bite_gas: int = 300_000
    bid_gas: int = 150_000

    def check(self) -> None:
        """Refuse a ratio under 1, lots of nothing, and auctions without a length."""
        for name, one in self.collateral.items():
            if one.mat_bps < BPS or one.penalty_bps < 0 or one.lump_units < 1:
                message = f"collateral.{name}: mat_bps must be at least 10000, penalty_bps 0 and lump_units 1"
                raise ValueError(message)
        if min(self.ttl_ns, self.tau_ns) < _SECOND_NS or self.beg_bps < 0 or not 0 <= self.margin_bps < BPS:
            message = "ttl_ns and tau_ns must be a second at least, beg_bps not negative, margin_bps from 0 to 9999"
            raise ValueError(message)

    def weights(self) -> Weights:
        """One over the ratio."""
        return ratios({name: one.mat_bps for name, one in self.collateral.items()})

    def offers(self, unsafe: Sequence[int], ledger: LedgerState, venue: str, now_ns: int) -> list[Offer]:
        """Lots of unsafe vaults may be sent to auction, and in every auction that goes on somebody may bid."""
        reserve = first_of(self.reserve, ledger, venue)
        if reserve is None:
            return []
        numbers = count(ledger.chain.auctions_started + 1)
        open_of = {auction.body.account for auction in ledger.chain.auctions.values()}
        found = [
            self._bite(ledger.accounts[number], reserve, numbers, ledger, venue)
            for number in unsafe
            if number not in open_of and lot_asset(ledger.accounts[number]) is not None
        ]
        going_on = (auction for auction in ledger.chain.auctions.values() if not self.is_over(auction, now_ns))
        return found + [self._bid(auction, reserve, ledger) for auction in going_on]

    def is_over(self, auction: CollateralAuction, now_ns: int) -> bool:
        """Whether nobody can bid any more."""
        waited = auction.bidder is not None and now_ns - auction.bid_at_ns >= self.ttl_ns
        return waited or now_ns - auction.at_ns >= self.tau_ns

    def _bite(
        self, account: Account, reserve: Account, numbers: Iterator[int], ledger: LedgerState, venue: str
    ) -> Offer:
        """A lot of a vault is sent to auction; nobody is paid for that."""
        asset = lot_asset(account) or 0
        listed = ledger.assets[asset]
        terms = self.collateral[plain(listed.name)]
        held, owed = account.coins[asset], debts_of(account, ledger)[account.asset]
        lot = min(held, terms.lump_units * 10**listed.decimals)
        due = owed * lot // held
        parts = AuctionLot(lot, due, due * (BPS + terms.penalty_bps) // BPS, 0, terms.penalty_bps)

        def recorded(_keeper: int, _profit: int) -> list[Product]:
            return auctioned(self, account, asset, parts, ledger, venue, number=next(numbers), reserve=reserve)

        deal = Deal(0, asset, 0, recorded)
        return Offer(("auction", account.account), self.bite_gas, lambda *_: deal, pays=False, opens=True)

    def _bid(self, auction: CollateralAuction, reserve: Account, ledger: LedgerState) -> Offer:
        """A higher bid than the one that stands, by a share of what the lot is worth to a keeper."""
        body, conversion = auction.body, ledger.conversions[auction.body.asset]
        mark = ledger.markets[body.instrument].mark_ticks * conversion.quote_atoms * (BPS - self.margin_bps)
        unit, tab = conversion.asset_atoms * BPS, auction.owed_atoms
        worth = auction.left_atoms * mark // unit

        def deal(most_atoms: int | None, part_bps: int) -> Deal | None:
            bid = max(1, min(tab, worth * part_bps // BPS))
            raised = auction.bid_atoms + -(-auction.bid_atoms * self.beg_bps // BPS)
            lot = auction.left_atoms if bid < tab else min(auction.left_atoms, -(-tab * unit // mark))
            better = (
                bid >= max(raised, 1)
                if auction.bid_atoms < tab
                else lot * (BPS + self.beg_bps) <= auction.bid_lot_atoms * BPS
            )
            if (auction.bidder is not None and not better) or (most_atoms is not None and bid > most_atoms):
                return None

            def recorded(keeper: int, _profit: int) -> list[Product]:
                placed = BidPlaced(body.auction, reserve.account, keeper, body.debt_asset, bid, body.asset, lot)
                return [*self.released(auction, reserve), placed]

            return Deal(bid, body.asset, lot, recorded, barred=auction.bidder)

        return Offer(("bid", body.auction), self.bid_gas, deal, parts_bps=_PARTS_BPS)

    def released(self, auction: CollateralAuction, reserve: Account) -> list[Product]:
        """The money of the bid that stands goes back."""
        body = auction.body
        if auction.bidder is None:
            return []
        return [BidRefunded(body.auction, reserve.account, auction.bidder, body.debt_asset, auction.bid_atoms)]


class MakerOne(Maker):
    """Auctions end with the first block after their time."""

    policy: ClassVar[str] = "maker-1"
    subscribes: ClassVar[tuple[type[Body], ...]] = (*Maker.subscribes, BlockMined)
    Parameters: ClassVar[type[msgspec.Struct]] = MakerOneParameters

    def __init__(self, parameters: MakerOneParameters) -> None:
        super().__init__(parameters)
        self.auctions = parameters

    def _acted(self, body: Body, ledger: LedgerState, now_ns: int) -> Iterator[Product]:
        if isinstance(body, BlockMined):
            return self._ended(ledger, now_ns)
        return super()._acted(body, ledger, now_ns)

    def _ended(self, ledger: LedgerState, now_ns: int) -> Iterator[Product]:
        """Those that are over: to the bidder what it bid for, or, without a bid, anew."""
        reserve = first_of(self.rules.reserve, ledger, self.venue)
        for auction in list(ledger.chain.auctions.values()) if reserve is not None else []:
            assert reserve is not None
            if not self.auctions.is_over(auction, now_ns):
                continue
            if auction.bidder is None:
                yield AuctionRestarted(auction.body.auction, auction.body.instrument, 1, "nobody had bid")
            else:
                yield from self._dealt(auction, auction.bidder, reserve, ledger)

    def _dealt(
        self, auction: CollateralAuction, bidder: int, reserve: Account, ledger: LedgerState
    ) -> Iterable[Product]:
        body, left = auction.body, auction.left_atoms - auction.bid_lot_atoms
        owed = max(0, auction.owed_atoms - auction.bid_atoms)
        sale = LotSold(
            auction=body.auction,
            account=reserve.account,
            counterparty=bidder,
            asset=body.asset,
            instrument=body.instrument,
            price_ticks=ledger.conversions[body.asset].price_ticks,
            amount_atoms=auction.bid_lot_atoms,
            debt_asset=body.debt_asset,
            repaid_atoms=auction.bid_atoms,
            left_atoms=left,
            owed_atoms=owed,
        )
        return [*self.auctions.released(auction, reserve), sale, *closed(auction, left, owed, reserve)]
