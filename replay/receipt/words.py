"""What a receipt that holds proves, what it does not and whom it shows, as sentences: (name, text) pairs.

The names are stable; `check --json` has the same pairs.
"""

from __future__ import annotations

from collections.abc import Iterator

from ...events.envelope import Origin
from ...events.vocabulary import accounts_named
from ...sim.figures import count
from .check import Checked
from .standing import Standing

__all__ = ["Sentences", "not_proved", "proved", "shown"]

Sentences = Iterator[tuple[str, str]]


def proved(checked: Checked) -> Sentences:
    """What holds."""
    number = checked.receipt.event
    events = count(len(checked.events), "event")
    yield "events", f"What this file shows, {events}, is part of the record with this head, byte for byte."
    yield "chain", _chain(checked)
    if checked.source is not None:
        file, row = checked.source
        yield "source", f"It was read from row {row:,} of {file.name}, a file with the SHA-256 {file.sha256.hex()}."
    standing = checked.standing
    if standing is None:
        return
    yield "ranking", _ranking(standing)
    if standing.scores_checked:
        scores = sum(not (row.gone or row.saturated) for one in standing.rounds for row in one.rows)
        follow = count(scores, "score follows", "scores follow")
        yield "scores", f"{follow} from the figures in the same row by the formula of {_policy(standing)}."
    yield "place", f"{_place(standing)}. Event {number} says the same."
    if standing.identified:
        yield "account", f"The row is that of account {checked.receipt.account}: the run key gives its pseudonym."


def _policy(standing: Standing) -> str:
    return f"{standing.producer.policy}, version {standing.producer.version}"


def _chain(checked: Checked) -> str:
    """What began it."""
    first, number = checked.chain[0], checked.receipt.event
    kind = type(first.body).__name__
    began = {
        Origin.INPUT: f"an input from outside ({kind})",
        Origin.IMPORTED: f"taken in from the venue's own files ({kind})",
        Origin.INFERRED: f"concluded by an importer ({kind})",
    }.get(first.origin, kind)
    if len(checked.chain) == 1:
        return f"Event {number} is {began}: no event of the record caused it."
    steps = count(len(checked.chain) - 1, "step")
    return (
        f"Event {first.seq}, {began}, led to event {number} in {steps}. Each event names the one before as its cause."
    )


def _ranking(standing: Standing) -> str:
    """Which digests the rows give."""
    first, last = standing.rounds[0].started.seq, standing.rounds[-1]
    candidates = count(last.body.candidates, "candidate")
    if len(standing.rounds) == 1:
        return f"The rows of {candidates} give the digest of the ranking that event {first} holds."
    return (
        f"The ranking was begun by event {first} and continued up to event {last.started.seq}. For each of these "
        f"{count(len(standing.rounds), 'round')} the rows in this file give the digest that its event holds; they come "
        f"to {candidates}."
    )


def _place(standing: Standing) -> str:
    """The rank that follows from the scores."""
    of = f"of {standing.rounds[-1].body.candidates:,}"
    if standing.first_rank == standing.last_rank:
        return f"By descending score the place is {standing.first_rank:,} {of}"
    places = f"from {standing.first_rank:,} to {standing.last_rank:,} {of}"
    return f"By descending score the place is {places}; at equal scores account numbers decide, which pseudonyms hide"


def not_proved(checked: Checked) -> Sentences:
    """What this file cannot show, after what could have been checked with more at hand."""
    if checked.standing is not None:
        yield from _not_checked(checked, checked.standing)
    yield (
        "head",
        "That the venue has published this head, and when. Take the head from the venue, never from this file.",
    )
    yield "inputs", "That prices and other facts from outside were true. The record holds what was taken in."
    if checked.source is not None:
        yield "reported", _REPORTED
    if checked.standing is not None:
        yield "figures", _FIGURES
    yield "rules", "That the events follow from each other by the venue's rules. That takes the whole record, too."
    told = count(checked.receipt.proof.count, "event")
    yield "rest", f"{_REST}, which has {told} as the file tells it."


_FIGURES = (
    "That the figures in the rows were the accounts' own, and that nobody was left out. The digest binds the venue to "
    "these rows; whether they were right takes the whole record (`deleverage verify`)."
)
_REPORTED = (
    "That the file is the venue's and says what happened, or why this account and no other was taken: nobody decided "
    "anything in a record that was taken in, so it has no ranking (`deleverage why` tries the published rules on it)."
)
_REST = "That nothing else happened. The file shows what led here, and not what else is in the record"


def _not_checked(checked: Checked, standing: Standing) -> Sentences:
    """What of the ranking went unchecked."""
    if standing.policy is None:
        what = "is none of the builtin policies of this version, and no plug-in is ever executed for a receipt"
        yield "scores", f"NOT CHECKED: {_policy(standing)}, {what}: no score was worked out again."
    elif not standing.scores_checked:
        text = "scores by more of an account than its row holds, so no score can be worked out again from this file"
        yield "scores", f"NOT CHECKED: {_policy(standing)}, {text}."
    elif standing.saturated:
        rows = count(standing.saturated, "row has", "rows have")
        yield "scores", f"NOT CHECKED: {rows} figures beyond 64 bits, so their scores cannot be worked out again."
    if not standing.identified:
        row = "The row" if standing.row is not None else "One of the rows of this score"
        whose = f"{row} at this place is that of account {checked.receipt.account} because event"
        told = (
            "says so. Whether the pseudonym is that account's can be told with the run key (--key), which the venue has"
        )
        yield "account", f"NOT CHECKED: {whose} {checked.receipt.event} {told}."


def shown(checked: Checked) -> Sentences:
    """Who is in the file, and how well hidden."""
    named = {account for event in checked.events.values() for account in accounts_named(event.body)}
    others = len(named - {checked.receipt.account})
    told = count(others, "other account is", "other accounts are") if others else "No other account is"
    yield "numbers", f"{told} here by number, as the events shown name them, the venue's own included."
    if checked.standing is not None:
        yield "pseudonyms", _hiding(checked)
    yield "hashes", "Whoever guesses exactly an event that is not shown can confirm the guess by the hashes here."


def _hiding(checked: Checked) -> str:
    """What the pseudonyms are worth."""
    if checked.key == "seed":
        return (
            "The run key follows from the seed of this simulation, and the seed is in this file: the pseudonyms hide "
            "nobody."
        )
    return "Whoever has the run key can undo the pseudonyms. The key is not in this file."
