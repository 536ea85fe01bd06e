"""Who held the other side of a venue's round and was not taken, as far as the record knows. Its names are stable JSON.

1. An account is known where its balance was stated and the entry of its position is. Importers state both when the
   record begins, or just before the event that needs them: those two spans are read.
2. An entry that an importer had to guess is not known: of an opening position that no fill tells the entry of, and of a
   position that does not follow from the fill before it.
3. By a formula an account was passed over if it stands before somebody who was taken.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from itertools import chain
from typing import NamedTuple

import msgspec

from ....events.bodies.inputs import BalanceStated, PositionStated
from ....events.bodies.waterfall import DeleveragingStarted
from ....events.envelope import Event, Origin
from ....events.ledger import LedgerState
from ....handlers.policies.ranking import ANYBODY, Candidate, Ranked
from ....handlers.ranking import candidate_of
from ....sim.figures import count
from ....sim.quantities import Quantity
from ...rankings import holders_against, round_body
from ...reconstructed import is_guess
from ...run import Run
from ..names import RunNames, held
from .taken_in import files_of, format_of

__all__ = ["KnownHolders", "PassedAccount", "PassedOver", "known_of", "passed_over_of"]

_NEAR = 1 << 14
_NAMED = 3

_WHY_NOBODY = {
    "adl-table": "the table lists only who was taken",
    "hyperliquid": "the files name only who traded, or whose state was imported with them",
}


class KnownHolders(NamedTuple):
    """The accounts whose balance was stated before a round, and those whose entry in its instrument is known.

    `statements` are the events that state balances and positions of whoever held the instrument then, `file` is where
    those were imported from, if from anywhere.
    """

    format: str
    balances: frozenset[int]
    entries: frozenset[int]
    statements: tuple[Event, ...]
    file: str | None


class PassedAccount(msgspec.Struct, frozen=True):
    """An account that every formula tested puts before somebody who was taken; `ranks` has its place by each."""

    account: int
    name: str
    size: Quantity
    entry: Quantity
    profit: Quantity
    equity: Quantity
    ranks: dict[str, int]


class PassedOver(msgspec.Struct, frozen=True):
    """How many held the other side and were not taken, of how many the figures are known, and who stands before whom.

    `before` counts, for each formula tested, those of known figures that stand before somebody who was taken;
    `before_by_all` are those of whom every formula says so, largest position first.
    """

    holders: int
    known: int
    in_profit: int
    before: dict[str, int]
    before_by_all: tuple[PassedAccount, ...]
    text: str


def known_of(run: Run, started: Event, ledger: LedgerState) -> KnownHolders:
    """What was stated before a round; reads the beginning of the record and the events before the round."""
    body = round_body(started)
    opening = min(run.first_at(run.start_ns + 1), started.seq)
    near = max(opening, started.seq - _NEAR)
    balances, stated, guessed = set[int](), set[int](), set[int]()
    read_as, statements = format_of(run), list[tuple[int, Event]]()
    for event in chain(run.events(0, opening), run.events(near, started.seq)):
        told = event.body
        if isinstance(told, BalanceStated | PositionStated):
            statements.append((told.account, event))
        if isinstance(told, BalanceStated):
            balances.add(told.account)
        elif isinstance(told, PositionStated) and told.instrument == body.instrument:
            stated.add(told.account)
            (guessed.add if is_guess(run, event, told) else guessed.discard)(told.account)
    holders = {account.account for account in ledger.accounts if _holds(account.positions, body.instrument)}
    entries = holders - guessed if near == opening else (holders & stated) - guessed
    told_of = tuple(event for account, event in statements if account in holders)
    return KnownHolders(read_as, frozenset(balances), frozenset(entries), told_of, _file(run, told_of))


def _file(run: Run, statements: Iterable[Event]) -> str | None:
    files = files_of(run)
    for event in statements:
        place = getattr(event.body, "provenance", None)
        if event.origin is Origin.IMPORTED and place is not None and place.source in files:
            return files[place.source].name
    return None


def _holds(positions: Mapping[tuple[int, int], object], instrument: int) -> bool:
    return any(key[0] == instrument for key in positions)


def passed_over_of(
    started: DeleveragingStarted,
    ledger: LedgerState,
    names: RunNames,
    known: KnownHolders,
    taken: AbstractSet[int],
    rankings: Mapping[str, Sequence[Ranked]],
) -> PassedOver:
    """Those who were not taken; `rankings` are the places by each formula that could be tested."""
    instrument, side = started.instrument, 1 if started.size_lots > 0 else -1
    holders = {
        account.account
        for account in holders_against(ledger, instrument, side)
        if account.kind == "user" and account.account not in taken
    }
    able = holders & known.entries & known.balances
    before = {name: _before(places, taken, able) for name, places in rankings.items()}
    by_all = set(able).intersection(*before.values()) if before else set[int]()
    accounts = [_account(one, rankings, started, names) for one in _largest(by_all, rankings)]
    judged = (candidate_of(ledger.accounts[one], instrument, side, ledger.markets, ANYBODY) for one in able)
    found = PassedOver(
        len(holders),
        len(able),
        sum(isinstance(one, tuple) and one[0].profit > 0 for one in judged),
        {name: len(passed) for name, passed in before.items()},
        tuple(accounts),
        "",
    )
    return msgspec.structs.replace(found, text=" ".join(_told(found, started, names, known)))


def _before(places: Sequence[Ranked], taken: AbstractSet[int], able: AbstractSet[int]) -> set[int]:
    """Whom a ranking puts before somebody who was taken."""
    last = max((place.rank for place in places if place.candidate.account in taken), default=0)
    return {place.candidate.account for place in places[:last]} & able


def _largest(accounts: AbstractSet[int], rankings: Mapping[str, Sequence[Ranked]]) -> list[Candidate]:
    """The candidates of these accounts, largest position first."""
    first: Sequence[Ranked] = next(iter(rankings.values()), ())
    found = [place.candidate for place in first if place.candidate.account in accounts]
    return sorted(found, key=lambda one: (-abs(one.size), one.account))


def _account(
    one: Candidate, rankings: Mapping[str, Sequence[Ranked]], started: DeleveragingStarted, names: RunNames
) -> PassedAccount:
    return PassedAccount(
        account=one.account,
        name=names.account(one.account),
        size=names.size_of(started.instrument, one.size),
        entry=names.average_of(started.instrument, one.size, one.cost),
        profit=names.money_of(one.account, one.profit),
        equity=names.money_of(one.account, one.equity),
        ranks={
            name: next(place.rank for place in places if place.candidate.account == one.account)
            for name, places in rankings.items()
        },
    )


def _told(found: PassedOver, started: DeleveragingStarted, names: RunNames, known: KnownHolders) -> Iterator[str]:
    """How many, what is known of them, and who stands before whom."""
    opposite = f"{'short' if started.size_lots > 0 else 'long'} {names.instrument(started.instrument)}"
    if not found.holders:
        why = _WHY_NOBODY.get(known.format, "the files state no other position")
        unknown = f"the record has nobody else who was {opposite} before the round, as {why}"
        yield f"Who was passed over is not known: {unknown}."
        return
    others = "other account was" if found.holders == 1 else "other accounts were"
    yield f"{found.holders:,} {others} {opposite} before the round and not taken in it."
    if found.holders > found.known:
        without = f"{found.holders - found.known:,}"
        yield f"The entry or the account value is not known of {without}, so no formula can place them."
    if found.known:
        yield f"Entry and account value are known of {found.known:,}, of which {found.in_profit:,} stood at a profit."
    if found.known and not found.before:
        yield "No formula could be tested, so it is not said who of them should have come first."
    elif found.before_by_all:
        named = [
            f"{one.name} ({held(one.size)} from {one.entry.text}, profit {one.profit}, account value {one.equity})"
            for one in found.before_by_all[:_NAMED]
        ]
        more = len(found.before_by_all) - len(named)
        rest = f" and {count(more, 'other')}" if more else ""
        yield (
            f"All {len(found.before):,} formulas tested put {len(found.before_by_all):,} of them before somebody who "
            f"was taken: {', '.join(named)}{rest}."
        )
    elif found.known:
        yield "None of them stands before somebody who was taken by every formula that was tested."
    yield "Accounts that the files do not name may have held it too."
