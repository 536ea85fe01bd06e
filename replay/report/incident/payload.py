"""What the page's tables are made of: plain rows, packed.

Rows are lists in the order of `COLUMNS`; accounts are numbers into `accounts`, so that a name is there once. Packed is
JSON, compressed (zlib) and in base64: the browser unpacks it without a network.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from typing import Any
from zlib import compress

import msgspec

from ....events.bodies.waterfall import DeleveragingEnded, DeleveragingStarted
from ....events.vocabulary import accounts_named
from ....sim.figures import exact_money, price, size
from ....sim.terminal import printable, shell_word
from ....sim.units import format_time_ns
from ...log.text import event_figures
from ...why.venue.taken_in import words_of
from .reading import Incident

__all__ = ["LIQUIDATIONS_MOST", "packed", "payload_of"]

LIQUIDATIONS_MOST = 30_000
"""So many liquidations are listed, the first ones."""


def packed(document: dict[str, Any]) -> str:
    """As it stands in the page."""
    return b64encode(compress(msgspec.json.encode(document), 9)).decode()


def payload_of(incident: Incident) -> dict[str, Any]:
    """All rows, by table."""
    accounts = _Accounts(incident)
    ended = {
        event.body.round: event.body for event in incident.events.values() if isinstance(event.body, DeleveragingEnded)
    }
    return {
        "record": shell_word(str(incident.run.path)),
        "asset": incident.names.asset(0) if incident.run.directory.assets else "",
        "liquidations": list(_liquidations(incident, accounts)),
        "reductions": list(_reductions(incident, accounts)),
        "rounds": list(_rounds(incident, accounts, ended)),
        "events": list(_events(incident, accounts)),
        "accounts": accounts.names,
    }


class _Accounts:
    """The accounts that are named, numbered as they come."""

    def __init__(self, incident: Incident) -> None:
        self.names = list[str]()
        self._places = dict[str, int]()
        self._name = incident.names.account

    def of(self, name: str) -> int:
        """The place of a name."""
        if name not in self._places:
            self._places[name] = len(self.names)
            self.names.append(printable(name))
        return self._places[name]

    def number(self, account: int) -> int:
        """The place of an account."""
        return self.of(self._name(account))


def _liquidations(incident: Incident, accounts: _Accounts) -> Iterator[list[Any]]:
    """Number, event, time, account, generation, through, by whom, closed value, outcome, last event."""
    forcing, asset = incident.forcing, incident.run.directory.assets.get(0)
    for one in incident.report.liquidations[:LIQUIDATIONS_MOST]:
        forced = forcing.liquidations.get(one.liquidation)
        by = None if forced is None else forcing.forcer_of(one.liquidation)
        yield [
            one.liquidation,
            one.seq,
            one.at,
            accounts.of(one.account),
            None if forced is None else forced.generation,
            "" if forced is None else forced.through,
            None if by is None else accounts.number(by),
            None if forced is None else forced.forcer,
            "" if forced is None or asset is None else exact_money(forced.closed_atoms, asset),
            one.outcome or "not over",
            one.end_seq,
        ]


def _reductions(incident: Incident, accounts: _Accounts) -> Iterator[list[Any]]:
    """Event, time, round, account, instrument, size, price, value, mark, against the mark, rank, of, score, loser."""
    for one in incident.report.deleveraged:
        yield [
            one.seq,
            one.at,
            one.round,
            accounts.of(one.account),
            one.instrument,
            one.size,
            one.price,
            f"{one.value} {one.asset}",
            one.mark or "",
            "" if one.against_mark is None else f"{one.against_mark} {one.asset}",
            one.rank,
            one.candidates,
            one.score or "",
            accounts.of(one.loser),
        ]


def _rounds(incident: Incident, accounts: _Accounts, ended: dict[int, DeleveragingEnded]) -> Iterator[list[Any]]:
    """Round, event, time, whose loss, instrument, size, value, price, candidates, trigger, policy, left, shortfall."""
    for event in incident.events.values():
        body = event.body
        if not isinstance(body, DeleveragingStarted):
            continue
        listing, end = incident.names.listing(body.instrument), ended.get(body.round)
        yield [
            body.round,
            event.seq,
            format_time_ns(event.at_ns),
            accounts.number(body.account),
            listing.name,
            size(body.size_lots, listing),
            exact_money(body.value_atoms, incident.run.directory.assets[listing.asset]),
            price(body.price_ticks, listing),
            body.candidates,
            body.trigger,
            "" if end is None else size(end.left_lots, listing),
            event.cause,
        ]


def _events(incident: Incident, accounts: _Accounts) -> Iterator[list[Any]]:
    """Event, time, type, words, figures, cause, links, accounts, grounds as (event, what it set)."""
    run, names = incident.run, incident.names
    for seq, event in incident.events.items():
        grounds = [[one.step.seq, printable(one.sets)] for one in incident.grounds.get(seq, ())]
        yield [
            seq,
            format_time_ns(event.at_ns),
            type(event.body).__name__,
            printable(words_of(event, names)),
            printable(event_figures(event, run.directory)),
            event.cause,
            list(event.links),
            [accounts.number(one) for one in dict.fromkeys(accounts_named(event.body)) if _is_trader(incident, one)],
            grounds,
        ]


def _is_trader(incident: Incident, account: int) -> bool:
    opened = incident.run.directory.accounts.get(account)
    return opened is not None and opened.kind == "user"
