"""A verdict in words: the sections that text and Markdown are drawn from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ...sim.figures import count
from ...sim.quantities import Quantity
from ...sim.units import format_time_ns
from ..why.page.blocks import Block, Node, Prose, Section, Table, Tree
from .parts import AccountShare, Departure, RulebookVerdict, RuleVerdict

__all__ = ["departure_text", "title_of", "verdict_sections"]

_NAMED = 3


def title_of(found: RulebookVerdict) -> str:
    """The title of the page."""
    return f"Whether {found.venue} followed the rulebook {found.rulebook}"


def verdict_sections(found: RulebookVerdict) -> Iterator[Section]:
    """The verdict, how far every rule goes, what is inferred, what it cannot say."""
    yield Section("", (Prose(_verdict(found)), Prose(_others(found))))
    if found.asked:
        title = f"What the rule takes of {found.asked[0].account}"
        yield Section(title, tuple(Prose(_share(one)) for one in found.asked))
    yield Section("How far each published rule goes", tuple(_rules(found)))
    inferred = tuple(Node(f"{one.times:,} x {one.what}: {one.rule}") for one in found.inferred)
    yield Section("What is inferred", (Tree("no file states it, and the answer rests on it", inferred),))
    yield Section("What this cannot say", tuple(map(Prose, _limits(found))))


def _verdict(found: RulebookVerdict) -> str:
    rule, fills = found.rule, count(found.fills, "fill")
    told = f"{fills} of {count(found.accounts, 'account')} in {count(found.batches, 'batch', 'batches')}."
    if rule.not_tested is not None:
        return f"{told} The rulebook's ranking, {rule.policy}, says nothing of them: {rule.not_tested}."
    if rule.departure is None:
        return f"{told} It followed its rulebook to the end{_open(rule)}."
    place = "it did not follow its rulebook at all"
    if rule.followed:
        place = f"it followed its rulebook to fill {rule.followed:,}{_open(rule)}"
    departed = f"departed at fill {rule.departure.fill:,}: {departure_text(rule.departure)}"
    return f"{told} By {rule.policy} {place}, and {departed}"


def _open(rule: RuleVerdict) -> str:
    """What of those that follow does not follow for certain."""
    parts = []
    if rule.ties:
        parts.append(f"{rule.ties:,} of equal scores, which no rule puts in order")
    if rule.room:
        parts.append(f"{rule.room:,} for which the data leave room, and no more")
    return f" ({'; '.join(parts)})" if parts else ""


def departure_text(departure: Departure) -> str:
    """What was done, what the rule does there, and what it cost."""
    at = f"event {departure.seq}"
    if departure.file is not None:
        at = f"line {departure.line} of {departure.file}, {at}"
    took = f"it took {departure.took} from {departure.account}{_scored(departure.score)}"
    return f"{took}, where the rule {_due(departure)} ({at}). {_cost_text(departure.account, *departure.cost)}"


def _due(departure: Departure) -> str:
    if departure.kind == "price":
        return f"closes at {departure.due_price}, as it does all of the batch, and not at {departure.price}"
    if departure.kind == "amount":
        return f"takes {departure.due_size} from it"
    never = "never takes it and " if departure.kind == "no candidate" else ""
    if departure.due is None:
        return f"{never}takes nobody any more"
    return f"{never}takes {departure.due_size} from {departure.due}{_scored(departure.due_score)}"


def _scored(score: Sequence[Quantity]) -> str:
    if not score:
        return ""
    if len(score) == 1:
        return f" (score {score[0].text})"
    return f" (score {score[0].text} to {score[-1].text})"


def _cost_text(account: str, least: Quantity, most: Quantity) -> str:
    if least == most:
        if not least.number:
            return f"That cost {account} nothing against the mark."
        verb = "gained" if least.number < 0 else "cost"
        return f"That {verb} {account} {abs(least)} against the mark."
    return f"That cost {account} between {least.text} and {most} against the mark."


def _share(one: AccountShare) -> str:
    """What was taken of an account, and what the rule takes."""
    least, most = one.rule_takes
    takes = str(most) if least == most else f"between {least.text} and {most}"
    events = ", ".join(map(str, one.seqs))
    told = f"{format_time_ns(one.at_ns)}: {one.took} were taken (event {events}), and the rule takes {takes}."
    return f"{told} {_cost_text(one.account, *one.cost)}"


def _others(found: RulebookVerdict) -> str:
    """Whether any published rule explains the order."""
    tested = [one for one in (found.rule, *found.others) if one.not_tested is None]
    whole = [one.policy for one in tested if one.departure is None]
    if not tested:
        return "None of the published rules could be tested."
    if not whole:
        furthest = max(tested, key=lambda one: one.followed)
        most = f"{furthest.policy} goes furthest, to fill {furthest.followed:,} of {found.fills:,}"
        if not furthest.followed:
            most = "not one takes whom the first fill took"
        return f"No published rule explains the order: of the {len(tested)} that could be tested {most}."
    named = ", ".join(whole[:_NAMED]) + (f" and {len(whole) - _NAMED} more" if whole[_NAMED:] else "")
    return (
        f"Of {count(len(tested), 'published rule')} that could be tested {len(whole)} explain the whole order: {named}."
    )


def _rules(found: RulebookVerdict) -> Iterator[Block]:
    rows = []
    for one in (found.rule, *found.others):
        if one.not_tested is None:
            at = "" if one.departure is None else f"{one.departure.fill:,}"
            figures = (one.followed, one.ties, one.room)
            rows.append((one.policy, *(f"{figure:,}" for figure in figures), at, f"{one.batches:,}"))
    yield Table(
        ("rule", "follows", "by a tie", "by room", "departs at", "whole batches"), tuple(rows), 0 if rows else None
    )
    reasons: dict[str, list[str]] = {}
    for one in (found.rule, *found.others):
        if one.not_tested is not None:
            reasons.setdefault(one.not_tested, []).append(one.policy)
    for reason, policies in reasons.items():
        yield Prose(f"Not tested, as {reason}: {', '.join(policies)}.")


def _limits(found: RulebookVerdict) -> Iterator[str]:
    if found.audit_broken:
        checks = f"{found.audit_broken:,} of {count(found.audit_checked, 'check')}"
        yield f"{checks} of `deleverage audit` are broken: the accounts may not be those of that moment."
    if found.others_known:
        yield f"{count(found.others_known, 'other account')} held the other side and were not taken."
    else:
        yield (
            "The record has nobody else who held the other side: whom a rule would have taken instead of those who "
            "were taken is not known, and every figure is of a ranking of these alone."
        )
    unknown = []
    if found.unknown_balances:
        unknown.append(f"the balance of {count(found.unknown_balances, 'account')}")
    if found.unknown_entries:
        unknown.append(f"the entry of {found.unknown_entries:,}")
    if unknown:
        yield f"No file states {' and '.join(unknown)}: where these could make a fill the rule's, the data leave room."
    yield "Whether the fund or a backstop should have paid instead, and at which price, is not judged."
    yield "That a rule goes together with the order does not show that the venue used it."
