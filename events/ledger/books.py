"""What an event may do to the ledger beyond setting a field: what comes into being, who stands where, what funds owe.

Of what comes into being:
1. Numbers are given without gaps, so a number is a place in the ledger's lists.
2. A name is declared once, and an account of the venue's own once per asset. Of insurance funds there may be several:
   the first is the asset's, the others stand behind the instruments that they are named for.
3. Whatever settles does so in an asset that was listed before it.

Of insurance funds:
1. A fund's floor is the one that its rule states (`floor_atoms`, 0 where it states none), or what it was last given or
   left with from outside, if that is less: so a fund that begins under its floor has spent nothing.
2. A declared deficit lets exactly so much more be paid out.
3. A record made before there were deficits keeps to no floor: its fund's rule was the first version of its policy.
4. An asset's first fund stands behind every instrument that no other was named for.
5. What a fund paid for an instrument is the value of what it traded of it, what it paid in cash for accounts of which
   that instrument was closed last, less the fees of such. So the lots at the mark less that, with the funding, are
   what it gained by the instrument (`handlers/inventory.py`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import LedgerError
from .account import Account, Position, funding_of
from .auctions import OpenAuction
from .conversion import Conversion
from .faults import StandingFault
from .liquidation import Liquidation, OpenOrder, OwnOrder
from .market import market_of
from .options import Delivery, Option, Volatility
from .state import STOPPED_NS, FundStanding, HeldBefore, LedgerState, PendingTimer, RoundBase, VenueAccounts

if TYPE_CHECKING:
    from ..bodies.auctions import AuctionFilled, AuctionOpened, VaultDeposited
    from ..bodies.collateral import ConversionPriced, ConversionSet
    from ..bodies.faults import ActDelayed, FaultStarted
    from ..bodies.liquidation import (
        BankruptcyDeclared,
        LiquidationEnded,
        LiquidationOrdered,
        LiquidationStarted,
        PositionTakenOver,
    )
    from ..bodies.listing import AccountOpened, AssetListed, InstrumentListed
    from ..bodies.margin import RulesChanged
    from ..bodies.options import (
        DeliveryPriced,
        DeliveryStarted,
        OptionExpired,
        OptionListed,
        OptionSettled,
        SurfaceSet,
        VolatilityMarked,
    )
    from ..bodies.redemption import RedemptionPaid, RedemptionRequested
    from ..bodies.run import Producer
    from ..bodies.trading import OrderPlaced
    from ..bodies.venue import TimerFired, TimerSet
    from ..bodies.venues import TransferArrived, TransferStarted
    from ..bodies.waterfall import DeleveragingStarted, PositionDeleveraged
    from ..envelope import Event

__all__ = ["Books"]

_SLOT = "insurance_fund"
_WITHOUT_DEFICITS = frozenset(
    (policy, "1") for policy in ("floor", "drawdown", "fee-capped", "insurance-fee", "backstop-vault")
)


class Books(LedgerState):
    """The state with what events do to it. Every call raises LedgerError for what cannot be."""

    __slots__ = ()

    def list_asset(self, body: AssetListed) -> None:
        """A new asset, with no account of the venue's own yet."""
        _next_number("asset", body.asset, len(self.assets))
        self.assets.append(body)
        self.venue_accounts.append(VenueAccounts())

    def list_instrument(self, body: InstrumentListed) -> None:
        """A new market without a price, in an asset that is listed."""
        _next_number("instrument", body.instrument, len(self.markets))
        self._settles(f"instrument {body.name!r}", body.asset)
        self.markets.append(market_of(body))

    def open_account(self, body: AccountOpened) -> None:
        """A new account, empty; neither its name nor a venue's account of its kind may be there already."""
        _next_number("account", body.account, len(self.accounts))
        if body.name in self.account_ids:
            message = f"account name {body.name!r} is declared twice"
            raise LedgerError(message)
        self._settles(f"account {body.name!r}", body.asset)
        if body.kind not in ("user", "vault"):
            self._open_own(body)
        opened = Account(body.account, body.kind, body.mode, body.asset, body.owner, body.parent, 0, {})
        self.accounts.append(opened)
        self.account_names.append(body.name)
        self.account_ids[body.name] = body.account
        if body.kind == "insurance":
            self.funds[body.account] = FundStanding()
            self._rule_fund(body.account)

    def set_conversion(self, body: ConversionSet) -> None:
        """An asset is converted from here on at the price of an instrument; once, and into another asset."""
        self._settles("a conversion", body.asset)
        self._settles("a conversion", body.quote)
        listed = 0 <= body.instrument < len(self.markets)
        if not listed or body.asset == body.quote or body.asset in self.conversions or body.asset_atoms < 1:
            message = f"asset {body.asset} cannot be converted into asset {body.quote} by instrument {body.instrument}"
            raise LedgerError(message)
        self.conversions[body.asset] = Conversion(
            body.asset, body.quote, body.instrument, body.asset_atoms, body.quote_atoms
        )

    def conversion(self, asset: int) -> Conversion:
        """How an asset is converted. Raises LedgerError where it is not."""
        try:
            return self.conversions[asset]
        except KeyError:
            message = f"asset {asset} is not converted into any other"
            raise LedgerError(message) from None

    def price_conversion(self, body: ConversionPriced, seq: int) -> None:
        """An asset is converted at this price from here on."""
        conversion = self.conversion(body.asset)
        conversion.index_ticks, conversion.price_ticks, conversion.priced_seq = body.index_ticks, body.price_ticks, seq
        self.repriced_seq = seq

    def list_option(self, body: OptionListed) -> None:
        """An instrument of kind option is on this underlying; once, and of two instruments that are listed."""
        count = len(self.markets)
        listed = 0 <= body.instrument < count and 0 <= body.underlying < count
        listing = self.markets[body.instrument].listing if listed else None
        steps = min(body.strike_ticks, body.ticks_numerator, body.ticks_denominator)
        if listing is None or listing.kind != "option" or listing.expiry_ns is None or steps < 1:
            message = f"instrument {body.instrument} is no option on instrument {body.underlying}"
            raise LedgerError(message)
        if body.instrument in self.options or body.underlying == body.instrument:
            message = f"option {listing.name!r} is listed twice, or on itself"
            raise LedgerError(message)
        self.options[body.instrument] = Option.of(body, listing.expiry_ns)

    def draw_surface(self, body: SurfaceSet, at_ns: int, seq: int) -> None:
        """Options on an instrument are priced with these volatilities from here on."""
        if not 0 <= body.instrument < len(self.markets) or not body.smiles:
            message = f"a surface of {len(body.smiles)} smiles for instrument {body.instrument}, which is none"
            raise LedgerError(message)
        spot_ticks = self.markets[body.instrument].mark_ticks
        self.volatilities[body.instrument] = Volatility(body.smiles, at_ns, seq, spot_ticks=spot_ticks)

    def mark_volatility(self, body: VolatilityMarked, at_ns: int, seq: int) -> None:
        """So much of the surface holds from here on."""
        volatility = self.volatilities.get(body.instrument)
        if volatility is None or body.level_ppm < 1:
            message = f"volatilities of instrument {body.instrument} cannot be marked at {body.level_ppm} ppm"
            raise LedgerError(message)
        volatility.level_ppm, volatility.jump_ppm = body.level_ppm, body.jump_ppm
        volatility.spot_ticks, volatility.marked_ns, volatility.seq = body.spot_ticks, at_ns, seq
        self.repriced_seq = seq

    def start_delivery(self, body: DeliveryStarted, at_ns: int) -> None:
        """An average begins with the index as it is."""
        self.deliveries[body.instrument, body.expiry_ns] = Delivery(at_ns, at_ns, body.index_ticks)

    def average_deliveries(self, instrument: int, index_ticks: int, at_ns: int) -> None:
        """An index goes into the averages that run of it."""
        for (underlying, _), delivery in self.deliveries.items():
            if underlying == instrument:
                delivery.tick(index_ticks, at_ns)

    def price_delivery(self, body: DeliveryPriced) -> None:
        """An average is over; what expires by it is settled by it."""
        self.deliveries.pop((body.instrument, body.expiry_ns), None)
        for option in self.options.values():
            if (option.underlying, option.expiry_ns) == (body.instrument, body.expiry_ns):
                option.delivery_microticks = body.price_microticks

    def expire_option(self, body: OptionExpired, seq: int) -> None:
        """An option is worth its payoff from here on, and no more traded."""
        option = self.options.get(body.instrument)
        if option is None or option.expired_seq is not None:
            message = f"instrument {body.instrument} expires, and is no option that has not"
            raise LedgerError(message)
        if body.price_ticks != option.payoff_ticks(option.delivery_microticks):
            message = f"option {body.instrument} expires at {body.price_ticks} ticks, which is not its payoff"
            raise LedgerError(message)
        option.expired_seq, option.price_ticks = seq, body.price_ticks
        self.repriced_seq = seq

    def settle_option(self, body: OptionSettled) -> None:
        """A position in an expired option was closed at what the option is worth, all of it."""
        option, market = self.options.get(body.instrument), self.markets[body.instrument]
        at_payoff = option is not None and option.expired_seq is not None and option.price_ticks == body.price_ticks
        if not at_payoff or body.value_atoms != market.payoff.value_atoms(body.size_lots, body.price_ticks):
            message = (
                f"instrument {body.instrument} of account {body.account} is settled, but not at an option's payoff"
            )
            raise LedgerError(message)
        if (body.instrument, body.leg) in self.accounts[body.account].positions:
            message = f"account {body.account} is settled in instrument {body.instrument}, and still holds it"
            raise LedgerError(message)
        if body.account in self.funds:
            self.trade_of_fund(body.instrument, body.size_lots, body.value_atoms)
        if body.liquidation_id is not None:
            self.sell_inventory(self.liquidation(body.liquidation_id), body.instrument, -body.size_lots)
        own = self.liquidations.get(self.accounts[body.account].liquidation_id or 0)
        if own is not None:
            own.closed_instrument = body.instrument

    def _open_own(self, body: AccountOpened) -> None:
        own = self.venue_accounts[body.asset]
        if getattr(own, body.kind) is not None:
            if body.kind == "insurance":
                return
            message = f"account {body.name!r} is a second {body.kind} account of its asset; a venue has one"
            raise LedgerError(message)
        setattr(own, body.kind, body.account)

    def _settles(self, what: str, asset: int) -> None:
        if not 0 <= asset < len(self.assets):
            message = f"{what} settles in asset {asset}, which is not listed"
            raise LedgerError(message)

    def decide_anew(self, producers: tuple[Producer, ...]) -> None:
        """Others decide from here on: pending timers stay with their slot, a ranking is not continued."""
        slots = {producer.handler: number for number, producer in enumerate(producers)}
        now = [slots.get(producer.handler) for producer in self.producers]
        for seq, pending in self.timers.items():
            producer = None if pending.producer is None else now[pending.producer]
            self.timers[seq] = PendingTimer(producer, pending.timer)
        self.producers = producers
        self.round_bases = {}
        self.rule_funds(*self.funds)

    def start_liquidation(self, body: LiquidationStarted, seq: int) -> None:
        """A liquidation of the next number, of an account that is free for it."""
        self.liquidations_started += 1
        _next_number("liquidation", body.liquidation_id, self.liquidations_started)
        account = self.accounts[body.account]
        account.move(body)
        account.liquidation_id = body.liquidation_id
        self.liquidations[body.liquidation_id] = Liquidation(body.liquidation_id, body.account, seq)

    def liquidation(self, liquidation_id: int) -> Liquidation:
        """A liquidation that is open, or from which lots are left in the fund."""
        try:
            return self.liquidations[liquidation_id]
        except KeyError:
            message = f"liquidation {liquidation_id} is not open"
            raise LedgerError(message) from None

    def move_on(self, body: BankruptcyDeclared | PositionTakenOver | LiquidationEnded) -> Account:
        """Take an account to the next status of the liquidation that it is in, and no other."""
        account = self.accounts[body.account]
        account.move(body)
        if account.liquidation_id != body.liquidation_id:
            message = f"account {body.account} is in liquidation {account.liquidation_id}, not {body.liquidation_id}"
            raise LedgerError(message)
        return account

    def order(self, body: LiquidationOrdered, *, hedges: bool = False) -> None:
        """A forced order of the next number; one of the account itself is a step of its liquidation."""
        liquidation = self.liquidation(body.liquidation_id)
        self.orders += 1
        _next_number("order", body.order_id, self.orders)
        order = OpenOrder(body.order_id, body.instrument, body.leg, abs(body.size_lots), body.whole, hedges=hedges)
        if body.account == liquidation.account:
            liquidation.steps = body.step
        liquidation.order = order

    def place(self, body: OrderPlaced, event: Event) -> None:
        """A trader's own order of the next number."""
        self.orders += 1
        _next_number("order", body.order_id, self.orders)
        self.own_orders[body.order_id] = OwnOrder(
            body.account,
            body.instrument,
            body.leg,
            body.size_lots,
            body.trigger_ticks,
            body.limit_ticks,
            body.reduces,
        )
        self.acted[body.account] = event.at_ns

    def send(self, body: TransferStarted, event: Event) -> None:
        """Money is on its way between two accounts of assets that are counted alike, on two venues."""
        source, target = (self.assets[self.accounts[one].asset] for one in (body.account, body.to_account))
        if source.asset == target.asset or source.decimals != target.decimals or body.amount_atoms <= 0:
            message = f"transfer {event.seq} from account {body.account} to {body.to_account} is none between venues"
            raise LedgerError(message)
        self.transfers[event.seq] = body

    def receive(self, body: TransferArrived) -> None:
        """Money that was on its way arrived, all of it, where it was sent to."""
        sent = self.transfers.pop(body.transfer, None)
        if sent is None or (sent.to_account, sent.amount_atoms) != (body.account, body.amount_atoms):
            message = f"transfer {body.transfer} arrives at account {body.account} and was not sent there as it arrives"
            raise LedgerError(message)

    def request_redemption(self, body: RedemptionRequested, event: Event) -> None:
        """Coins are on their way to be paid; the account is left with none that it does not have."""
        if body.amount_atoms <= 0 or self.accounts[body.account].amount_of(body.asset) < 0:
            message = f"redemption {event.seq} is of more of asset {body.asset} than account {body.account} has"
            raise LedgerError(message)
        self.redemptions[event.seq] = body

    def pay_redemption(self, body: RedemptionPaid) -> None:
        """What was on its way is paid, once, to whom it was of."""
        asked = self.redemptions.pop(body.redemption, None)
        if asked is None or asked.account != body.account:
            message = f"redemption {body.redemption} is paid to account {body.account}, which has none of that number"
            raise LedgerError(message)

    def change_rules(self, body: RulesChanged, event: Event) -> None:
        """Other tiers are in force; they begin at no notional, and initial margin stays where there was some."""
        market = self.markets[body.instrument]
        if any(not tiers or tiers[0].floor_atoms for tiers in (body.tiers, *filter(None, (body.initial,)))):
            message = f"instrument {market.listing.name!r}: rules of event {event.seq} do not begin at no notional"
            raise LedgerError(message)
        market.tiers, market.initial, market.ruled_seq = body.tiers, body.initial, event.seq
        market.announced = market.announced_seq = None

    def start_fault(self, body: FaultStarted, event: Event) -> None:
        """A fault is on from now on; none of its number may be on already."""
        if body.fault in self.faults:
            message = f"fault {body.fault} starts, but it is on already"
            raise LedgerError(message)
        self.faults[body.fault] = StandingFault(body, event.seq, event.at_ns, event.at_ns)

    def end_fault(self, fault: int) -> None:
        """A fault is not on any more."""
        if self.faults.pop(fault, None) is None:
            message = f"fault {fault} ends, but it is not on"
            raise LedgerError(message)

    def hold_up(self, body: ActDelayed) -> None:
        """The queue that a fault makes is taken up until later; a held up order waits outside of the book."""
        standing = self.faults.get(body.fault)
        if body.due_ns is None or standing is None:
            return
        standing.busy_until_ns = max(standing.busy_until_ns, body.due_ns - standing.body.delay_ns)
        if body.order_id is not None and body.order_id in self.own_orders:
            self.own_orders[body.order_id] = self.own_orders[body.order_id].held_up(body.due_ns)

    def open_auction(self, body: AuctionOpened, at_ns: int) -> None:
        """A forced order is offered; an account has one at a time."""
        self.auctions[body.account] = OpenAuction(body, at_ns, abs(body.size_lots))

    def fill_auction(self, body: AuctionFilled) -> None:
        """A provider took so many lots of an offered order."""
        self.trades += 1
        liquidation, auction = self.liquidation(body.liquidation_id), self.auctions[body.account]
        auction.left_lots, liquidation.closed_instrument = body.left_lots, body.instrument
        if liquidation.order is not None and liquidation.order.order_id == body.order_id:
            liquidation.order.left_lots, liquidation.order.open = body.left_lots, body.left_lots > 0

    def deposit_in_vault(self, body: VaultDeposited) -> None:
        """A depositor has a claim of what it put in; what was in the vault before is the vault's own."""
        before_atoms = self.accounts[body.fund].balance_atoms - body.amount_atoms
        claims = self.vaults.setdefault(body.fund, {body.fund: before_atoms})
        claims[body.account] = claims.get(body.account, 0) + body.amount_atoms

    def sell_inventory(self, liquidation: Liquidation, instrument: int, lots: int) -> None:
        """So many of the lots that came from a liquidation left the fund."""
        sold = liquidation.sold_lots
        sold[instrument] = sold.get(instrument, 0) + lots
        self.forget_if_done(liquidation)

    def forget_if_done(self, liquidation: Liquidation) -> None:
        """A liquidation that is over, and from which the fund holds nothing any more, is not kept."""
        if liquidation.ended and not liquidation.holds_inventory():
            del self.liquidations[liquidation.liquidation_id]

    def start_round(self, body: DeleveragingStarted, event: Event) -> None:
        """A round of the next number is open, and may be continued by the next one of its instrument and side."""
        self.rounds += 1
        _next_number("round", body.round, self.rounds)
        self.open_round = body
        self.held_before = {}
        side = 1 if body.size_lots > 0 else -1
        self.round_bases[body.instrument, side] = RoundBase(body.round, event.seq, event.at_ns, self.repriced_seq)

    def note_held(self, body: PositionDeleveraged, event: Event) -> None:
        """What an account holds that is about to be deleveraged; nothing where it has no such position."""
        held = self.accounts[body.account].positions.get((body.instrument, body.leg))
        figures = (0, 0, 0) if held is None else (held.size_lots, held.cost_atoms, held.funding_atoms)
        self.held_before[event.seq] = HeldBefore(Position(*figures), self.markets[body.instrument].mark_ticks)

    def set_timer(self, body: TimerSet, event: Event) -> None:
        """A timer is pending from now on; it must be due later than now."""
        if body.due_ns <= event.at_ns:
            message = f"timer {event.seq} ({body.purpose}) is due at {body.due_ns}, which is not later than now"
            raise LedgerError(message)
        self.timers[event.seq] = PendingTimer(event.producer, body)
        if body.liquidation_id is not None and body.account is not None and body.liquidation_id in self.liquidations:
            self.liquidations[body.liquidation_id].timer = event.seq

    def fire_timer(self, body: TimerFired) -> None:
        """A timer that was pending is not any more."""
        if self.timers.pop(body.timer, None) is None:
            message = f"timer {body.timer} ({body.purpose}) fires but is not pending"
            raise LedgerError(message)
        liquidation = self.liquidations.get(body.liquidation_id) if body.liquidation_id is not None else None
        if liquidation is not None and liquidation.timer == body.timer:
            liquidation.timer = None

    def assign_fund(self, instrument: int, fund: int) -> None:
        """A fund of the instrument's asset stands behind it, from before anybody was liquidated."""
        market = self.markets[instrument]
        if fund not in self.funds or self.accounts[fund].asset != market.listing.asset:
            message = f"instrument {market.listing.name!r}: account {fund} is no insurance fund of its asset"
            raise LedgerError(message)
        if self.liquidations_started:
            message = f"instrument {market.listing.name!r} is given another insurance fund after liquidations began"
            raise LedgerError(message)
        market.fund = fund

    def rule_funds(self, *accounts: int) -> None:
        """Those of the accounts that are funds were given money from outside, or are ruled by others from here on."""
        for account in accounts:
            if account in self.funds:
                self._rule_fund(account)

    def _rule_fund(self, account: int) -> None:
        standing = self.funds[account]
        rule = self.producer(_SLOT, self.venue_of(account))
        standing.bound = rule is not None and (rule.policy, rule.version) not in _WITHOUT_DEFICITS
        stated = 0 if rule is None else rule.parameters.get("floor_atoms", 0)
        standing.floor_atoms = min(stated, self.accounts[account].balance_atoms + standing.deficit_atoms)

    def trade_of_fund(self, instrument: int, lots: int, value_atoms: int, funding_atoms: int | None = None) -> None:
        """A fund bought (sold, negative) lots of the instrument for this value; in several trades at their funding."""
        market = self.markets[instrument]
        if funding_atoms is None:
            funding_atoms = funding_of(lots, market.cumulative_funding_nanoatoms)
        market.fund_paid_atoms += value_atoms
        market.fund_funding_atoms += funding_atoms

    def cash_of_fund(self, liquidation_id: int, paid_atoms: int) -> None:
        """Cash that a fund paid (received, negative) in a liquidation goes to the instrument that was closed last."""
        liquidation = self.liquidations.get(liquidation_id)
        if liquidation is not None and liquidation.last_instrument is not None:
            self.markets[liquidation.last_instrument].fund_paid_atoms += paid_atoms

    def declare_deficit(self, fund: int, deficit_atoms: int) -> None:
        """So much more may be paid out; every instrument that the fund stands behind is halted without an end."""
        self.funds[fund].deficit_atoms += deficit_atoms
        for instrument in self.instruments_of(fund):
            self.markets[instrument].halted_until_ns = STOPPED_NS


def _next_number(what: str, number: int, expected: int) -> None:
    """Refuse a number that is not the next one."""
    if number != expected:
        message = f"{what} {number} is declared where {expected} is next; numbers are given without gaps"
        raise LedgerError(message)
