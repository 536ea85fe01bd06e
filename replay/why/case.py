"""What a paragraph is written from: the event, its causes, the state it came into, and the parts already worked out."""

from __future__ import annotations

from typing import NamedTuple

from ...events.envelope import Event
from ...events.ledger import LedgerState, Market
from ..run import Run
from .names import Names, times
from .parts import Evidence
from .words import words

__all__ = ["Case", "joined"]


def joined(*sentences: str) -> str:
    """Sentences as one text, without those that have nothing to say."""
    return " ".join(filter(None, sentences))


class Case(NamedTuple):
    """One question; `ledger` stands before the event."""

    run: Run
    event: Event
    causes: tuple[Event, ...]
    ledger: LedgerState
    names: Names
    evidence: Evidence | None

    @property
    def cause(self) -> Event | None:
        """The event that the handler reacted to."""
        return self.causes[-2] if len(self.causes) > 1 else None

    def market(self, instrument: int) -> Market:
        """A market in the state before the event."""
        return self.ledger.markets[instrument]

    def rule(self, name: str) -> int | None:
        """A whole-number parameter of whoever decided the event; None where it has none of that name."""
        producer = self.run.producer_of(self.event)
        value = None if producer is None else producer.parameters.get(name)
        return value if isinstance(value, int) else None

    def followed(self) -> str:
        """What the event followed from."""
        cause = self.cause
        return "" if cause is None else f"It followed from event {cause.seq}: {words(cause.body, self.names)}."

    def linked(self) -> str:
        """The further events that contributed."""
        links = [self.run.event(seq) for seq in self.event.links]
        return " ".join(f"Event {link.seq} contributed: {words(link.body, self.names)}." for link in links)

    def held(self) -> str:
        """What the account held at that instant, the two largest positions of several."""
        if self.evidence is None or not self.evidence.positions:
            return ""
        held = sorted(self.evidence.positions, key=lambda one: -one.notional_atoms)
        told = [
            f"{self.names.held(one.instrument, one.size_lots)} from {one.entry}, marked at {one.mark}"
            for one in held[:2]
        ]
        more = f" and {len(held) - 2} more" if held[2:] else ""
        return f"It was {' and '.join(told)}{more}."

    def agreement(self) -> str:
        """Whether the state rebuilt from the record gives the figures that the event recorded."""
        found = self.evidence
        if found is None or found.compared is None:
            return ""
        if found.compared.agrees:
            return "Worked out again from the record, the account's figures are the same."
        equity, requirement = (
            self.names.money(found.account, atoms) for atoms in (found.equity_atoms, found.requirement_atoms)
        )
        return (
            f"Worked out again from the record they DIFFER: equity {equity}, requirement {requirement}; "
            "`deleverage verify` says where the record went apart."
        )

    def threshold(self) -> str:
        """The level that the equity was held against, such as `1.25 times the requirement of 10 USDT, 12.5 USDT`."""
        found = self.evidence
        if found is None or found.compared is None or found.compared.requirement_atoms is None:
            return "the maintenance requirement"
        compared, account = found.compared, found.account
        requirement = self.names.money(account, found.compared.requirement_atoms)
        if compared.level_bps is None or compared.threshold_atoms is None or not times(compared.level_bps):
            return f"the maintenance requirement of {requirement}"
        threshold = self.names.money(account, compared.threshold_atoms)
        return f"{times(compared.level_bps)}the maintenance requirement of {requirement}, which is {threshold}"
