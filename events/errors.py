"""The error tree, split by whose fault it is.

    DeleverageError
    ├── ScenarioError            the scenario's: a key, a unit, a source file          exit 2
    ├── RecordError              the record's
    │   ├── RecordNotFoundError  no record there, or one of another program            exit 2
    │   ├── RecordExistsError    the output directory is already there                 exit 2
    │   ├── RecordDamagedError   bytes that are not what was written                   exit 1
    │   ├── RecordDivergedError  the handlers decide otherwise than the record says    exit 1
    │   ├── RecordFullError      the disk could not take more; sealed up to there      exit 1
    │   └── RecordOverflowError  a figure of more than 64 bits; sealed up to there     exit 1
    ├── QueryError               the question's: a number or a name that is not there  exit 2
    ├── HandlerError             a handler's or plug-in's: it raised or broke a rule   exit 1
    ├── PatienceError            a handler's or plug-in's: it took longer than it may  exit 1
    └── LedgerError              ours: a law of the ledger does not hold               exit 1

Every class is built from plain positional arguments that it hands to `Exception`, because SimPy rebuilds an error that
crosses a process from its `.args`.
"""

from __future__ import annotations

__all__ = [
    "DeleverageError",
    "HandlerError",
    "LedgerError",
    "PatienceError",
    "QueryError",
    "RecordDamagedError",
    "RecordDivergedError",
    "RecordError",
    "RecordExistsError",
    "RecordFullError",
    "RecordNotFoundError",
    "RecordOverflowError",
    "ScenarioError",
]


class DeleverageError(Exception):
    """What went wrong, where, and what to do about it, in one line."""

    exit_code = 2


class ScenarioError(DeleverageError):
    """The scenario, an override or a source file is wrong."""


class RecordError(DeleverageError):
    """The record cannot be read or written."""


class RecordNotFoundError(RecordError):
    """There is no record at that place, or it is not one that this version can read."""


class RecordExistsError(RecordError):
    """The output directory exists; a record is never written over."""


class RecordDamagedError(RecordError):
    """Bytes of the record are not what was written: refused with file and offset, never skipped."""

    exit_code = 1


class RecordDivergedError(RecordError):
    """Executed again, the handlers decide otherwise than the record says."""

    exit_code = 1


class RecordFullError(RecordError):
    """The disk refused bytes; the record is sealed up to its last good block."""

    exit_code = 1


class RecordOverflowError(RecordError):
    """An event holds what no bytes of a record stand for; the record is sealed up to the event before it."""

    exit_code = 1


class QueryError(DeleverageError):
    """The question names something that the record does not have."""


class HandlerError(DeleverageError):
    """A handler raised, or returned what it must not: event, handler and position are in the message."""

    exit_code = 1


class PatienceError(DeleverageError):
    """One decision took longer than whoever ran it has patience: handler, policy, event and limit are in the message.

    It depends on the machine, so it is no answer of the handler's.
    """

    exit_code = 1


class LedgerError(DeleverageError):
    """A law of the ledger is broken: a fault of ours or of whoever made the events."""

    exit_code = 1
