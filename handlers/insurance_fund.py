"""The insurance fund: takes fees in, takes bankrupt positions over while it can, and sells them off.

1. capacity = the fund's cash + its inventory at the mark - its floor. What it can pay out is that or its cash over the
   floor, whichever is less: money that it does not have is not spent.
2. A bankrupt account is taken over at its bankruptcy value, so that it ends at exactly zero, if afterwards the capacity
   still covers `capital_bps` of what the fund would hold, net per instrument; else a shortfall is declared.
   Where instruments have funds of their own each position goes to the fund of its instrument, with its share of the
   equity by requirement: a fund that cannot take its part declares the shortfall, and the others take theirs.
3. A negative balance without positions is paid in cash as `payment` has it: `partial`, as far as the money goes;
   `whole`, all of it or nothing; `none`, never. For what is left a shortfall is declared. So it goes for whoever comes
   to owe something only in the waterfall, too: closed at the mark, or with the rest taken over at the mark. Such a
   debt is the fund's of the instrument that was closed last.
4. Every `sale_interval_ns` it sells one part in `sale_parts` of what it holds of an instrument, the oldest lots
   first, at whatever the depth gives, as long as its cash bears what that loses.
5. A fund whose capacity is gone at a new mark or before it sells, or whose cash would not bear what the sale loses,
   declares a shortfall for its inventory, at most once in `retry_ns`, and sells nothing until it can.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any, ClassVar, Literal

import msgspec

from ..events.bodies.liquidation import (
    BankruptcyDeclared,
    LiquidationFilled,
    PositionTakenOver,
)
from ..events.bodies.margin import MarkPriced
from ..events.bodies.venue import TimerFired, TimerSet
from ..events.bodies.waterfall import (
    DeleveragingEnded,
    InsuranceFundCredited,
    InsuranceFundDebited,
    PositionDeleveraged,
    ShortfallDeclared,
    ShortfallTrigger,
)
from ..events.envelope import DecidedRow, Event
from ..events.ledger import Account, LedgerState, PositionKey
from ..events.vocabulary import Body
from .faults import why_nothing_trades
from .inventory import Inventory, losing_lots
from .inventory_sale import Sale
from .protocol import ALWAYS, Handler, Product
from .takeover import at_bankruptcy
from .valuation import BPS, equity_shares, margin_of

__all__ = ["FundParameters", "InsuranceFund", "Payment"]

Payment = Literal["partial", "whole", "none"]
"""How a negative balance is paid."""

_TIMERS = frozenset((TimerSet, TimerFired))
_SALE = "inventory sale"
_RETRY = "inventory shortfall"


class FundParameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`fee_bps` of what a forced order trades goes to the fund, as far as the account's equity allows."""

    floor_atoms: int = 0
    fee_bps: int = 50
    capital_bps: int = 500
    payment: Payment = "partial"
    sale_parts: int = 10
    sale_interval_ns: int = 10_000_000_000
    retry_ns: int = 60_000_000_000

    def __post_init__(self) -> None:
        """Refuse what would never sell or wait."""
        if (
            self.sale_parts < 1
            or self.sale_interval_ns < 1
            or self.retry_ns < 1
            or min(self.fee_bps, self.capital_bps) < 0
        ):
            message = (
                "sale_parts, sale_interval_ns and retry_ns must be at least 1, fee_bps and capital_bps not negative"
            )
            raise ValueError(message)


class InsuranceFund(Handler):
    """Absorbs down to a floor."""

    name: ClassVar[str] = "insurance_fund"
    policy: ClassVar[str] = "floor"
    version: ClassVar[str] = "2"
    subscribes: ClassVar[tuple[type[Body], ...]] = (
        LiquidationFilled,
        BankruptcyDeclared,
        PositionTakenOver,
        DeleveragingEnded,
        MarkPriced,
        TimerFired,
    )
    observes: ClassVar[tuple[type[Body], ...]] = (*Inventory.KINDS, TimerSet, TimerFired)
    together: ClassVar[tuple[type[Body], ...]] = (PositionDeleveraged,)
    Parameters: ClassVar[type[msgspec.Struct]] = FundParameters

    def __init__(self, parameters: FundParameters) -> None:
        """Keep the rules; nothing is held and no timer pending."""
        self.rules = parameters
        self._inventory = Inventory()
        self._pending: set[tuple[str, int | None, int | None]] = set()

    def observe(self, event: Event, ledger: LedgerState) -> None:
        """Keep the sums of the inventory, and which of the fund's timers are pending."""
        body: Any = event.body
        if type(body) not in _TIMERS:
            self._inventory.observe(event, ledger)
        elif body.purpose in (_SALE, _RETRY):
            change = self._pending.add if type(body) is TimerSet else self._pending.discard
            change((body.purpose, body.account, body.instrument))

    def observe_all(self, row: DecidedRow, ledger: LedgerState) -> None:
        """Of reductions, which touch lots of the inventory."""
        self._inventory.observe_reductions(row, ledger)

    def prime(self, ledger: LedgerState, past: Iterable[Event]) -> None:
        """Both follow from the ledger."""
        self._inventory.rebuild(ledger)
        timers = [pending.timer for pending in ledger.timers.values()]
        self._pending = {(t.purpose, t.account, t.instrument) for t in timers if t.purpose in (_SALE, _RETRY)}

    def gate(self, kind: type[Body]) -> Collection[object]:
        """For marks, what is held: a fund without inventory has nothing to lose."""
        return self._inventory.lots_held if kind is MarkPriced else ALWAYS

    def handle(self, event: Event, ledger: LedgerState, now_ns: int) -> Iterable[Product]:
        """Each thing it hears of has one answer."""
        body: Any = event.body
        kind = type(body)
        if kind is MarkPriced:
            return self._marked(ledger.fund_of(body.instrument), ledger, now_ns)
        if kind is LiquidationFilled:
            return self._fee(body, ledger)
        if kind is BankruptcyDeclared:
            return self._absorb(body, ledger)
        if kind is PositionTakenOver:
            return [*self._next_sale(body.instrument, ledger, now_ns), *self._settled(body.account, ledger)]
        if kind is DeleveragingEnded:
            return self._settled(body.account, ledger)
        due = kind is TimerFired and body.purpose == _SALE and body.instrument is not None
        return self._sale(body.instrument, ledger, now_ns) if due else ()

    def capacity_atoms(self, ledger: LedgerState, fund: int) -> int:
        """Cash plus inventory at the mark, less the floor; O(instruments)."""
        cash_atoms = ledger.accounts[fund].balance_atoms
        return cash_atoms + self._inventory.profit_atoms(ledger, fund) - self.rules.floor_atoms

    def cash_atoms(self, ledger: LedgerState, fund: int) -> int:
        """Cash alone, less the floor."""
        return ledger.accounts[fund].balance_atoms - self.rules.floor_atoms

    def money_atoms(self, ledger: LedgerState, fund: int) -> int:
        """What it can pay out."""
        return max(0, min(self.cash_atoms(ledger, fund), self.capacity_atoms(ledger, fund)))

    def shortfall(
        self,
        liquidation_id: int | None,
        account: int,
        trigger: ShortfallTrigger,
        needed_atoms: int,
        ledger: LedgerState,
        *,
        fund: int | None = None,
        paid_atoms: int = 0,
        gained_atoms: int = 0,
    ) -> ShortfallDeclared:
        """What the fund cannot do, with what it has once this much is paid and, in what it takes over, gained."""
        one = ledger.accounts[account]
        if fund is None:
            fund = account if one.kind == "insurance" else ledger.fund_for(one)
        capacity, cash = (own(ledger, fund) - paid_atoms for own in (self.capacity_atoms, self.cash_atoms))
        return ShortfallDeclared(liquidation_id, account, trigger, needed_atoms, capacity + gained_atoms, cash)

    def payable_atoms(self, owed_atoms: int, account: Account, ledger: LedgerState) -> int:
        """How much of what an account owes the fund pays, by rule 3."""
        money_atoms = self.money_atoms(ledger, ledger.fund_for(account))
        if self.rules.payment == "partial":
            return min(owed_atoms, money_atoms)
        return owed_atoms if self.rules.payment == "whole" and owed_atoms <= money_atoms else 0

    def _fee(self, fill: LiquidationFilled, ledger: LedgerState) -> Iterable[Product]:
        account = ledger.accounts[fill.account]
        equity_atoms = margin_of(account, ledger).equity_atoms if account.kind == "user" else 0
        fee_atoms = min(abs(fill.value_atoms) * self.rules.fee_bps // BPS, equity_atoms)
        if fee_atoms <= 0:
            return ()
        fund = ledger.fund_of(fill.instrument)
        return (InsuranceFundCredited(fill.liquidation_id, fill.account, fund, fee_atoms),)

    def _absorb(self, body: BankruptcyDeclared, ledger: LedgerState) -> Iterable[Product]:
        account = ledger.accounts[body.account]
        if not account.positions:
            return self._paid(body.liquidation_id, account, ledger)
        shares = equity_shares(account, ledger)
        taken = self._taken_over(body.liquidation_id, account, shares, ledger)
        gone = [(one.instrument, one.leg) for one in taken]
        left = [key for key in shares if key not in gone]
        if not left:
            return taken
        return [*taken, self._refused(body.liquidation_id, account, left, shares, ledger)]

    def _taken_over(
        self, liquidation_id: int, account: Account, shares: dict[PositionKey, int], ledger: LedgerState
    ) -> list[PositionTakenOver]:
        """What each fund takes of it, by rule 2."""
        parts: dict[int, list[PositionKey]] = {}
        for key, share_atoms in shares.items():
            if self._barred(key[0], share_atoms, ledger) is None:
                parts.setdefault(ledger.fund_of(key[0]), []).append(key)
        taken: list[PositionTakenOver] = []
        for fund, keys in parts.items():
            if self._needed_atoms(fund, account, keys, shares, ledger) <= self.capacity_atoms(ledger, fund):
                taken += at_bankruptcy(liquidation_id, account, keys, ledger) or ()
        return taken

    def _barred(self, _instrument: int, _share_atoms: int, _ledger: LedgerState) -> ShortfallTrigger | None:
        """Why a position with that share of its account's equity is not taken over whatever there is; None: it is."""
        return None

    def _refused(
        self,
        liquidation_id: int,
        account: Account,
        left: list[PositionKey],
        shares: dict[PositionKey, int],
        ledger: LedgerState,
    ) -> ShortfallDeclared:
        """The shortfall for what no fund took, with the figures of the fund behind the first of it."""
        fund = ledger.fund_of(min(left)[0])
        keys = [key for key in left if ledger.fund_of(key[0]) == fund]
        gained_atoms = sum(shares[key] for key in shares if key not in left and ledger.fund_of(key[0]) == fund)
        needed_atoms = self._needed_atoms(fund, account, keys, shares, ledger)
        trigger: ShortfallTrigger = "bankruptcy"
        return self.shortfall(
            liquidation_id, account.account, trigger, needed_atoms, ledger, fund=fund, gained_atoms=gained_atoms
        )

    def _settled(self, number: int, ledger: LedgerState) -> Iterable[Product]:
        """What an account owes that the waterfall left without positions, once."""
        account = ledger.accounts[number]
        liquidation = None if account.liquidation_id is None else ledger.liquidations[account.liquidation_id]
        if account.kind != "user" or liquidation is None or liquidation.short_seq is not None:
            return ()
        owes = account.status != "liquidating" and not account.positions and account.balance_atoms < 0
        return self._paid(liquidation.liquidation_id, account, ledger) if owes else ()

    def _paid(self, liquidation_id: int, account: Account, ledger: LedgerState) -> list[Product]:
        """A payment as far as the rule has one, and a shortfall for the rest."""
        owed_atoms, fund = max(0, -account.balance_atoms), ledger.fund_for(account)
        paid_atoms = self.payable_atoms(owed_atoms, account, ledger)
        products: list[Product] = []
        if paid_atoms or not owed_atoms:
            products.append(InsuranceFundDebited(liquidation_id, account.account, fund, paid_atoms))
        left_atoms = owed_atoms - paid_atoms
        if left_atoms:
            number = account.account
            products.append(
                self.shortfall(liquidation_id, number, "bankruptcy", left_atoms, ledger, paid_atoms=paid_atoms)
            )
        return products

    def _needed_atoms(
        self, fund: int, account: Account, keys: list[PositionKey], shares: dict[PositionKey, int], ledger: LedgerState
    ) -> int:
        """What the rule asks the fund to keep against all it would hold with these positions, less their equity."""
        markets = ledger.markets
        lots = {instrument: self._inventory.lots(ledger, instrument) for instrument in ledger.instruments_of(fund)}
        for key in keys:
            lots[key[0]] += account.positions[key].size_lots
        notional = sum(abs(markets[i].payoff.value_atoms(net, markets[i].mark_ticks)) for i, net in lots.items())
        return -(-notional * self.rules.capital_bps // BPS) - sum(shares[key] for key in keys)

    def _next_sale(self, instrument: int, ledger: LedgerState, now_ns: int) -> list[Product]:
        """The timer of the next sale; none while one is pending or once trading has stopped."""
        if (_SALE, None, instrument) in self._pending or ledger.is_stopped(instrument):
            return []
        return [TimerSet(_SALE, now_ns + self.rules.sale_interval_ns, None, instrument)]

    def _marked(self, fund: int, ledger: LedgerState, now_ns: int) -> Iterable[Product]:
        """A shortfall where the mark has used the capacity up; O(instruments) where it has not."""
        capacity_atoms = self.capacity_atoms(ledger, fund)
        return () if capacity_atoms >= 0 else self._short(fund, -capacity_atoms, ledger, now_ns)

    def _sale(self, instrument: int, ledger: LedgerState, now_ns: int) -> Iterable[Product]:
        """A shortfall if the fund is short, else one part of the lots; and the next timer while anything is held."""
        fund = ledger.fund_of(instrument)
        sale = Sale(ledger, fund, instrument, self.rules.sale_parts)
        if not sale.lots or ledger.is_stopped(instrument):
            return ()
        lacking_atoms = max(-self.capacity_atoms(ledger, fund), sale.lacking_atoms(now_ns))
        products: list[Product] = []
        if lacking_atoms > 0:
            products = self._short(fund, lacking_atoms, ledger, now_ns)
        elif why_nothing_trades(ledger, instrument) is None:
            products = list(sale.orders())
        return [*products, *self._next_sale(instrument, ledger, now_ns)]

    def _short(self, fund: int, lacking_atoms: int, ledger: LedgerState, now_ns: int) -> list[Product]:
        """A shortfall for the inventory, unless there was one lately, trading stopped, or no lot stands at a loss."""
        pending, held = (_RETRY, fund, None) in self._pending, ledger.inventory(fund)
        if pending or any(ledger.is_stopped(instrument) for instrument, _ in held) or not losing_lots(ledger, fund):
            return []
        shortfall = self.shortfall(None, fund, "inventory", lacking_atoms, ledger)
        return [shortfall, TimerSet(_RETRY, now_ns + self.rules.retry_ns, fund)]
