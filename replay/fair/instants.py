"""The instants of a record in which positions were reduced, and which of them a question is about.

An engine may wait with what fell short: for a batch, or a delay. What is reduced then hangs on the order of the instant
in which it fell short, and of all up to the reductions. So such an instant is executed from there on.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from ...events.bodies.venue import TimerFired
from ...events.bodies.waterfall import DeleveragingStarted, PositionDeleveraged
from ...events.envelope import Event
from ...events.errors import QueryError
from ...events.ledger import Account
from ..run import Run

__all__ = ["Instant", "instants_of", "instants_that_concern", "largest"]


class Instant(msgspec.Struct):
    """An instant with rounds of auto-deleveraging: it follows from the state after event `after_seq`.

    It begins at `begun_ns`, which is `at_ns` itself but where its rounds waited since then. `closed` are the sides that
    its rounds closed, as (instrument, 1 long or -1 short); `value_atoms` is what all that was reduced was worth, of all
    assets together.
    """

    at_ns: int
    begun_ns: int
    after_seq: int
    rounds: list[int] = []
    closed: set[tuple[int, int]] = set()
    reduced: set[int] = set()
    value_atoms: int = 0


def instants_of(run: Run) -> list[Instant]:
    """All of them, in their order; reads the whole record. Raises QueryError where there is none."""
    found: dict[int, Instant] = {}
    for event in run.events():
        body = event.body
        if isinstance(body, DeleveragingStarted):
            one = found.get(event.at_ns)
            if one is None:
                begun_ns = _fell_short_ns(run, event)
                one = found[event.at_ns] = Instant(event.at_ns, begun_ns, run.first_at(begun_ns) - 1)
            one.rounds.append(body.round)
            one.closed.add((body.instrument, 1 if body.size_lots > 0 else -1))
        elif isinstance(body, PositionDeleveraged):
            one = found[event.at_ns]
            one.reduced.add(body.account)
            one.value_atoms += abs(body.value_atoms)
    if not found:
        message = f"{run.path}: nobody was deleveraged in it, so no order can have decided who was; ask another record"
        raise QueryError(message)
    return list(found.values())


def _fell_short_ns(run: Run, started: Event) -> int:
    """When the engine was told of what a round closes: then, or when it set the timer that the round follows."""
    fired = None if started.cause is None else run.event(started.cause)
    if fired is None or not isinstance(fired.body, TimerFired):
        return started.at_ns
    set_ns: int = run.event(fired.body.timer).at_ns
    return set_ns


def largest(instants: Iterable[Instant], most: int) -> list[Instant]:
    """So many in which most was reduced, in their order."""
    by_value = sorted(instants, key=lambda one: (-one.value_atoms, one.at_ns))
    return sorted(by_value[:most], key=lambda one: one.at_ns)


def instants_that_concern(run: Run, account: int, instants: list[Instant], most: int) -> list[Instant]:
    """Those in which an account was reduced, and then those in which it held the other side of what was closed.

    Raises QueryError where there are none.
    """
    was = [one for one in instants if account in one.reduced]
    others = [one for one in instants if account not in one.reduced]
    ledgers = run.states(one.after_seq + 1 for one in others)
    could = [one for one, ledger in zip(others, ledgers, strict=True) if _holds_against(ledger.accounts, account, one)]
    found = largest(was, most)
    found += largest(could, most - len(found))
    if not found:
        name = run.directory.account_name(account)
        message = f"{name} never held the other side of what was closed in {run.path}; name an account that did"
        raise QueryError(message)
    return sorted(found, key=lambda one: one.at_ns)


def _holds_against(accounts: Sequence[Account], account: int, one: Instant) -> bool:
    held = accounts[account].positions.items() if account < len(accounts) else ()
    return any((key[0], -1 if position.size_lots > 0 else 1) in one.closed for key, position in held)
