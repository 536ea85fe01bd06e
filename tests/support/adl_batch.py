"""The one real batch of auto-deleveraging: 50 fills of AVAX at 21:16:04.831 UTC on 10 October 2025, in file order.

`python tests/support/adl_batch.py` prints, for each queue policy, how many of the fills its order explains: the
longest run of fills, taken in file order and not necessarily adjacent, whose scores never rise. All 50 would be the
policy's own order; about 11 is what a random order would be explained by. Only accounts that were deleveraged are
known, not those that were passed over; and the last fill is in part. `deleverage why` tests the order of an import.
"""

from __future__ import annotations

import csv
from bisect import bisect_right
from collections.abc import Sequence
from decimal import Decimal

from deleverage.handlers.policies.adl.choices import ADL_POLICIES
from deleverage.handlers.policies.adl.queue import Queue
from deleverage.handlers.policies.ranking import Candidate, allocates, from_row

from .real_data import real_file

__all__ = ["BATCH", "batch", "explained_by_policy", "longest_run"]

BATCH = "hyperliquid-adl-batch-avax-2025-10-10.csv"
_MARK = Decimal("22.025")
_ATOMS = 10**9


def batch() -> list[Candidate]:
    """The fills as candidates, numbered in file order: shorts, money in 10^-9 dollars, lots of 0.01."""
    with real_file(BATCH).open(newline="", encoding="utf-8") as lines:
        return [_candidate(int(row["seq"]), row) for row in csv.DictReader(lines)]


def _candidate(number: int, row: dict[str, str]) -> Candidate:
    size, entry = Decimal(row["position_size"]), Decimal(row["entry_price"])
    equity = Decimal(row["account_value_cash"]) + Decimal(row["total_unrealized_pnl"])
    money = ((_MARK - entry) * size, abs(size) * _MARK, size * entry, equity)
    return Candidate(number, *(int(amount * _ATOMS) for amount in money), int(size * 100))


def longest_run(scores: Sequence[int]) -> int:
    """The length of the longest subsequence that never rises; O(n log n)."""
    tails: list[int] = []
    for score in scores:
        place = bisect_right(tails, -score)
        tails[place : place + 1] = [-score]
    return len(tails)


def explained_by_policy() -> dict[str, int]:
    """Per queue whose scores follow from such figures: how many fills its order explains."""
    fills = batch()
    policies = [policy(policy.Parameters()) for policy in ADL_POLICIES]
    queues = [policy for policy in policies if isinstance(policy, Queue) or not allocates(policy)]
    return {policy.policy: longest_run(policy.scores(fills)) for policy in queues if from_row(policy)}


if __name__ == "__main__":
    for name, count in sorted(explained_by_policy().items(), key=lambda entry: -entry[1]):
        print(f"{name:<32}{count:>3} of {len(batch())}")  # noqa: T201 - run as a script it is a report
