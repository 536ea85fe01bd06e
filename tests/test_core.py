"""The C core against the plain Python beside it: the same answers, and none where C was not made for the question.

Each concern is asked about made-up cases, some hundreds by default; `DELEVERAGE_CORE_CASES` says how many of each.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from hashlib import sha256
from random import Random
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import msgspec
import pytest

from deleverage import core
from deleverage.events.bodies.base import Provenance
from deleverage.events.bodies.inputs import PriceTicked
from deleverage.events.bodies.margin import FundingAccrued
from deleverage.events.codec import encode_event, list_header
from deleverage.events.envelope import Event, Origin
from deleverage.events.errors import ScenarioError
from deleverage.events.ledger import rows
from deleverage.events.record import merkle, pages
from deleverage.events.vocabulary import PUBLIC_TYPES, Body
from deleverage.handlers import draws
from deleverage.replay.importers import digits
from deleverage.sim import ahead

from .support.core_cases import (
    check_ends,
    check_looks,
    check_margin,
    check_moves,
    some_account,
    some_markets,
    two_monitors,
)
from .support.core_rows import check_columns, check_folds, check_reduced, some_venue
from .support.examples import EXAMPLES

if core.native is None:
    pytest.skip("the C core is not here: it was not built, or is not wanted", allow_module_level=True)

native = core.native
CASES = int(os.environ.get("DELEVERAGE_CORE_CASES", "600"))
hashes = pytest.mark.skipif(not native.hashes, reason="the processor has no instructions for SHA-256")


def test_a_word_in_the_environment_leaves_all_to_python() -> None:
    """With `DELEVERAGE_PLAIN` set there is no core, and `--version` says which does the work."""
    command = [sys.executable, "-m", "deleverage", "--version"]
    for plain, said in (("", "core in C"), ("1", "core in Python, as DELEVERAGE_PLAIN is set")):
        environment = os.environ | {core.PLAIN: plain}
        shown = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
        assert shown.strip().endswith(f", {said}")


def test_draws_are_those_of_the_plain_python(monkeypatch: pytest.MonkeyPatch) -> None:
    """By any seed, for any account, purpose and number; what has more than 64 bits or is too long C leaves to it."""
    random, asked = Random(5), list[tuple[int, int, str, int]]()
    for _ in range(CASES):
        seed, account, n = (random.randint(-(2**63), 2**63 - 1) >> random.randrange(64) for _ in range(3))
        asked.append((seed, account, random.choice("xé€") * random.randrange(38), n))
    for kind in (draws.draw_bits, draws.draw_normal):
        told = [getattr(native, kind.__name__)(*one) for one in asked]
        assert None not in told
        with monkeypatch.context() as plainly:
            plainly.setattr(draws, "native", None)
            assert [kind(*one) for one in asked] == told
        assert getattr(native, kind.__name__)(1, 2, "x" * 113, 3) is None
        assert getattr(native, kind.__name__)(1 << 63, 2, "x", 3) is None


def some_text(random: Random) -> str:
    """A decimal number as files have it, now and then one that is none."""
    units = str(random.getrandbits(random.randint(0, 64))).zfill(random.choice((1, 1, 1, 4)))
    fraction = "".join(random.choices("0000123456789", k=random.randint(1, 12)))
    text = random.choice(("", "-")) + units + random.choice(("", f".{fraction}", ".0"))
    if random.random() < 0.2:
        place = random.randint(0, len(text))
        text = text[:place] + random.choice(("", "-", ".", "e5", " ", "\u0663", "x", "\n")) + text[place + 1 :]
    return text


def test_a_number_of_a_file() -> None:
    """What C tells is what Python tells; of the rest, what is no number included, it tells nothing."""
    random, told = Random(5), 0
    for _ in range(CASES * 10):
        text, decimals = some_text(random), random.choice((0, 1, 2, 6, 8, 18, 19))
        value = native.whole(text, decimals)
        if value is not None:
            told += 1
            assert digits._whole(text, decimals) == value, (text, decimals)
        else:
            with contextlib.suppress(ScenarioError):
                exact = digits._whole(text, decimals)
                assert exact is None or len(text) + decimals > 18, (text, decimals)
    assert told > CASES * 3


def plain_root(page: bytes, public: bytes) -> bytes:
    """The root of a page, word by word."""
    leaves: list[bytes] = []
    pieces = pages.split_list(page)
    for place, piece in enumerate(pieces):
        if place and public[place] and public[place - 1]:
            leaves[-1] += bytes(piece)
        else:
            leaves.append(bytes(piece))
    level = [sha256(b"\0" + leaf).digest() for leaf in leaves]
    while len(level) > 1:
        pairs = [level[at : at + 2] for at in range(0, len(level), 2)]
        level = [sha256(b"\1" + b"".join(pair)).digest() if len(pair) > 1 else pair[0] for pair in pairs]
    return level[0]


def some_value(random: Random, depth: int = 0) -> object:
    """A value of any kind that msgpack has, of any length class."""
    size = random.choice((0, 1, 15, 16, 31, 32, 200, 255, 256, 300))
    kinds: list[object] = [
        None,
        random.random() < 0.5,
        random.randint(-(2**63), 2**64 - 1) >> random.randrange(64),
        random.random(),
        "x" * size,
        random.randbytes(size),
        msgspec.msgpack.Ext(random.randrange(128), random.randbytes(random.choice((1, 2, 4, 8, 16, size)))),
    ]
    if depth < 3:
        count = random.choice((0, 1, 2, 3, 16, 17)) if depth < 2 else 1
        kinds.append([some_value(random, depth + 1) for _ in range(count)])
        kinds.append({str(key): some_value(random, depth + 1) for key in range(count)})
    return random.choice(kinds)


def some_entries(random: Random) -> list[tuple[int, Body]]:
    """Inputs that lie ahead: mostly prices of the same instruments, now and then something else."""
    numbers = random.sample(range(9), random.randint(0, 4))
    entries = list[tuple[int, Body]]()
    for place in range(random.randint(1, 12)):
        bits = random.choice([8, 20, 62, 62, 64])
        prices = tuple((number, random.getrandbits(bits) - random.choice([0, 1 << 8])) for number in numbers)
        rare = random.randrange(40)
        body: Body = PriceTicked(prices if rare else prices[1:], Provenance(0, 1, 2) if rare == 1 else None)
        if rare in (2, 3):
            body = PriceTicked(prices[::-1]) if rare == 2 else FundingAccrued(0, 1, 2, 3)
        entries.append((place * random.choice([1, 1, 1 << 58]), body))
    return entries


def test_prices_that_lie_ahead() -> None:
    """The columns of Python, from any input on; whatever stands among the prices ends them at the same place."""
    random, told = Random(9), 0
    for _ in range(CASES):
        entries = some_entries(random)
        start = random.randrange(len(entries))
        found, plain = native.ticks_ahead(entries, start, PriceTicked), ahead._read(entries, start)
        ticked = [body for _, body in entries if isinstance(body, PriceTicked)]
        beyond = any(abs(ticks) >> 63 for body in ticked for _, ticks in body.prices)
        if found is not None and not beyond:  # of a price that no event holds Python leaves the whole run out
            instruments, times_ns, prices_ticks = ahead._of_bytes(*found)
            assert instruments == plain[0] or not len(plain[1])
            assert times_ns.tolist() == plain[1].tolist()
            assert prices_ticks.tolist() == plain[2].tolist()
            told += len(times_ns) > 1
        assert found is not None or beyond
    assert told > CASES // 8
    assert native.ticks_ahead([], 0, PriceTicked) is None


@hashes
def test_the_root_of_a_page() -> None:
    """Of any values, with any runs of public ones, the root of the tree over the leaves; cut bytes have none."""
    random = Random(1)
    for _ in range(CASES):
        count = random.choice((1, 2, 3, 15, 16, 17, random.randint(1, 256)))
        page = msgspec.msgpack.encode([some_value(random, 2) for _ in range(count)])
        public = bytes(random.random() < random.choice((0, 0.3, 0.9)) for _ in range(count))
        assert native.page_root(page, public) == plain_root(page, public)
        assert native.page_root(page[: random.randrange(len(page))], public) is None
        assert native.page_root(page + b"\0", public) is None
        assert native.page_root(page, public + b"\0") is None
        bent = bytearray(page)
        bent[random.randrange(len(bent))] ^= 1 << random.randrange(8)
        native.page_root(bytes(bent), public)  # whatever it says, it reads no byte that is not there


@hashes
def test_events_of_every_type_have_one_root(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages of all the vocabulary are hashed alike by both."""
    random = Random(2)
    for _ in range(CASES // 20):
        bodies = random.sample(EXAMPLES, random.randint(1, min(256, len(EXAMPLES))))
        events = [Event(seq, seq, Origin.INPUT, None, (), None, body) for seq, body in enumerate(bodies)]
        page = list_header(len(events)) + b"".join(map(encode_event, events))
        public = bytes(type(body) in PUBLIC_TYPES for body in bodies)
        with monkeypatch.context() as patched:
            patched.setattr(merkle, "hashing", None)
            patched.setattr(pages, "hashing", None)
            plain = pages.page_root(events, page)
        assert pages.page_root(events, page) == plain == plain_root(page, public)


@hashes
def test_the_root_over_leaves() -> None:
    """Trees of every size up to three hundred; whatever is no list of digests is refused."""
    random = Random(3)
    for count in (*range(1, 70), 127, 128, 129, 255, 256, 257, 300):
        leaves = [random.randbytes(32) for _ in range(count)]
        frontier = merkle.Frontier()
        for leaf in leaves:
            frontier = frontier.add(leaf)
        assert native.tree_root(leaves) == frontier.root()
    for wrong in ((), [], [b"short"], [None]):
        with pytest.raises(TypeError):
            native.tree_root(wrong)  # type: ignore[arg-type]


BITS = (20, 34, 40, 63, 100, 130)
"""How large figures are: those of two sizes are always told, and of the last hardly any."""


@pytest.mark.parametrize("bits", BITS)
def test_margins(bits: int) -> None:
    """Equity, requirement and values are those of Python; of coins, legs and figures without end nothing is told."""
    random, told = Random(bits), 0
    for _ in range(CASES // 20):
        markets = some_markets(random, bits)
        told += sum(check_margin(some_account(random, markets, bits), markets) for _ in range(20))
    assert told > CASES * (0.9 if bits < 40 else 0.3 if bits < 64 else 0)


@pytest.mark.parametrize("bits", BITS)
def test_ends_of_ranges(bits: int) -> None:
    """Above a level, below one, or both: C arms with the ends that Python works out."""
    random, told = Random(bits), 0
    for _ in range(CASES // 20):
        markets = some_markets(random, bits)
        told += sum(check_ends(random, some_account(random, markets, bits), markets) for _ in range(20))
    assert told > CASES * (0.8 if bits < 40 else 0.1 if bits < 64 else 0)


@pytest.mark.parametrize("bits", BITS)
def test_looks(bits: int) -> None:
    """Over looks at accounts that change the monitor finds the same, and arms the same, with C and without."""
    random = Random(bits)
    for _ in range(CASES // 60):
        markets = some_markets(random, bits)
        monitors = two_monitors(random, markets)
        for _ in range(3):
            accounts = {one.account: one for one in (some_account(random, markets, bits) for _ in range(20))}
            check_looks(random, [accounts[number] for number in sorted(accounts)], markets, monitors)
            for market in markets:
                market.mark_ticks += market.mark_ticks // random.choice((-50, 20, 1000))


@pytest.mark.parametrize("bits", [34, 40, 63, 100])
def test_moved_ends(bits: int) -> None:
    """Nobody who meets a test is missed, by whatever ways marks come to it, and some are due without a look."""
    random, spared = Random(bits), 0
    for _ in range(CASES // 30):
        markets = some_markets(random, bits, joined=True)
        accounts = {one.account: one for one in (some_account(random, markets, bits) for _ in range(8))}
        kept = [accounts[number] for number in sorted(accounts) if not accounts[number].coins]
        spared += check_moves(random, kept, markets, two_monitors(random, markets)[0])
    assert spared > 0 or bits > 40


@pytest.mark.parametrize("bits", BITS)
def test_reductions_in_a_row(bits: int) -> None:
    """Folded at once they leave the ledger that each by itself leaves, or are refused like it."""
    random, folded = Random(bits), 0
    told: list[int] = []
    with patch.object(rows, "native", SimpleNamespace(fold_reductions=lambda *asked: noted(told, asked))):
        for _ in range(CASES // 10):
            ledger = some_venue(random, bits)
            folded += sum(check_folds(random, ledger, bits) for _ in range(2))
    assert sum(told) > (folded // 20 if bits < 64 else 0)


def noted(told: list[int], asked: Any) -> Any:
    """What C folds, with how many those were."""
    found = native.fold_reductions(*asked)
    told.append(found[0])
    return found


@pytest.mark.parametrize("bits", BITS)
def test_columns_of_accounts(bits: int) -> None:
    """The rows that C fills make the columns that Python makes; of figures beyond 64 bits neither has any."""
    random = Random(bits)
    told = sum(check_columns(random, some_venue(random, bits)) for _ in range(CASES // 10))
    assert told == CASES // 10 if bits < 63 else told < CASES // 10 or bits == 63


@pytest.mark.parametrize("bits", BITS)
def test_looks_at_who_was_reduced(bits: int) -> None:
    """Whoever C lets pass is as safe as before, as Python tells it, too."""
    random, spared = Random(bits), 0
    for _ in range(CASES // 20):
        markets = some_markets(random, bits)
        monitors = two_monitors(random, markets)
        accounts = {one.account: one for one in (some_account(random, markets, bits) for _ in range(20))}
        kept = [accounts[number] for number in sorted(accounts)]
        check_looks(random, kept, markets, monitors)
        spared += check_reduced(random, kept, markets, monitors)
    assert spared > CASES // 100 or bits > 63
