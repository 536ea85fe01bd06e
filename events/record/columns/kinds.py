"""Registry of column types."""

from __future__ import annotations

from .accounts import AccountColumn, ForcedColumn, SettingColumn
from .column import Column
from .forks import ForkColumn
from .funds import FundColumn
from .parents import ParentColumn
from .roots import RootColumn

__all__ = ["KINDS"]

KINDS: tuple[type[Column], ...] = (
    ParentColumn,
    RootColumn,
    AccountColumn,
    ForcedColumn,
    ForkColumn,
    SettingColumn,
    FundColumn,
)
