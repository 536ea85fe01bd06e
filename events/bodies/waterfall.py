"""The waterfall: the insurance fund, auto-deleveraging, socialised loss. Tags 80 to 99."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from ..grounds import Ground
from ..kinds import (
    AccountAmount,
    AccountNumber,
    AgainstLeg,
    Count,
    DeclaredRound,
    FundAmount,
    InstrumentAmount,
    InstrumentNumber,
    Leg,
    LiquidationNumber,
    Price,
    RatePpm,
    RoundNumber,
    Score,
    Size,
)
from .base import BodyBase, Provenance
from .declaring import Payment, Trade
from .liquidation import LiquidationFilled

if TYPE_CHECKING:
    from ..envelope import Event
    from ..ledger import Ledger
    from ..phrases import Case, Names

__all__ = [
    "BalanceWrittenOff",
    "DeleveragingEnded",
    "DeleveragingStarted",
    "FundDeficitDeclared",
    "InsuranceFundCredited",
    "InsuranceFundDebited",
    "LossSocialized",
    "PositionDeleveraged",
    "ProfitCapExceeded",
    "ShortfallDeclared",
    "ShortfallRemained",
    "ShortfallTrigger",
    "WaterfallBody",
]

ShortfallTrigger = Literal["bankruptcy", "inventory", "drawdown", "profit_cap"]
"""What started it: a bankrupt account the fund cannot take, its own inventory, a drawdown, a cap on profits."""


class InsuranceFundCredited(BodyBase, frozen=True, tag=80):
    """The account paid the fund: a liquidation fee."""

    grounds = (Ground.FILL, Ground.CONVERSION, Ground.BALANCE, Ground.RULE)
    posting = Payment("account", "fund")

    liquidation_id: LiquidationNumber
    account: AccountNumber
    fund: AccountNumber
    amount_atoms: AccountAmount

    def alters(self, ledger: Ledger, event: Event) -> None:
        ledger.cash_of_fund(self.liquidation_id, -self.amount_atoms)

    def says(self, names: Names) -> str:
        fee = names.money(self.account, self.amount_atoms)
        return f"{names.account(self.account)} paid {names.account(self.fund)} a liquidation fee of {fee}"

    def tells(self, case: Case) -> str:
        names, fee_bps, cause = case.names, case.rule("fee_bps"), case.cause
        fee = names.money(self.account, self.amount_atoms)
        first = f"{names.account(self.account)} paid the {names.fund(self.fund)} a liquidation fee of {fee}."
        fill = None if cause is None else cause.body
        if fee_bps is not None and isinstance(fill, LiquidationFilled):
            traded = names.value(fill.instrument, fill.value_atoms)
            share = f"{names.percent_of_bps(fee_bps)} of the {traded} traded"
            first += f" The fee is {share}, as far as the account's equity allows."
        return case.joined(first, case.followed())


class InsuranceFundDebited(BodyBase, frozen=True, tag=81):
    """The fund paid cash to cover the account's negative balance."""

    grounds = (Ground.LIQUIDATION, Ground.BALANCE, Ground.FUND, Ground.RULE)
    posting = Payment("fund", "account")

    liquidation_id: LiquidationNumber
    account: AccountNumber
    fund: AccountNumber
    amount_atoms: AccountAmount

    def alters(self, ledger: Ledger, event: Event) -> None:
        ledger.cash_of_fund(self.liquidation_id, self.amount_atoms)

    def says(self, names: Names) -> str:
        paid = names.money(self.account, self.amount_atoms)
        return f"{names.account(self.fund)} paid the {paid} that {names.account(self.account)} was short of"

    def tells(self, case: Case) -> str:
        names, who = case.names, case.names.account(self.account)
        cash_atoms, balance_atoms = (case.ledger.accounts[one].balance_atoms for one in (self.fund, self.account))
        paid, left = (names.money(self.fund, atoms) for atoms in (self.amount_atoms, cash_atoms - self.amount_atoms))
        why = f"{paid}, because that is what {who} owed more than it had when its last position was gone"
        if case.cause is not None and isinstance(fill := case.cause.body, LiquidationFilled):
            trade = names.trade(fill.instrument, fill.size_lots, fill.price_ticks)
            why = f"{paid}, because {who} {trade} (event {case.cause.seq}), worse than its bankruptcy price"
        elif self.amount_atoms < -balance_atoms:
            owed = f"{names.money(self.account, -balance_atoms)} that {who} owed more than it had"
            why = f"{paid} of the {owed} when its last position was gone: as much as it had to give"
        return case.joined(f"The {names.fund(self.fund)} paid {why}. {left} in cash were left to it.", case.followed())


class ShortfallDeclared(BodyBase, frozen=True, tag=82):
    """The fund cannot pay: taking this on needs `needed_atoms`, the fund has `capacity_atoms` over its floor.

    `account` is the bankrupt account, or the fund itself where its inventory is the trouble: then `needed_atoms` is
    what it lacks. The capacity is its cash and its inventory at the mark less the floor, `cash_atoms` the cash alone
    less the floor, which is all that it can pay out, or what its rule lets it pay of that (None in older records).
    """

    grounds = (Ground.LIQUIDATION, Ground.MARK, Ground.CONVERSION, Ground.BALANCE, Ground.FUND, Ground.RULE)

    liquidation_id: LiquidationNumber | None
    account: AccountNumber
    trigger: ShortfallTrigger
    needed_atoms: AccountAmount
    capacity_atoms: AccountAmount
    cash_atoms: AccountAmount | None = None

    def alters(self, ledger: Ledger, event: Event) -> None:
        account = ledger.accounts[self.account]
        if account.liquidation_id is not None and not account.positions:  # the fund's last word on it
            ledger.liquidations[account.liquidation_id].short_seq = event.seq

    def says(self, names: Names) -> str:
        needed, capacity = (names.money(self.account, atoms) for atoms in (self.needed_atoms, self.capacity_atoms))
        who = names.account(self.account)
        if self.trigger == "drawdown":
            return f"a drawdown was declared for {who}: the fund had fallen {needed} too far and still had {capacity}"
        if self.trigger == "inventory":
            return f"a shortfall was declared for the inventory of {who}: it lacked {needed} and had {capacity}"
        return f"a shortfall was declared for {who}: the fund needed {needed} and had {capacity}"

    def tells(self, case: Case) -> str:
        names, who = case.names, case.names.account(self.account)
        called, (figures, drains) = names.fund(case.fund), case.fund_figures
        held = case.ledger.accounts[self.account].positions
        causes = {
            "bankruptcy": f"The {called} did not {'take' if held else 'pay for'} {who}{' over' if held else ''}.",
            "inventory": f"The {called} cannot pay for the losses of its own inventory.",
            "drawdown": f"The {called} fell too far within the window that its rule looks at.",
        }
        first = f"{causes.get(self.trigger, 'Auto-deleveraging was called for.')} {figures}"
        worst = ", ".join(f"{names.money(case.fund, atoms)} on liquidation {number}" for atoms, number in drains)
        largest = "Its largest loss was" if len(drains) == 1 else "Its largest losses were"
        return case.joined(first, f"{largest} {worst}." if drains else "", case.followed())


class DeleveragingStarted(BodyBase, frozen=True, tag=83):
    """A round of auto-deleveraging: `size_lots` of `account`'s position are to be closed at `value_atoms` in all.

    `candidates` and `ranking_digest` stand for the full ranking; `base_round` names the round at the same mark and
    instant that this digest continues (then it is over the rows touched since), None where it is over the whole. Where
    the trigger is a cap on profits nobody is liquidated: `account` is outside liquidity, `liquidation_id` is 0.
    """

    grounds = (Ground.SHORTFALL, Ground.PROFIT_CAP, Ground.MARK, Ground.CONVERSION, Ground.BALANCE, Ground.RULE)
    forces = True
    uncompared = ("ranking_digest", "base_round")

    round: DeclaredRound
    trigger: ShortfallTrigger
    liquidation_id: LiquidationNumber
    policy: str
    account: AccountNumber
    instrument: InstrumentNumber
    leg: Leg
    size_lots: Size
    value_atoms: InstrumentAmount
    price_ticks: Price
    candidates: Count
    ranking_digest: bytes
    base_round: RoundNumber | None = None

    def alters(self, ledger: Ledger, event: Event) -> None:
        ledger.start_round(self, event)

    def says(self, names: Names) -> str:
        what = names.held(self.instrument, self.size_lots)
        at = names.average(self.instrument, self.size_lots, self.value_atoms)
        whose = f"{what} of {names.account(self.account)}"
        if self.trigger == "profit_cap":
            whose = f"winners' {names.held(self.instrument, -self.size_lots)}"
        return f"round {self.round} began: {whose} to be closed at {at}, {names.count(self.candidates, 'candidate')}"


class PositionDeleveraged(BodyBase, frozen=True, tag=84):
    """`account` was made to trade `size_lots` (signed like a trade) with `against` at `value_atoms`.

    `rank` counts from 1; `score` is floor(score x 10^9), saturating at 2^63-1.
    """

    grounds = (Ground.ROUND, Ground.MARK, Ground.CONVERSION, Ground.BALANCE, Ground.RULE)
    posting = Trade("account", "against", giver_leg="against_leg")
    steps = {"bankrupt": "deleveraged", "taken_over": "deleveraged", "deleveraged": "deleveraged"}
    forces = True

    round: RoundNumber
    liquidation_id: LiquidationNumber
    against: AccountNumber
    against_leg: AgainstLeg
    account: AccountNumber
    instrument: InstrumentNumber
    leg: Leg
    size_lots: Size
    price_ticks: Price
    value_atoms: InstrumentAmount
    rank: Count
    score: Score
    provenance: Provenance | None = None

    def remembers(self, ledger: Ledger, event: Event) -> None:
        ledger.note_held(self, event)

    def alters(self, ledger: Ledger, event: Event) -> None:
        against = ledger.accounts[self.against]
        if against.kind == "insurance":
            ledger.trade_of_fund(self.instrument, -self.size_lots, -self.value_atoms)
            ledger.sell_inventory(ledger.liquidation(self.liquidation_id), self.instrument, self.size_lots)
        elif against.kind != "liquidity":
            against.move(self)
            if self.liquidation_id in ledger.liquidations:
                ledger.liquidations[self.liquidation_id].closed_instrument = self.instrument

    def says(self, names: Names) -> str:
        trade = f"{names.did(self.instrument, self.size_lots)} for {names.value(self.instrument, self.value_atoms)}"
        who, place = names.account(self.account), f"rank {self.rank:,}, score {names.score(self.score)}"
        return f"{who} was deleveraged in round {self.round}: {trade}, {place}"


class DeleveragingEnded(BodyBase, frozen=True, tag=85):
    """The round is over: `closed_lots` found a counterparty, `left_lots` did not."""

    grounds = (Ground.ROUND, Ground.RULE)
    forces = True

    round: RoundNumber
    trigger: ShortfallTrigger
    liquidation_id: LiquidationNumber
    account: AccountNumber
    instrument: InstrumentNumber
    leg: Leg
    closed_lots: Size
    left_lots: Size

    def alters(self, ledger: Ledger, event: Event) -> None:
        ledger.open_round = None

    def says(self, names: Names) -> str:
        closed, left = names.size(self.instrument, self.closed_lots), names.units(self.instrument, self.left_lots)
        return f"round {self.round} for {names.account(self.account)} ended: {closed} closed, {left} left"


class LossSocialized(BodyBase, frozen=True, tag=86):
    """`account` paid `amount_atoms` of the loss that `bankrupt` left.

    Where that is the fund, whose own inventory lost more than it had, nobody is liquidated: `liquidation_id` is 0.
    """

    grounds = (Ground.SHORTFALL, Ground.MARK, Ground.CONVERSION, Ground.BALANCE, Ground.FUND, Ground.RULE)
    posting = Payment("account", "bankrupt")

    liquidation_id: LiquidationNumber
    bankrupt: AccountNumber
    account: AccountNumber
    amount_atoms: AccountAmount

    def says(self, names: Names) -> str:
        paid = names.money(self.account, self.amount_atoms)
        return f"{names.account(self.account)} paid {paid} of the loss of {names.account(self.bankrupt)}"

    def tells(self, case: Case) -> str:
        names, (loss_atoms, paid_before) = case.names, self._loss(case)
        paid, loss = (names.money(self.account, atoms) for atoms in (self.amount_atoms, loss_atoms))
        owed = f"owed more than it had (liquidation {self.liquidation_id})"
        if case.ledger.accounts[self.bankrupt].kind == "insurance":
            owed = "lacked for what its own inventory had lost"
        first = (
            f"{names.account(self.account)} paid {paid} of the {loss} that {names.account(self.bankrupt)} {owed}, "
            "because the market, the fund and auto-deleveraging, where the venue has it, had not covered it. Such a "
            f"loss is shared {case.shared()}"
        )
        rest = names.money(self.bankrupt, loss_atoms - paid_before - self.amount_atoms)
        second = f"{names.money(self.bankrupt, paid_before)} had been paid before it, {rest} were left after it."
        return case.joined(first, second, case.followed())

    def _loss(self, case: Case) -> tuple[int, int]:
        """The whole loss and what others had paid of it: those stand right before this event, for the same cause."""
        paid = 0
        for event in case.siblings():
            if not isinstance(event.body, LossSocialized):
                break
            paid += event.body.amount_atoms
        owing = case.ledger.accounts[self.bankrupt]
        lacked = case.capacity_atoms(self.bankrupt) if owing.kind == "insurance" else owing.balance_atoms
        return paid - lacked, paid


class BalanceWrittenOff(BodyBase, frozen=True, tag=87):
    """The rest of a negative balance that no trader could pay, carried by `against`.

    A fund carries it as far as its money goes; what is beyond that was declared as a deficit just before.
    """

    grounds = (Ground.SHORTFALL, Ground.BALANCE, Ground.FUND, Ground.RULE)
    posting = Payment("against", "account")

    liquidation_id: LiquidationNumber
    account: AccountNumber
    against: AccountNumber
    amount_atoms: AccountAmount

    def alters(self, ledger: Ledger, event: Event) -> None:
        if self.against in ledger.funds:
            ledger.cash_of_fund(self.liquidation_id, self.amount_atoms)

    def says(self, names: Names) -> str:
        amount = names.money(self.account, self.amount_atoms)
        return (
            f"{amount} that {names.account(self.account)} owed were written off against {names.account(self.against)}"
        )

    def tells(self, case: Case) -> str:
        names, amount = case.names, case.names.money(self.account, self.amount_atoms)
        to_the_fund = case.ledger.accounts[self.against].kind == "insurance"
        why = "because nobody was left with a profit to share it" if to_the_fund else "which pays before traders do"
        first = (
            f"{amount} that {names.account(self.account)} owed more than it had were written off against "
            f"{names.account(self.against)}, {why} (liquidation {self.liquidation_id})."
        )
        return case.joined(first, case.followed())


class ProfitCapExceeded(BodyBase, frozen=True, tag=88):
    """Profit of one side of an instrument is above `max_factor_ppm` of the pool: winners are to be reduced.

    `open_lots` is what that side holds in all, negative for shorts, and `profit_atoms` its profit at the mark, losers
    counted; `pool_atoms` is the pool's value. The reduction goes down to `min_factor_ppm`.
    """

    grounds = (Ground.MARK, Ground.BALANCE, Ground.RULE)

    instrument: InstrumentNumber
    open_lots: Size
    profit_atoms: InstrumentAmount
    pool_atoms: InstrumentAmount
    max_factor_ppm: RatePpm
    min_factor_ppm: RatePpm

    @property
    def _side(self) -> str:
        return "long" if self.open_lots > 0 else "short"

    def says(self, names: Names) -> str:
        profit, pool = names.value(self.instrument, self.profit_atoms), names.value(self.instrument, self.pool_atoms)
        owing = "minus " if self.pool_atoms < 0 else ""
        what, cap = names.size(self.instrument, self.open_lots), names.percent_of_ppm(self.max_factor_ppm)
        beyond = f"stood at {profit}, above {cap} of the {owing}{pool} pool"
        return f"the cap on profits was exceeded: the {what} of all who were {self._side} {beyond}"

    def tells(self, case: Case) -> str:
        first = f"The cap on traders' profits was exceeded in {case.names.instrument(self.instrument)}."
        return case.joined(first, self.compares(case.names), case.followed())

    def compares(self, names: Names) -> str:
        """Profit and pool beside each other, and what the cap means."""
        profit, pool = names.value(self.instrument, self.profit_atoms), names.value(self.instrument, self.pool_atoms)
        most, least = names.percent_of_ppm(self.max_factor_ppm), names.percent_of_ppm(self.min_factor_ppm)
        part, pool = "more than there was", f"-{pool}" if self.pool_atoms < 0 else pool
        until = "as far as there are any, as there is nothing to pay them from"
        if self.pool_atoms > 0:
            part = f"{names.change(self.profit_atoms, self.pool_atoms).lstrip('+')} of it"
            until = f"and paid in full, until at most {least} of the pool is owed"
        return (
            f"All traders who were {self._side} held {names.size(self.instrument, self.open_lots)} between them, at a "
            f"profit of {profit} in all, those at a loss counted against it. The pool, what the insurance fund and "
            f"outside liquidity had between them before pending profits, was worth {pool}: the profit was {part}, "
            f"above the cap of {most}. Above it winners are closed at the mark, {until}."
        )


class ShortfallRemained(BodyBase, frozen=True, tag=89):
    """Auto-deleveraging is over for a shortfall of the fund, and its capacity is still `left_atoms` below nothing."""

    grounds = (Ground.SHORTFALL, Ground.MARK, Ground.FUND, Ground.RULE)

    account: AccountNumber
    trigger: ShortfallTrigger
    left_atoms: AccountAmount

    def says(self, names: Names) -> str:
        left = names.money(self.account, self.left_atoms)
        return f"auto-deleveraging was over for {names.account(self.account)}, which still lacked {left}"

    def tells(self, case: Case) -> str:
        left, who = case.names.money(self.account, self.left_atoms), case.names.account(self.account)
        first = (
            f"Nothing more of what {who} held at a loss could be closed against profitable positions, and its capacity "
            f"(cash and inventory at the mark, less its floor) was still {left} below nothing. That is a loss to be "
            "shared."
        )
        return case.joined(first, case.followed())


class FundDeficitDeclared(BodyBase, frozen=True, tag=90):
    """Nobody is left to pay `deficit_atoms`: the venue owes them, and trading stops for good.

    `account` is whose loss it is: the bankrupt account, or the fund itself. `cash_atoms`, `inventory_atoms` (profit at
    the mark of what the fund holds) and `floor_atoms` are the fund's as they stood. Every instrument that the fund
    stands behind is halted without an end: marks go on, forced orders and sales do not.
    """

    grounds = (Ground.SHORTFALL, Ground.MARK, Ground.BALANCE, Ground.FUND, Ground.RULE)

    liquidation_id: LiquidationNumber | None
    account: AccountNumber
    fund: AccountNumber
    cash_atoms: FundAmount
    inventory_atoms: FundAmount
    floor_atoms: FundAmount
    deficit_atoms: FundAmount

    def alters(self, ledger: Ledger, event: Event) -> None:
        ledger.declare_deficit(self.fund, self.deficit_atoms)

    def says(self, names: Names) -> str:
        deficit, whose = names.money(self.fund, self.deficit_atoms), names.account(self.account)
        return f"a deficit of {deficit} was declared for {names.account(self.fund)}, a loss of {whose}: trading stopped"

    def tells(self, case: Case) -> str:
        names, fund = case.names, case.names.account(self.fund)
        deficit, cash, inventory, floor = (
            names.money(self.fund, atoms)
            for atoms in (self.deficit_atoms, self.cash_atoms, self.inventory_atoms, self.floor_atoms)
        )
        whose = (
            "the loss of its own inventory"
            if self.account == self.fund
            else f"the debt of {names.account(self.account)}"
        )
        first = (
            f"A deficit of {deficit} was declared for {fund}: nobody was left to pay for {whose}. The fund had {cash} "
            f"in cash, its inventory stood at {inventory} at the mark, and its floor was {floor}. Trading in every "
            "instrument that it stands behind stopped for good: marks go on, forced orders and sales do not."
        )
        return case.joined(first, case.followed())


WaterfallBody = (
    InsuranceFundCredited
    | InsuranceFundDebited
    | ShortfallDeclared
    | DeleveragingStarted
    | PositionDeleveraged
    | DeleveragingEnded
    | LossSocialized
    | BalanceWrittenOff
    | ProfitCapExceeded
    | ShortfallRemained
    | FundDeficitDeclared
)
