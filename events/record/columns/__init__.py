"""Columns beside the record: causes, page roots and account postings, so that a question reads only what it needs.

They are derived and disposable, and none of a record's identity: written while recording, and made again where they are
missing or not known to be what the record says.
"""

from __future__ import annotations

from .accounts import AccountColumn, ForcedColumn, SettingColumn
from .check import ColumnsCheck, verify_columns
from .facts import instruments_set
from .forks import ForkColumn
from .funds import FundColumn
from .opened import Columns
from .parents import ParentColumn
from .roots import RootColumn

__all__ = [
    "AccountColumn",
    "Columns",
    "ColumnsCheck",
    "ForcedColumn",
    "ForkColumn",
    "FundColumn",
    "ParentColumn",
    "RootColumn",
    "SettingColumn",
    "instruments_set",
    "verify_columns",
]
