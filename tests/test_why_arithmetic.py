"""What a page of `why` says in figures comes out from the figures that it prints, worked out from the page's text."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from decimal import ROUND_HALF_EVEN, Decimal
from pathlib import Path
from random import Random

import pytest

from deleverage.events.bodies.waterfall import PositionDeleveraged
from deleverage.replay.indexed import IndexedRun
from deleverage.replay.run import open_run
from deleverage.replay.why.everyone import answers_together
from deleverage.replay.why.page.blocks import Block, Node, Prose, Sums, Tree
from deleverage.replay.why.page.sections import answer_sections
from deleverage.sim.rulebooks import venues_with_positions
from deleverage.sim.runner import run as run_scenario
from deleverage.sim.scenario import Scenario

from .support.crash import SMALL_CRASH
from .test_audit_questions import QUESTIONS

SUPPORT = Path(__file__).parent / "support"
SHORT = ("prices.duration_ns=36m", "settle_ns=1m", "population.accounts=120", "insurance_fund.balance=1_000")
RECORDS = [(SMALL_CRASH, ()), (str(SUPPORT / "spiral.toml"), ()), (str(SUPPORT / "inverse-crash.toml"), ())]
RECORDS += [(SMALL_CRASH, (f"venue={venue}", *SHORT)) for venue in venues_with_positions() if venue != "generic"]
CHOSEN = 40
"""So many reductions of each record, at random, with a seed."""

F = r"(-?\+?[\d,]+(?:\.\d+)?)"
APART = r"(, rounded in its last digit)?"
MADE = rf"made to (?:sell|buy back) (?:all )?{F}(?: of the {F})? \S+ that it was \S+, at {F}, for {F} \S+ in all{APART}"
AGAINST = rf"(lost|gained) {F} \S+ against the mark of {F}(?:, (less than |){F}% of the {F} \S+ of profit)?"
PRICE = rf"The price was .*?: {F} x {F}, {F} \S+ in all{APART}\. At the mark of {F}.*? they were worth {F} "
LOT = rf"To be closed: \S+ {F} \S+ at the {F} that the fund had paid, {F} \S+ in all\. At the mark of {F} .*? {F}"
BANKRUPT = rf"To be closed: \S+ {F} \S+\. The bankruptcy price was {F}, {F} \S+ in all"
MOVED = rf"The mark of \S+ had (fallen|risen) from {F} .*? to {F} \(event \d+\), (less than |){F}%"
SHORT_OF = rf"needed {F} \S+(?: to take it on)? and had {F} \S+, {F} \S+ too little"
TAKE_OVER = (
    rf"whose equity was {F} \S+, the fund had to keep {F} \S+ of capital.*?: it needed {F} \S+ and had {F} \S+\. {F} "
)
MISSING = rf"owed {F} \S+ more than it had; the fund could (?:bear|pay) {F} \S+\. {F} \S+ was missing"
LATER = rf"the mark was {F} \(event \d+\): {F} \S+ (more|less)(?:, {F}% of the profit)?"
MARKED = rf"^\d+ \S+ \S+ at {F}, the index {F}(?:,? (?:and )?{F} by forced orders)?(?: and {F} by smoothing)?: "
SHARED = r"Of the (\S+) \S+ these were given: (.*); (\S+) in all(?:, and (\S+) were left)?"
FORMULA = r"With this account's figures (.+?) = (-?[\d.]+), rounded down"


def number(text: str) -> Decimal:
    """A figure as it is printed."""
    return Decimal(text.replace(",", "").lstrip("+"))


def like(worth: Decimal, text: str) -> Decimal:
    """Rounded to the digits of a figure."""
    digits = len(text.partition(".")[2])
    return worth.quantize(Decimal(1).scaleb(-digits), ROUND_HALF_EVEN)


def same(worth: Decimal, text: str) -> bool:
    """Whether something comes to a figure as it is printed, rounded in its last digit."""
    digits = len(text.partition(".")[2])
    return abs(worth - number(text)) <= Decimal(1).scaleb(-digits)


def share(part: Decimal, whole: Decimal, less: str, text: str) -> bool:
    """Whether a share in percent is the one that is printed."""
    found = like(abs(part) * 100 / abs(whole), "0.00")
    return found == Decimal("0.00") if less else found == abs(number(text))


def texts(blocks: Iterator[Block]) -> Iterator[str]:
    """Every line and paragraph of a page."""
    for block in blocks:
        if isinstance(block, Prose):
            yield block.text
        elif isinstance(block, Tree):
            waiting = list(block.nodes)
            while waiting:
                node: Node = waiting.pop()
                yield node.text
                waiting += node.children


def _comes_to(size: str, price: str, amount: str, apart: str | None) -> bool:
    """Whether size x price is the amount that is printed, an atom apart where the page says so and only there."""
    worth = number(size) * number(price)
    return (like(worth, amount) == number(amount)) is (apart is None) and same(worth, amount)


def _made(m: re.Match[str], linear: bool) -> bool:
    return not linear or _comes_to(m[1], m[3], m[4], m[5])


def _price(m: re.Match[str], linear: bool) -> bool:
    return not linear or (_comes_to(m[1], m[2], m[3], m[4]) and same(number(m[1]) * number(m[5]), m[6]))


def _lot(m: re.Match[str], linear: bool) -> bool:
    return not linear or (_comes_to(m[1], m[2], m[3], None) and same(number(m[1]) * number(m[4]), m[5]))


def _bankrupt(m: re.Match[str], linear: bool) -> bool:
    return not linear or like(number(m[1]) * number(m[2]), m[3]) == number(m[3])


def _moved(m: re.Match[str], _linear: bool) -> bool:
    before, after = number(m[2]), number(m[3])
    return (m[1] == "fallen") is (after < before) and share(after - before, before, m[4], m[5])


def _short_of(m: re.Match[str], _linear: bool) -> bool:
    return number(m[1]) - number(m[2]) == number(m[3])


def _take_over(m: re.Match[str], _linear: bool) -> bool:
    equity, capital, needed, had, missing = (number(m[n]) for n in range(1, 6))
    return capital - equity == needed and needed - had == missing


def _marked(m: re.Match[str], _linear: bool) -> bool:
    return number(m[1]) == sum(number(part) for part in m.groups()[1:] if part)


def _shared(m: re.Match[str], _linear: bool) -> bool:
    parts = [number(one.split(" ")[-1]) for one in m[2].split(", ")]
    return sum(parts) == number(m[3]) and number(m[3]) + (number(m[4]) if m[4] else 0) == number(m[1])


def _formula(m: re.Match[str], _linear: bool) -> bool:
    return (QUESTIONS.worked_out(m[1]) * 10**9).__floor__() == int(number(m[2]).scaleb(9))


STATEMENTS: dict[str, tuple[str, Callable[[re.Match[str], bool], bool]]] = {
    "size x price is the value": (MADE, _made),
    "the price, and the mark": (PRICE, _price),
    "a lot at its cost, and at the mark": (LOT, _lot),
    "a bankruptcy price": (BANKRUPT, _bankrupt),
    "a move of the mark": (MOVED, _moved),
    "what was missing": (SHORT_OF, _short_of),
    "what taking over needed": (TAKE_OVER, _take_over),
    "a debt that could not be paid": (MISSING, _short_of),
    "a mark is index and forced part": (MARKED, _marked),
    "who shared it gave it all": (SHARED, _shared),
    "the formula": (FORMULA, _formula),
}


def checked(blocks: list[Block], linear: bool) -> Counter[str]:
    """How many statements of each kind a page makes; each of them comes out."""
    seen, page = Counter[str](), list(texts(iter(blocks)))
    for kind, (pattern, holds) in STATEMENTS.items():
        for text in page:
            for found in re.finditer(pattern, text):
                assert holds(found, linear), (kind, found[0])
                seen[kind] += 1
    for block in blocks:
        if isinstance(block, Sums):
            *parts, total = (number(amount) for amount, _ in block.rows)
            assert sum(parts) == total, block
            seen["a sum"] += 1
    return seen + compared(page, linear)


def compared(page: list[str], linear: bool) -> Counter[str]:
    """What a reduction cost or brought against the mark, then and later, from its size, its value and the mark."""
    seen, made, priced = (
        Counter[str](),
        re.search(MADE, page[0]),
        next(filter(None, (re.search(PRICE, t) for t in page))),
    )
    against = re.search(AGAINST, page[0])
    assert made is not None
    size, value, sold = number(priced[1]), number(priced[3]), "made to sell" in page[0]
    if against is not None:
        gained = (number(priced[6]) - value) * (-1 if sold else 1) * (1 if linear else 0)
        assert not linear or same(abs(gained), against[2].lstrip("-")), page[0]
        assert not linear or (against[1] == "gained") is (gained > 0), page[0]
        if against[6]:
            assert share(number(against[2]), number(against[6]), against[4], against[5]), page[0]
        seen["against the mark"] += 1
    for text in page:
        later = re.search(LATER, text)
        if later is not None and linear:
            better = (value - size * number(later[1])) * (-1 if sold else 1)
            assert same(abs(better), later[2]), text
            assert (later[3] == "more") is (better > 0), text
            seen["a later price"] += 1
    return seen


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[list[Block], bool]]:
    """The blocks of hundreds of pages of random reductions, of every scenario, and whether their contract is linear."""
    folder, found, random = tmp_path_factory.mktemp("records"), list[tuple[list[Block], bool]](), Random(10)
    for place, (scenario, settings) in enumerate(RECORDS):
        path = folder / f"{place}.run"
        run_scenario(Scenario.load(scenario, settings), path)
        run = IndexedRun(open_run(path).reader)
        run.keep_blocks()
        seqs = [event.seq for event in run.events() if isinstance(event.body, PositionDeleveraged)]
        for answer in answers_together(run, random.sample(seqs, min(CHOSEN, len(seqs)))):
            assert answer.price is not None
            linear = run.directory.instruments[answer.price.instrument].kind == "linear"
            found.append(([block for section in answer_sections(answer) for block in section.blocks], linear))
    return found


def test_every_statement_comes_out(pages: list[tuple[list[Block], bool]]) -> None:
    """Products, differences, sums, shares, moves and formulas, of hundreds of reductions of every scenario."""
    seen = Counter[str]()
    for blocks, linear in pages:
        seen += checked(blocks, linear)
    assert len(pages) > 200
    kinds = {*STATEMENTS, "a sum", "against the mark", "a later price"} - {"a debt that could not be paid"}
    assert {kind: count for kind in kinds if (count := seen[kind]) < 10} == {}


def test_nothing_is_said_with_the_wrong_sign(pages: list[tuple[list[Block], bool]]) -> None:
    """No negative need, no debt below zero, no move of nothing in percent, and no engine's word in the paragraph."""
    for blocks, _ in pages:
        paragraph = next(texts(iter(blocks)))
        assert not re.search(r"(needed|owed|lost|gained|missing|of profit was|of loss was) -", paragraph), paragraph
        assert not re.search(r"[+-]0\.00%", paragraph), paragraph
        assert not re.search(r"\b(timer|candidate|digest|lots?|atoms|ticks|handler|producer)\b", paragraph), paragraph


def test_a_wrong_figure_is_found(pages: list[tuple[list[Block], bool]]) -> None:
    """A page with one digit changed in a product does not come out."""
    blocks = next(blocks for blocks, linear in pages if linear)
    told = blocks[0]
    assert isinstance(told, Prose)
    found = re.search(MADE, told.text)
    assert found is not None
    wrong = told.text[: found.start(4)] + "9" + told.text[found.start(4) :]
    with pytest.raises(AssertionError):
        checked([Prose(wrong), *blocks[1:]], linear=True)
