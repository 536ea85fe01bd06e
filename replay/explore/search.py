"""What a text that somebody types may mean in a record: an event, an instant, an account, a market, a type of event."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Literal

import msgspec

from ...events.errors import QueryError
from ...events.ledger import Ledger
from ...events.vocabulary import TYPES_BY_NAME
from ...sim.units import format_time_ns
from ..points import is_point
from ..run import Run

__all__ = ["Hit", "search"]

_HITS_MOST = 12


class Hit(msgspec.Struct, frozen=True):
    """Something that was meant, perhaps: `number` is an event's, an account's or a market's; null for a type."""

    kind: Literal["event", "instant", "account", "market", "type"]
    label: str
    told: str
    number: int | None


def search(run: Run, ledger: Ledger, text: str) -> tuple[Hit, ...]:
    """The first twelve; `ledger` is a state in which names are declared, O(accounts)."""
    written = text.strip()
    return tuple(islice(_hits(run, ledger, written), _HITS_MOST)) if written else ()


def _hits(run: Run, ledger: Ledger, written: str) -> Iterator[Hit]:
    if is_point(written):
        try:
            seq = run.last_seq(written)
        except QueryError:
            pass
        else:
            event = run.event(seq)
            kind: Literal["event", "instant"] = "event" if written.isdecimal() else "instant"
            yield Hit(kind, f"event {seq}", f"{type(event.body).__name__}, {format_time_ns(event.at_ns)}", seq)
    wanted = written.lower()
    names = ((name.lower(), number) for number, name in enumerate(ledger.account_names))
    found = [(name != wanted, not name.startswith(wanted), number) for name, number in names if wanted in name]
    for market in ledger.markets:
        if wanted in market.listing.name.lower():
            yield Hit("market", market.listing.name, "market", market.listing.instrument)
    for name in TYPES_BY_NAME:
        if wanted in name.lower():
            yield Hit("type", name, "type of event", None)
    for *_, number in sorted(found):
        account = ledger.accounts[number]
        yield Hit("account", ledger.name(number), f"{account.kind}, {account.status.replace('_', ' ')}", number)
