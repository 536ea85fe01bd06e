"""What `check` prints of a receipt that holds: every line, in the singular and the plural, whole and shortened."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest
from rich.console import Console

from deleverage import open_run
from deleverage.events.bodies.inputs import Deposited
from deleverage.events.bodies.listing import AssetListed, InstrumentListed
from deleverage.events.bodies.waterfall import DeleveragingStarted, PositionDeleveraged
from deleverage.events.envelope import Event, Origin
from deleverage.replay.receipt.check import Checked, check_receipt
from deleverage.replay.receipt.file import encode_receipt
from deleverage.replay.receipt.receipt import receipt_of
from deleverage.replay.receipt.text import print_checked, print_written
from deleverage.replay.receipt.view import checked_view
from deleverage.replay.receipt.words import not_proved, proved, shown
from deleverage.replay.run import Run
from deleverage.sim.console import new_console

from .support.command_line import small_record
from .support.crash import recorded

EVENTS = recorded()
ROUNDS = {event.body.round: event.body for event in EVENTS if isinstance(event.body, DeleveragingStarted)}
REDUCTIONS = [event for event in EVENTS if isinstance(event.body, PositionDeleveraged)]
FIRST = next(e for e in REDUCTIONS if ROUNDS[e.body.round].base_round is None)  # type: ignore[union-attr]
LATER = [e for e in REDUCTIONS if ROUNDS[e.body.round].base_round is not None][-1]  # type: ignore[union-attr]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The small crash, recorded and opened."""
    return open_run(small_record(tmp_path_factory.mktemp("records")))


def checked_of(run: Run, seq: int) -> Checked:
    """The receipt of an event, written and checked."""
    return check_receipt(encode_receipt(receipt_of(run, seq)), bytes.fromhex(run.head))


@pytest.fixture(scope="module")
def first(run: Run) -> Checked:
    """The receipt of a reduction in a round that began a ranking."""
    return checked_of(run, FIRST.seq)


@pytest.fixture(scope="module")
def later(run: Run) -> Checked:
    """The receipt of a reduction in a further round."""
    return checked_of(run, LATER.seq)


def printed(checked: Checked, *, colours: bool = False) -> list[str]:
    """The lines, in a terminal of 200 columns."""
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=True, highlight=False) if colours else new_console(stream)
    console.width = 200
    print_checked(console, Path("r.json"), checked)
    return stream.getvalue().splitlines()


def names(lines: Sequence[str]) -> list[str]:
    """The first word of each line that has one in its first column, without those of the chain."""
    return [line.split()[0] for line in lines if line[:1].isalpha() and line[:1].islower()]


def test_the_names_of_a_reduction(first: Checked) -> None:
    """Each row has the name by which it is called everywhere, in this order."""
    assert names(printed(first)) == [
        *("r.json:", "head", "event", "account", "ranked", "closed", "held", "profit", "notional", "cost", "equity"),
        *("score", "events", "chain", "ranking", "scores", "place", "account"),
        *("head", "inputs", "figures", "rules", "rest", "numbers", "pseudonyms", "hashes"),
    ]


def test_the_names_of_an_input(run: Run) -> None:
    """What is about no account and no ranking has none of their rows."""
    assert names(printed(checked_of(run, 5))) == [
        *("r.json:", "head", "event", "events", "chain", "head", "inputs", "rules", "rest", "numbers", "hashes")
    ]


def test_the_titles_stand_out(first: Checked) -> None:
    """In a terminal the first line and the titles are bold, and nothing else is."""
    styled = [re.fullmatch("\x1b\\[1m([^\x1b]*)\x1b\\[0m", line) for line in printed(first, colours=True)]
    assert [line[1] for line in styled if line] == [
        "r.json: the receipt holds",
        "How it came about, from the first cause down",
        "What this proves",
        "What it does not prove",
        "Whom it shows",
    ]


def test_an_empty_line_before_each_part(first: Checked) -> None:
    """The parts stand apart by one line."""
    lines = printed(first)
    assert [lines[place + 1] for place, line in enumerate(lines) if not line] == [
        "How it came about, from the first cause down",
        "What this proves",
        "What it does not prove",
        "Whom it shows",
    ]


@pytest.mark.parametrize(("length", "left_out"), [(1, None), (12, None), (13, "5 events"), (14, "6 events")])
def test_a_long_chain_is_shown_by_its_ends(first: Checked, length: int, left_out: str | None) -> None:
    """Twelve events are shown whole; of more, the first four and the last four, and how many lie between."""
    chain = tuple(Event(seq, seq, Origin.INPUT, None, (), None, Deposited(4, 1)) for seq in range(length))
    lines = printed(first._replace(chain=(*chain[:-1], msgspec.structs.replace(first.event, seq=length - 1))))
    begins = lines.index("How it came about, from the first cause down") + 1
    told = lines[begins : lines.index("", begins)]
    if left_out is None:
        assert [int(line.split()[0]) for line in told] == list(range(length))
    else:
        assert told[4] == f"... {left_out} in between; --json has them all ..."
        assert [int(line.split()[0]) for line in told[:4] + told[5:]] == [0, 1, 2, 3, *range(length - 4, length)]


@pytest.mark.parametrize(
    ("others", "told"),
    [(0, "No other account is here"), (1, "1 other account is here"), (2, "2 other accounts are here")],
)
def test_the_others_are_counted(first: Checked, others: int, told: str) -> None:
    """Whoever is named beside the account, each once."""
    account = first.receipt.account
    assert account is not None
    named = [account, account, *range(1, 1 + others), *range(1, 1 + others)]
    events = {seq: Event(seq, 0, Origin.INPUT, None, (), None, Deposited(one, 1)) for seq, one in enumerate(named)}
    assert dict(shown(first._replace(events=events)))["numbers"] == (
        f"{told} by number, as the events shown name them, the venue's own included."
    )


@pytest.mark.parametrize(("rows", "told"), [(1, "1 row has"), (2, "2 rows have")])
def test_rows_beyond_64_bits_are_counted(first: Checked, rows: int, told: str) -> None:
    """How many scores went unchecked for their figures is said; where there are none, nothing is."""
    assert first.standing is not None
    assert "scores" not in dict(not_proved(first))
    found = dict(not_proved(first._replace(standing=first.standing._replace(saturated=rows))))
    assert found["scores"] == (
        f"NOT CHECKED: {told} figures beyond 64 bits, so their scores cannot be worked out again."
    )


def test_the_scores_are_counted(first: Checked, later: Checked) -> None:
    """Every row with a score is one, over all rounds; those of accounts that are gone are not."""
    for checked in (first, later):
        standing = checked.standing
        assert standing is not None
        scores = sum(row.score >= 0 for one in standing.rounds for row in one.rows)
        policy, version = standing.producer.policy, standing.producer.version
        assert dict(proved(checked))["scores"] == (
            f"{scores:,} scores follow from the figures in the same row by the formula of {policy}, version {version}."
        )


def test_a_tie_is_told(later: Checked) -> None:
    """Where equal scores leave several ranks open, all of them are named; otherwise the one."""
    standing = later.standing
    assert standing is not None
    of, seq = f"of {standing.rounds[-1].body.candidates:,}", later.receipt.event
    for last, said in (
        (2, f"2 {of}"),
        (3, f"from 2 to 3 {of}; at equal scores account numbers decide, which pseudonyms hide"),
    ):
        tied = later._replace(standing=standing._replace(first_rank=2, last_rank=last))
        told = f"By descending score the place is {said}. Event {seq} says the same."
        assert dict(proved(tied))["place"] == told


@pytest.mark.parametrize(
    ("origin", "began"),
    [
        (Origin.INPUT, "an input from outside (Deposited)"),
        (Origin.IMPORTED, "taken in from the venue's own files (Deposited)"),
        (Origin.INFERRED, "concluded by an importer (Deposited)"),
    ],
)
def test_what_began_it_is_told(first: Checked, origin: Origin, began: str) -> None:
    """By where the first event is from; alone, in one step, and in several."""
    begin, seq = Event(3, 0, origin, None, (), None, Deposited(4, 1)), first.receipt.event
    for steps, told in ((1, "1 step"), (2, "2 steps")):
        chain = (begin, *(first.event,) * steps)
        assert dict(proved(first._replace(chain=chain)))["chain"] == (
            f"Event 3, {began}, led to event {seq} in {told}. Each event names the one before as its cause."
        )
    assert dict(proved(first._replace(chain=(begin,))))["chain"] == (
        f"Event {seq} is {began}: no event of the record caused it."
    )


def test_what_a_row_does_not_tell(first: Checked) -> None:
    """Without a formula, or with figures beyond 64 bits, the score is given and not worked out."""
    standing = first.standing
    assert standing is not None
    assert standing.row is not None
    score = f"{standing.row.score / 10**9:.9f}"
    huge = standing.row._replace(profit=2**63 - 1)
    for changed in (standing._replace(policy=None), standing._replace(row=huge)):
        (line,) = [line for line in printed(first._replace(standing=changed)) if line.startswith("score ")]
        assert line.split(maxsplit=1)[1] == f"{score}, not worked out again"


@pytest.mark.parametrize("size", [-7, 7])
def test_the_sides_are_named(first: Checked, size: int) -> None:
    """A short buys and a long sells, whatever the sign in the record."""
    standing = first.standing
    assert standing is not None
    assert standing.row is not None
    body = msgspec.structs.replace(standing.reduction, size_lots=-size)
    lines = printed(first._replace(standing=standing._replace(reduction=body, row=standing.row._replace(size=size))))
    (held,) = [line for line in lines if line.startswith("held ")]
    (closed,) = [line for line in lines if line.startswith("closed ")]
    assert held.split()[1] == ("long" if size > 0 else "short")
    assert held.endswith("when it was ranked")
    assert f", {'sold' if size > 0 else 'bought'} at " in closed


@pytest.mark.parametrize(
    ("rounds", "events", "size", "shows"),
    [
        (0, 1, 1, "1 event, in 1 byte"),
        (1, 2, 2, "2 events and the rows of 1 round, in 2 bytes"),
        (2, 1_000, 5_000, "1,000 events and the rows of 2 rounds, in 5,000 bytes"),
    ],
)
def test_what_was_written_is_counted(rounds: int, events: int, size: int, shows: str) -> None:
    """Events, rounds if there are any, and bytes; then how to check it."""
    stream = io.StringIO()
    written = {
        "receipt": "r.json",
        "event": 7,
        "rounds": rounds,
        "events": events,
        "bytes": size,
        "check": "deleverage",
    }
    print_written(Console(file=stream, width=120), written)
    assert [" ".join(line.split()) for line in stream.getvalue().splitlines()] == [
        "r.json: the receipt of event 7",
        f"shows {shows}",
        "check it with the head that the venue has published; this is the record's own:",
        "deleverage",
    ]


def test_the_data_has_the_row(first: Checked) -> None:
    """The row of the ranking is there with its pseudonym in hex, and all of it is JSON."""
    standing = first.standing
    assert standing is not None
    assert standing.row is not None
    view = json.loads(json.dumps(checked_view(Path("r.json"), first)["ranking"]))
    assert view["row"] == {**standing.row._asdict(), "pseudonym": standing.row.pseudonym.hex()}
    assert (view["policy"], view["version"]) == (standing.producer.policy, standing.producer.version)
    assert (view["first_rank"], view["last_rank"], view["identified"]) == (
        *(standing.first_rank, standing.last_rank, standing.identified),
    )
    none = checked_view(Path("r.json"), first._replace(standing=standing._replace(row=None, policy=None)))["ranking"]
    assert (none["row"], none["formula"]) == (None, None)


@pytest.mark.parametrize("kind", [InstrumentListed, AssetListed])
def test_what_is_counted_in_nothing_known_is_left_out(first: Checked, kind: type) -> None:
    """Where the file shows no listing, or no asset, the place is told, and nothing in lots and money."""
    events = {seq: event for seq, event in first.events.items() if not isinstance(event.body, kind)}
    begins = printed(first._replace(chain=(first.event,), events=events))[:6]
    assert names(begins) == ["r.json:", "head", "event", "account", "ranked"]
