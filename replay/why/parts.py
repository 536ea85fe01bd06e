"""The parts of an answer that are only figures: steps, evidence, story, fund, ranking. The rules are in `answer.py`."""

from __future__ import annotations

from typing import Literal

import msgspec

from ...sim.quantities import Quantity
from .coins import CoinHolding

__all__ = [
    "Bankruptcy",
    "Compared",
    "EventStep",
    "Evidence",
    "FirstPlace",
    "Fund",
    "FundKind",
    "FundLine",
    "FundNow",
    "FundRound",
    "Holding",
    "Link",
    "Lot",
    "Place",
    "RankingPart",
    "Share",
    "Story",
]


class Link(msgspec.Struct, frozen=True):
    """A further event that contributed to a step."""

    seq: int
    type: str
    text: str


class EventStep(msgspec.Struct, frozen=True):
    """One event in words.

    In the story of a loss `equity` is what the account had after it at the marks (a lot its profit), and `equity_of`
    whose that is: the lot of an instrument if `of_lot`, else an account by name; `counted` is what of it counts where
    not all of its collateral does. `depth` is what the market had within
    the limit of a forced order when it was sent, 0 where trading was halted, and `depth_at_turn` what it had when those
    before it had traded, where a part of the order found nobody.
    """

    seq: int
    at_ns: int
    at: str
    type: str
    cause: int | None
    decided_by: str | None
    text: str
    links: tuple[Link, ...] = ()
    equity: Quantity | None = None
    equity_of: str | None = None
    counted: Quantity | None = None
    of_lot: bool = False
    depth: Quantity | None = None
    depth_at_turn: Quantity | None = None


class Holding(msgspec.Struct, frozen=True):
    """A position as it stood; `profit` is not realised and holds the funding owed."""

    instrument: int
    name: str
    leg: int
    size: Quantity
    entry: Quantity
    mark: Quantity
    notional: Quantity
    profit: Quantity


class Compared(msgspec.Struct, frozen=True):
    """Equity and requirement as the event recorded them, and whether the rebuilt state gives the same.

    `level` of the requirement is what the equity was compared with: `threshold`, rounded up for reading.
    """

    equity: Quantity
    requirement: Quantity | None
    level: Quantity | None
    threshold: Quantity | None
    agrees: bool


class Evidence(msgspec.Struct, frozen=True):
    """An account in the state that the event came into, rebuilt from the record.

    Of its `equity` only `counted` is held against a requirement, which is less by the `haircut` on its `coins`; both
    are null for an account without any.
    """

    account: int
    name: str
    status: str
    balance: Quantity
    equity: Quantity
    requirement: Quantity
    positions: tuple[Holding, ...]
    compared: Compared | None
    coins: tuple[CoinHolding, ...] = ()
    haircut: Quantity | None = None
    counted: Quantity | None = None


class Bankruptcy(msgspec.Struct, frozen=True):
    """The position that was to be closed: its bankruptcy value, what it was worth at the mark, and what was missing.

    `equity` is the whole account's; `missing` what it owed beyond all it had, 0 where it had something.
    """

    instrument: int
    name: str
    leg: int
    size: Quantity
    value: Quantity
    price: Quantity
    mark: Quantity
    equity: Quantity
    missing: Quantity


class Lot(msgspec.Struct, frozen=True):
    """A lot of the fund's inventory: what was left of it, what the fund had paid for that, its worth at the mark.

    The loss is what it stood at by the rule, so it holds the funding that the lot owed.
    """

    instrument: int
    name: str
    taken_seq: int | None
    size: Quantity
    paid: Quantity
    price: Quantity
    mark: Quantity
    worth: Quantity
    loss: Quantity


class Story(msgspec.Struct, frozen=True):
    """How an account came to be liquidated, and what became of it; `lot` where the fund's inventory was closed."""

    account: int
    name: str
    liquidation_id: int
    called_seq: int | None
    started_seq: int
    text: str
    steps: tuple[EventStep, ...]
    bankruptcy: Bankruptcy | None = None
    lot: Lot | None = None


FundKind = Literal[
    "opening", "fees", "other", "socialised", "cash_paid", "drain", "drains", "gain", "gains", "rounding", "floor"
]


class FundLine(msgspec.Struct, frozen=True):
    """One line of the fund's account; a drain is what a liquidation cost it, sold and still held taken together."""

    kind: FundKind
    text: str
    amount: Quantity
    count: int = 1
    realised: Quantity | None = None
    unrealised: Quantity | None = None
    liquidation_id: int | None = None
    account: int | None = None
    name: str | None = None


class FundRound(msgspec.Struct, frozen=True):
    """A round that closed something against the fund, and what that changed its capacity by."""

    round: int
    started_seq: int
    instrument: int
    size: Quantity
    gained: Quantity


class FundNow(msgspec.Struct, frozen=True):
    """The fund when the round was decided: `capacity` is cash and inventory at the mark, less the floor.

    `rounds_since` counts the rounds of auto-deleveraging between the shortfall and this one. `rounds` are those of the
    instant before this one that closed something of the fund's, from the instant's start or the shortfall on, whichever
    is earlier; `by_rounds` is the sum of those since the shortfall, and `by_others` what else came between.
    """

    before_seq: int
    cash: Quantity
    inventory_cost: Quantity
    inventory_mark: Quantity
    floor: Quantity
    capacity: Quantity
    rounds_since: int
    rounds: tuple[FundRound, ...]
    by_rounds: Quantity
    by_others: Quantity


class Fund(msgspec.Struct, frozen=True):
    """The fund when it could not pay. The lines add up to `sum`, which is the recorded capacity if `reconciles`.

    For a bankrupt account `needed` is `capital`, which the rule asks it to keep against all that it would then hold,
    less the account's own `equity`. `barred_by` is its policy, where by that it may not take the account on, or pay
    what it owes, though it has as much; then all that is `needed` is `missing`.
    """

    account: int
    name: str
    shortfall_seq: int
    at: str
    trigger: str
    needed: Quantity
    capacity: Quantity
    cash: Quantity | None
    missing: Quantity
    equity: Quantity | None
    capital: Quantity | None
    text: str
    lines: tuple[FundLine, ...]
    sum: Quantity
    reconciles: bool
    now: FundNow | None = None
    barred_by: str | None = None


class Place(msgspec.Struct, frozen=True):
    """One place of a ranking with the ingredients of its score, and how much it gave in this round."""

    rank: int
    account: int
    name: str
    score: Quantity
    profit: Quantity
    notional: Quantity
    cost: Quantity
    equity: Quantity
    size: Quantity
    gave: Quantity
    asked: bool


class Share(msgspec.Struct, frozen=True):
    """An account that gave something of what a round closed, and how much."""

    account: int
    name: str
    size: Quantity


class FirstPlace(msgspec.Struct, frozen=True):
    """The first ranking of the instant for the same side of the instrument, and where the account stood in it.

    `rank` is null where it was no candidate then.
    """

    round: int
    started_seq: int
    candidates: int
    rank: int | None
    score: Quantity | None


class RankingPart(msgspec.Struct, frozen=True):
    """The ranking of a round, made again from the record.

    `formula` is null where the policy declares none; `filled` is it with this account's figures, and `arithmetic` what
    that comes to, in words. The digest is over all rows, or over those touched since `base_seq`, the round that this
    one continues; `digest_rows` says how many. `version` is the recorded one of the policy, `made_again_by` the
    installed one. Where the policy is not at hand `not_made_again` says why: then `places` are those who were taken, as
    recorded, and nothing is recomputed. `gave` is everybody who gave something, `shared` says it in words. `rule` is
    the policy's own text, `in_words` its formula in a few words, `source` where that comes from, as it declares them;
    empty where it declares none. `first` is
    the account's place in the first ranking of the instant, null for a round as a whole.
    """

    round: int
    started_seq: int
    ended_seq: int | None
    policy: str
    rank: int | None
    score: Quantity | None
    candidates: int
    taken: int
    last_rank: int | None
    left: Quantity
    shared: str
    places: tuple[Place, ...]
    digest_rows: int | None
    base_seq: int | None
    recorded_digest: str
    version: str = ""
    made_again_by: str | None = None
    formula: str | None = None
    filled: str | None = None
    arithmetic: str | None = None
    recomputed_digest: str | None = None
    proved: bool | None = None
    not_made_again: str | None = None
    rule: str = ""
    in_words: str = ""
    source: str = ""
    gave: tuple[Share, ...] = ()
    first: FirstPlace | None = None
