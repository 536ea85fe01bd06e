"""Paragraphs about the fund and about losses that were shared or written off; the rounds have their own."""

from __future__ import annotations

from ...events.bodies.liquidation import LiquidationFilled
from ...events.bodies.waterfall import (
    BalanceWrittenOff,
    FundDeficitDeclared,
    InsuranceFundCredited,
    InsuranceFundDebited,
    LossSocialized,
    ShortfallDeclared,
    ShortfallRemained,
)
from ...handlers.inventory import capacity_atoms
from ...handlers.loss_socialization import LossSocialization
from ...handlers.valuation import profit_atoms
from .case import Case, joined
from .names import percent_of_bps
from .parts import Fund

__all__ = [
    "balance_written_off",
    "fund_deficit_declared",
    "insurance_fund_credited",
    "insurance_fund_debited",
    "loss_socialized",
    "shortfall_declared",
    "shortfall_remained",
]


def insurance_fund_credited(case: Case, body: InsuranceFundCredited) -> str:
    """A fee, and what it is a share of."""
    names, fee_bps, cause = case.names, case.rule("fee_bps"), case.cause
    fee = names.money(body.account, body.amount_atoms)
    first = f"{names.account(body.account)} paid the {names.fund(body.fund)} a liquidation fee of {fee}."
    fill = None if cause is None else cause.body
    if fee_bps is not None and isinstance(fill, LiquidationFilled):
        traded = names.value(fill.instrument, fill.value_atoms)
        first += f" The fee is {percent_of_bps(fee_bps)} of the {traded} traded, as far as the account's equity allows."
    return joined(first, case.followed())


def insurance_fund_debited(case: Case, body: InsuranceFundDebited) -> str:
    """What was missing, and what it left the fund."""
    names, cash_atoms = case.names, case.ledger.accounts[body.fund].balance_atoms
    owed_atoms = -case.ledger.accounts[body.account].balance_atoms
    paid, left = (names.money(body.fund, atoms) for atoms in (body.amount_atoms, cash_atoms - body.amount_atoms))
    first = (
        f"The {names.fund(body.fund)} paid {paid}, because that is what {names.account(body.account)} owed more than "
        f"it had when its last position was gone. {left} in cash were left to the fund."
    )
    if body.amount_atoms < owed_atoms:
        first = (
            f"The {names.fund(body.fund)} paid {paid} of the {names.money(body.account, owed_atoms)} that "
            f"{names.account(body.account)} owed more than it had when its last position was gone: as much as it "
            f"had to give. {left} in cash were left to the fund."
        )
    return joined(first, case.followed())


def shortfall_declared(case: Case, body: ShortfallDeclared, fund: Fund) -> str:
    """Needed and had, and the largest drains."""
    names, who = case.names, case.names.account(body.account)
    called = names.fund(fund.account)
    causes = {
        "bankruptcy": f"The {called} cannot pay: {who} could not be paid for.",
        "inventory": f"The {called} cannot pay for the losses of its own inventory.",
        "drawdown": f"The {called} fell too far within the window that its rule looks at.",
    }
    first = f"{causes.get(body.trigger, 'Auto-deleveraging was called for.')} {fund.text}"
    drains = [line for line in fund.lines if line.kind == "drain"][:3]
    worst = ", ".join(f"{names.money(fund.account, -one.atoms)} on liquidation {one.liquidation_id}" for one in drains)
    largest = "Its largest loss was" if len(drains) == 1 else "Its largest losses were"
    return joined(first, f"{largest} {worst}." if drains else "", case.followed())


def loss_socialized(case: Case, body: LossSocialized) -> str:
    """Whose loss, how large, and the share of this account."""
    names, payer = case.names, case.ledger.accounts[body.account]
    gained_atoms = sum(profit_atoms(case.market(key[0]), held) for key, held in payer.positions.items())
    able_atoms, (loss_atoms, paid_before) = min(gained_atoms, gained_atoms + payer.balance_atoms), _loss(case, body)
    paid, loss, able = (names.money(body.account, atoms) for atoms in (body.amount_atoms, loss_atoms, able_atoms))
    owed = f"owed more than it had (liquidation {body.liquidation_id})"
    if case.ledger.accounts[body.bankrupt].kind == "insurance":
        owed = "lacked for what its own inventory had lost"
    first = (
        f"{names.account(body.account)} paid {paid} of the {loss} that {names.account(body.bankrupt)} {owed}, because "
        f"neither the market nor the fund nor auto-deleveraging could cover it. {_shared_by(case, able)}"
    )
    rest = names.money(body.bankrupt, loss_atoms - paid_before - body.amount_atoms)
    second = f"{names.money(body.bankrupt, paid_before)} had been paid before it, {rest} were left after it."
    return joined(first, second, case.followed())


def _shared_by(case: Case, able: str) -> str:
    """The rule by which such a loss is shared."""
    producer = case.run.producer_of(case.event)
    if producer is None or producer.policy == LossSocialization.policy:
        return (
            "Such a loss is shared by those who have most to give, in proportion to it: the lesser of unrealised "
            f"profit and equity, which was {able} here."
        )
    return f"Such a loss is shared by the rule {producer.policy}."


def _loss(case: Case, body: LossSocialized) -> tuple[int, int]:
    """The whole loss and what others had paid of it: those stand right before this event, for the same cause."""
    paid, seq = 0, case.event.seq - 1
    while seq >= 0:
        earlier = case.run.event(seq)
        if earlier.cause != case.event.cause or not isinstance(earlier.body, LossSocialized):
            break
        paid, seq = paid + earlier.body.amount_atoms, seq - 1
    owing = case.ledger.accounts[body.bankrupt]
    if owing.kind == "insurance":
        return paid - capacity_atoms(case.ledger, body.bankrupt), paid
    return paid - owing.balance_atoms, paid


def balance_written_off(case: Case, body: BalanceWrittenOff) -> str:
    """What no trader could pay, and whether it was paid by whoever carries it."""
    names, amount = case.names, case.names.money(body.account, body.amount_atoms)
    to_the_fund = case.ledger.accounts[body.against].kind == "insurance"
    why = "because nobody was left with a profit to share it" if to_the_fund else "which pays before traders do"
    first = (
        f"{amount} that {names.account(body.account)} owed more than it had were written off against "
        f"{names.account(body.against)}, {why} (liquidation {body.liquidation_id})."
    )
    return joined(first, case.followed())


def shortfall_remained(case: Case, body: ShortfallRemained) -> str:
    """That rounds were not enough, and what comes of it."""
    left, who = case.names.money(body.account, body.left_atoms), case.names.account(body.account)
    first = (
        f"Nothing more of what {who} held at a loss could be closed against profitable positions, and its capacity "
        f"(cash and inventory at the mark, less its floor) was still {left} below nothing. That is a loss to be shared."
    )
    return joined(first, case.followed())


def fund_deficit_declared(case: Case, body: FundDeficitDeclared) -> str:
    """Whose loss, what the fund had, and what it means."""
    names, fund = case.names, case.names.account(body.fund)
    deficit, cash, inventory, floor = (
        names.money(body.fund, atoms)
        for atoms in (body.deficit_atoms, body.cash_atoms, body.inventory_atoms, body.floor_atoms)
    )
    whose = (
        "the loss of its own inventory" if body.account == body.fund else f"the debt of {names.account(body.account)}"
    )
    first = (
        f"A deficit of {deficit} was declared for {fund}: nobody was left to pay for {whose}. The fund had {cash} in "
        f"cash, its inventory stood at {inventory} at the mark, and its floor was {floor}. Trading in every instrument "
        "that it stands behind stopped for good: marks go on, forced orders and sales do not."
    )
    return joined(first, case.followed())
