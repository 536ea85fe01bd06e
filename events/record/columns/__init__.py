"""Columns beside the record: causes, page roots and account postings, so that a question reads only what it needs.

They are derived and disposable, and none of a record's identity: written while recording, made again where they are
missing or not what was written.
"""

from __future__ import annotations

from .accounts import AccountColumn, ForcedColumn
from .check import ColumnsCheck, verify_columns
from .opened import Columns, open_columns
from .parents import ParentColumn
from .roots import RootColumn

__all__ = [
    "AccountColumn",
    "Columns",
    "ColumnsCheck",
    "ForcedColumn",
    "ParentColumn",
    "RootColumn",
    "open_columns",
    "verify_columns",
]
