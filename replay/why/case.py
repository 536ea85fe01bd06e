"""What an event's phrase is written from: the event, its causes and grounds, and the state that it came into."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import takewhile
from typing import Any, NamedTuple

from ...events.bodies.margin import RulesChanged
from ...events.bodies.trading import BookPriced, CollateralWithdrawn, LiquidityReturned, OrderPlaced
from ...events.bodies.venue import TimerFired
from ...events.bodies.venues import TransferStarted
from ...events.bodies.waterfall import BalanceWrittenOff, LossSocialized
from ...events.envelope import Event
from ...events.grounds import Ground
from ...events.ledger import LedgerState, Market, PositionKey
from ...events.venue_names import plain
from ...events.vocabulary import Body, accounts_named
from ...handlers.faults import failure_at
from ...handlers.inventory import capacity_atoms
from ...handlers.living.between_venues import person_of
from ...handlers.living.characters import Character
from ...handlers.living.hedgers import under_way
from ...handlers.living.strategies import signal_of
from ...handlers.loss_socialization import LossSocialization, Measured
from ...handlers.valuation import BPS, MICRO, bankruptcy_price, bankruptcy_values, margin_of
from ...sim.figures import count, percent
from ..run import Run
from .coins import coin_sentence
from .grounds import EventGround
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
        compare = None if producer is None else _COMPARED.get((type(self.event.body), producer.slot))
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


def _book(case: RunCase, instrument: int) -> BookPriced:
    """What the venue's own book trades at, where there is one: somebody has acted on it."""
    book = case.market(instrument).book
    assert book is not None
    return book


def _crowd(case: RunCase, body: OrderPlaced | CollateralWithdrawn) -> str:
    """A strategy's signal, beside the threshold of this trader's own."""
    ledger, names, crowd = case.ledger, case.names, case.handler()
    name = body.purpose if isinstance(body, OrderPlaced) else "runner"
    own = [one for one in crowd.characters(ledger.accounts[body.account], ledger) if one.strategy == name]
    if not own:
        return ""
    character = own[0]
    if isinstance(body, CollateralWithdrawn):
        moved, limit = (
            names.rate(ppb) for ppb in (_book(case, character.instrument).volatility_ppb, character.threshold * 100)
        )
        return (
            f"{names.instrument(character.instrument)} moved by {moved} in a second on average; this trader takes free "
            f"collateral out from {limit} on, {names.percent_of_bps(character.mix.share_bps)} of what is over twice "
            "the requirement."
        )
    if name == "deleverager":
        return _deleverager(case, body, character)
    book, price = _book(case, body.instrument), names.price(body.instrument, _book(case, body.instrument).price_ticks)
    if body.trigger_ticks is not None:
        away = names.change(body.trigger_ticks - book.price_ticks, book.price_ticks).lstrip("+-")
        side = "under" if body.trigger_ticks < book.price_ticks else "over"
        return f"The price was {price}; this trader keeps a stop for each of its positions, here {away} {side} it."
    fallen = names.percent_of_bps(signal_of(case.market(body.instrument), "fall"))
    trend = names.price(body.instrument, book.trend_microticks // MICRO)
    return (
        f"The price was {price}, {fallen} under its trend of {trend}, which is a slow average of it; this trader "
        f"{'sells' if name == 'follower' else 'buys'} into a fall from {names.percent_of_bps(character.threshold)} on. "
        f"{_sized(case, body, character.mix.share_bps)}"
    )


def _sized(case: RunCase, body: OrderPlaced, share_bps: int) -> str:
    """What a size follows from: the position that is closed, or the equity that a new one is worth a share of."""
    names, held = case.names, case.ledger.position(body.account, (body.instrument, 0))
    if held is not None and held.size_lots * body.size_lots < 0:
        return f"It was {names.held(body.instrument, held.size_lots)} and closes that first."
    equity = names.money(body.account, 0 if case.figures is None else case.figures[0])
    return f"It holds at most a position worth {names.percent_of_bps(share_bps)} of its equity of {equity}."


def _deleverager(case: RunCase, body: OrderPlaced, character: Character) -> str:
    """Equity and requirement, beside the level of this trader's own."""
    if case.figures is None:
        return ""
    equity, requirement = (case.names.money(body.account, one) for one in case.figures)
    share = case.names.percent_of_bps(character.mix.share_bps)
    return (
        f"Its equity of {equity} was under a level of its own, {times(character.threshold)}the requirement of "
        f"{requirement}; there it gives up {share} of the position that needs most margin."
    )


def _called(case: RunCase, body: OrderPlaced) -> str:
    """The margin call that an order answers, and how much it means to close."""
    names, account = case.names, case.ledger.accounts[body.account]
    held, share_bps = case.ledger.position(body.account, (body.instrument, body.leg)), case.rule("reduce_share_bps")
    if account.called_seq is None or held is None:
        return ""
    since = names.duration(case.event.at_ns - case.at(account.called_seq).at_ns)
    told = f"It answers the margin call of event {account.called_seq}, {since} before"
    if share_bps is not None:
        told += f", by closing {names.percent_of_bps(share_bps)} of its {names.held(body.instrument, held.size_lots)}"
    if case.figures is not None:
        equity, requirement = (names.money(body.account, atoms) for atoms in case.figures)
        told += f": its equity was {equity}, its requirement {requirement}"
    if body.limit_ticks is None:
        return f"{told}."
    return f"{told}. It accepts {names.price(body.instrument, body.limit_ticks)} or better."


def _arbitrage(case: RunCase, body: OrderPlaced) -> str:
    """The gap between the cheapest and the dearest venue, and the gap from which the rule acts."""
    ledger, names, gap_bps = case.ledger, case.names, case.rule("gap_bps") or 0
    listed = ledger.listed_everywhere(plain(names.instrument(body.instrument)))
    open_ = [
        (market.book.price_ticks, market.listing.instrument)
        for market in listed
        if market.book is not None and failure_at(ledger, ledger.assets[market.listing.asset].venue) is None
    ]
    (cheap, buys), (dear, sells) = min(open_, key=lambda one: one[0]), max(open_, key=lambda one: one[0])
    other = _other_leg(case, body)
    return (
        f"{names.instrument(buys)} traded at {names.price(buys, cheap)} and {names.instrument(sells)} at "
        f"{names.price(sells, dear)}, {names.change(dear - cheap, cheap).lstrip('+')} apart. From "
        f"{names.percent_of_bps(gap_bps)} on it buys where it is cheaper and sells where it is dearer, to the middle "
        f"of {names.price(buys, (cheap + dear) // 2)}, as far as depth and its equity on both venues bear.{other}"
    )


def _other_leg(case: RunCase, body: OrderPlaced) -> str:
    """The order on the other venue that was placed with this one."""
    owner, seqs = plain(case.names.account(body.account)), (case.event.seq - 1, case.event.seq + 1)
    for event in (case.run.event(seq) for seq in seqs if 0 <= seq < case.run.count):
        one = event.body
        if not isinstance(one, OrderPlaced) or (event.cause, one.size_lots) != (case.event.cause, -body.size_lots):
            continue
        if plain(case.names.account(one.account)) == owner:
            return f" The other half of it is order {one.order_id} (event {event.seq})."
    return ""


def _hedge(case: RunCase, body: OrderPlaced) -> str:
    """The legs on all venues, with what is under way, and what of them is no longer hedged."""
    ledger, names, name = case.ledger, case.names, plain(case.names.instrument(body.instrument))
    person, told, total = person_of(plain(names.account(body.account)), ledger), list[str](), 0
    for market in ledger.listed_everywhere(name):
        account, instrument = person.get(ledger.assets[market.listing.asset].venue), market.listing.instrument
        held = None if account is None else account.positions.get((instrument, 0))
        if account is None or (held is None and not body.reduces):
            continue
        lots, waits = 0 if held is None else held.size_lots, under_way(account, market, ledger)
        total += lots + waits
        told.append(names.held(instrument, lots) if lots else f"nothing of {names.instrument(instrument)}")
        told[-1] += f" (and an order under way for {names.units(instrument, waits)})" if waits else ""
    if not body.reduces:
        multiple = times(case.rule("leverage_bps") or 0).strip() or "1 times"
        return (
            "It opens a hedge, long on one venue and short on another, so that no price matters: each half is worth "
            f"{multiple} the equity of the poorer of its two accounts."
        )
    return (
        f"A hedge is as long on one venue as it is short on another. It held {' and '.join(told)}: "
        f"{names.size(body.instrument, total)} of that were no longer hedged, and are closed."
    )


def _manipulation(case: RunCase, body: OrderPlaced) -> str:
    """The fault that it is a part of."""
    for standing in case.ledger.faults.values():
        if standing.body.account == body.account:
            told = f"fault {standing.body.fault} (event {standing.seq}): {standing.body.what(case.names)}"
            return f"It is a part of {told}."
    return ""


def _strategist(case: RunCase, body: OrderPlaced) -> str:
    """What it saw: the price, its trend, and the position that it holds."""
    names, book = case.names, _book(case, body.instrument)
    held = case.ledger.position(body.account, (body.instrument, 0))
    holds = "nothing" if held is None else names.held(body.instrument, held.size_lots)
    price, trend = (names.price(body.instrument, one) for one in (book.price_ticks, book.trend_microticks // MICRO))
    return f"It saw a price of {price} and a trend of {trend}, and held {holds}."


def _returned(case: RunCase, body: LiquidityReturned) -> str:
    """How wild the price still is, beside what lets this maker come back, and how long it was away."""
    names, book, makers = case.names, _book(case, body.instrument), case.handler()
    left_ns = case.market(body.instrument).withdrawn[body.account]
    calm = names.rate(makers.calm_ppb(case.ledger.name(body.account), case.ledger))
    return (
        f"The price moved by {names.rate(book.volatility_ppb)} in a second on average. This maker comes back at {calm} "
        f"or less, {names.duration(makers.rule.away_ns)} after it left at the soonest; it had been away for "
        f"{names.duration(case.event.at_ns - left_ns)}."
    )


def _rebalanced(case: RunCase, body: TransferStarted) -> str:
    """The equity on both venues, and the share below which the richer sends half of the difference."""
    accounts = (case.ledger.accounts[number] for number in (body.to_account, body.account))
    poor, rich = (
        f"{case.names.account(one.account)} had {case.names.money(one.account, atoms)}"
        for one in accounts
        for atoms in (margin_of(one, case.ledger).equity_atoms,)
    )
    share = case.names.percent_of_bps(case.rule("rebalance_bps") or 0)
    return f"{poor} of equity and {rich}; below {share} of that, half of the difference is sent."


def _answered(case: RunCase, body: TransferStarted) -> str:
    """What was missing on the venue of the call, and the level that it aims at."""
    names, called = case.names, case.ledger.accounts[body.to_account]
    target_bps = case.rule("target_bps") or BPS
    margin = margin_of(called, case.ledger)
    equity, requirement = (names.money(called.account, one) for one in (margin.equity_atoms, margin.requirement_atoms))
    return (
        f"{names.account(called.account)} had an equity of {equity} against a requirement of {requirement}; its owner "
        f"sends what it lacks to {times(target_bps)}the requirement, as far as another account has that free."
    )


_COMPARED: dict[tuple[type[Body], str], Callable[[RunCase, Any], str]] = {
    (OrderPlaced, "crowd"): _crowd,
    (CollateralWithdrawn, "crowd"): _crowd,
    (OrderPlaced, "traders"): _called,
    (OrderPlaced, "arbitrage"): _arbitrage,
    (OrderPlaced, "hedgers"): _hedge,
    (OrderPlaced, "faults"): _manipulation,
    (OrderPlaced, "strategist"): _strategist,
    (LiquidityReturned, "makers"): _returned,
    (TransferStarted, "arbitrage"): _rebalanced,
    (TransferStarted, "ties"): _answered,
}
"""By type of event and slot of whoever decided it."""
