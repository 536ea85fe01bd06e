"""Why an event is in the record of an import: what the venue says of it, what is concluded, and from where.

1. Nothing is worked out that the files do not carry: an account's money is shown only where its balance was stated.
2. A round of the venue's own is told with its whole batch, and held against every published formula in the state
   before its first event.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from ...events.bodies.inputs import BalanceStated
from ...events.bodies.waterfall import DeleveragingEnded, DeleveragingStarted, PositionDeleveraged
from ...events.envelope import Event, Origin
from ...events.errors import QueryError
from ...events.ledger import LedgerState
from ...sim.figures import count
from ..directory import nearest
from ..rankings import round_of
from ..run import Run
from .answer import Answer
from .asked import asked_of, evidence_for
from .batch import Batch, BatchFill, batch_of
from .case import Case
from .chain import chain_of
from .later import later_of
from .names import Names
from .paragraphs_imported import imported_paragraph, verdict_of
from .parts import Evidence
from .passed_over import Known, known_of
from .published import Published, published_of
from .ranking import Round, round_events
from .taken_in import Rest, TakenIn, statements_of, taken_in

__all__ = ["explain_imported", "is_taken_in", "with_formula", "with_whole_batch"]

_SAME_RULE = "the same for each account as for the one asked about"
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
    ledger = run.before(event.seq)
    names = Names(ledger)
    evidence = _evidence(run, event, names)
    case = Case(run, event, causes, ledger, names, evidence)
    taken, later = taken_in(run, event, causes, names), later_of(run, event, ledger, 0, names)
    batch = None if started is None else batch_of(run, started, names)
    asked, chain = asked_of(run, event, names, evidence), chain_of(run, causes, names)
    published = None
    if started is not None and batch is not None:
        before = run.before(started.seq)
        known = known_of(run, started, before)
        published = _published(run, started, before, known, batch)
        taken = _with_the_others(taken, batch, known)
    paragraph = imported_paragraph(case, taken, batch, published)
    return Answer(asked, paragraph, chain, later=later or None, taken_in=taken, batch=batch, published=published)


def _published(run: Run, started: Event, ledger: LedgerState, known: Known, batch: Batch) -> Published:
    told = round_events(run, started)
    found = published_of(told, ledger, Names(ledger), known, in_order=batch.disorder is None)
    caveats = (*_unknown(told, known), *found.caveats)
    return msgspec.structs.replace(found, caveats=caveats, verdict=verdict_of(found, batch))


def _with_the_others(taken: TakenIn, batch: Batch, known: Known) -> TakenIn:
    """With what the comparison rests on besides: the other fills of the round, and what was stated of whoever held."""
    own = [fill for fill in batch.fills if fill.round == batch.round]
    stated, inferred = list(taken.imported), list(taken.inferred)
    if own:
        told = f"all {count(len(own), 'reduction')} of the round, each behind its report{_lines(own)}"
        stated.append(_several(own[0].seq, own[-1].seq, "PositionDeleveraged", told, own[0].file, None))
    for rests, origin, rule in ((stated, Origin.IMPORTED, None), (inferred, Origin.INFERRED, _SAME_RULE)):
        found = [event for event in known.statements if event.origin is origin]
        if found:
            told = f"{count(len(found), 'statement')} of what was held, of whoever held {batch.own.instrument}"
            file = known.file if origin is Origin.IMPORTED else None
            rests.append(_several(found[0].seq, found[-1].seq, type(found[0].body).__name__, told, file, rule))
    return msgspec.structs.replace(taken, imported=tuple(stated), inferred=tuple(inferred))


def _several(first: int, last: int, kind: str, told: str, file: str | None, rule: str | None) -> Rest:
    return Rest(first, kind, told, file, None, rule, last if last != first else None)


def _lines(fills: list[BatchFill]) -> str:
    lines = [fill.line for fill in fills if fill.line is not None]
    if not lines:
        return ""
    least, most = min(lines), max(lines)
    return f", line {least:,}" if least == most else f", lines {least:,} to {most:,}"


def _unknown(told: Round, known: Known) -> Iterator[str]:
    """Of how many of those who were taken a figure is not known."""
    taken = {event.body.account for event in told.reductions if isinstance(event.body, PositionDeleveraged)}
    for what, those in (("balance", known.balances), ("entry", known.entries)):
        unknown = len(taken - those)
        if unknown:
            have = "has" if unknown == 1 else "have"
            yield f"Of {count(len(taken), 'account')} taken, {unknown:,} {have} no {what} in the record."


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


def with_whole_batch(answer: Answer) -> Answer:
    """The answer with every fill of its batch shown, where it has one."""
    if answer.batch is None:
        return answer
    return msgspec.structs.replace(answer, batch=msgspec.structs.replace(answer.batch, shown_whole=True))
