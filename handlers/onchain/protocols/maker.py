"""Maker, liquidations 2.0, as the run's lending protocol; the rules are those of `maker.py`.

1. Debts are DAI, which accounts settle in. A vault goes to auction whole or in part; from then on its collateral and
   that part of its debt are the reserve's (the vow's), which gets what keepers pay. So the reserve gains the penalty
   where a lot brings enough, and what an auction does not bring is its loss.
2. Whoever begins an auction, or begins one anew, is paid `tip` and `chip` of what is to be raised, out of the reserve.
3. Prices are whole ticks, amounts whole atoms: rounded where the protocol rounds, to coarser units.
4. A reserve that lacks more than open auctions are to bring is made good by the backstops at once: the venue waits, and
   then auctions its own token.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import count
from math import lcm
from typing import ClassVar, Literal, NamedTuple

import msgspec

from ....events.bodies.chain import BadDebtRealised, CollateralSeized
from ....events.bodies.lots import AuctionClosed, AuctionRestarted, CollateralAuctioned, KeeperRewarded, LotSold
from ....events.ledger import Account, LedgerState
from ....events.ledger.chain import CollateralAuction
from ....events.venue_names import plain
from ....events.vocabulary import Body
from ...protocol import Product
from ..borrowers import Weights, collateral_of, debts_of, first_of, health
from ..lending import Lending, LendingParameters, by_price, settled
from ..maker import RAY, Bark, Limits, barked, exponential, linear, needs_redo, stairstep, take
from ..offers import Deal, Offer
from ..worth import BPS, WAD

__all__ = ["DutchCollateral", "DutchParameters", "Maker", "closed", "lot_asset", "price_now", "ratios"]

_SECOND_NS = 10**9
_NO_LIMIT = 10**60
_RAY_OF_PPB = RAY // 10**9
_CURVES: dict[str, Callable[..., Callable[[int, int], int]]] = {
    "stairstep": stairstep,
    "linear": linear,
    "exponential": exponential,
}


class DutchCollateral(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How much collateral must be worth over the debt, and the penalty on what is liquidated."""

    mat_bps: int
    penalty_bps: int = 1_300


class DutchParameters(LendingParameters, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """As the protocol's own parameters are called; amounts are in DAI, `cut_ppb` is a factor per step.

    `step_ns` is the step of a stairstep, and of a straight line the time in which it falls to nothing.
    """

    collateral: dict[str, DutchCollateral] = {}  # noqa: RUF012 - a struct copies it
    hole_atoms: int = 0
    dust_atoms: int = 0
    buf_bps: int = 11_000
    curve: Literal["stairstep", "linear", "exponential"] = "stairstep"
    cut_ppb: int = 990_000_000
    step_ns: int = 90 * _SECOND_NS
    tail_ns: int = 7_200 * _SECOND_NS
    cusp_bps: int = 4_500
    tip_atoms: int = 0
    chip_bps: int = 10
    bark_gas: int = 400_000
    take_gas: int = 200_000

    def check(self) -> None:
        """Refuse a ratio under 1, and prices that never fall or fall at once."""
        for name, one in self.collateral.items():
            if one.mat_bps < BPS or one.penalty_bps < 0:
                message = f"collateral.{name}: mat_bps must be at least 10000 and penalty_bps not negative"
                raise ValueError(message)
        if not 0 < self.cut_ppb < 10**9 or min(self.step_ns, self.tail_ns) < _SECOND_NS:
            message = "cut_ppb must lie between 1 and 999999999, and step_ns and tail_ns be a second at least"
            raise ValueError(message)
        if not 0 < self.cusp_bps < BPS:
            message = "cusp_bps must lie between 1 and 9999"
            raise ValueError(message)
        if min(self.hole_atoms, self.dust_atoms, self.tip_atoms, self.chip_bps) < 0 or self.buf_bps < BPS:
            message = "hole, dust, tip and chip must not be negative, and buf_bps be at least 10000"
            raise ValueError(message)

    def weights(self) -> Weights:
        """One over the ratio, out of the least common multiple of all ratios."""
        return ratios({name: one.mat_bps for name, one in self.collateral.items()})

    def offers(self, unsafe: Sequence[int], ledger: LedgerState, venue: str, now_ns: int) -> list[Offer]:
        """Unsafe vaults may be sent to auction, old auctions begun anew, and of the others something taken."""
        reserve = first_of(self.reserve, ledger, venue)
        if reserve is None:
            return []
        numbers, found = count(ledger.chain.auctions_started + 1), list[Offer]()
        dirt = sum(auction.owed_atoms for auction in ledger.chain.auctions.values())
        for number in unsafe:
            bark = self._barked(ledger.accounts[number], dirt, ledger)
            if bark is not None:
                dirt += bark.tab
                found.append(self._bark(ledger.accounts[number], bark, reserve, numbers, ledger, venue))
        for auction in ledger.chain.auctions.values():
            price_ticks = price_now(self, auction, now_ns)
            redo = self.is_stale(auction, price_ticks, now_ns)
            found.append(
                self._redo(auction, reserve, ledger) if redo else self._take(auction, price_ticks, reserve, ledger)
            )
        return found

    def is_stale(self, auction: CollateralAuction, price_ticks: int, now_ns: int) -> bool:
        """Whether an auction must begin anew."""
        age_ns, cusp = now_ns - auction.at_ns, self.cusp_bps * RAY // BPS
        return needs_redo(price_ticks, auction.top_ticks, age_ns, self.tail_ns, cusp)

    def _top_ticks(self, asset: int, ledger: LedgerState) -> int:
        return ledger.conversions[asset].price_ticks * self.buf_bps // BPS

    def _reward(self, owed_atoms: int) -> int:
        return self.tip_atoms + owed_atoms * self.chip_bps // BPS

    def _barked(self, account: Account, dirt: int, ledger: LedgerState) -> Bark | None:
        """What of a vault goes to auction; nothing where the limits leave no room."""
        owed, asset = debts_of(account, ledger).get(account.asset, 0), lot_asset(account)
        terms = None if asset is None else self.collateral.get(plain(ledger.assets[asset].name))
        if terms is None or asset is None or not owed:
            return None
        hole = self.hole_atoms or _NO_LIMIT
        limits = Limits(hole, dirt, hole, dirt, self.dust_atoms)
        return barked(account.coins[asset], owed, limits, WAD + terms.penalty_bps * WAD // BPS, 1)

    def _bark(
        self,
        account: Account,
        bark: Bark,
        reserve: Account,
        numbers: Iterator[int],
        ledger: LedgerState,
        venue: str,
    ) -> Offer:
        """A vault is sent to auction, for a reward."""
        asset, reward = lot_asset(account) or 0, self._reward(bark.tab)
        penalty_bps = self.collateral[plain(ledger.assets[asset].name)].penalty_bps

        lot = AuctionLot(bark.lot, bark.due, bark.tab, self._top_ticks(asset, ledger), penalty_bps)

        def recorded(keeper: int, _profit: int) -> list[Product]:
            number = next(numbers)
            before = auctioned(self, account, asset, lot, ledger, venue, number=number, reserve=reserve)
            return [*before, *_rewarded(keeper, reserve, reward, number)]

        deal = Deal(0, asset, 0, recorded, reward)
        return Offer(("auction", account.account), self.bark_gas, lambda *_: deal, pays=False)

    def _redo(self, auction: CollateralAuction, reserve: Account, ledger: LedgerState) -> Offer:
        body, reward = auction.body, self._reward(auction.owed_atoms)

        def recorded(keeper: int, _profit: int) -> list[Product]:
            top_ticks = self._top_ticks(body.asset, ledger)
            anew = AuctionRestarted(body.auction, body.instrument, top_ticks, "nobody had taken it in time")
            return [anew, *_rewarded(keeper, reserve, reward, body.auction)]

        deal = Deal(0, body.asset, 0, recorded, reward)
        return Offer(("restart", body.auction), self.bark_gas, lambda *_: deal, pays=False)

    def _take(self, auction: CollateralAuction, price_ticks: int, reserve: Account, ledger: LedgerState) -> Offer:
        """A part of the lot at the price of now; the end of the auction where it is wholly taken or paid for."""
        body, conversion = auction.body, ledger.conversions[auction.body.asset]
        price, unit = price_ticks * conversion.quote_atoms, conversion.asset_atoms
        terms = self.collateral[plain(ledger.assets[body.asset].name)]
        chost = self.dust_atoms * (BPS + terms.penalty_bps) // BPS * unit

        def deal(most_atoms: int | None, part_bps: int) -> Deal | None:
            wanted = auction.left_atoms * part_bps // BPS
            if most_atoms is not None and price:
                wanted = min(wanted, most_atoms * unit // price)
            taken = take(auction.owed_atoms * unit, auction.left_atoms, wanted, price, chost) if price else None
            if taken is None or not taken.bought:
                return None
            paid = -(-taken.paid // unit)
            left, owed = taken.lot, max(0, auction.owed_atoms - paid)

            def recorded(keeper: int, _profit: int) -> list[Product]:
                sale = LotSold(
                    auction=body.auction,
                    account=reserve.account,
                    counterparty=keeper,
                    asset=body.asset,
                    instrument=body.instrument,
                    price_ticks=price_ticks,
                    amount_atoms=taken.bought,
                    debt_asset=body.debt_asset,
                    repaid_atoms=paid,
                    left_atoms=left,
                    owed_atoms=owed,
                )
                return [sale, *closed(auction, left, owed, reserve)] if not left or not owed else [sale]

            return Deal(paid, body.asset, taken.bought, recorded)

        return Offer(("lot", body.auction), self.take_gas, deal)


class AuctionLot(NamedTuple):
    """What of a vault goes to auction: so much of its collateral, of its debt, the debt with the penalty, and that.

    Of a falling price `top_ticks` is the first; 0 where bids rise.
    """

    amount_atoms: int
    repaid_atoms: int
    owed_atoms: int
    top_ticks: int
    penalty_bps: int


def auctioned(
    rules: LendingParameters,
    account: Account,
    asset: int,
    lot: AuctionLot,
    ledger: LedgerState,
    venue: str,
    *,
    number: int,
    reserve: Account,
) -> list[Product]:
    """A lot of a vault is sent to the auction of that number, its interest settled before."""
    body = CollateralAuctioned(
        auction=number,
        account=account.account,
        counterparty=reserve.account,
        asset=asset,
        instrument=ledger.conversions[asset].instrument,
        debt_asset=account.asset,
        health_ppb=health(account, rules.weights(), ledger).factor_ppb,
        **lot._asdict(),
    )
    return [*settled(rules, account, debts_of(account, ledger), ledger, venue), by_price(body, ledger, asset)]


def closed(auction: CollateralAuction, left_atoms: int, owed_atoms: int, reserve: Account) -> list[Product]:
    """The end of an auction: what is left of the lot is the owner's again."""
    body = auction.body
    lost_atoms = max(0, body.repaid_atoms - (body.owed_atoms - owed_atoms))
    end = AuctionClosed(
        auction=body.auction,
        account=body.account,
        counterparty=reserve.account,
        asset=body.asset,
        amount_atoms=left_atoms,
        debt_asset=body.debt_asset,
        owed_atoms=owed_atoms,
        lost_atoms=lost_atoms,
    )
    return [end]


def ratios(mats_bps: Mapping[str, int]) -> Weights:
    """Weights of one over each ratio, out of the least common multiple of all ratios: exact."""
    scale = lcm(*mats_bps.values()) if mats_bps else BPS
    return Weights(scale, {name: BPS * (scale // mat_bps) for name, mat_bps in mats_bps.items()})


def lot_asset(account: Account) -> int | None:
    """The collateral of a vault, of which it has one kind; None where there is none left."""
    return next((asset for asset in collateral_of(account) if asset != account.asset), None)


def awaited_atoms(ledger: LedgerState) -> int:
    """What open auctions are to bring of the debts that the reserve took on with them, less bids that are held."""
    found = 0
    for auction in ledger.chain.auctions.values():
        body = auction.body
        found += max(0, body.repaid_atoms - (body.owed_atoms - auction.owed_atoms)) - auction.bid_atoms
    return found


def _rewarded(keeper: int, reserve: Account, atoms: int, auction: int) -> list[Product]:
    return [KeeperRewarded(keeper, reserve.account, reserve.asset, atoms, auction)] if atoms else []


def price_now(rules: DutchParameters, auction: CollateralAuction, now_ns: int) -> int:
    """The price of an auction, in ticks, rounded down."""
    age, step = (now_ns - auction.at_ns) // _SECOND_NS, rules.step_ns // _SECOND_NS
    if rules.curve == "linear":
        return linear(step)(auction.top_ticks, age)
    cut = rules.cut_ppb * _RAY_OF_PPB
    return (stairstep(cut, step) if rules.curve == "stairstep" else exponential(cut))(auction.top_ticks, age)


class Maker(Lending):
    """An auction that ends without having brought the debt leaves bad debt, which is the reserve's to bear."""

    policy: ClassVar[str] = "maker"
    subscribes: ClassVar[tuple[type[Body], ...]] = (
        *(kind for kind in Lending.subscribes if kind is not CollateralSeized),
        AuctionClosed,
        CollateralAuctioned,
    )
    Parameters: ClassVar[type[msgspec.Struct]] = DutchParameters

    def _acted(self, body: Body, ledger: LedgerState, now_ns: int) -> Iterator[Product]:
        """What an auction did not bring of the debt, and what makes the reserve good that bore it."""
        assert isinstance(body, AuctionClosed)
        if body.lost_atoms:
            yield BadDebtRealised(body.account, body.debt_asset, body.lost_atoms)
        reserve = first_of(self.rules.reserve, ledger, self.venue)
        short_atoms = 0 if reserve is None else -reserve.balance_atoms - awaited_atoms(ledger)
        if reserve is not None and short_atoms > 0:
            yield from self.covered(reserve, reserve.asset, short_atoms, ledger, {})
