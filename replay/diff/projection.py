"""The events of one run as they can be held against those of another: numbers replaced by what they stand for.

1. What was declared or begun within the shared beginning has the same number in both runs, which stands for itself.
2. An account, instrument or asset declared later stands for its name: in B it is given A's number for that name, or one
   below zero where A has no such name. So A is read before B.
3. A liquidation, round or order begun later stands for the key of the event that began it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ...events.bodies.listing import AccountOpened
from ...events.envelope import Event
from ...events.vocabulary import Body
from .fields import DECLARES, DEFINES, LEG_PARTIES, NAMED, SHAPES, Role

__all__ = ["Projection"]


class Projection:
    """How to read the numbers of one run; it learns them as its events pass."""

    def __init__(self, funds: Iterable[int], other: Projection | None = None) -> None:
        """`funds` are the insurance accounts opened in the shared beginning, `other` is A's projection for B."""
        self._funds = set(funds)
        self._other = other
        self._names: dict[tuple[Role, str], int] = {}
        self._meanings: dict[Role, dict[int | None, int]] = {role: {} for role in Role}

    def learn(self, event: Event, key: int) -> None:
        """Note what an event declares or begins."""
        body: Any = event.body
        kind = type(body)
        if kind in DEFINES:
            role, field = DEFINES[kind]
            self._meanings[role][getattr(body, field)] = key
        elif kind in DECLARES:
            self._declare(*DECLARES[kind], body)

    def _declare(self, role: Role, field: str, body: Any) -> None:
        number = getattr(body, field)
        self._names[role, body.name] = number
        if self._other is not None:
            self._meanings[role][number] = self._other._names.get((role, body.name), ~number)  # noqa: SLF001
        if isinstance(body, AccountOpened) and body.kind == "insurance":
            self._funds.add(number)

    def content(self, body: Body) -> tuple[Any, ...]:
        """All that a body says, with its numbers replaced; what only counts is left out."""
        shape = SHAPES[type(body)]
        figures = [getattr(body, field) for field in shape.figures]
        return (*figures, *[self._meaning(body, field, role) for field, role in shape.looked_up])

    def identity(self, event: Event, cause_key: int | None, slot: str) -> tuple[Any, ...]:
        """What makes an event the same one in another run, but for how many of the kind there were before it.

        Of an input its instant and content, of the run's own events and declarations the name; of a decision its cause,
        who decided, and whom and what it is about.
        """
        body = event.body
        kind = type(body)
        tag = SHAPES[kind].tag
        if kind in NAMED:
            return tag, getattr(body, "name", None)
        if cause_key is None:
            return tag, event.at_ns, self.content(body)
        account, instrument = getattr(body, "account", None), getattr(body, "instrument", None)
        accounts, instruments = self._meanings[Role.ACCOUNT], self._meanings[Role.INSTRUMENT]
        return tag, cause_key, slot, accounts.get(account, account), instruments.get(instrument, instrument)

    def _meaning(self, body: Body, field: str, role: Role) -> Any:
        value = getattr(body, field)
        if role is Role.PRICES:
            meanings = self._meanings[Role.INSTRUMENT]
            return sorted((meanings.get(instrument, instrument), ticks) for instrument, ticks in value)
        if role is Role.LEG:
            if getattr(body, LEG_PARTIES[field]) not in self._funds:
                return value
            role = Role.LIQUIDATION
        return self._meanings[role].get(value, value)

    def changed_fields(self, event: Event, other: Projection, theirs: Event) -> list[str]:
        """The names of what differs between an event and the same one of the other run, its time included."""
        shape = SHAPES[type(event.body)]
        fields = ("at_ns", *shape.figures, *(field for field, _ in shape.looked_up))
        mine, others = (event.at_ns, *self.content(event.body)), (theirs.at_ns, *other.content(theirs.body))
        return [field for field, here, there in zip(fields, mine, others, strict=True) if here != there]
