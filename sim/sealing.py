"""Whatever goes wrong in a run, its record ends sealed, and says how."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from shutil import rmtree

from ..events.errors import DeleverageError, ScenarioError
from ..events.record import EventSink, RecordWriter

__all__ = ["sealing"]


@contextmanager
def sealing(sink: EventSink) -> Iterator[None]:
    """Seal as failed or interrupted on the way out of an error.

    Bad input leaves nothing half-written: what was found only while it was read (a population's row) included.
    """
    try:
        yield
    except ScenarioError as error:
        sink.seal("failed", str(error))
        if isinstance(sink, RecordWriter):
            rmtree(sink.path)
        raise
    except DeleverageError as error:
        sink.seal("failed", str(error))
        raise
    except KeyboardInterrupt:
        sink.seal("interrupted")
        raise
    except Exception as error:
        sink.seal("failed", f"{type(error).__name__}: {error}")
        raise
