"""What an event's phrase is written from: the event, its causes and grounds, and the state that it came into."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from ...events.bodies.venue import TimerFired
from ...events.envelope import Event
from ...events.grounds import Ground
from ...events.ledger import LedgerState, Market, PositionKey
from ...events.vocabulary import accounts_named
from ...handlers.inventory import capacity_atoms
from ...handlers.loss_socialization import LossSocialization
from ...handlers.valuation import bankruptcy_price, bankruptcy_values, profit_atoms
from ..run import Run
from .coins import coin_sentence
from .grounds import EventGround
from .names import RunNames, held, times
from .parts import Evidence, Fund

__all__ = ["RunCase", "joined"]


def joined(*sentences: str) -> str:
    """Sentences as one text, without those that have nothing to say."""
    return " ".join(filter(None, sentences))


class RunCase(NamedTuple):
    """One question; `ledger` stands before the event. It is the `Case` that events tell their paragraphs to."""

    run: Run
    event: Event
    causes: tuple[Event, ...]
    ledger: LedgerState
    names: RunNames
    evidence: Evidence | None
    grounds: tuple[EventGround, ...] = ()
    shortfall: Fund | None = None

    @property
    def cause(self) -> Event | None:
        """The event that the handler reacted to."""
        return self.causes[-2] if len(self.causes) > 1 else None

    @property
    def figures(self) -> tuple[int, int] | None:
        """Equity as far as it counts, and maintenance requirement, worked out again; None where there is no account."""
        found = self.evidence
        return None if found is None else ((found.counted or found.equity).number, found.requirement.number)

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
        return self.shortfall.text, tuple((-line.amount.number, line.liquidation_id or 0) for line in drains)

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
        """What the event followed from, where that is about it; else the last event that its figures rest on.

        The delivery at which a handler acted may have nothing to do with what was decided: another account's fee,
        another instrument's mark, a timer.
        """
        cause, grounds = self.cause, [ground.step.seq for ground in self.grounds if ground.kinds != (Ground.RULE.name,)]
        if cause is None:
            return ""
        if not grounds or cause.seq in (*grounds, *self.event.links) or self._is_about_it(cause):
            return f"It followed from event {cause.seq}: {cause.body.says(self.names)}."
        last = self.run.event(max(grounds))
        return f"What it rests on changed last in event {last.seq}: {last.body.says(self.names)}."

    def _is_about_it(self, cause: Event) -> bool:
        """Whether something befell the account that this event is about."""
        about = accounts_named(self.event.body)[:1]
        return not isinstance(cause.body, TimerFired) and not set(about).isdisjoint(accounts_named(cause.body))

    def linked(self) -> str:
        """The further events that contributed."""
        cause = self.cause
        links = [self.run.event(seq) for seq in self.event.links if cause is None or seq != cause.seq]
        return " ".join(f"Event {link.seq} contributed: {link.body.says(self.names)}." for link in links)

    def held(self) -> str:
        """What the account held at that instant, the two largest positions of several."""
        if self.evidence is None:
            return ""
        return joined(self._positions_held(self.evidence), *map(coin_sentence, self.evidence.coins))

    @staticmethod
    def _positions_held(evidence: Evidence) -> str:
        if not evidence.positions:
            return ""
        positions = sorted(evidence.positions, key=lambda one: -one.notional.number)
        told = [f"{held(one.size)} from {one.entry.text}, marked at {one.mark.text}" for one in positions[:2]]
        more = f" and {len(positions) - 2} more" if positions[2:] else ""
        return f"It was {' and '.join(told)}{more}."

    def haircut(self) -> str:
        """What of its equity did not count, where it had collateral in other assets."""
        found = self.evidence
        if found is None or found.counted is None:
            return ""
        return f", after a haircut of {found.haircut} on its collateral,"

    def agreement(self) -> str:
        """Whether the state rebuilt from the record gives the figures that the event recorded."""
        found = self.evidence
        if found is None or found.compared is None:
            return ""
        if found.compared.agrees:
            return "Worked out again from the record, the account's figures are the same."
        equity = found.counted or found.equity
        return (
            f"Worked out again from the record they DIFFER: equity {equity}, requirement {found.requirement}; "
            "`deleverage verify` says where the record went apart."
        )

    def threshold(self) -> str:
        """The level that the equity was held against, such as `1.25 times the requirement of 10 USDT, 12.5 USDT`."""
        found = self.evidence
        if found is None or found.compared is None or found.compared.requirement is None:
            return "the maintenance requirement"
        told, level = f"the maintenance requirement of {found.compared.requirement}", found.compared.level
        if level is None or not times(level.number):
            return told
        return f"{times(level.number)}{told}, which is {found.compared.threshold}"
