"""What a verdict is made of. Its names are stable JSON."""

from __future__ import annotations

import msgspec

from ...sim.quantities import Quantity, encoded
from ..inferences import Inference
from .judging import Kind

__all__ = ["AccountShare", "Departure", "RuleVerdict", "RulebookVerdict", "verdict_document"]


class Departure(msgspec.Struct, frozen=True):
    """The first fill that the rule does not take.

    `kind` is `account` (another one was due), `no candidate` (the rule never takes it), `amount` or `price`. `took` is
    what was taken of `account` by then, `due` whom the rule takes, `due_size` how much of it; the scores are the least
    and the greatest that the data allow, one where they are known. `cost` is what it cost `account` against the mark,
    at the least and at the most, below zero where it gained.
    """

    fill: int
    seq: int
    at_ns: int
    file: str | None
    line: int | None
    kind: Kind
    account: str
    took: Quantity
    score: tuple[Quantity, ...]
    due: str | None
    due_size: Quantity
    due_score: tuple[Quantity, ...]
    price: Quantity
    due_price: Quantity
    cost: tuple[Quantity, Quantity]


class AccountShare(msgspec.Struct, frozen=True):
    """What was taken of an account in one batch, and what the rule takes of it there, at the least and at the most.

    `cost` is what the difference cost it against the mark, in the same two cases, below zero where it gained.
    """

    account: str
    seqs: tuple[int, ...]
    at_ns: int
    took: Quantity
    rule_takes: tuple[Quantity, Quantity]
    cost: tuple[Quantity, Quantity]


class RuleVerdict(msgspec.Struct, frozen=True):
    """How far one rule goes: `followed` fills before the first departure, in the order of the record.

    Of these `ties` are of accounts with one score, `room` are its own only within what the data leave open. `batches`
    follow to their ends, of `tested_batches`. `not_tested` says why there is nothing to say.
    """

    policy: str
    version: str
    formula: str
    source: str
    not_tested: str | None
    followed: int
    ties: int
    room: int
    batches: int
    tested_batches: int
    departure: Departure | None


class RulebookVerdict(msgspec.Struct, frozen=True):
    """The whole of it; `rule` is the rulebook's, `others` the other published rankings, those that go furthest first.

    `unknown_balances` and `unknown_entries` count accounts that could have been taken; `others_known` whoever held the
    other side and was not taken; `audit_broken` of `audit_checked` checks of `deleverage audit` fail. `asked` is what
    was taken of an account that was asked about.
    """

    run: str
    head: str | None
    venue: str
    rulebook: str
    fills: int
    batches: int
    accounts: int
    rule: RuleVerdict
    others: tuple[RuleVerdict, ...]
    others_known: int
    unknown_balances: int
    unknown_entries: int
    audit_checked: int
    audit_broken: int
    inferred: tuple[Inference, ...]
    asked: tuple[AccountShare, ...] = ()


def verdict_document(found: RulebookVerdict) -> bytes:
    """It as JSON, with the names of the fields above, which are stable."""
    return msgspec.json.format(msgspec.json.encode(found, enc_hook=encoded))
