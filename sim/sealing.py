"""However a run ends, its record ends sealed, and says how.

Snapshots of the state, taken while a run is recorded.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from shutil import rmtree

from ..events.errors import DeleverageError, PatienceError, ScenarioError
from ..events.ledger import Ledger
from ..events.record import EventSink, RecordWriter, SealedStatus
from ..events.snapshots import SnapshotKeeper
from .signals import held_back, stoppable

__all__ = ["Ending", "keep_states", "sealing"]


@dataclass
class Ending:
    """How a run that raised nothing ended."""

    status: SealedStatus = "complete"


@contextmanager
def sealing(sink: EventSink) -> Iterator[Ending]:
    """Seal on the way out: as failed or interrupted after an error, and else as it is said to have ended.

    Meanwhile SIGTERM and SIGHUP stop a run as Ctrl-C does (signals.py). Bad input leaves nothing half-written: what was
    found only while it was read (a population's row) included.
    """
    ending = Ending()
    with stoppable():
        try:
            yield ending
            _seal(sink, ending.status)
        except ScenarioError as error:
            _seal(sink, "failed", str(error))
            if isinstance(sink, RecordWriter):
                rmtree(sink.path)
            raise
        except PatienceError as error:
            _seal(sink, "interrupted", str(error))  # on another machine it may have ended in time
            raise
        except DeleverageError as error:
            _seal(sink, "failed", str(error))
            raise
        except Exception as error:
            _seal(sink, "failed", f"{type(error).__name__}: {error}")
            raise
        finally:
            _seal(sink, "interrupted")  # by a signal, at whatever moment it came; what is sealed stays as it is


def _seal(sink: EventSink, status: SealedStatus, error: str | None = None) -> None:
    """Seal, whatever signals come meanwhile, and though one came just before they were held back."""
    while True:
        try:
            with held_back():
                sink.seal(status, error)
        except KeyboardInterrupt:
            continue
        return


def keep_states(sink: EventSink, ledger: Ledger) -> None:
    """Have the states of this ledger kept beside the record that it is written to, if it is written at all."""
    if isinstance(sink, RecordWriter):
        sink.companion = SnapshotKeeper(sink.path, ledger)
