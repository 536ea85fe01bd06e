"""The event that is asked about: its envelope, its words, its fields, and the account's evidence."""

from __future__ import annotations

from ...events.envelope import Event
from ...events.ledger import LedgerState
from ...events.vocabulary import Body
from ...sim.units import format_time_ns
from ..log.selection import event_fields
from ..run import Run
from .answer import Asked
from .chain import decided_by
from .evidence import evidence_of
from .names import Names
from .parts import Evidence
from .words_imported import words_of

__all__ = ["asked_of", "evidence_for"]


def asked_of(run: Run, event: Event, names: Names, evidence: Evidence | None) -> Asked:
    """The first part of the answer."""
    producer = run.producer_of(event)
    return Asked(
        run.started.scenario,
        run.sealed_head,
        event.seq,
        event.at_ns,
        format_time_ns(event.at_ns),
        type(event.body).__name__,
        event.origin.name.lower(),
        event.cause,
        decided_by(run, event),
        None if producer is None else producer.version,
        words_of(event, names),
        event_fields(event),
        evidence,
    )


def evidence_for(body: Body, ledger: LedgerState, names: Names) -> Evidence | None:
    """The evidence of the account that a body is about, if it is about one."""
    account = getattr(body, "account", None)
    return None if account is None else evidence_of(body, account, ledger, names)
