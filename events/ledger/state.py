"""The data of the ledger, without the fold: what effects write and handlers read.

It iterates in the order of the record, so a restored ledger iterates like the one that ran; and it is whole numbers and
text through and through, so its encoding is its canonical form.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec

from ..bodies.listing import AssetListed
from ..bodies.redemption import RedemptionRequested
from ..bodies.run import Producer, RunStarted
from ..bodies.venue import TimerSet
from ..bodies.venues import TransferStarted
from ..bodies.waterfall import DeleveragingStarted
from ..errors import LedgerError
from ..kinds import FOR_GOOD_NS
from ..venue_names import at_venue, plain
from .account import Account, Position, PositionKey
from .auctions import OpenAuction
from .chain import ChainState
from .conversion import Conversion
from .faults import StandingFault
from .liquidation import Liquidation, OwnOrder
from .market import Market
from .options import Delivery, Option, Volatility
from .ordering import Ordering

__all__ = [
    "ANSWERS",
    "STOPPED_NS",
    "FundStanding",
    "HeldBefore",
    "LedgerState",
    "PendingTimer",
    "RoundBase",
    "VenueAccounts",
]

STOPPED_NS = FOR_GOOD_NS
"""Until when a market is halted that is halted for good."""

ANSWERS = ("traders", "answers")
"""The note of the seed by which traders draw their answers, where a fork put another in the place of the run's."""


class VenueAccounts(msgspec.Struct, gc=False):
    """The venue's own accounts of one asset, of its insurance funds the first; None until they are opened."""

    outside: int | None = None
    liquidity: int | None = None
    insurance: int | None = None
    fees: int | None = None


class FundStanding(msgspec.Struct, array_like=True, gc=False):
    """An insurance fund's floor, the deficits declared so far, and whether its rule is bound by them (`books.py`)."""

    floor_atoms: int = 0
    deficit_atoms: int = 0
    bound: bool = False


class RoundBase(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A round and where it stood: its event, its instant, and the last repricing before it."""

    round: int
    seq: int
    at_ns: int
    repriced_seq: int


class HeldBefore(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What an account held that was deleveraged, before it was, and the mark of that moment."""

    position: Position
    mark_ticks: int


class PendingTimer(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A timer that has not fired, and who set it: an index into the producers that decide now."""

    producer: int | None
    timer: TimerSet


@dataclass(slots=True, repr=False)
class LedgerState:
    """State after the event before `seq` (its `seq` is the number of events folded).

    `producers` are who decides now. `repriced_seq` is the last event that moved a mark or funding: the ranking of a
    round holds until the next one. `round_bases` holds, per (instrument, side of the closed position), the last round,
    whose ranking a further one at the same mark and instant continues. `own_orders` are traders' own orders that are
    not done, `acted` when a trader placed its last one; `transfers` is the money on its way between venues, by the
    event in which it left. `faults` are those of the venue that are on, by their number; `auctions` those that are
    open, by account; `vaults` each depositor's claim on a fund that is a vault; `conversions` how assets are converted
    into those that accounts settle in; `redemptions` the coins that are on their way to be paid, by the event in which
    they left; `chain` what is kept of a venue on chain. `options` are those that were listed, by their instrument,
    `volatilities` what they are priced with, by their underlying, and `deliveries` the averages that run, by underlying
    and expiry. `held_before` is what those held who were deleveraged in the last round, before they were, by the event.
    `ordering` is the order that a fork chose for what may come in any.
    """

    seq: int = 0
    at_ns: int = 0
    run: RunStarted | None = None
    producers: tuple[Producer, ...] = ()
    assets: list[AssetListed] = field(default_factory=list)
    markets: list[Market] = field(default_factory=list)
    accounts: list[Account] = field(default_factory=list)
    account_names: list[str] = field(default_factory=list)
    account_ids: dict[str, int] = field(default_factory=dict)
    venue_accounts: list[VenueAccounts] = field(default_factory=list)
    funds: dict[int, FundStanding] = field(default_factory=dict)
    liquidations: dict[int, Liquidation] = field(default_factory=dict)
    liquidations_started: int = 0
    orders: int = 0
    trades: int = 0
    rounds: int = 0
    repriced_seq: int = 0
    round_bases: dict[tuple[int, int], RoundBase] = field(default_factory=dict)
    open_round: DeleveragingStarted | None = None
    timers: dict[int, PendingTimer] = field(default_factory=dict)
    notes: dict[tuple[str, str], tuple[int, ...]] = field(default_factory=dict)
    ended: bool = False
    own_orders: dict[int, OwnOrder] = field(default_factory=dict)
    acted: dict[int, int] = field(default_factory=dict)
    transfers: dict[int, TransferStarted] = field(default_factory=dict)
    faults: dict[int, StandingFault] = field(default_factory=dict)
    auctions: dict[int, OpenAuction] = field(default_factory=dict)
    vaults: dict[int, dict[int, int]] = field(default_factory=dict)
    conversions: dict[int, Conversion] = field(default_factory=dict)
    redemptions: dict[int, RedemptionRequested] = field(default_factory=dict)
    chain: ChainState = field(default_factory=ChainState)
    options: dict[int, Option] = field(default_factory=dict)
    volatilities: dict[int, Volatility] = field(default_factory=dict)
    deliveries: dict[tuple[int, int], Delivery] = field(default_factory=dict)
    held_before: dict[int, HeldBefore] = field(default_factory=dict)
    ordering: Ordering = field(default_factory=Ordering)

    @property
    def imported(self) -> bool:
        """Whether all of this was taken in from a venue's files, so that nothing was decided here."""
        return self.run is not None and self.run.prices == "imported"

    @property
    def seed(self) -> int:
        """The run's seed, by which draws are keyed; 0 before it began."""
        return 0 if self.run is None else self.run.seed

    @property
    def answers_seed(self) -> int:
        """By what traders draw whether, when and how they answer: the run's seed, or what a fork put in its place."""
        noted = self.notes.get(ANSWERS)
        return self.seed if noted is None else noted[0]

    def listed_everywhere(self, name: str) -> list[Market]:
        """The markets of an instrument of that name, without a venue's, at all venues; O(instruments)."""
        return [market for market in self.markets if plain(market.listing.name) == name]

    def venue_of(self, account: int) -> str:
        """The venue that an account is with; empty where the run has one."""
        return self.assets[self.accounts[account].asset].venue

    def venue_of_instrument(self, instrument: int) -> str:
        """The venue that lists an instrument; empty where the run has one."""
        return self.assets[self.markets[instrument].listing.asset].venue

    def producer(self, slot: str, venue: str = "") -> Producer | None:
        """Who fills a slot of a venue now, or the slot over all venues."""
        wanted = at_venue(slot, venue)
        return next((one for one in self.producers if one.handler == wanted), None)

    def venue(self, asset: int) -> VenueAccounts:
        """The venue's own accounts for an asset."""
        return self.venue_accounts[asset]

    def fund(self, asset: int) -> int:
        """The first insurance fund of an asset. Raises LedgerError where none is open."""
        return self.own(asset, "insurance")

    def fund_of(self, instrument: int) -> int:
        """The insurance fund that stands behind an instrument. Raises LedgerError where none is open."""
        market = self.markets[instrument]
        return self.fund(market.listing.asset) if market.fund is None else market.fund

    def fund_for(self, account: Account) -> int:
        """The insurance fund that stands behind what an account owes. Raises LedgerError where none is open.

        That of its first position; of an account without any, that of the instrument that was closed last.
        """
        if account.positions:
            return self.fund_of(min(account.positions)[0])
        liquidation = None if account.liquidation_id is None else self.liquidations.get(account.liquidation_id)
        if liquidation is None or liquidation.last_instrument is None:
            return self.fund(account.asset)
        return self.fund_of(liquidation.last_instrument)

    def funds_of(self, asset: int) -> list[int]:
        """The insurance funds of an asset, in the order they were opened."""
        return [fund for fund in self.funds if self.accounts[fund].asset == asset]

    def instruments_of(self, fund: int) -> list[int]:
        """The instruments that a fund stands behind; O(instruments)."""
        asset = self.accounts[fund].asset
        return [i for i, m in enumerate(self.markets) if m.listing.asset == asset and self.fund_of(i) == fund]

    def liquidity(self, asset: int) -> int:
        """The account of outside liquidity. Raises LedgerError where none is open."""
        return self.own(asset, "liquidity")

    def own(self, asset: int, kind: str) -> int:
        """The venue's account of that kind for an asset. Raises LedgerError where none is open."""
        account: int | None = getattr(self.venue_accounts[asset], kind)
        if account is None:
            message = f"asset {self.assets[asset].name!r} has no {kind} account; open one before it is needed"
            raise LedgerError(message)
        return account

    def check_coin(self, account: Account, asset: int) -> None:
        """Raises LedgerError where an asset is not converted into what the account settles in, so that it has none."""
        conversion = self.conversions.get(asset)
        if asset == account.asset or (conversion is not None and conversion.quote == account.asset):
            return
        settles = f"account {account.account} settles in asset {account.asset}"
        message = f"{settles}, into which asset {asset} is not converted"
        raise LedgerError(message)

    def position(self, account: int, key: PositionKey) -> Position | None:
        """A position, or None."""
        return self.accounts[account].positions.get(key)

    def inventory(self, fund: int) -> dict[PositionKey, Position]:
        """A fund's inventory by (instrument, liquidation), in the order it was taken over."""
        return self.accounts[fund].positions

    def least_cash_atoms(self, fund: int) -> int:
        """Down to where a fund's cash may go: its floor, less what was declared to be beyond it."""
        standing = self.funds[fund]
        return standing.floor_atoms - standing.deficit_atoms

    def is_stopped(self, instrument: int) -> bool:
        """Whether trading was halted for good, as a fund's deficit halts it."""
        return self.markets[instrument].halted_until_ns == STOPPED_NS

    def name(self, account: int) -> str:
        """The declared name of an account."""
        return self.account_names[account]
