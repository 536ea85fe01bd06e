"""Why an event is in the record of an import: what the venue says of it, what is concluded, and from where.

1. Nothing is worked out that the files do not carry: an account's money is shown only where its balance was stated.
2. A round of the venue's own is told with its whole batch, and held against every published formula in the state
   before its first event.
3. No handler of this record decided anything here, and each paragraph says so. What was compared, ranked or weighed at
   the venue is told as far as its files tell it and no further.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from ....events.bodies.inputs import BalanceStated, FillReported, TradeExecuted
from ....events.bodies.liquidation import BankruptcyDeclared, LiquidationFilled, LiquidationStarted, PositionTakenOver
from ....events.bodies.waterfall import DeleveragingEnded, DeleveragingStarted, PositionDeleveraged
from ....events.envelope import Event, Origin
from ....events.errors import QueryError
from ....events.ledger import LedgerState
from ....events.vocabulary import Body
from ....sim.figures import count, percent
from ....sim.units import format_time_ns
from ...directory import nearest
from ...rankings import round_of
from ...run import Run
from ..answer import Answer
from ..case import RunCase, joined
from ..evidence import asked_of, evidence_for
from ..names import RunNames
from ..parts import Evidence
from ..price import later_of
from ..ranking import Round, round_events
from ..story import chain_of
from ..watching import mark_before
from .batch import Batch, BatchFill, batch_of
from .passed_over import KnownHolders, known_of
from .published import FormulaTest, Published, published_of
from .taken_in import Reported, Rest, TakenIn, rule_of, statements_of, taken_in, words_of

__all__ = ["explain_imported", "is_taken_in", "with_formula", "with_whole_batch"]

_SAME_RULE = "the same for each account as for the one asked about"
_ROUND = (DeleveragingStarted, PositionDeleveraged, DeleveragingEnded)

_Forced = LiquidationFilled | PositionTakenOver | PositionDeleveraged


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
    names = RunNames(ledger)
    evidence = _evidence(run, event, names)
    case = RunCase(run, event, causes, ledger, names, evidence)
    taken, later = taken_in(run, event, causes, names), later_of(run, event, ledger, 0, names)
    batch = None if started is None else batch_of(run, started, names)
    asked, chain = asked_of(run, event, names, evidence), chain_of(run, causes, names)
    published = None
    if started is not None and batch is not None:
        before = run.before(started.seq)
        known = known_of(run, started, before)
        published = _published(run, started, before, known, batch)
        taken = _with_the_others(taken, batch, known)
    paragraph = _imported_paragraph(case, taken, batch, published)
    return Answer(asked, paragraph, chain, later=later or None, taken_in=taken, batch=batch, published=published)


def _published(run: Run, started: Event, ledger: LedgerState, known: KnownHolders, batch: Batch) -> Published:
    told = round_events(run, started)
    found = published_of(told, ledger, RunNames(ledger), known, in_order=batch.disorder is None)
    caveats = (*_unknown(told, known), *found.caveats)
    return msgspec.structs.replace(found, caveats=caveats, verdict=_verdict_of(found, batch))


def _with_the_others(taken: TakenIn, batch: Batch, known: KnownHolders) -> TakenIn:
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


def _unknown(told: Round, known: KnownHolders) -> Iterator[str]:
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


def _evidence(run: Run, event: Event, names: RunNames) -> Evidence | None:
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


def _imported_paragraph(case: RunCase, taken: TakenIn, batch: Batch | None, published: Published | None) -> str:
    """The paragraph for any event that was taken in."""
    event, body = case.event, case.event.body
    if isinstance(body, PositionDeleveraged) and batch is not None:
        told = _deleveraged(case, body, batch)
    elif isinstance(body, DeleveragingStarted) and batch is not None:
        told = _round_began(case, body, batch)
    else:
        write = _PARAGRAPHS.get(type(body))
        told = f"{words_of(event, case.names)}." if write is None else write(case, body)
    sides = joined(*(_side(side, body) for side in taken.reported))
    text = joined(told, sides, "" if published is None else _in_short(published), _origin(case, taken))
    return f"Event {event.seq}, {format_time_ns(event.at_ns)}: {text}"


def _filled(case: RunCase, body: LiquidationFilled) -> str:
    names = case.names
    did, other = ("bought", "from") if body.size_lots > 0 else ("sold", "to")
    is_named = case.ledger.accounts[body.counterparty].kind != "liquidity"
    whom = f", {other} {names.account(body.counterparty)}" if is_named else ""
    return joined(
        f"the venue liquidated {names.account(body.account)} on the market: it {did} "
        f"{names.size(body.instrument, body.size_lots)} at {names.price(body.instrument, body.price_ticks)}, for "
        f"{names.value(body.instrument, body.value_atoms)}{whom}.",
        _unnamed(case, body.account),
        _against_mark(case, body, body.size_lots, body.value_atoms, "the liquidated account"),
    )


def _unnamed(case: RunCase, account: int) -> str:
    """That nobody knows whose order it was, where one account stands for all."""
    name = case.names.account(account)
    return f"The file does not say whose it was: {name} stands for all." if name.startswith("forced:") else ""


def _taken_over(case: RunCase, body: PositionTakenOver) -> str:
    names = case.names
    held = names.held(body.instrument, body.size_lots)
    return (
        f"the venue liquidated {names.account(body.account)} through its backstop: {names.account(body.fund)} took "
        f"{held} over at {names.price(body.instrument, body.price_ticks)}, for "
        f"{names.value(body.instrument, body.value_atoms)} in all. "
        f"{_against_mark(case, body, -body.size_lots, -body.value_atoms, 'the liquidated account')}"
    )


def _deleveraged(case: RunCase, body: PositionDeleveraged, batch: Batch) -> str:
    """What was closed of what, at which price, what that cost or brought, and its place in the round."""
    names, key = case.names, body.instrument
    fill = next(one for one in batch.fills if one.seq == case.event.seq)
    position = case.ledger.position(body.account, (key, body.leg))
    held_lots = fill.before.number if fill.before is not None else position.size_lots if position else 0
    did, was = ("buy back", "short") if body.size_lots > 0 else ("sell", "long")
    size = names.units(key, abs(body.size_lots))
    what = names.size(key, body.size_lots)
    if abs(held_lots) == abs(body.size_lots):
        what = f"all of the {what} that it was {was}"
    elif held_lots:
        what = f"{size} of the {names.size(key, held_lots)} that it was {was}"
    return joined(
        f"the venue made {names.account(body.account)} {did} {what}, at {names.price(key, body.price_ticks)}, for "
        f"{names.value(key, body.value_atoms)} in all, to close a position of {names.account(body.against)} "
        "(auto-deleveraging).",
        _against_mark(case, body, body.size_lots, body.value_atoms),
        f"In the file it is fill {body.rank:,} of {batch.own.fills:,} of round {body.round} (event "
        f"{batch.own.started_seq}).",
    )


def _round_began(case: RunCase, body: DeleveragingStarted, batch: Batch) -> str:
    names = case.names
    return (
        f"the venue deleveraged others to close {names.held(body.instrument, body.size_lots)} of "
        f"{names.account(body.account)} at {names.price(body.instrument, body.price_ticks)}: "
        f"{count(batch.own.fills, 'fill')} of {count(batch.own.accounts, 'account')}, {batch.own.size} in "
        "all. How it ranked them is not published."
    )


def _round_over(case: RunCase, _body: DeleveragingEnded) -> str:
    return f"{words_of(case.event, case.names)}; the files name no further position of it."


def _began(case: RunCase, body: LiquidationStarted | BankruptcyDeclared) -> str:
    who = case.names.account(body.account)
    if isinstance(body, LiquidationStarted) and case.event.origin is Origin.IMPORTED:
        equity = case.names.money(body.account, body.equity_atoms)
        return f"the venue says that {who} was liquidated with an equity of {equity}. Its requirement is not published."
    told = f"the files name {who} as liquidated in what follows"
    if isinstance(body, BankruptcyDeclared):
        told = words_of(case.event, case.names)
    return joined(
        f"{told}. The equity and the requirement that the venue compared are not published.",
        _unnamed(case, body.account),
    )


def _traded(case: RunCase, body: TradeExecuted) -> str:
    names = case.names
    did, other = ("bought", "from") if body.size_lots > 0 else ("sold", "to")
    return (
        f"{names.account(body.account)} {did} {names.size(body.instrument, body.size_lots)} at "
        f"{names.price(body.instrument, body.price_ticks)} {other} {names.account(body.counterparty)}: an ordinary "
        "trade, in which nobody was forced."
    )


def _reported(case: RunCase, body: FillReported) -> str:
    for later in case.run.events(case.event.seq + 1):
        if case.event.seq in later.links or getattr(later.body, "trade_id", None) == body.trade_id:
            if not isinstance(later.body, FillReported):
                return f"it is one side of event {later.seq}: {words_of(later, case.names)}."
        elif not isinstance(later.body, FillReported):
            break
    return f"{words_of(case.event, case.names)}."


_PARAGRAPHS: dict[type[Body], Callable[[RunCase, Any], str]] = {
    LiquidationFilled: _filled,
    PositionTakenOver: _taken_over,
    DeleveragingEnded: _round_over,
    LiquidationStarted: _began,
    BankruptcyDeclared: _began,
    TradeExecuted: _traded,
    FillReported: _reported,
}


def _against_mark(case: RunCase, body: _Forced, size_lots: int, value_atoms: int, who: str = "it") -> str:
    """What a trade cost or brought its account against the mark before it; nothing where there is no mark."""
    market = case.market(body.instrument)
    marked = mark_before(case.run, body.instrument, case.event.seq)
    if not market.mark_ticks or marked is None:
        return ""
    mark = case.names.price(body.instrument, market.mark_ticks)
    inferred = ", inferred" if marked.origin is Origin.INFERRED else ""
    told = f"the mark of {mark} (event {marked.seq}{inferred})"
    if body.price_ticks == market.mark_ticks:
        if inferred:
            return f"The files give no mark here: a price of {mark} stands for it (event {marked.seq}, inferred)."
        return f"That was {told}."
    lost_atoms = value_atoms - market.payoff.value_atoms(size_lots, market.mark_ticks)
    effect = "cost" if lost_atoms > 0 else "brought"
    where = "above" if body.price_ticks > market.mark_ticks else "below"
    share = percent(abs(body.price_ticks - market.mark_ticks), market.mark_ticks).removeprefix("+")
    away = "less than 0.01%" if share == "0.00%" else share
    amount = case.names.value(body.instrument, lost_atoms)
    return f"That is {away} {where} {told}, which {effect} {who} {amount}."


def _side(side: Reported, body: Body) -> str:
    """What the venue says of one side of the trade, with the entry that follows from it."""
    which = "The liquidated side" if _is_liquidated(side, body) else "The other side"
    if isinstance(body, FillReported | TradeExecuted | PositionDeleveraged):
        which = "This side" if isinstance(body, FillReported) else side.name
    going = ""
    if side.before is not None and side.after is not None:
        going = f" went from {side.before.text} to {side.after.text}"
    figures = []
    if side.entry is not None and side.closed_profit is not None:
        realised = "loss" if side.closed_profit.number < 0 else "profit"
        figures.append(f"a realised {realised} of {abs(side.closed_profit)}")
    if side.fee is not None:
        figures.append(f"a {'rebate' if side.fee.number < 0 else 'fee'} of {abs(side.fee)}")
    told = f" with {' and '.join(figures)}" if figures else ""
    word = f"{side.direction}, " if side.direction else ""
    entry = "" if side.entry is None else f"; so its entry was {side.entry.text}"
    return f"{which}{going}{told} ({word}event {side.seq}{entry})." if going or told else ""


def _is_liquidated(side: Reported, body: Body) -> bool:
    return isinstance(body, LiquidationFilled | PositionTakenOver) and body.account == side.account


def _in_short(published: Published) -> str:
    """Whether a formula explains the venue's order, in a sentence."""
    beyond = [one.policy for one in published.formulas if one.is_beyond_chance]
    if beyond:
        return f"Of the published formulas {', '.join(beyond)} agree with the venue's order by more than chance."
    if published.tests and published.can_tell:
        tested = sum(one.not_tested is None for one in published.formulas)
        return f"Of {tested:,} published formulas tested none agrees with the venue's order by more than chance."
    return "Whether a published formula gives the venue's order cannot be told from this record."


def _verdict_of(published: Published, batch: Batch) -> str:
    """Whether a formula gives the order, by tests that are corrected for their number."""
    if published.accounts < 2:  # noqa: PLR2004 - one alone has no order
        return "Only one account was taken, so there is no order to explain."
    if batch.disorder is not None:
        other, own = batch.disorder
        return (
            f"The file is not in order of time (line {other:,} is of another instant than line {own:,} and stands on "
            "the wrong side of it), so something else sorted it. Its order is not the venue's, and no formula was "
            "tested against it."
        )
    if not published.tests:
        return "No published formula could be tested against the venue's order: the record lacks the figures."
    tested = [one for one in published.formulas if one.not_tested is None]
    give = "formula gives" if len(tested) == 1 else "formulas give"
    orders = count(published.tests, "different order")
    return joined(
        "Whether a published formula gives the venue's order was tested on the figures in this record: "
        f"{len(tested):,} {give} {orders}, and each was held against a random order (Kendall's tau-b, one-sided).",
        *_outcome(published, tested),
    )


def _outcome(published: Published, tested: list[FormulaTest]) -> Iterator[str]:
    """Which formulas are beyond chance, or the one that comes nearest; or that the accounts are too few."""
    corrected = f"corrected for {count(published.tests, 'test')}"
    if not published.can_tell:
        yield (
            f"There are too few accounts to tell: even perfect agreement would have a chance of "
            f"{published.least_corrected}, {corrected}."
        )
        return
    beyond = [one for one in tested if one.is_beyond_chance]
    if beyond:
        found = "; ".join(_found(one, published) for one in _once(beyond))
        yield (
            f"By more than chance at the level of 5%, {corrected}, these agree: {found}. Each may be the venue's rule, "
            "or only go together with it."
        )
    if not beyond:
        nearest = next(one for one in tested if one.policy == published.nearest)
        yield (
            "None agrees with it by more than chance at the level of 5%. The least chance is that of "
            f"{nearest.policy}: tau {nearest.tau_b}, chance {nearest.chance_text}, {corrected} "
            f"{nearest.corrected_text}."
        )


def _found(one: FormulaTest, published: Published) -> str:
    """A formula with its figures, and whether those who were not taken speak against it."""
    alike = f" (and {', '.join(one.same_as)}, of the same order)" if one.same_as else ""
    before = published.passed_over.before.get(one.policy, 0)
    against = f", though {before:,} who were not taken stand before somebody who was" if before else ""
    return (
        f"{one.policy}{alike} with tau {one.tau_b}, chance {one.chance_text}, corrected {one.corrected_text}{against}"
    )


def _once(formulas: list[FormulaTest]) -> Iterator[FormulaTest]:
    """Formulas of one order once, by the first of them."""
    said = set[str]()
    for one in formulas:
        if one.policy not in said:
            said.update(one.same_as)
            yield one


def _origin(case: RunCase, taken: TakenIn) -> str:
    where = "" if taken.file is None else f" from {taken.file}, line {taken.line}"
    if case.event.origin is Origin.INFERRED:
        rule = rule_of(case.event, taken.format)
        return f"This is inferred{where}: no file states it, and no handler decided it. The rule: {rule}."
    return f"It is imported{where}: no handler of this record decided it."
