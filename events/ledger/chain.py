"""What the ledger keeps of a chain: the last block, prices on their way to it, debts' indices, auctions, bad debt."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from ..bodies.chain import CollateralSeized, OracleReported
from ..bodies.lots import CollateralAuctioned
from ..errors import LedgerError

if TYPE_CHECKING:
    from ..bodies.chain import BadDebtCovered, BlockMined, DebtIndexed, SeizureReversed
    from ..bodies.loans import CollateralLooped, LoopUnwound
    from ..bodies.lots import AuctionRestarted, BidPlaced, CollateralAbsorbed, LotSold
    from ..envelope import Event
    from .state import LedgerState

__all__ = ["INDEX_ONE", "ChainState", "CollateralAuction", "Loop", "LoopLayer", "SentReport", "grown_atoms"]

INDEX_ONE = 10**15
"""The index of a debt that has not grown."""


class SentReport(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A price that an oracle has sent, in which event and when."""

    body: OracleReported
    seq: int
    at_ns: int


class CollateralAuction(msgspec.Struct, array_like=True, gc=False):
    """An open auction: what is offered still, for how much, the first price, since when, and the best bid, if any."""

    body: CollateralAuctioned
    left_atoms: int
    owed_atoms: int
    top_ticks: int
    at_ns: int
    bidder: int | None = None
    bid_atoms: int = 0
    bid_lot_atoms: int = 0
    bid_at_ns: int = 0


class LoopLayer(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What was bought with a loan and supplied again, and the loan."""

    amount_atoms: int
    borrowed_atoms: int


class Loop(msgspec.Struct, array_like=True, gc=False):
    """The chain of an account in one collateral: its layers as they began, and how many of them stand."""

    asset: int
    debt_asset: int
    layers: list[LoopLayer]
    standing: int

    def reached(self, owed_atoms: int, held_atoms: int) -> int:
        """How many layers so much debt reaches, the first ones first; none where nothing of the collateral is left."""
        below_atoms = 0
        for place, layer in enumerate(self.layers if held_atoms > 0 else ()):
            if owed_atoms <= below_atoms:
                return place
            below_atoms += layer.borrowed_atoms
        return len(self.layers) if held_atoms > 0 else 0


class ChainState(msgspec.Struct, gc=False):
    """The chain as it is; nothing of it where a run has none.

    `marks` are those of the markets by which assets are converted, as they stood with the last block. `reports` are
    prices that oracles have sent last, by asset. `indices` are what a debt of 1 of an asset has grown to, in 10^-15;
    `loans` the index up to which each account's debts are settled, of which those that are not there began at
    `INDEX_ONE`. `seizures` are the liquidations of the last block, and `bad_debt` is all that became one, by asset.
    `loops` are the chains of accounts that supplied again what they had bought with a loan, and `spent` is what
    borrowers put in themselves since the run began, in what each settles in.
    """

    number: int = 0
    base_fee_wei: int = 0
    demand_ppm: int = 0
    mined_seq: int | None = None
    mined_at_ns: int = 0
    marks: dict[int, int] = {}
    reports: dict[int, SentReport] = {}
    indices: dict[int, int] = {}
    loans: dict[int, dict[int, int]] = {}
    seizures: list[CollateralSeized] = []
    auctions: dict[int, CollateralAuction] = {}
    auctions_started: int = 0
    bad_debt: dict[int, int] = {}
    loops: dict[int, Loop] = {}
    spent: dict[int, int] = {}

    def mine(self, body: BlockMined, event: Event, ledger: LedgerState) -> None:
        """The next block, and where the marks of what is converted stand. Raises LedgerError for another one."""
        if self.number and body.number != self.number + 1:
            message = f"block {body.number} is mined where {self.number + 1} is next"
            raise LedgerError(message)
        self.number, self.base_fee_wei, self.demand_ppm = body.number, body.base_fee_wei, body.demand_ppm
        self.mined_seq, self.mined_at_ns, self.seizures = event.seq, event.at_ns, []
        followed = {conversion.instrument for conversion in ledger.conversions.values()}
        self.marks = {number: ledger.markets[number].mark_ticks for number in sorted(followed)}

    def report(self, body: OracleReported, event: Event) -> None:
        """A price is on its way to the chain, in place of one that was before."""
        self.reports[body.asset] = SentReport(body, event.seq, event.at_ns)

    def grow(self, body: DebtIndexed) -> None:
        """Debts of an asset have grown. Raises LedgerError where they would shrink."""
        if body.index < self.index(body.asset):
            message = f"the index of debts in asset {body.asset} falls from {self.index(body.asset)} to {body.index}"
            raise LedgerError(message)
        self.indices[body.asset] = body.index

    def index(self, asset: int) -> int:
        """What a debt of 1 of an asset has grown to since the beginning, in 10^-15."""
        return self.indices.get(asset, INDEX_ONE)

    def settled(self, account: int, asset: int) -> int:
        """The index up to which an account's debt is settled."""
        own = self.loans.get(account)
        return INDEX_ONE if own is None else own.get(asset, INDEX_ONE)

    def settle(self, account: int, asset: int, index: int) -> None:
        """An account's debt is settled up to an index."""
        self.loans.setdefault(account, {})[asset] = index

    def cover(self, body: BadDebtCovered, ledger: LedgerState) -> None:
        """Whoever owes nothing any more has no loan; a backstop that paid more than it had owes it."""
        if ledger.accounts[body.account].amount_of(body.asset) >= 0:
            self.loans.get(body.account, {}).pop(body.asset, None)
            if not self.loans.get(body.account, True):
                del self.loans[body.account]
        self._note_owing(body.counterparty, body.asset, ledger)

    def seize(self, body: CollateralSeized, ledger: LedgerState) -> None:
        """A liquidation of this block; what the account owes after it was settled before."""
        self.seizures.append(body)
        self._note_owing(body.account, body.debt_asset, ledger)

    def reverse(self, body: SeizureReversed, ledger: LedgerState) -> None:
        """The layers of a chain that what is owed again reaches stand again."""
        loop = self.loops.get(body.account)
        if loop is not None:
            account = ledger.accounts[body.account]
            loop.standing = loop.reached(-account.amount_of(loop.debt_asset), account.amount_of(loop.asset))

    def loop(self, body: CollateralLooped) -> None:
        """The next layer of an account's chain. Raises LedgerError for another one, or in another asset."""
        loop = self.loops.setdefault(body.account, Loop(body.asset, body.debt_asset, [], 0))
        if (loop.asset, loop.debt_asset, len(loop.layers) + 1) != (body.asset, body.debt_asset, body.layer):
            message = f"layer {body.layer} of the chain of account {body.account} does not follow on what there is"
            raise LedgerError(message)
        loop.layers.append(LoopLayer(body.amount_atoms, body.borrowed_atoms))
        loop.standing = len(loop.layers)

    def unwind(self, body: LoopUnwound) -> None:
        """The last layer that stood is gone. Raises LedgerError for another one."""
        loop = self.loops.get(body.account)
        if loop is None or loop.standing != body.layer or body.left != body.layer - 1:
            message = f"layer {body.layer} of the chain of account {body.account} is undone, and is not its last one"
            raise LedgerError(message)
        loop.standing = body.left

    def spend(self, account: int, worth_atoms: int) -> None:
        """A borrower put in so much more of its own."""
        self.spent[account] = self.spent.get(account, 0) + worth_atoms

    def absorb(self, body: CollateralAbsorbed, ledger: LedgerState) -> None:
        """Reserves that credited more than they had owe it to the suppliers, as the account does what it owes still."""
        self._note_owing(body.account, body.debt_asset, ledger)
        self._note_owing(body.counterparty, body.debt_asset, ledger)

    def _note_owing(self, account: int, asset: int, ledger: LedgerState) -> None:
        if ledger.accounts[account].amount_of(asset) < 0:
            self.settle(account, asset, self.index(asset))

    def open_auction(self, body: CollateralAuctioned, at_ns: int, ledger: LedgerState) -> None:
        """An auction of the next number. Raises LedgerError for another one."""
        self.auctions_started += 1
        if body.auction != self.auctions_started:
            message = f"auction {body.auction} is declared where {self.auctions_started} is next"
            raise LedgerError(message)
        self.auctions[body.auction] = CollateralAuction(body, body.amount_atoms, body.owed_atoms, body.top_ticks, at_ns)
        self._note_owing(body.counterparty, body.debt_asset, ledger)

    def auction(self, number: int) -> CollateralAuction:
        """An open auction. Raises LedgerError where there is none of the number."""
        try:
            return self.auctions[number]
        except KeyError:
            message = f"auction {number} is not open"
            raise LedgerError(message) from None

    def sell(self, body: LotSold) -> None:
        """A part of what is offered was bought."""
        auction = self.auction(body.auction)
        auction.left_atoms, auction.owed_atoms = body.left_atoms, body.owed_atoms

    def restart(self, body: AuctionRestarted, at_ns: int) -> None:
        """An auction begins anew."""
        auction = self.auction(body.auction)
        auction.top_ticks, auction.at_ns = body.top_ticks, at_ns

    def bid(self, body: BidPlaced, at_ns: int) -> None:
        """A better bid stands."""
        auction = self.auction(body.auction)
        auction.bidder, auction.bid_atoms, auction.bid_at_ns = body.counterparty, body.amount_atoms, at_ns
        auction.bid_lot_atoms = body.lot_atoms

    def close_auction(self, number: int) -> None:
        """An auction is over."""
        self.auction(number)
        del self.auctions[number]


def grown_atoms(atoms: int, index: int, settled: int) -> int:
    """What a debt of so many atoms (above zero) has grown to at an index, rounded up: never less than is owed."""
    return -(-atoms * index // settled)
