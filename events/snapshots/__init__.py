"""States of a record kept beside it, so that none has to be folded from the first event: derived and disposable.

`SnapshotKeeper` makes them while a record is written or read through; `SnapshotShelf` finds and restores them.
"""

from .keeper import SnapshotKeeper
from .shelf import SnapshotShelf

__all__ = ["SnapshotKeeper", "SnapshotShelf"]
