"""The ranking behind a round and its digest, worked out again from the ledger by the words of `handlers/ranking.py`."""

from __future__ import annotations

import hashlib
import hmac
import struct
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deleverage.events.bodies.liquidation import LiquidationEnded, LiquidationStarted
from deleverage.events.bodies.run import RunStarted
from deleverage.events.bodies.waterfall import DeleveragingStarted, PositionDeleveraged
from deleverage.events.envelope import Event
from deleverage.events.ledger import Ledger
from deleverage.events.ledger.postings import POSTINGS
from deleverage.events.vocabulary import accounts_named
from deleverage.handlers.columns import RankingColumns
from deleverage.handlers.policies.profit_leverage import ProfitLeverage
from deleverage.handlers.policies.profit_share import ProfitShare
from deleverage.handlers.policies.ranking import SCORE_MAX, Candidate, score_of
from deleverage.handlers.protocol import NoParameters
from deleverage.handlers.pseudonyms import commitment, run_key
from deleverage.handlers.ranking import Ineligible, Ranking, candidate_of, digest_rows, pack_rows, unpack_rows

from .support.crash import recorded
from .support.oracles import equity, owed_funding
from .support.venue import Book

MOST = 2**63 - 1
LATE = ("adl.latency_ns=30ms", "market.latency_ns=1s", "liquidation.latency_ns=7ms", "socialization.latency_ns=11ms")
RUNS = {
    "leverage": (),
    "late": LATE,
    "share": ("adl.policy=profit-share", "liquidation.limit=bankruptcy", "insurance_fund.balance=500"),
}


class Row(NamedTuple):
    """One row of a ranking, in the order of the digest: score, then profit, notional, cost, equity, size."""

    account: int
    score: int
    numbers: tuple[int, int, int, int, int]


def rows_of(ledger: Ledger, instrument: int, side: int, policy: str) -> list[Row]:
    """The full ranking against positions of this side, by looking at every account there is."""
    market, found = ledger.markets[instrument], []
    for account in ledger.accounts:
        opposite = [p for (i, _), p in account.positions.items() if i == instrument and p.size_lots * side < 0]
        if account.kind != "user" or account.status not in ("healthy", "called") or not opposite:
            continue
        held, has = opposite[0], equity(account, ledger)
        worth = held.size_lots * market.mark_ticks * market.listing.multiplier_atoms
        owed = owed_funding(held.size_lots, market.cumulative_funding_nanoatoms) - held.funding_atoms
        profit = worth - held.cost_atoms - owed
        if profit > 0 and has > 0:
            above, below = (
                (profit * abs(worth), abs(held.cost_atoms) * has) if policy == "profit-leverage" else (profit, has)
            )
            score = min(above * 10**9 // below, MOST)
            found.append(Row(account.account, score, (profit, abs(worth), held.cost_atoms, has, held.size_lots)))
    return sorted(found, key=lambda row: (-row.score, row.account))


def digest_of(rows: Iterable[Row], seed: int) -> bytes:
    """SHA-256 over (HMAC of the account, score, ingredients), big-endian, saturating."""
    key = hashlib.sha256(b"deleverage run key" + seed.to_bytes(16, "big", signed=True)).digest()
    data = b""
    for row in rows:
        data += hmac.new(key, row.account.to_bytes(8, "big"), hashlib.sha256).digest()
        data += struct.pack(">6q", *(max(-MOST - 1, min(MOST, n)) for n in (row.score, *row.numbers)))
    return hashlib.sha256(data).digest()


def touched_since(events: list[Event], base: Event) -> set[int]:
    """Who is named since the base round by anything that moves money or lots, or starts or ends a liquidation."""
    kinds = (*POSTINGS, LiquidationStarted, LiquidationEnded)
    return {a for event in events[base.seq + 1 :] if type(event.body) in kinds for a in accounts_named(event.body)}


def changed_rows(ranking: list[Row], touched: set[int]) -> list[Row]:
    """The rows of these accounts in ranking order, and after them, by account, those that are no candidates."""
    known = [row for row in ranking if row.account in touched]
    gone = sorted(touched - {row.account for row in known})
    return known + [Row(account, -1, (0, 0, 0, 0, 0)) for account in gone]


def rounds(events: Iterable[Event]) -> Iterator[tuple[Event, Ledger, list[Event]]]:
    """Each round's first event, with the ledger as it was decided on and the record before it."""
    ledger, before = Ledger(), list[Event]()
    for event in events:
        if isinstance(event.body, DeleveragingStarted):
            yield event, ledger, before
        ledger.fold(event)
        before.append(event)


@pytest.mark.parametrize("overrides", RUNS.values(), ids=RUNS)
def test_every_digest_of_a_crash_can_be_recomputed(overrides: tuple[str, ...]) -> None:
    """Full rankings and continued ones: the recorded digest and the number of candidates follow from the record."""
    events = recorded(*overrides)
    assert isinstance(events[0].body, RunStarted)
    seed, starts, continued = events[0].body.seed, dict[int, Event](), 0
    for start, ledger, before in rounds(events):
        body = start.body
        assert isinstance(body, DeleveragingStarted)
        ranking = rows_of(ledger, body.instrument, 1 if body.size_lots > 0 else -1, body.policy)
        rows = ranking
        if body.base_round is not None:
            rows, continued = changed_rows(ranking, touched_since(before, starts[body.base_round])), continued + 1
        assert body.candidates == len(ranking)
        assert body.ranking_digest == digest_of(rows, seed)
        starts[body.round] = start
    assert len(starts) > 50
    assert continued > 5


@pytest.mark.parametrize("overrides", RUNS.values(), ids=RUNS)
def test_a_round_continues_the_last_of_its_side_at_the_same_mark(overrides: tuple[str, ...]) -> None:
    """A base is named exactly when nothing was repriced since the last round of that side, within its instant."""
    last: dict[tuple[int, bool], tuple[int, int, int]] = {}
    for start, ledger, _ in rounds(recorded(*overrides)):
        body = start.body
        assert isinstance(body, DeleveragingStarted)
        side = body.instrument, body.size_lots > 0
        number, at_ns, repriced = last.get(side, (None, -1, -1))
        same = (at_ns, repriced) == (start.at_ns, ledger.repriced_seq)
        assert body.base_round == (number if same else None)
        last[side] = body.round, start.at_ns, ledger.repriced_seq


@pytest.mark.parametrize("overrides", RUNS.values(), ids=RUNS)
def test_every_reduction_holds_its_place_in_the_ranking(overrides: tuple[str, ...]) -> None:
    """Rank and score of whoever is reduced are those of the recomputed ranking; the order is from the first down."""
    ledger, ranking, last = Ledger(), list[Row](), 0
    for event in recorded(*overrides):
        body = event.body
        if isinstance(body, DeleveragingStarted):
            ranking, last = rows_of(ledger, body.instrument, 1 if body.size_lots > 0 else -1, body.policy), 0
        elif isinstance(body, PositionDeleveraged):
            row = ranking[body.rank - 1]
            assert (row.account, row.score) == (body.account, body.score)
            assert body.rank > last
            last = body.rank
        ledger.fold(event)


NUMBERS = st.integers(1, 10**15)
CANDIDATES = st.lists(
    st.builds(Candidate, st.integers(0, 99), NUMBERS, NUMBERS, NUMBERS | NUMBERS.map(int.__neg__), NUMBERS, NUMBERS)
)


@given(CANDIDATES)
def test_scores_are_the_formulas_rounded_down(candidates: list[Candidate]) -> None:
    """Exactly profit / |cost| x notional / equity, and profit / equity, in 10^-9 and saturating."""
    leverage, share = ProfitLeverage(NoParameters()).scores(candidates), ProfitShare(NoParameters()).scores(candidates)
    for candidate, by_leverage, by_share in zip(candidates, leverage, share, strict=True):
        exact = candidate.profit * candidate.notional * 10**9 // (abs(candidate.cost) * candidate.equity)
        assert by_leverage == min(exact, SCORE_MAX)
        assert by_share == min(candidate.profit * 10**9 // candidate.equity, SCORE_MAX)


def test_scores_saturate() -> None:
    """What passes 63 bits stays there, and so does a division by nothing: both are first in line."""
    assert score_of(10**30, 1) == score_of(1, 0) == SCORE_MAX == MOST
    assert score_of(1, 10**10) == 0


def test_ingredients_beyond_64_bits_are_cut_in_the_digest() -> None:
    """A cost of minus 2^70 is packed as the least number there is."""
    huge = Candidate(7, 2**70, 2**70, -(2**70), 2**70, -1)
    pseudonym = bytes(range(32))
    packed = pseudonym + struct.pack(">6q", 5, MOST, MOST, -MOST - 1, MOST, -1)
    assert digest_rows([(pseudonym, 5, huge)]) == hashlib.sha256(packed).digest()
    assert (
        digest_rows([(pseudonym, -1, None)])
        == hashlib.sha256(pseudonym + struct.pack(">6q", -1, 0, 0, 0, 0, 0)).digest()
    )


def test_the_run_commits_to_its_key() -> None:
    """RunStarted holds SHA-256 over the key that follows from the seed."""
    started = recorded()[0].body
    assert isinstance(started, RunStarted)
    assert started.run_key_commitment == commitment(run_key(started.seed))
    assert started.run_key_commitment == hashlib.sha256(b"deleverage run key commitment" + run_key(1)).digest()
    assert commitment(run_key(1)) != commitment(run_key(2))


@pytest.mark.parametrize(
    ("equity_atoms", "profit_atoms", "why_not"),
    [
        (-1, 100, Ineligible.NO_EQUITY),
        (0, 100, Ineligible.NO_EQUITY),
        (1, 100, None),
        (500, -10, Ineligible.NO_PROFIT),
        (500, 0, Ineligible.NO_PROFIT),
        (500, 10, None),
        (0, 0, Ineligible.NO_PROFIT),
    ],
)
def test_a_candidate_has_more_than_nothing(equity_atoms: int, profit_atoms: int, why_not: Ineligible | None) -> None:
    """An equity of zero, and a profit of zero, are not enough; an atom of equity is; and the columns say the same."""
    book = Book()
    short = book.user(equity_atoms - profit_atoms)
    book.hold(short, 0, -10, 100)
    mark = 100 - profit_atoms // 10
    book.mark(mark)
    found = candidate_of(book.account(short), 0, 1, book.ledger.markets)
    if why_not is None:
        assert found == (Candidate(short, profit_atoms, 10 * mark, -1000, equity_atoms, -10), 0)
    else:
        assert found is why_not
    ranked = Ranking(book.ledger, 0, 1, ProfitShare(NoParameters()), [short])
    eligible = RankingColumns(book.ledger).eligible(book.ledger, 0, 1)
    assert len(ranked) == len(eligible.account) == (why_not is None)


@pytest.mark.parametrize(
    ("number", "packed", "saturated"),
    [
        (MOST - 1, MOST - 1, False),
        (MOST, MOST, True),
        (MOST + 1, MOST, True),
        (-MOST, -MOST, False),
        (-MOST - 1, -MOST - 1, True),
        (-MOST - 2, -MOST - 1, True),
    ],
)
@pytest.mark.parametrize("place", range(1, 6))
def test_an_ingredient_of_exactly_64_bits(number: int, packed: int, saturated: bool, place: int) -> None:
    """The last number that fits is kept but taken for one that did not; beyond it all are the same."""
    numbers = [4, 1, 1, 1, 1, 1]
    numbers[place] = number
    (row,) = unpack_rows(pack_rows([(bytes(32), 7, Candidate(*numbers))]))
    assert (row[2:][place - 1], row.saturated) == (packed, saturated)
    assert [one for spot, one in enumerate(row[2:], 1) if spot != place] == [1] * 4


@pytest.mark.parametrize(
    ("numerator", "denominator", "score"),
    [
        (MOST, 10**9, MOST),
        (MOST - 1, 10**9, MOST - 1),
        (MOST + 1, 10**9, MOST),
        (0, 1, 0),
        (1, 10**9, 1),
        (1, 10**9 + 1, 0),
        (1, 1, 10**9),
        (1, 0, MOST),
        (0, 0, MOST),
        (1, -1, MOST),
    ],
)
def test_a_score_saturates_at_64_bits(numerator: int, denominator: int, score: int) -> None:
    """The greatest score is 2^63 - 1, which also stands over a denominator of zero."""
    assert score_of(numerator, denominator) == score
