"""Compound v3: the protocol absorbs an unsafe account whole, and sells what it took over at a fixed discount.

Source: compound-finance/comet at d5a30b0, contracts/Comet.sol (isLiquidatable, absorbInternal, quoteCollateral,
buyCollateral, getReserves); factors are in parts of 10^18, every division is rounded down.

1. Unsafe iff what collateral counts for by the liquidate factor is less than the debt, strictly.
2. All collateral is taken over and its worth by the liquidation factor credited. What is credited beyond the debt stays
   the account's; what is missing the reserves bear, which may go below zero.
3. Collateral is sold only while the reserves are below their target, for the price less a part (the store front factor)
   of what the liquidation factor takes off.
"""

from __future__ import annotations

from .worth import WAD, AssetQuote

__all__ = ["absorbed", "credit_of", "is_for_sale", "liquidity", "quoted", "sale_price"]


def liquidity(collateral: list[tuple[int, AssetQuote, int]], debt: int, base: AssetQuote) -> int:
    """What (amount, quote, factor) of each collateral count for, less the debt: below zero is liquidatable."""
    counted = sum(amount * quote.price // quote.unit * factor // WAD for amount, quote, factor in collateral)
    return counted - debt * base.price // base.unit


def credit_of(collateral: list[tuple[int, AssetQuote, int]], base: AssetQuote) -> int:
    """What is credited for (amount, quote, liquidation factor) of each collateral, in the base asset."""
    worth = sum(amount * quote.price // quote.unit * factor // WAD for amount, quote, factor in collateral)
    return worth * base.unit // base.price


def absorbed(balance: int, credit: int) -> tuple[int, int]:
    """The balance after an account that owes (a balance below zero) was absorbed, and what the reserves paid of it."""
    after = max(0, balance + credit)
    return after, after - balance


def is_for_sale(reserves: int, target: int) -> bool:
    """Whether absorbed collateral is sold: the reserves are below zero or below their target."""
    return reserves < 0 or reserves < target


def sale_price(price: int, liquidation_factor: int, store_front: int) -> int:
    """The price of a unit of absorbed collateral."""
    discount = store_front * (WAD - liquidation_factor) // WAD
    return price * (WAD - discount) // WAD


def quoted(paid: int, base: AssetQuote, collateral: AssetQuote, liquidation_factor: int, store_front: int) -> int:
    """How much collateral so much of the base asset buys."""
    price = sale_price(collateral.price, liquidation_factor, store_front)
    return base.price * paid * collateral.unit // price // base.unit
