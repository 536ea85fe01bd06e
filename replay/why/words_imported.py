"""Events that were taken in, in words, and by which rule an importer inferred those that no file states.

An importer writes zeros where a venue publishes nothing: an equity and a requirement that were compared, a ranking, a
score. Those are left out here, so that "not published" is never shown as zero.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...events.bodies.inputs import BalanceStated, InputRefused, PositionStated
from ...events.bodies.liquidation import (
    BankruptcyDeclared,
    LiquidationEnded,
    LiquidationOrdered,
    LiquidationStarted,
    OrdersCancelled,
)
from ...events.bodies.listing import AccountOpened, AssetListed, InstrumentListed
from ...events.bodies.margin import FeeCharged, MarkPriced
from ...events.bodies.waterfall import DeleveragingEnded, DeleveragingStarted, PositionDeleveraged
from ...events.envelope import Event, Origin
from ...events.vocabulary import Body
from ..run import Run
from .names import Names
from .words import words

__all__ = ["format_of", "rule_of", "words_of"]

_SCENARIO = "import of "
_TABLE, _FILLS = "adl-table", "hyperliquid"


def words_of(event: Event, names: Names) -> str:
    """What an event says, by whether it was decided here or taken in."""
    says = _TAKEN_IN.get(type(event.body)) if event.origin in (Origin.IMPORTED, Origin.INFERRED) else None
    return words(event.body, names) if says is None else says(event.body, names)


def _started(body: LiquidationStarted, names: Names) -> str:
    told = f": equity {names.money(body.account, body.equity_atoms)}" if body.equity_atoms else ""
    return f"liquidation {body.liquidation_id} of {names.account(body.account)} began{told}"


def _bankrupt(body: BankruptcyDeclared, names: Names) -> str:
    return f"the market could not close {names.account(body.account)}: {body.reason}"


def _ended(body: LiquidationEnded, names: Names) -> str:
    return f"liquidation {body.liquidation_id} of {names.account(body.account)} ended: {body.outcome}"


def _round(body: DeleveragingStarted, names: Names) -> str:
    what, at = names.held(body.instrument, body.size_lots), names.price(body.instrument, body.price_ticks)
    return f"round {body.round} began: {what} of {names.account(body.account)} to be closed at {at}"


def _deleveraged(body: PositionDeleveraged, names: Names) -> str:
    did = names.trade(body.instrument, body.size_lots, body.price_ticks)
    return f"{names.account(body.account)} was deleveraged as number {body.rank:,} of round {body.round}: {did}"


def _stated(body: PositionStated, names: Names) -> str:
    held, cost = names.held(body.instrument, body.size_lots), names.value(body.instrument, body.cost_atoms)
    return f"{names.account(body.account)} is taken to hold {held} that cost {cost}"


def _balance(body: BalanceStated, names: Names) -> str:
    return f"{names.account(body.account)} is taken to have {names.money(body.account, body.balance_atoms)}"


def _missing(body: InputRefused, names: Names) -> str:
    whose = "" if body.account is None else f" of {names.account(body.account)}"
    return f"missing or left out, {body.refused}{whose}: {body.reason}"


def _fee(body: FeeCharged, names: Names) -> str:
    did = "received a rebate" if body.amount_atoms < 0 else "paid a fee"
    return f"{names.account(body.account)} {did} of {names.money(body.account, abs(body.amount_atoms))} ({body.reason})"


_TAKEN_IN: dict[type[Body], Callable[[Any, Names], str]] = {
    LiquidationStarted: _started,
    BankruptcyDeclared: _bankrupt,
    LiquidationEnded: _ended,
    DeleveragingStarted: _round,
    PositionDeleveraged: _deleveraged,
    PositionStated: _stated,
    FeeCharged: _fee,
    BalanceStated: _balance,
    InputRefused: _missing,
}


def format_of(run: Run) -> str:
    """What a record was imported as, such as `adl-table`; nothing for one that was not."""
    return run.started.scenario.removeprefix(_SCENARIO) if run.imported else ""


def rule_of(event: Event, format_name: str) -> str:
    """The rule by which an importer inferred an event, as part of a sentence."""
    body = event.body
    if isinstance(body, PositionStated):
        return _position_rule(body, format_name)
    if isinstance(body, AccountOpened):
        return _account_rule(body)
    found = _RULES[type(body)]
    return found if isinstance(found, str) else found.get(format_name, found[""])


def _account_rule(body: AccountOpened) -> str:
    if body.name.startswith("forced:"):
        return "one account stands for all whose orders were forced in this market"
    if body.kind in ("user", "vault"):
        return "the files name it"
    return "the record needs it as the other side of what comes in, goes out or is charged"


def _position_rule(body: PositionStated, format_name: str) -> str:
    known = body.provenance is not None
    if format_name == _TABLE:
        return (
            "size and entry are those that the row prints; of other positions, what their profit leaves to explain"
            if known
            else "the liquidated account is taken to hold what the round closes, at the price of the round"
        )
    if format_name == _FILLS:
        return (
            "the size is the start position of a fill, the cost follows from the profit that a fill closed"
            if known
            else "the size is the start position of its first fill; no fill tells the entry, so its price stands for it"
        )
    return "whoever was made to close a position held it; the price of the fill stands for its entry"


_RULES: dict[type[Body], str | dict[str, str]] = {
    MarkPriced: {
        _TABLE: "the price of the round stands for the mark, unless --mark gave one",
        "": "the last price traded stands for the mark, where no file gives one",
    },
    BalanceStated: "the balance is the cash that the row prints",
    LiquidationStarted: {
        _TABLE: "each round of the table is one liquidation",
        _FILLS: "what was forced of one account in one block is one liquidation",
        "": "each forced order is one liquidation",
    },
    LiquidationOrdered: "a forced fill was ordered; the file tells only of the fill",
    OrdersCancelled: "what no file shows a fill of was not filled",
    BankruptcyDeclared: "a takeover or a reduction of others means that the market did not close the account",
    DeleveragingStarted: {
        _TABLE: "reductions of one instant, coin, liquidated account, side and price are one round",
        "": "reductions against one account in one coin in one block are one round",
    },
    DeleveragingEnded: "the files have no further reduction of the round",
    LiquidationEnded: "the files have nothing further of the liquidation",
    InputRefused: "the importer notes what is missing or was left out",
    AssetListed: "the files name it",
    InstrumentListed: "the files name it; its steps are those of the figures in them",
}
