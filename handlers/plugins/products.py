"""Whether what a plug-in's handler returned can be: types, whole numbers, accounts that exist, no lots out of nothing.

1. A product is a body of the vocabulary, or a `Linked` one; each field has its declared type (a bool is no number).
2. Accounts and instruments are ones that are there; a payment is not negative.
3. A forced trade takes lots from a position: from the side that it has, and no more than it has, also when several
   products of one answer take from the same one. Outside liquidity aside, which takes whatever side it is given.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import msgspec

from ...events.bodies.liquidation import LiquidationFilled, PositionTakenOver
from ...events.bodies.margin import PositionReduced
from ...events.bodies.waterfall import PositionDeleveraged
from ...events.ledger import LedgerState, PositionKey
from ...events.ledger.postings import POSTINGS, Payment
from ...events.vocabulary import ACCOUNT_FIELDS, BODY_TYPES, Body
from ..protocol import Linked
from .complaints import shown

__all__ = ["fault_in", "wrong_types"]

_KINDS = frozenset(BODY_TYPES)


class _Taking(NamedTuple):
    """Lots that a trade gives to a position that it can only make smaller."""

    account: int
    key: PositionKey
    change_lots: int


def fault_in(products: Iterable[object], ledger: LedgerState) -> str:
    """The first thing that is wrong with an answer, with its value, in words; empty where nothing is."""
    taken: dict[tuple[int, PositionKey], int] = {}
    for product in products:
        body = product.body if isinstance(product, Linked) else product
        if type(body) not in _KINDS:
            return f"{shown(body)}, which is no type of event"
        fault = next(_faults(body, ledger, taken), "")  # type: ignore[arg-type]
        if fault:
            return f"{type(body).__name__} with {fault}"
        if isinstance(product, Linked) and not all(type(seq) is int and 0 <= seq < ledger.seq for seq in product.links):
            return f"{type(body).__name__} with links {shown(product.links)}; numbers of earlier events are due"
    return ""


def _faults(body: Body, ledger: LedgerState, taken: dict[tuple[int, PositionKey], int]) -> Iterator[str]:
    """Lazily: each check may rest on those before it."""
    yield from wrong_types(body)
    for name in ACCOUNT_FIELDS[type(body)]:
        number = getattr(body, name)
        if number is not None and not 0 <= number < len(ledger.accounts):
            yield f"{name} {number}, and there is no such account"
    instrument = getattr(body, "instrument", None)
    if instrument is not None and not 0 <= instrument < len(ledger.markets):
        yield f"instrument {instrument}, and there is no such instrument"
    posting = POSTINGS.get(type(body))
    if isinstance(posting, Payment) and not posting.stated and getattr(body, posting.amount) < 0:
        yield f"{posting.amount} {getattr(body, posting.amount)}; a payment is not negative"
    for taking in _takings(body):
        yield from _too_much(taking, ledger, taken)


def wrong_types(body: Body) -> Iterator[str]:
    """What is wrong with the types of a body's fields, with their values, in words."""
    for field in msgspec.structs.fields(type(body)):
        value: Any = getattr(body, field.name)
        try:
            msgspec.convert(value, field.type)
        except msgspec.ValidationError as error:
            yield f"{field.name} {shown(value)}: {error}"


def _takings(body: Body) -> tuple[_Taking, ...]:
    if isinstance(body, PositionTakenOver):
        return (_Taking(body.account, (body.instrument, body.leg), -body.size_lots),)
    if isinstance(body, PositionReduced | LiquidationFilled):
        return (_Taking(body.account, (body.instrument, body.leg), body.size_lots),)
    if isinstance(body, PositionDeleveraged):
        return (
            _Taking(body.account, (body.instrument, body.leg), body.size_lots),
            _Taking(body.against, (body.instrument, body.against_leg), -body.size_lots),
        )
    return ()


def _too_much(taking: _Taking, ledger: LedgerState, taken: dict[tuple[int, PositionKey], int]) -> Iterator[str]:
    if ledger.accounts[taking.account].kind == "liquidity" and taking.change_lots:
        return
    place = taking.account, taking.key
    held = ledger.position(*place)
    name, before = ledger.name(taking.account), 0 if held is None else held.size_lots
    left = before + taken.get(place, 0)
    told = f"{taking.change_lots:+d} lots for {name}"
    if not taking.change_lots:
        yield f"{told}; a trade of no lots is none"
    elif not left or left * taking.change_lots > 0:
        yield f"{told}, which holds {left:+d}: that is the wrong side"
    elif abs(taking.change_lots) > abs(left):
        yield f"{told}, which holds {left:+d}: that is more than the position"
    taken[place] = taken.get(place, 0) + taking.change_lots
