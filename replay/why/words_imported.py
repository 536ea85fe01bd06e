"""Events that were taken in, in words: the same as any, but for what nobody published.

An importer writes zeros where a venue publishes nothing: an equity and a requirement that were compared, a ranking, a
score. Those are left out here, so that a nothing is never read as a nought.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...events.bodies.inputs import PositionStated
from ...events.bodies.liquidation import BankruptcyDeclared, LiquidationEnded, LiquidationStarted
from ...events.bodies.waterfall import DeleveragingStarted, PositionDeleveraged
from ...events.envelope import Event, Origin
from ...events.vocabulary import Body
from .names import Names
from .words import words

__all__ = ["words_of"]


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


_TAKEN_IN: dict[type[Body], Callable[[Any, Names], str]] = {
    LiquidationStarted: _started,
    BankruptcyDeclared: _bankrupt,
    LiquidationEnded: _ended,
    DeleveragingStarted: _round,
    PositionDeleveraged: _deleveraged,
    PositionStated: _stated,
}
