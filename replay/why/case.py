"""What an event's phrase is written from: the event, its causes and grounds, and the state that it came into."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import takewhile
from typing import Any, NamedTuple

from ...events.bodies.margin import RulesChanged
from ...events.bodies.venue import TimerFired
from ...events.bodies.waterfall import BalanceWrittenOff, LossSocialized
from ...events.envelope import Event
from ...events.grounds import Ground
from ...events.ledger import LedgerState, Market, PositionKey
from ...events.vocabulary import accounts_named
from ...handlers.inventory import capacity_atoms
from ...handlers.loss_socialization import LossSocialization, Measured
from ...handlers.valuation import bankruptcy_price, bankruptcy_values
from ...sim.figures import count, percent
from ..run import Run
from .coins import coin_sentence
from .compared import COMPARED
from .grounds.graph import EventGround
from .names import RunNames, held, times
from .parts import Evidence, Fund

__all__ = ["RunCase", "joined"]

_CHANGES = (RulesChanged.__name__,)
"""What sets a rule in the middle of a run, not where it is declared."""


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

    @property
    def policy(self) -> str:
        """The rule that whoever decided the event follows; empty where nobody is known."""
        producer = self.run.producer_of(self.event)
        return "" if producer is None else producer.policy

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
        cause = self.cause
        grounds = [
            one.step.seq for one in self.grounds if one.kinds != (Ground.RULE.name,) or one.step.type in _CHANGES
        ]
        if cause is None:
            return ""
        if not grounds or cause.seq in (*grounds, *self.event.links) or self._is_about_it(cause):
            return f"It followed from event {cause.seq}: {cause.body.says(self.names)}."
        last = self.run.event(max(grounds))
        return f"What it rests on changed last in event {last.seq}: {last.body.says(self.names)}."

    def ruled(self) -> str:
        """What changed the requirement of each instrument that the account holds, where it is not the listing's."""
        held = self.ledger.accounts[accounts_named(self.event.body)[0]].positions
        told = []
        for instrument in sorted({instrument for instrument, _ in held}):
            ruled_seq = self.market(instrument).ruled_seq
            if ruled_seq is not None:
                changed = self.at(ruled_seq)
                before = self.names.duration(self.event.at_ns - changed.at_ns)
                rule = self.run.producer_of(changed)
                whose = "" if rule is None else f" by the rule {rule.policy}"
                words = changed.body.says(self.names)
                told.append(f"{words[0].upper()}{words[1:]}{whose}, {before} before (event {ruled_seq}).")
        return joined(*told)

    def _is_about_it(self, cause: Event) -> bool:
        """Whether something befell the account that this event is about."""
        about = accounts_named(self.event.body)[:1]
        return not isinstance(cause.body, TimerFired) and not set(about).isdisjoint(accounts_named(cause.body))

    def compared(self) -> str:
        """The figures that made a trader, a maker or an owner of several accounts act unasked."""
        producer = self.run.producer_of(self.event)
        compare = None if producer is None else COMPARED.get((type(self.event.body), producer.slot))
        return "" if compare is None else compare(self, self.event.body)

    def handler(self) -> Any:
        """Who decided the event, ready to be asked."""
        producer = self.run.producer_of(self.event)
        assert producer is not None
        return self.run.build(producer)

    def shared(self) -> str:
        """Among whom a loss was shared and by what, with this payer's part of that in the state before the first."""
        body, handler = self.event.body, self.handler()
        assert isinstance(body, LossSocialized)
        if not isinstance(handler, LossSocialization):
            return "by a rule that is not known here."
        paid = takewhile(lambda event: isinstance(event.body, LossSocialized | BalanceWrittenOff), self.siblings())
        ledger = self.run.before(min((event.seq for event in paid), default=self.event.seq))
        found = handler.measured(body.account, ledger.accounts[body.bankrupt], ledger)
        own, whole = (self._measured(body.account, number, found) for number in (found.own, found.whole))
        change = percent(found.own, found.whole).lstrip("+")
        return (
            f"{handler.among}. Of {self.names.account(body.account)} that was {own}, {change} of the {whole} of all "
            f"{count(found.payers, 'account')} that shared it."
        )

    def _measured(self, account: int, number: int, found: Measured) -> str:
        """What a part of a loss goes by: lots of an instrument or of several, or an amount."""
        if not found.in_lots:
            return self.names.money(account, number)
        return (
            f"{number:,} lots of all instruments"
            if found.instrument is None
            else self.names.size(found.instrument, number)
        )

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
        again = "worked out again from its balance, its positions and the marks that the record had before this event"
        equity = found.counted or found.equity
        if found.compared.agrees:
            figures = f"Its equity of {equity}"
            if found.compared.requirement is not None:
                figures += f" and its requirement of {found.requirement}"
                return f"{figures}, {again}, come out the same."
            return f"{figures}, {again}, comes out the same."
        return (
            f"Its figures, {again}, come out otherwise, they DIFFER: equity {equity}, requirement "
            f"{found.requirement}; `deleverage verify` says where the record went apart."
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
