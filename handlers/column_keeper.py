"""The columns of an engine, made when first there are many candidates, and kept from then on."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress

from ..events.ledger import LedgerState
from .column_ranking import ColumnRanking, PseudonymTable
from .columns import RankingColumns, Unfit
from .policies.ranking import RankingPolicy
from .pseudonyms import Pseudonyms

__all__ = ["ColumnKeeper"]


class ColumnKeeper:
    """Rankings from columns, as long as what is in the ledger fits them."""

    def __init__(self, pseudonyms: Pseudonyms) -> None:
        self._table = PseudonymTable(pseudonyms)
        self._columns: RankingColumns | None = None
        self._fits = True

    def note(self, touched: Iterable[int]) -> None:
        """These accounts may have changed; O(touched)."""
        if self._columns is not None:
            self._columns.touched.update(touched)

    def prepare(self, ledger: LedgerState) -> None:
        """Make the columns and all pseudonyms now, where the ledger fits columns; O(accounts)."""
        if self._columns is None and self._fits:
            with suppress(Unfit):
                self._columns = RankingColumns(ledger)
                self._table.reach(len(ledger.accounts))

    def rank(self, ledger: LedgerState, instrument: int, side: int, policy: RankingPolicy) -> ColumnRanking | None:
        """The ranking against one side; None where the ledger does not fit columns, then and from then on."""
        if not self._fits:
            return None
        try:
            if self._columns is None:
                self._columns = RankingColumns(ledger)
            else:
                self._columns.refresh(ledger)
            return ColumnRanking(ledger, instrument, side, policy, self._columns, self._table)
        except Unfit:
            self._fits, self._columns = False, None
            return None
