"""Pages of a run of quiet ticks, closed from their columns, as `close_page` closes them from events."""

from __future__ import annotations

from collections.abc import Iterator

from ..bodies.inputs import PriceTicked
from ..bodies.margin import MarkPriced
from ..codec import list_header
from ..quiet_ticks import EncodedTicks
from ..vocabulary import SETTING_TYPES, Body
from .columns.facts import PageFacts, setting_word
from .merkle import leaf_hash
from .pages import PAGE_EVENTS, ClosedPage, Progress

__all__ = ["closed_pages"]

_KINDS: frozenset[type[Body]] = frozenset((PriceTicked, MarkPriced))
_HEADER = list_header(PAGE_EVENTS)


def closed_pages(encoded: EncodedTicks, first_seq: int, progress: Progress) -> Iterator[tuple[ClosedPage, PageFacts]]:
    """The whole pages from `first_seq`, where one begins, that follow `progress`, with what the columns keep of them.

    Both types name no account, so that a page is one leaf (pages.py, rule 2).
    """
    settings = {setting_word(kind, one) for kind in _KINDS & SETTING_TYPES for one in encoded.ticks.instruments}
    for seq in range(first_seq, encoded.stop_seq - PAGE_EVENTS + 1, PAGE_EVENTS):
        leaves = encoded.between(seq, seq + PAGE_EVENTS)
        first, last, root = encoded.event(seq), encoded.event(seq + PAGE_EVENTS - 1), leaf_hash(leaves)
        progress = progress.after((first, last), root)
        facts = PageFacts(seq, encoded.distances(seq, PAGE_EVENTS), root, frozenset(), frozenset(), (), settings)
        yield ClosedPage(first, last, _HEADER + leaves, progress, root, _KINDS), facts
