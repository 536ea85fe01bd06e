"""Why an event is in the record of an import: what the venue says of it, what is concluded, and from where.

1. Nothing is worked out that the files do not carry: an account's money is shown only where its balance was stated.
2. A round of the venue's own is held against every published formula, in the state before its first event.
"""

from __future__ import annotations

import msgspec

from ...events.bodies.inputs import BalanceStated
from ...events.bodies.waterfall import DeleveragingEnded, DeleveragingStarted, PositionDeleveraged
from ...events.envelope import Event, Origin
from ...events.errors import QueryError
from ...sim.figures import count
from ..directory import nearest
from ..rankings import round_of
from ..run import Run
from .answer import Answer
from .asked import asked_of, evidence_for
from .case import Case
from .chain import chain_of
from .names import Names
from .paragraphs_imported import imported_paragraph
from .parts import Evidence
from .published import Published, published_of
from .ranking import round_events
from .taken_in import statements_of, taken_in

__all__ = ["explain_imported", "is_taken_in", "with_formula"]

_ROUND = (DeleveragingStarted, PositionDeleveraged, DeleveragingEnded)


def is_taken_in(event: Event) -> bool:
    """Whether an event was imported or inferred, and not decided here."""
    return event.origin in (Origin.IMPORTED, Origin.INFERRED)


def explain_imported(run: Run, event: Event, causes: tuple[Event, ...], against: int | None = None) -> Answer:
    """The answer about an event that was taken in; one state, for an event of a round two.

    Raises QueryError for an `against`: whom a venue passed over, and why, it does not publish.
    """
    if against is not None:
        message = (
            f"event {event.seq} was taken in from a venue, which does not publish whom it passed over and why; "
            "--under POLICY shows the ranking by a published formula"
        )
        raise QueryError(message)
    started = round_of(run, event) if isinstance(event.body, DeleveragingStarted | PositionDeleveraged) else None
    if isinstance(event.body, DeleveragingEnded):
        started = next((cause for cause in reversed(causes) if isinstance(cause.body, DeleveragingStarted)), None)
    published = None if started is None else _published(run, started)
    ledger = run.before(event.seq)
    names = Names(ledger)
    evidence = _evidence(run, event, names)
    case = Case(run, event, causes, ledger, names, evidence)
    taken = taken_in(run, event, causes, names)
    return Answer(
        asked_of(run, event, names, evidence),
        imported_paragraph(case, taken, published),
        chain_of(run, causes, names),
        taken_in=taken,
        published=published,
    )


def _published(run: Run, started: Event) -> Published:
    ledger, told = run.before(started.seq), round_events(run, started)
    found = published_of(told, ledger, Names(ledger))
    accounts = [event.body.account for event in told.reductions if isinstance(event.body, PositionDeleveraged)]
    unknown = sum(not _has_balance(run, account, started.seq) for account in dict.fromkeys(accounts))
    if not unknown:
        return found
    caveat = (
        f"Of {count(len(set(accounts)), 'account')} taken, {unknown:,} have no balance in the record, so that "
        "their account value is only what the files moved."
    )
    return msgspec.structs.replace(found, caveats=(caveat, *found.caveats))


def _has_balance(run: Run, account: int, stop_seq: int) -> bool:
    """Whether an account's balance was stated, or else is only what the files moved."""
    return any(isinstance(one.body, BalanceStated) for one in statements_of(run, account, None, stop_seq))


def _evidence(run: Run, event: Event, names: Names) -> Evidence | None:
    """The account's figures, if its balance is known; not of what was stated itself."""
    account = getattr(event.body, "account", None)
    if account is None or not isinstance(event.body, _ROUND):
        return None
    return evidence_for(event.body, run.before(event.seq), names) if _has_balance(run, account, event.seq) else None


def with_formula(answer: Answer, policy: str) -> Answer:
    """The answer with the whole ranking under a published formula shown. Raises QueryError where there is none."""
    if answer.published is None:
        message = (
            f"event {answer.event.seq} ({answer.event.type}) is no part of a round that a venue decided itself, so "
            "there is no --under; ask it of an imported reduction"
        )
        raise QueryError(message)
    known = [one.policy for one in answer.published.formulas]
    if policy not in known:
        message = f"there is no formula {policy!r}; there are {', '.join(known)}{nearest(policy, known)}"
        raise QueryError(message)
    return msgspec.structs.replace(answer, published=msgspec.structs.replace(answer.published, shown=policy))
