"""`deleverage why` as a page: on a terminal, as JSON, as Markdown; its options and what it refuses."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable
from itertools import groupby
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deleverage.events.bodies.base import BodyBase
from deleverage.events.bodies.listing import AccountOpened, AssetListed
from deleverage.events.envelope import Origin
from deleverage.events.vocabulary import BODY_TYPES
from deleverage.replay.run import Run
from deleverage.replay.why.answer import Flip, Flips
from deleverage.replay.why.explain import explain
from deleverage.replay.why.names import RunNames, words
from deleverage.replay.why.page.blocks import Commands, Node, Prose, Section, Sums, Table, Tree
from deleverage.replay.why.page.pages import markdown_of
from deleverage.replay.why.page.sections import Repetition, answer_sections, collapsed
from deleverage.replay.why.page.text import print_sections
from deleverage.replay.why.parts import EventStep
from deleverage.sim.console import new_console

from .support.command_line import call, small_record
from .support.crash import recorded
from .support.examples import EXAMPLES
from .support.squeeze import squeeze
from .support.told import written
from .support.venue import Book, listed

EVENTS = recorded()
KEYS = [
    "event", "paragraph", "chain", "grounds", "losing", "story", "fund", "cap", "ranking", "price", "later", "not",
    "flips", "taken_in", "batch", "published", "graph", "claims",
]  # fmt: skip


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The squeeze, recorded and opened."""
    return squeeze(tmp_path_factory.mktemp("records") / "squeeze.run")


@pytest.fixture(scope="module")
def crash(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small crash, recorded."""
    return small_record(tmp_path_factory.mktemp("records"))


PAGE = """\
Why event 57 (PositionDeleveraged) is in the record of test

Event 57, 1970-01-01T00:00:12Z: user7 lost 310.000000 USDT
against the mark of 560, 70.45% of the 440.000000 USDT of
profit that what was closed had there; 130.000000 USDT of
profit was paid into its balance. It was made to buy back 1
of the 2 I0 that it was short, at 870, for 870.000000 USDT
in all: what the insurance fund had paid when it took this
over from user5. The insurance fund still held long 1 I0
that it had taken over from user5 in event 39 at 870. The
mark of I0 had fallen from 870 (event 36), when it was taken
over, to 560 (event 53), -35.63%. At that mark the position
stood at a loss of 310.000000 USDT. The insurance fund ran
short: its cash and its positions at the mark, less its
floor, came to -10.000000 USDT (event 54). That position was
closed against traders in profit on the other side, in the
order of profit over what the position cost, times the
position's worth over the account's equity: user7 stood at
rank 1 of 1, with 0.039487179 (round 2, event 56).

Whose loss it was: a lot of insurance
It had a profit of 0.000000 USDT at event 36, when it last
stood at no loss, and a loss of 310.000000 USDT at event 53,
the last mark before this was decided.
3 marks, each with what the lot then stood at, 1970-01-01
UTC
├── 36 00:00:02 I0 at 870, the index 870: 0.000000 USDT
├── 43 00:00:03 I0 at 590, the index 590: -280.000000 USDT
└── 53 00:00:12 I0 at 560, the index 560: -310.000000 USDT

The lot that came from user5
user5 was not under a margin call when its liquidation
began. Liquidation 1 began in event 37, when its equity of
0.000000 USDT was under the requirement of 87.000000 USDT.
It was not offered to the market. It was declared bankrupt
in event 38 with an equity of 0.000000 USDT: it had no
equity left. insurance took long 1 I0 over at 870 (event
39).
To be closed: long 1 I0 at the 870 that the fund had paid,
870.000000 USDT in all. At the mark of 560 they were worth
560.000000 USDT.
liquidation 1, 1970-01-01 UTC
├── 37 00:00:02 liquidation 1 of user5 began: equity
│   0.000000 USDT, under the requirement of 87.000000 USDT
│   [margin:tiered]
├── 38 00:00:02 user5 was declared bankrupt with an equity
│   of 0.000000 USDT: it had no equity left
│   [liquidation:partial-then-whole]
├── 39 00:00:02 insurance took long 1 I0 over from user5 at
│   870 [insurance_fund:floor]; the lot of I0 then stood at
│   a profit of 0.000000 USDT
└── 41 00:00:02 liquidation 1 of user5 ended: bankrupt,
    equity 0.000000 USDT [liquidation:partial-then-whole]

How the fund came to be unable to pay
Its capacity (cash and inventory at the mark, less its
floor) was -10.000000 USDT; it needed 10.000000 USDT. (Event
54.)
+300.000000  opening balance
-310.000000  liquidation 1 of user5, none of it realised
-----------
 -10.000000  in USDT, exactly the capacity recorded
When this round was decided (before event 56, right after
the shortfall) it had:
+300.000000  cash
+560.000000  what its inventory was worth at the mark
-870.000000  what it had paid for that inventory
   0.000000  the floor that it keeps
-----------
 -10.000000  in USDT, its capacity then

The ranking of round 2
Policy profit-leverage, version 2: score = profit / |cost| x
notional / equity. The rule as the policy states it: score =
profit / |entry value| x notional / account equity. Its
source: BitMEX support article 18589621443357; Bybit help
article 900000031623. With this account's figures 880 /
|-2000| x 1120 / 12480 = 0.039487179, rounded down to nine
decimals. Recorded is the whole number 39487179, rank 1 of
1; ties go by account.
This round, 2, was the first of this instant for this side:
it is the first ranking as well.
  rank  account        score  held  gave
> 1       user7  0.039487179    -2     1
Of the 1 I0 these were given: user7 1; 1 in all.
Digest over 1 row of the ranking:
DIGEST,
made again from the record; the same as recorded.

Why not user8
user8 was no candidate: it was short 5 I0, and that stood at
no profit but at -300.000000 USDT.

At which price, and what came of it
The price was what the insurance fund had paid when it took
this over from user5: 1 x 870, 870.000000 USDT in all. At
the mark of 560 (event 53) they were worth 560.000000 USDT.
+440.000000  profit at the mark on what was closed
-310.000000  by the price instead of the mark (-70.45% of
             the profit at the mark)
-----------
+130.000000  in USDT, paid into its balance
All that it held of it before stood at a profit of
880.000000 USDT at the mark.
closed later instead, these lots would have brought it,
1970-01-01 UTC
└── 00:00:13 the mark was 560 (event 61): 310.000000 USDT
    more, +70.45% of the profit at the mark when it was
    closed

What its figures rest on
4 events, each with the figures that it set and what it
rests on itself
├── round 2: 56 1970-01-01T00:00:12Z: round 2 began: long 1
│   I0 of insurance to be closed at 870, 1 candidate
│   ├── the shortfall: 54 1970-01-01T00:00:12Z: a shortfall
│   │   was declared for the inventory of insurance: it
│   │   lacked 10.000000 USDT and had -10.000000 USDT
│   ├── the mark of I0: event 53
│   └── the lot of I0 in the fund's inventory: 39
│       1970-01-01T00:00:02Z: insurance took long 1 I0 over
│       from user5 at 870
├── the mark of I0: 53 1970-01-01T00:00:12Z: I0 was marked
│   at 560
│   └── the price of I0 from outside: 52
│       1970-01-01T00:00:12Z: prices from outside: I0 560
├── the balance of user7; the position of user7 in I0: 49
│   1970-01-01T00:00:03Z: user7 was deleveraged in round 1:
│   bought 4 I0 for 2,400.000000 USDT, rank 2, score
│   0.116484751
│   ├── round 1: 47 1970-01-01T00:00:03Z: round 1 began:
│   │   long 10 I0 of user4 to be closed at 600, 2
│   │   candidates
│   ├── the mark of I0: 43 1970-01-01T00:00:03Z: I0 was
│   │   marked at 590
│   ├── the balance of user7: 18 1970-01-01T00:00:00Z: user7
│   │   began with 10,000.000000 USDT
│   └── the position of user7 in I0: 19
│       1970-01-01T00:00:00Z: user7 began short 6 I0 that
│       cost 6,000.000000 USDT
└── the rule, adl:profit-leverage version 2: 0
    1970-01-01T00:00:00Z: the run of test began

What is proved, asserted and inferred
8 claims, each with the way to check it
├── proved: Every event named here is in the record as it
│   was sealed, under its head. (event 57)
│   └── check: deleverage verify RUN --head HEX, with the
│       head that the venue has published
├── proved: The ranking was made again from the accounts as
│   they stood, and gives the digest that was recorded.
│   (event 56)
│   └── check: deleverage receipt RUN 57 -o FILE, deleverage
│       check FILE
├── proved: The score follows by the formula from the
│   account's figures at that moment. (event 57)
│   └── check: deleverage receipt RUN 57 -o FILE, deleverage
│       check FILE
├── proved: The fund's payments, gains and losses since the
│   start come to the capacity that was recorded. (event 54)
│   └── check: deleverage why RUN 57 --all lists each of
│       them
├── proved: What the loser had at each mark was worked out
│   from its balance and positions at that event. (events
│   36, 53)
│   └── check: deleverage state RUN --at EVENT --account
│       insurance
├── asserted: What came from outside (prices, depth,
│   balances) is as the record took it in, which does not
│   show it to be true. (events 18, 19, 52)
│   └── check: the venue's own sources, at the times given
├── asserted: That the rules in force decided so
│   (adl:profit-leverage, insurance_fund:floor, mark:index);
│   they were not executed again here. (event 57)
│   └── check: deleverage verify RUN executes every decision
│       again
└── inferred: What closing later would have brought: at that
    mark, without fees, funding and its own effect on it.
    (event 61)
    └── check: size x (price - later mark)

What set it off
4 events, each delivered because of the one before,
1970-01-01 UTC
├── 52 00:00:12 prices from outside: I0 560
├── 53 00:00:12 I0 was marked at 560 [mark:index]
├── 54 00:00:12 a shortfall was declared for the inventory
│   of insurance: it lacked 10.000000 USDT and had
│   -10.000000 USDT [insurance_fund:floor]
└── 57 00:00:12 user7 was deleveraged in round 2: bought 1
    I0 for 870.000000 USDT, rank 1, score 0.039487179
    [adl:profit-leverage]
"""


def test_the_page_word_for_word(run: Run) -> None:
    """One whole answer, 60 columns wide."""
    digest = run.event(56).body.ranking_digest.hex()  # type: ignore[union-attr]
    result = call("why", run.path, "57", "--not", "user8")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == PAGE.replace("DIGEST", digest)


def test_the_keys_are_stable(run: Run) -> None:
    """`--json` is one document with the promised keys in their order; what was not asked is null."""
    document = json.loads(call("why", run.path, "48", "--json").stdout)
    assert list(document) == KEYS
    assert (document["not"], document["flips"]) == (None, None)
    assert document["event"]["fields"]["score"] == document["ranking"]["score"]["billionths"] == 419479768
    spared = json.loads(call("why", run.path, "48", "--json", "--not", "8").stdout)
    assert spared["not"]["reason"] == "no_profit"
    assert document | {"not": spared["not"]} == spared
    called = json.loads(call("why", run.path, "30", "--json").stdout)
    assert list(called) == KEYS
    assert [key for key in KEYS if called[key] is None] == ["losing", "story", *KEYS[6:]]
    assert called["event"]["evidence"]["compared"]["threshold"]["atoms"] == 1_250_000_000


def test_the_keys_of_an_account(run: Run) -> None:
    """With --account the same keys stand after what befell it; all of them null where nothing did."""
    found = json.loads(call("why", run.path, "--account", "user7", "--json").stdout)
    assert list(found) == ["account", "name", "instrument", "between", "befell", "others", *KEYS]
    assert ([step["seq"] for step in found["befell"]], found["others"]) == ([49, 57], [49])
    assert found["event"]["seq"] == 57
    nothing = json.loads(call("why", run.path, "--account", "user10", "--json").stdout)
    assert list(nothing) == list(found)
    assert {nothing[key] for key in KEYS} == {None}


def test_an_account_as_a_page(run: Run) -> None:
    """What befell it, the gravest in full, and the command for each of the others."""
    result = call("why", run.path, "--account", "user7")
    text = result.stdout
    assert (result.exit_code, result.stderr) == (0, "")
    assert text.startswith("What befell user7 in test\n\nIn order of time\n2 events, 1970-01-01 UTC\n├── 49 00:00:03 ")
    assert "\nThe gravest of it: event 57\nEvent 57, " in text
    assert text.endswith(f"\nTo ask about the others\ndeleverage why {run.path} 49\n")
    markdown = call("why", run.path, "--account", "user7", "--format", "md").stdout
    assert f"```console\ndeleverage why {run.path} 49\n```\n" in markdown


def test_nothing_befell_is_one_line(run: Run) -> None:
    """An account that was left alone is told so, with exit code 0."""
    result = call("why", run.path, "--account", "user10")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == (
        "nothing befell user10: it was never called, liquidated, deleveraged or made to share a loss\n"
    )
    assert "nothing befell user10 in I0: " in call("why", run.path, "--account", "10", "--instrument", "I0").stdout


def firsts() -> Iterable[int]:
    """The first decided event of each type, and some of the longest chains."""
    decided = sorted((e for e in EVENTS if e.origin is not Origin.INPUT), key=lambda e: type(e.body).__name__)
    return [next(group).seq for _, group in groupby(decided, key=lambda e: type(e.body).__name__)]


@pytest.mark.parametrize("seq", firsts())
def test_pages_fit_60_columns_and_cut_nothing(crash: Path, seq: int) -> None:
    """Into a pipe nothing is coloured or cut; only what is one word or a table may be wider than the line."""
    result = call("why", crash, str(seq))
    assert (result.exit_code, result.stderr) == (0, "")
    for line in result.stdout.splitlines()[1:]:
        assert line == line.rstrip()
        assert not set("\x1b…") & set(line)
        assert len(line) <= 60 or len(line.split()) == 1 or line.startswith(("  ", "> "))
    document = json.loads(call("why", crash, str(seq), "--json").stdout)
    joined = " ".join(result.stdout.split())
    assert document["paragraph"] in joined
    assert msgspec.json.decode(msgspec.json.encode(document)) == document


def test_markdown_is_for_a_customer(run: Run) -> None:
    """The same sections as headings, lists and tables, with the head of the record at the end."""
    text = call("why", run.path, "57", "--format", "md", "--not", "user8").stdout
    titles = [line for line in text.splitlines() if line.startswith("#")]
    assert titles == [
        "# Why event 57 (PositionDeleveraged) is in the record of test",
        "## Whose loss it was: a lot of insurance",
        "## The lot that came from user5",
        "## How the fund came to be unable to pay",
        "## The ranking of round 2",
        "## Why not user8",
        "## At which price, and what came of it",
        "## What its figures rest on",
        "## What is proved, asserted and inferred",
        "## What set it off",
    ]
    assert "- 53 00:00:12 I0 was marked at 560 \\[mark:index\\]" in text
    assert "| -310.000000 | liquidation 1 of user5, none of it realised |" in text
    assert "| **-10.000000** | **in USDT, exactly the capacity recorded** |" in text
    assert "| **1** | **user7** | **0.039487179** | **-2** | **1** |" in text
    assert text.endswith("\n")
    assert f"from nothing but the record, whose head is `{run.manifest.head}`." in text
    about = call("why", run.path, "--account", "user10", "--format", "md").stdout
    assert about.startswith("# What befell user10 in test\n\nnothing befell user10: ")


ODD = "<b>|x|</b>\n*`_[a](b)\x1b[31m"


def test_odd_names_do_nothing(run: Run, tmp_path: Path) -> None:
    """A name with markup, a line break and an escape sequence is shown as it is, on a terminal and in Markdown."""
    events = list(run.events())
    for event in events:
        if isinstance(event.body, AccountOpened) and event.body.account == 7:
            body = msgspec.structs.replace(event.body, name=ODD)
            events[event.seq] = msgspec.structs.replace(event, body=body)
    odd = written(tmp_path / "odd.run", events)
    text, markdown = call("why", odd.path, "57").stdout, call("why", odd.path, "57", "--format", "md").stdout
    for page in (text, markdown):
        assert "\x1b" not in page
        assert "\\x1b[31m" in page.replace("\\\\", "\\").replace("\\[", "[")
    assert "\\<b\\>\\|x\\|\\</b\\>" in markdown
    assert json.loads(call("why", odd.path, "57", "--json").stdout)["event"]["evidence"]["name"] == ODD


REFUSED = {
    "out of range": (["999"], "there is no event 999"),
    "negative": (["--", "-1"], "there is no account '-1'"),
    "an input": (["42"], "event 42 (PriceTicked) came from outside: nothing here decided it; event 43 (MarkPriced)"),
    "an input alone": (["0"], "event 0 (RunStarted) came from outside: nothing here decided it; ask for one that was"),
    "two questions": (["48", "--account", "user7"], "give '48' alone, or as --at POINT beside an account"),
    "two accounts": (["user6", "--account", "user7"], "'user6' and --account name two accounts"),
    "an event and a span": (["48", "--from", "7"], "give '48' alone"),
    "two times": (["user7", "--at", "00:00", "--to", "00:01"], "--at is one point, --from and --to are two"),
    "an instrument alone": (["48", "--instrument", "I0"], "--instrument narrows the story of an account"),
    "a point alone": (["--at", "48"], "--at narrows the story of an account"),
    "everybody otherwise": (["--flips"], "--flips is about one event"),
    "everybody but one": (["00:00:03", "--not", "user7"], "--not is about one event"),
    "an unknown account": (["--account", "usr7"], "there is no account 'usr7'"),
    "an unknown instrument": (["--account", "user7", "--instrument", "I9"], "there is no instrument 'I9'"),
    "an unknown other": (["48", "--not", "nobody"], "there is no account 'nobody'"),
    "no choice": (["44", "--not", "user7"], "event 44 (LiquidationStarted) chose nobody among others"),
    "no point and no name": (["soon"], "there is no account 'soon'"),
}


@pytest.mark.parametrize(("arguments", "part"), REFUSED.values(), ids=REFUSED)
def test_questions_without_an_answer(run: Run, arguments: list[str], part: str) -> None:
    """One clear line and exit code 2."""
    result = call("why", run.path, *arguments)
    assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (2, "", 1)
    assert part in result.stderr


def test_flips_come_last(run: Run) -> None:
    """What would have flipped it stands before grounds, claims and trigger, with its command and what was not tried."""
    flips = Flips(
        (Flip("fund", "With 404.5 more it would have been spared.", True, 404, "deleverage fork"),), "a.", "b."
    )
    answer = msgspec.structs.replace(explain(run, 48, against=8), flips=flips)
    *_, last, _grounds, _claims, _trigger = answer_sections(answer)
    assert last == Section(
        "What would have flipped it",
        (
            Tree(
                "varied one at a time, each executed again",
                (Node("With 404.5 more it would have been spared."),),
            ),
            Prose("To see each of them:"),
            Commands(("deleverage fork",)),
            Prose("Searched: a."),
            Prose("Not searched: b."),
        ),
    )


def test_every_type_of_event_has_words() -> None:
    """Each type there is can be told in one line without a raw number's unit, and the table knows no other."""
    book = Book(*(listed(number) for number in range(8)))
    for _ in range(8):
        book.user()
    assert all(kind.says is not BodyBase.says for kind in BODY_TYPES)
    for number in range(1, 8):
        book.put(AssetListed(number, f"A{number}", 6))
    names = RunNames(book.ledger)
    told = [words(body, names) for body in EXAMPLES]
    assert len(set(told)) == len(told) == len(BODY_TYPES)
    for text in told:
        assert text
        assert text.isprintable()
        assert not any(unit in text for unit in ("_atoms", "_ticks", "_lots", "None"))


STEPS = st.lists(st.sampled_from("abc"), max_size=30)


@given(STEPS)
def test_repetition_is_drawn_together_and_nothing_lost(kinds: list[str]) -> None:
    """Every step is shown or counted, in order; nothing that is left repeats three times on end."""
    steps = [EventStep(seq, 0, "", kind, None, None, kind) for seq, kind in enumerate(kinds)]
    seen = 0
    for shown in collapsed(steps):
        if isinstance(shown, Repetition):
            assert shown.times >= 3
            length = len(shown.first)
            pattern = [step.type for step in shown.first]
            assert [step.seq for step in shown.first] == list(range(seen, seen + length))
            assert kinds[seen : seen + length * shown.times] == pattern * shown.times
            seen += length * shown.times
            assert shown.last.seq == seen - 1
        else:
            assert shown.seq == seen
            assert kinds[seen : seen + 3] != [kinds[seen]] * 3
            seen += 1
    assert seen == len(steps)


def test_long_repetition_is_one_line() -> None:
    """A timer set and fired forty times is told once, with the first, the last and the count."""
    kinds = ["a", *["set", "fired"] * 40, "b"]
    first, repeated, last = collapsed([EventStep(n, 0, "", kind, None, None, kind) for n, kind in enumerate(kinds)])
    assert isinstance(repeated, Repetition)
    assert (repeated.times, [step.seq for step in repeated.first], repeated.last.seq) == (40, [1, 2], 80)
    assert [step.type for step in (first, last) if isinstance(step, EventStep)] == ["a", "b"]


BLOCKS = (
    Tree("root", (Node("a" * 90, (Node("below"),)), Node("word " * 30))),
    Sums((("+1.0", "x " * 60), ("-22.5", "z"))),
    Table(("h", "i"), (("a|b", "c"),), 0),
)


@pytest.mark.parametrize("width", [10, 60, 200])
def test_words_longer_than_the_line_stay_whole(width: int) -> None:
    """At any width a long word is neither cut nor broken, and other words fold between themselves."""
    stream = io.StringIO()
    console = new_console(stream)
    console.width = width
    print_sections(console, "title", [Section("", BLOCKS)])
    text = stream.getvalue()
    assert "a" * 90 in text
    assert text.split().count("word") == 30
    assert text.split().count("x") == 60
    assert all(line == line.rstrip() for line in text.splitlines())


def test_tables_in_markdown_are_escaped() -> None:
    """A pipe in a cell does not end it."""
    text = markdown_of("t", [Section("s", BLOCKS)], "end")
    assert "| **a\\|b** | **c** |" in text
    assert text.count("\n- ") == 2
