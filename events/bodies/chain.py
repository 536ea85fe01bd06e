"""A venue on chain: blocks, what oracles report, interest on debts, keepers who liquidate, bad debt. Tags 175 to 184.

A borrower's collateral is its coins, and its debts are amounts below zero: of the asset that it settles in the balance,
of others a coin. Interest is an index of the asset, and is settled when somebody touches the debt. In whatever a keeper
does `account` is whose collateral it is and `counterparty` the keeper.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..grounds import Ground
from ..kinds import (
    AccountAmount,
    AccountNumber,
    AssetAmount,
    AssetNumber,
    Count,
    DebtAmount,
    InstrumentNumber,
    Price,
    RateBps,
    RatePpb,
    RatePpm,
)
from .base import BodyBase
from .collateral import ConversionPriced
from .declaring import OUTSIDE, Payment, Swap

if TYPE_CHECKING:
    from ..envelope import Event
    from ..ledger import Ledger
    from ..phrases import Case, Names

__all__ = [
    "BadDebtCovered",
    "BadDebtRealised",
    "BlockMined",
    "BlockReorganised",
    "ChainBody",
    "CollateralSeized",
    "DebtIndexed",
    "GasCharged",
    "InterestSettled",
    "OracleReported",
    "SeizureReversed",
    "block_told",
    "factor_told",
    "gwei",
    "loop_told",
    "oracle_told",
]

_PPB, _GWEI = 10**9, 10**9


def factor_told(ppb: int) -> str:
    """A factor in parts per billion with six decimals, rounded down."""
    return f"{ppb // _PPB}.{ppb % _PPB // 1000:06}"


class BlockMined(BodyBase, frozen=True, tag=175):
    """The next block. Its base fee is what a unit of gas costs; `demand_ppm` is the gas asked for at the usual fee.

    A million of it is what a block aims at.
    """

    grounds = (Ground.TIMER, Ground.RULE)

    number: Count
    base_fee_wei: Count
    demand_ppm: RatePpm

    def alters(self, ledger: Ledger, event: Event) -> None:
        ledger.chain.mine(self, event, ledger)

    def says(self, names: Names) -> str:
        return f"block {self.number:,} was mined at a base fee of {gwei(self.base_fee_wei)}"


class OracleReported(BodyBase, frozen=True, tag=176):
    """An oracle sent a price to the chain, where it holds from a later block on."""

    grounds = (Ground.MARK, Ground.TIMER, Ground.RULE)
    sets = True

    asset: AssetNumber
    instrument: InstrumentNumber
    price_ticks: Price
    reason: str

    def alters(self, ledger: Ledger, event: Event) -> None:
        ledger.chain.report(self, event)

    def says(self, names: Names) -> str:
        price = names.price(self.instrument, self.price_ticks)
        return f"the oracle of {names.asset(self.asset)} sent {price} to the chain: {self.reason}"


class DebtIndexed(BodyBase, frozen=True, tag=177):
    """Debts in an asset have grown: whoever owed 1 as the run began owes `index` parts in 10^15 now.

    `rate_ppb` is the yearly rate of the interval that ended, `used_ppm` how much of what was supplied is lent out.
    """

    grounds = (Ground.TIMER, Ground.RULE)

    asset: AssetNumber
    index: Count
    rate_ppb: RatePpb
    used_ppm: RatePpm

    def alters(self, ledger: Ledger, event: Event) -> None:
        ledger.chain.grow(self)
        ledger.repriced_seq = event.seq

    def says(self, names: Names) -> str:
        used, rate = names.percent_of_ppm(self.used_ppm), names.rate(self.rate_ppb)
        return f"debts in {names.asset(self.asset)} grew at {rate} a year, {used} of what was supplied being lent out"


class InterestSettled(BodyBase, frozen=True, tag=178):
    """What a debt had grown by since it was touched last, up to `index`, became part of it and is a lender's."""

    grounds = (Ground.BLOCK, Ground.BALANCE, Ground.RULE)
    posting = Payment("account", "counterparty", asset="asset")

    account: AccountNumber
    counterparty: AccountNumber
    asset: AssetNumber
    amount_atoms: AssetAmount
    index: Count

    def alters(self, ledger: Ledger, event: Event) -> None:
        ledger.chain.settle(self.account, self.asset, self.index)

    def says(self, names: Names) -> str:
        owed = names.coins(self.asset, self.amount_atoms)
        return f"{owed} of interest were added to what {names.account(self.account)} owes"


class CollateralSeized(BodyBase, frozen=True, tag=179):
    """A keeper repaid `repaid_atoms` of a debt and took `amount_atoms` of collateral for it, at a bonus.

    Of the amount `fee_atoms` went to the protocol. `health_ppb` is the health factor before it, under 1;
    `close_factor_bps` how much of the debt may be repaid at once; `profit_atoms` what the keeper reckoned with after
    gas and slippage.
    """

    grounds = (Ground.ORACLE, Ground.BLOCK, Ground.BALANCE, Ground.DEPTH, Ground.RULE)
    posting = Swap("account", "counterparty")
    forces = True

    account: AccountNumber
    counterparty: AccountNumber
    asset: AssetNumber
    instrument: InstrumentNumber
    price_ticks: Price
    amount_atoms: AssetAmount
    fee_atoms: AssetAmount
    debt_asset: AssetNumber
    repaid_atoms: DebtAmount
    health_ppb: RatePpb
    close_factor_bps: RateBps
    bonus_bps: RateBps
    profit_atoms: DebtAmount

    def alters(self, ledger: Ledger, event: Event) -> None:
        ledger.chain.seize(self, ledger)

    def says(self, names: Names) -> str:
        repaid, taken = names.coins(self.debt_asset, self.repaid_atoms), names.coins(self.asset, self.amount_atoms)
        keeper, borrower = names.account(self.counterparty), names.account(self.account)
        return f"{keeper} repaid {repaid} of the debt of {borrower} and {taken} of its collateral were taken"

    def tells(self, case: Case) -> str:
        names, keeper = case.names, case.names.account(self.counterparty)
        borrower, at = names.account(self.account), names.price(self.instrument, self.price_ticks)
        repaid, taken = names.coins(self.debt_asset, self.repaid_atoms), names.coins(self.asset, self.amount_atoms)
        health = (
            f"The health factor of {borrower}, what its collateral counts for over what it owes, was "
            f"{factor_told(self.health_ppb)}, under 1, so that anybody might liquidate it. {block_told(case)}"
        )
        price = oracle_told(case, self.asset) or f"The oracle's price was {at}."
        share = names.percent_of_bps(self.close_factor_bps)
        terms = (
            f"{keeper} repaid {repaid} of its debt, of which {share} might be repaid at once, and {taken} of its "
            f"collateral were taken: what it repaid is worth at that price, and a bonus of "
            f"{names.percent_of_bps(self.bonus_bps)}, of which {names.coins(self.asset, self.fee_atoms)} went to the "
            f"protocol."
        )
        profit = names.coins(self.debt_asset, self.profit_atoms)
        reckoned = f"{keeper} reckoned with {profit} after gas and slippage."
        return case.joined(health, price, terms, reckoned, loop_told(case, self.account))


class GasCharged(BodyBase, frozen=True, tag=180):
    """A keeper paid for its transaction's gas, at `price_wei` a unit."""

    grounds = (Ground.BLOCK, Ground.RULE)
    posting = Payment("account", OUTSIDE)

    account: AccountNumber
    amount_atoms: AccountAmount
    gas: Count
    price_wei: Count

    def says(self, names: Names) -> str:
        paid = names.money(self.account, self.amount_atoms)
        return f"{names.account(self.account)} paid {paid} for {self.gas:,} gas at {gwei(self.price_wei)}"


class BadDebtRealised(BodyBase, frozen=True, tag=181):
    """So much is owed that no collateral stands behind any more; `BadDebtCovered` says who bears it."""

    grounds = (Ground.BALANCE, Ground.RULE)
    forces = True

    account: AccountNumber
    asset: AssetNumber
    amount_atoms: AssetAmount

    def alters(self, ledger: Ledger, event: Event) -> None:
        ledger.chain.bad_debt[self.asset] = ledger.chain.bad_debt.get(self.asset, 0) + self.amount_atoms

    def says(self, names: Names) -> str:
        owed = names.coins(self.asset, self.amount_atoms)
        return f"{owed} of the debt of {names.account(self.account)} are bad: it has no collateral left"


class BadDebtCovered(BodyBase, frozen=True, tag=182):
    """A backstop bore a part of a bad debt."""

    grounds = (Ground.BALANCE, Ground.RULE)
    posting = Payment("counterparty", "account", asset="asset")

    account: AccountNumber
    counterparty: AccountNumber
    asset: AssetNumber
    amount_atoms: AssetAmount
    backstop: str

    def alters(self, ledger: Ledger, event: Event) -> None:
        ledger.chain.cover(self, ledger)

    def says(self, names: Names) -> str:
        paid, payer = names.coins(self.asset, self.amount_atoms), names.account(self.counterparty)
        return f"{paid} of the bad debt of {names.account(self.account)} were borne by {payer}, the {self.backstop}"


class BlockReorganised(BodyBase, frozen=True, tag=183):
    """A block fell away for another one: what it held has not happened, and may be included again."""

    grounds = (Ground.TIMER, Ground.RULE)

    number: Count
    seizures: Count

    def says(self, names: Names) -> str:
        undone = names.count(self.seizures, "liquidation")
        return f"block {self.number:,} was replaced by another, in which {undone} of it are not"


class SeizureReversed(BodyBase, frozen=True, tag=184):
    """A liquidation of a block that fell away: the collateral is the account's again, and the debt, too."""

    grounds = (Ground.BALANCE, Ground.RULE)
    posting = Swap("counterparty", "account", fee="fee_atoms", fee_back=True)

    account: AccountNumber
    counterparty: AccountNumber
    asset: AssetNumber
    amount_atoms: AssetAmount
    fee_atoms: AssetAmount
    debt_asset: AssetNumber
    repaid_atoms: DebtAmount

    def alters(self, ledger: Ledger, event: Event) -> None:
        ledger.chain.reverse(self, ledger)

    def says(self, names: Names) -> str:
        keeper, borrower = names.account(self.counterparty), names.account(self.account)
        back = names.coins(self.asset, self.amount_atoms)
        return f"{back} went back to {borrower}, as the block in which {keeper} had taken them fell away"


def gwei(wei: int) -> str:
    """A fee with three decimals, rounded down."""
    return f"{wei // _GWEI:,}.{wei % _GWEI // 10**6:03} gwei"


def block_told(case: Case) -> str:
    """The block that an event is included in, where a block caused it."""
    cause = case.cause
    if cause is None or not isinstance(cause.body, BlockMined):
        return ""
    fee = gwei(cause.body.base_fee_wei)
    return f"It was included in block {cause.body.number:,} (event {cause.seq}), whose base fee was {fee}."


def oracle_told(case: Case, asset: int) -> str:
    """The oracle's price that it rests on, where the event is linked to it."""
    for seq in case.event.links:
        body = case.at(seq).body
        if isinstance(body, ConversionPriced) and body.asset == asset:
            price = case.names.price(body.instrument, body.price_ticks)
            age_ns = case.event.at_ns - case.at(seq).at_ns
            age = f"{case.names.duration(age_ns)} old" if age_ns else "taken up in the same block"
            return f"The oracle's price of {case.names.asset(asset)} was {price} (event {seq}), {age}."
    return ""


def loop_told(case: Case, account: int) -> str:
    """The chain that an account's collateral stands in, where it has one."""
    loop = case.ledger.chain.loops.get(account)
    if loop is None or not loop.standing:
        return ""
    bought = case.names.coins(loop.asset, sum(layer.amount_atoms for layer in loop.layers[: loop.standing]))
    layers = case.names.count(loop.standing, "layer")
    return (
        f"Of what {case.names.account(account)} had supplied, {bought} had been bought with borrowed money and "
        f"supplied again, in a chain of {layers}; the last one is undone first."
    )


ChainBody = (
    BlockMined
    | OracleReported
    | DebtIndexed
    | InterestSettled
    | CollateralSeized
    | GasCharged
    | BadDebtRealised
    | BadDebtCovered
    | BlockReorganised
    | SeizureReversed
)
