"""The part of an answer that tells a ranking: the places, who gave, the formula with its figures, the digests."""

from __future__ import annotations

import msgspec

__all__ = ["FirstPlace", "Place", "RankingPart", "Share"]


class Place(msgspec.Struct, frozen=True):
    """One place of a ranking with the ingredients of its score, and how much it gave in this round."""

    rank: int
    account: int
    name: str
    score: int
    score_text: str
    profit_atoms: int
    notional_atoms: int
    cost_atoms: int
    equity_atoms: int
    size_lots: int
    size: str
    gave_lots: int
    gave: str
    asked: bool


class Share(msgspec.Struct, frozen=True):
    """An account that gave something of what a round closed, and how much."""

    account: int
    name: str
    lots: int
    size: str


class FirstPlace(msgspec.Struct, frozen=True):
    """The first ranking of the instant for the same side of the instrument, and where the account stood in it.

    `rank` is null where it was no candidate then.
    """

    round: int
    started_seq: int
    candidates: int
    rank: int | None
    score: int | None
    score_text: str | None


class RankingPart(msgspec.Struct, frozen=True):
    """The ranking of a round, made again from the record.

    `formula` is null where the policy declares none; `filled` is it with this account's figures, and `arithmetic` what
    that comes to, in words. The digest is over all rows, or over those touched since `base_seq`, the round that this
    one continues; `digest_rows` says how many. `version` is the recorded one of the policy, `made_again_by` the
    installed one. Where the policy is not at hand `not_made_again` says why: then `places` are those who were taken, as
    recorded, and nothing is recomputed. `gave` is everybody who gave something, `shared` says it in words. `rule` is
    the policy's own text, `source` where that comes from, as it declares them; empty where it declares none. `first` is
    the account's place in the first ranking of the instant, null for a round as a whole.
    """

    round: int
    started_seq: int
    ended_seq: int | None
    policy: str
    rank: int | None
    score: int | None
    score_text: str | None
    candidates: int
    taken: int
    last_rank: int | None
    left_lots: int
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
    source: str = ""
    gave: tuple[Share, ...] = ()
    first: FirstPlace | None = None
