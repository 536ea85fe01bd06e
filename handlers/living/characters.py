"""What an account is like: the strategies it follows, the threshold of each, and the instrument that it watches.

1. Each strategy is drawn by itself, keyed by the account's name: an account may follow several, and whether it follows
   one says nothing about another. So a fork that switches a strategy off, or gives it another share, leaves the draws
   of all others as they were, and so does a further account.
2. A share that is raised keeps whoever followed the strategy before; a threshold stays where its bounds stay.
3. Only traders have a character, and none whose group has a rule of its own (market makers, strategists).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

import msgspec

from ...events.ledger import Account, LedgerState
from ...events.venue_names import group_of
from ..draws import account_key, draw_below
from ..valuation import BPS

__all__ = ["Character", "Mix", "StrategyName", "characters_of"]

StrategyName = Literal["stop", "follower", "dip_buyer", "runner", "deleverager"]


class Mix(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Of 10,000 accounts so many follow a strategy: it acts at a threshold drawn between `nearest` and `furthest`.

    `share_bps` is how much it then moves: of equity for who opens, of free collateral for who withdraws, of the
    position for a stop and for who deleverages.
    """

    accounts_bps: int
    nearest: int
    furthest: int
    share_bps: int = 10_000

    def __post_init__(self) -> None:
        """Refuse thresholds that are none."""
        if not 0 <= self.accounts_bps <= BPS or not 0 < self.nearest <= self.furthest or self.share_bps <= 0:
            message = "accounts_bps must lie between 0 and 10000, nearest above 0 up to furthest, share_bps above 0"
            raise ValueError(message)


class Character(NamedTuple):
    """One strategy of an account: the threshold at which it acts, and the instrument that it watches."""

    strategy: StrategyName
    threshold: int
    mix: Mix
    instrument: int


def characters_of(
    account: Account, ledger: LedgerState, mixes: Sequence[tuple[StrategyName, Mix]], groups: Sequence[str]
) -> Iterator[Character]:
    """All that an account follows, in the order of `mixes`; O(mixes). It watches an instrument of its own asset."""
    name = ledger.name(account.account)
    if account.kind != "user" or not _is_asked(name, ledger, groups):
        return
    own = [number for number, market in enumerate(ledger.markets) if market.listing.asset == account.asset]
    if not own:
        return
    seed, key = ledger.seed, account_key(name)
    watched = own[draw_below(seed, key, "watched", 0, len(own))]
    for strategy, mix in mixes:
        if draw_below(seed, key, f"follows {strategy}", 0, BPS) < mix.accounts_bps:
            spread = mix.furthest - mix.nearest + 1
            threshold = mix.nearest + draw_below(seed, key, f"threshold of {strategy}", 0, spread)
            yield Character(strategy, threshold, mix, watched)


def _is_asked(name: str, ledger: LedgerState, groups: Sequence[str]) -> bool:
    """Whether an account is of the groups that act; where none is named, of none that has a rule of its own."""
    group = group_of(name)
    if groups:
        return group in groups
    return group not in [one.parameters.get("group") for one in ledger.producers]
