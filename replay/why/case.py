"""What a paragraph is written from: the event, its causes, the state it came into, and the parts already worked out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from ...events.envelope import Event
from ...events.ledger import LedgerState, Market, PositionKey
from ...handlers.inventory import capacity_atoms
from ...handlers.loss_socialization import LossSocialization
from ...handlers.valuation import bankruptcy_price, bankruptcy_values, profit_atoms
from ..run import Run
from .names import Names, times
from .parts import Evidence, Fund

__all__ = ["Case", "joined"]


def joined(*sentences: str) -> str:
    """Sentences as one text, without those that have nothing to say."""
    return " ".join(filter(None, sentences))


class Case(NamedTuple):
    """One question; `ledger` stands before the event. It is the `Case` that events tell their paragraphs to."""

    run: Run
    event: Event
    causes: tuple[Event, ...]
    ledger: LedgerState
    names: Names
    evidence: Evidence | None
    shortfall: Fund | None = None

    @property
    def cause(self) -> Event | None:
        """The event that the handler reacted to."""
        return self.causes[-2] if len(self.causes) > 1 else None

    @property
    def figures(self) -> tuple[int, int] | None:
        """Equity and maintenance requirement of the account, worked out again; None where it has none."""
        return None if self.evidence is None else (self.evidence.equity_atoms, self.evidence.requirement_atoms)

    @property
    def fund(self) -> int:
        """The account of the fund that a shortfall is about."""
        assert self.shortfall is not None
        return self.shortfall.account

    @property
    def fund_figures(self) -> tuple[str, tuple[tuple[int, int], ...]]:
        """A shortfall's figures in words, and the three largest losses of the fund: (atoms, liquidation)."""
        assert self.shortfall is not None
        drains = [line for line in self.shortfall.lines if line.kind == "drain"][:3]
        return self.shortfall.text, tuple((-line.atoms, line.liquidation_id or 0) for line in drains)

    @property
    def policy(self) -> str:
        """The rule that whoever decided the event follows; the default one's name where nobody is known."""
        producer = self.run.producer_of(self.event)
        return LossSocialization.policy if producer is None else producer.policy

    @property
    def is_shared_by_ability(self) -> bool:
        """Whether who decided shares a loss in proportion to what everyone has to give."""
        return self.policy == LossSocialization.policy

    def at(self, seq: int) -> Event:
        """Another event of the record."""
        return self.run.event(seq)

    def siblings(self) -> Iterator[Event]:
        """The events right before this one that followed from the same cause, the latest first."""
        seq = self.event.seq - 1
        while seq >= 0 and (earlier := self.run.event(seq)).cause == self.event.cause:
            yield earlier
            seq -= 1

    def bankruptcy_ticks(self, account: int, key: PositionKey) -> int:
        """The worst price at which the position can be closed on its bankruptcy value or better."""
        return bankruptcy_price(self.ledger.accounts[account], self.ledger, key)

    def bankruptcy_values(self, account: int) -> dict[PositionKey, int]:
        """The values of all its positions at which the account ends at zero, in atoms."""
        return bankruptcy_values(self.ledger.accounts[account], self.ledger)

    def profit_atoms(self, account: int) -> int:
        """What all its positions stand at, at the mark."""
        positions = self.ledger.accounts[account].positions
        return sum(profit_atoms(self.market(key[0]), held) for key, held in positions.items())

    def capacity_atoms(self, fund: int) -> int:
        """A fund's cash and inventory at the mark, less its floor."""
        return capacity_atoms(self.ledger, fund)

    @staticmethod
    def joined(*sentences: str) -> str:
        """Sentences as one text, without those that have nothing to say."""
        return joined(*sentences)

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
        return "" if cause is None else f"It followed from event {cause.seq}: {cause.body.says(self.names)}."

    def linked(self) -> str:
        """The further events that contributed."""
        links = [self.run.event(seq) for seq in self.event.links]
        return " ".join(f"Event {link.seq} contributed: {link.body.says(self.names)}." for link in links)

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
