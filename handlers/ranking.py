"""The full ranking behind a round of auto-deleveraging, and the digest that the record keeps of it.

1. Candidates hold the other side of the position, at a profit, in an account of positive equity that is not itself in
   liquidation, unless the policy's terms ask for less; anyone else is `Ineligible`, with the first failing condition as
   the reason. Of an option whose venue exempts it nobody is one. They rank by descending score, ties by account.
2. A row is (pseudonym, score, profit, notional, cost, equity, size), 32 bytes and six big-endian 64-bit numbers,
   saturating. The digest is SHA-256 over the rows in ranking order.
3. A further round at the same mark and instant digests only the rows of accounts touched since the round before, those
   that are no candidates with a score of -1 and no ingredients. Touched is who is named by an event that moves money or
   lots, or starts or ends a liquidation; where those in liquidation are candidates, also who is declared bankrupt.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple

from sortedcontainers import SortedList

from ..events.ledger import Account, LedgerState, Market
from .options.parameters import is_exempt
from .policies.ranking import PROFITABLE, Candidate, Ranked, RankingPolicy, Terms, scores_of, terms_of
from .pseudonyms import Pseudonyms
from .valuation import coins_worth_atoms, profit_atoms

__all__ = [
    "STANDING",
    "Ineligible",
    "Ranked",
    "Ranking",
    "Row",
    "candidate_of",
    "digest_of",
    "digest_rows",
    "judged",
    "may_stand",
    "pack_rows",
    "pack_touched",
    "unpack_rows",
]

STANDING = ("healthy", "called")
"""The status of whoever may be a candidate of any policy."""

_MIN, _MAX = -(2**63), 2**63 - 1
_ROW = struct.Struct(">32s6q")


class Row(NamedTuple):
    """One row of a digest; a score of -1 and no ingredients stand for an account that is no candidate any more."""

    pseudonym: bytes
    score: int
    profit: int
    notional: int
    cost: int
    equity: int
    size: int

    @property
    def gone(self) -> bool:
        """Whether the row says that its account is no candidate any more: whoever is one holds something."""
        return self[1:] == (-1, 0, 0, 0, 0, 0)

    @property
    def saturated(self) -> bool:
        """Whether an ingredient was too large for 64 bits, so that the score does not follow from the row."""
        return not all(_MIN < number < _MAX for number in self[2:])


class Ineligible(StrEnum):
    """Why an account is no candidate, in the order in which it is asked."""

    EXEMPT = "exempt"
    NO_TRADER = "no_trader"
    IN_LIQUIDATION = "in_liquidation"
    NOT_OPPOSITE = "not_opposite"
    NO_PROFIT = "no_profit"
    NO_EQUITY = "no_equity"


def candidate_of(
    account: Account,
    instrument: int,
    side: int,
    markets: Sequence[Market],
    terms: Terms = PROFITABLE,
    coins_atoms: int = 0,
) -> tuple[Candidate, int] | Ineligible:
    """The account as a candidate for closing a position of this side, with the leg it holds; or why it is none.

    `coins_atoms` is what it has of other assets, by its worth.
    """
    if account.kind != "user":
        return Ineligible.NO_TRADER
    if not may_stand(account, liquidating=terms.liquidating):
        return Ineligible.IN_LIQUIDATION
    equity, opposite, profit = account.balance_atoms + coins_atoms, None, 0
    for key, held in account.positions.items():
        gained = profit_atoms(markets[key[0]], held)
        equity += gained
        if key[0] == instrument and held.size_lots * side < 0:
            opposite, leg, profit = held, key[1], gained
    if opposite is None:
        return Ineligible.NOT_OPPOSITE
    if profit <= 0 and not terms.any_profit:
        return Ineligible.NO_PROFIT
    if equity <= 0:
        return Ineligible.NO_EQUITY
    market = markets[instrument]
    notional = abs(market.payoff.value_atoms(opposite.size_lots, market.mark_ticks))
    return Candidate(account.account, profit, notional, opposite.cost_atoms, equity, opposite.size_lots), leg


def judged(
    account: Account, instrument: int, side: int, ledger: LedgerState, terms: Terms = PROFITABLE
) -> tuple[Candidate, int] | Ineligible:
    """`candidate_of` with what coins are worth; of an instrument that is exempt nobody is a candidate."""
    if is_exempt(ledger, instrument):
        return Ineligible.EXEMPT
    return candidate_of(account, instrument, side, ledger.markets, terms, coins_worth_atoms(account, ledger))


def may_stand(account: Account, *, liquidating: bool) -> bool:
    """Whether the account's status is no reason against it; whoever is in the waterfall never is a candidate."""
    return account.status in STANDING or (liquidating and account.status == "liquidating")


def digest_rows(rows: Iterable[tuple[bytes, int, Candidate | None]]) -> bytes:
    """SHA-256 over (pseudonym, score, candidate) rows; None stands for no candidate any more."""
    return digest_of(pack_rows(rows))


def digest_of(packed: bytes | memoryview) -> bytes:
    """SHA-256 over rows as they are packed."""
    return hashlib.sha256(packed).digest()


def unpack_rows(packed: bytes) -> list[Row]:
    """The rows again. Raises ValueError where the bytes do not come to whole rows."""
    try:
        return [Row(*fields) for fields in _ROW.iter_unpack(packed)]
    except struct.error as error:
        message = f"{len(packed)} bytes are not whole rows of {_ROW.size}"
        raise ValueError(message) from error


def pack_rows(rows: Iterable[tuple[bytes, int, Candidate | None]]) -> bytes:
    """(pseudonym, score, candidate) rows as a digest is over them."""
    return b"".join(_packed(*row) for row in rows)


def pack_touched(
    touched: Iterable[int], rows: Mapping[int, tuple[int, Candidate, int]], pseudonyms: Pseudonyms
) -> bytes:
    """Touched accounts as a further digest is over them: in ranking order, those without a row last by account."""
    found = sorted((-rows[account][0], account, rows[account][1]) for account in touched if account in rows)
    gone = sorted(account for account in touched if account not in rows)
    candidates = [(pseudonyms.of(account), -negated, candidate) for negated, account, candidate in found]
    return pack_rows([*candidates, *((pseudonyms.of(account), -1, None) for account in gone)])


def _packed(pseudonym: bytes, score: int, candidate: Candidate | None) -> bytes:
    numbers = (0, 0, 0, 0, 0) if candidate is None else candidate[1:]
    try:
        return _ROW.pack(pseudonym, score, *numbers)
    except struct.error:
        return _ROW.pack(pseudonym, *(max(_MIN, min(_MAX, number)) for number in (score, *numbers)))


class Ranking:
    """Candidates against one side of an instrument, in order. Built in O(holders log n), kept in O(touched log n)."""

    def __init__(
        self, ledger: LedgerState, instrument: int, side: int, policy: RankingPolicy, holders: Iterable[int]
    ) -> None:
        """Score every candidate among the `holders` of the other side."""
        self._instrument, self._side, self._policy = instrument, side, policy
        self._order: SortedList[tuple[int, int]] = SortedList()
        self._rows: dict[int, tuple[int, Candidate, int]] = {}
        self.touched: set[int] = set()
        self._add((ledger.accounts[account] for account in holders), ledger)

    def __len__(self) -> int:
        """How many candidates there are."""
        return len(self._rows)

    def __iter__(self) -> Iterator[Ranked]:
        """The places, first to last."""
        for rank, (_, account) in enumerate(self._order, 1):
            score, candidate, leg = self._rows[account]
            yield Ranked(rank, score, candidate, leg)

    def place_of(self, account: int) -> Ranked | None:
        """The place of an account, None where it is no candidate; O(log n)."""
        row = self._rows.get(account)
        if row is None:
            return None
        return Ranked(self._order.index((-row[0], account)) + 1, *row)

    def places(self, first_rank: int, last_rank: int) -> list[Ranked]:
        """The places from one rank to another, both included, as far as there are any."""
        found = self._order[max(first_rank, 1) - 1 : max(last_rank, 0)]
        return [Ranked(rank, *self._rows[account]) for rank, (_, account) in enumerate(found, max(first_rank, 1))]

    def update(self, ledger: LedgerState) -> None:
        """Score the touched accounts again; they stay noted for `changed_digest`."""
        for account in self.touched:
            row = self._rows.pop(account, None)
            if row is not None:
                self._order.remove((-row[0], account))
        self._add((ledger.accounts[account] for account in sorted(self.touched)), ledger)

    def _add(self, accounts: Iterable[Account], ledger: LedgerState) -> None:
        terms, closed = terms_of(self._policy), (self._instrument, self._side)
        each = (judged(account, *closed, ledger, terms) for account in accounts)
        found = [one for one in each if isinstance(one, tuple)]
        keys = [(self._instrument, leg) for _, leg in found]
        scores = scores_of(self._policy, [candidate for candidate, _ in found], keys, ledger)
        for (candidate, leg), score in zip(found, scores, strict=True):
            self._rows[candidate.account] = (score, candidate, leg)
        self._order.update((-score, candidate.account) for (candidate, _), score in zip(found, scores, strict=True))

    def full_digest(self, pseudonyms: Pseudonyms) -> bytes:
        """Over all rows, in ranking order."""
        return digest_of(self.full_rows(pseudonyms))

    def full_rows(self, pseudonyms: Pseudonyms) -> bytes:
        """What `full_digest` is over, packed."""
        rows = self._rows
        return pack_rows((pseudonyms.of(account), -negated, rows[account][1]) for negated, account in self._order)

    def changed_digest(self, pseudonyms: Pseudonyms) -> bytes:
        """Over the rows of touched accounts, in ranking order, those without a row last by account."""
        return digest_of(self.changed_rows(pseudonyms))

    def changed_rows(self, pseudonyms: Pseudonyms) -> bytes:
        """What `changed_digest` is over, packed."""
        return pack_touched(self.touched, self._rows, pseudonyms)
