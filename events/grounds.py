"""What a decision can rest on: the kinds of figures that were compared, as each type of event declares them.

A type's `grounds` name the kinds; which events set those figures for one decision is looked up in the record. What came
from outside, was declared as the run began, or is the run's own was decided by nobody: it has none.
"""

from __future__ import annotations

from enum import Enum

__all__ = ["Ground"]


class Ground(Enum):
    """A kind of figure, by who set it last."""

    INDEX = "the price from outside"
    MARK = "the mark of each instrument that the account holds, or of the one the decision is about"
    DEPTH = "the resting depth, and what forced orders had taken of it"
    CONVERSION = "the price at which each asset that the account holds is converted, and how much of it counts"
    FUNDING_RATE = "the funding rate"
    BALANCE = "the account's balance and positions"
    CALL = "the margin call that the account is under"
    LIQUIDATION = "the beginning of the liquidation"
    ORDER = "the forced order"
    FILL = "the fill or trade that is charged for"
    FUND = "the fund's cash, inventory and floor"
    SHORTFALL = "the shortfall that was declared"
    PROFIT_CAP = "the cap on profits that was exceeded"
    ROUND = "the beginning of the round, whose ranking is in force"
    HALT = "the halt of trading"
    TIMER = "the timer that was due"
    BOOK = "the price that the venue's book trades at"
    CONSTITUENTS = "the index of several constituents"
    TRADE = "the last trade of the instrument"
    QUOTES = "the depth that was quoted"
    OWN_ORDER = "the trader's own order"
    VOLATILITY = "the surface of volatilities, and what of it was marked last"
    DELIVERY = "the delivery price, or what the option was worth at it"
    FAULT = "the fault of the venue that was on"
    ORACLE = "the price at which an asset is converted, as an oracle had it"
    BLOCK = "the block that a transaction is included in"
    EVIDENCE = "the events that show that something does not hold"
    RULE = "the rule in force"
