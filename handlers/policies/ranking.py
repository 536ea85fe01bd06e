"""What a ranking policy is: it scores candidates, and the order follows from the scores.

1. A score is a whole number, floor(score x 10^9), saturating at 2^63-1 and -2^63; candidates rank by descending score,
   ties by account. Policies get candidates in batches.
2. A policy that says no more is a queue: whoever is first gives all it can, then the next. One that has `allocate`
   shares out otherwise; see `allocation.py`.
3. A reduction is worth its share of the bankruptcy value. A policy with `worth` says otherwise: the mark, the oracle
   price, or one of the two as it stood before the instant. Then what the bankrupt account lacks is left for the fund
   and for loss socialisation. A rulebook's `closes_at` overrides the policy.
4. Scores follow from the figures of a candidate. A policy that must see more of an account has `scores_in` besides and
   `from_row` False: its scores cannot be worked out again from the rows of a digest.
5. Candidates are at a profit and not in liquidation themselves. A policy with `any_profit` takes those at a loss too,
   and one with `liquidating` those whose liquidation has not come to the waterfall yet.
6. A policy that shares out by what accounts would be left with has `allocate_in` in place of `allocate`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar, Literal, NamedTuple, Protocol, TypeGuard, runtime_checkable

import msgspec

from ...events.ledger import LedgerState, PositionKey

__all__ = [
    "ANYBODY",
    "PROFITABLE",
    "SCORE_MAX",
    "SCORE_MIN",
    "SCORE_SCALE",
    "Allocating",
    "AllocatingIn",
    "Allocation",
    "Basis",
    "Candidate",
    "Closing",
    "LedgerReading",
    "Ranked",
    "RankingPolicy",
    "Terms",
    "Worth",
    "allocates",
    "allocates_in",
    "from_row",
    "reads_ledger",
    "score_of",
    "scores_of",
    "terms_of",
    "worth_of",
]

SCORE_SCALE = 10**9
SCORE_MAX = 2**63 - 1
SCORE_MIN = -(2**63)

Basis = Literal["contracts", "equity dollars"]
"""What a policy shares out: lots of the contract, or what the winners are worth."""

Worth = Literal["bankruptcy", "mark", "mark unless depleted", "oracle", "previous mark", "previous oracle"]
"""At which price a reduction is made; `events/ledger/market.py` says what the previous ones are.

"mark unless depleted" is the mark where the fund can give what the account would then owe, else the bankruptcy value.
"""


class Candidate(NamedTuple):
    """The whole-number ingredients of a score, in atoms and lots; `equity` is the whole account's."""

    account: int
    profit: int
    notional: int
    cost: int
    equity: int
    size: int


class Ranked(NamedTuple):
    """One place in a ranking."""

    rank: int
    score: int
    candidate: Candidate
    leg: int


class Closing(NamedTuple):
    """What is to be closed: so many lots, which cost those who take them over `loss_atoms` against the mark."""

    lots: int
    loss_atoms: int

    def lots_within(self, atoms: int) -> int:
        """How many lots cost no more than `atoms`, at most all; one atom a lot may be added by rounding elsewhere."""
        if self.loss_atoms <= 0:
            return self.lots
        within = atoms * self.lots // self.loss_atoms
        return self.lots if within > self.lots else max(0, within)

    def most(self, candidate: Candidate) -> int:
        """The lots a candidate can give up without losing its equity, an atom of which is kept for rounding."""
        return min(abs(candidate.size), self.lots_within(candidate.equity - 1))


class Terms(NamedTuple):
    """Who may be a candidate besides those at a profit: whoever is at a loss, whoever is being liquidated."""

    any_profit: bool = False
    liquidating: bool = False


PROFITABLE = Terms()
"""Whoever is at a profit and not in liquidation."""

ANYBODY = Terms(any_profit=True, liquidating=True)
"""Whoever any policy may take."""

Allocation = Iterable[tuple[Ranked, int]]
"""Who closes how many lots (above zero), in the order of the ranking, each place at most once."""


class RankingPolicy(Protocol):
    """Scores a batch of candidates.

    `formula` says how, in the language of `formula.py`, before it is scaled: every score is held against it. It is
    empty where a score is only what the code gave.
    """

    policy: ClassVar[str]
    version: ClassVar[str]
    Parameters: ClassVar[type[msgspec.Struct]]

    @property
    def formula(self) -> str:
        """The rule, or nothing."""
        ...

    def scores(self, candidates: Sequence[Candidate]) -> list[int]:
        """One score per candidate, in their order. Every candidate has an equity above zero, and a profit (rule 5)."""
        ...


@runtime_checkable
class Allocating(RankingPolicy, Protocol):
    """A policy that shares out what is to be closed in a way of its own."""

    def allocate(self, closing: Closing, places: Iterable[Ranked]) -> Allocation:
        """Lots per place: in all at most `closing.lots`, and never more than `closing.most` of a candidate."""
        ...


@runtime_checkable
class AllocatingIn(RankingPolicy, Protocol):
    """A policy that shares out by more of an account than its row holds."""

    def allocate_in(
        self, closing: Closing, places: Iterable[Ranked], instrument: int, ledger: LedgerState
    ) -> Allocation:
        """As `allocate`; the position that is closed is one in this instrument."""
        ...


@runtime_checkable
class LedgerReading(RankingPolicy, Protocol):
    """A policy whose score needs more of an account than its row holds."""

    def scores_in(self, candidates: Sequence[Candidate], keys: Sequence[PositionKey], ledger: LedgerState) -> list[int]:
        """One score per candidate, in their order; `keys` are the positions with which they stand here."""
        ...


def scores_of(
    policy: RankingPolicy, candidates: Sequence[Candidate], keys: Sequence[PositionKey], ledger: LedgerState
) -> list[int]:
    """The scores by whichever of the two ways the policy has."""
    if reads_ledger(policy):
        return policy.scores_in(candidates, keys, ledger)
    return policy.scores(candidates)


def allocates(policy: RankingPolicy) -> TypeGuard[Allocating]:
    """Whether the policy shares out itself."""
    return hasattr(policy, "allocate")


def allocates_in(policy: RankingPolicy) -> TypeGuard[AllocatingIn]:
    """Whether the policy shares out itself, by more than rows."""
    return hasattr(policy, "allocate_in")


def reads_ledger(policy: RankingPolicy) -> TypeGuard[LedgerReading]:
    """Whether the policy scores by more than rows."""
    return hasattr(policy, "scores_in")


def from_row(policy: RankingPolicy) -> bool:
    """Whether a score follows from the figures of its row alone, so that a receipt can have it checked."""
    return bool(getattr(policy, "from_row", True)) and not reads_ledger(policy)


def terms_of(policy: RankingPolicy) -> Terms:
    """Who may be a candidate for this policy."""
    return Terms(*(bool(getattr(policy, term, False)) for term in Terms._fields))


def worth_of(policy: RankingPolicy) -> Worth:
    """At which price the policy's reductions are made."""
    worth: Worth = getattr(policy, "worth", "bankruptcy")
    return worth


def score_of(numerator: int, denominator: int) -> int:
    """floor(numerator / denominator x 10^9), saturating; the greatest score where the denominator is zero."""
    if denominator <= 0:
        return SCORE_MAX
    return max(SCORE_MIN, min(numerator * SCORE_SCALE // denominator, SCORE_MAX))
