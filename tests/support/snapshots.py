"""Snapshots in short records: as close together as their share of the record allows."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from deleverage.events.snapshots import keeper

__all__ = ["snapshots_closely"]


def snapshots_closely() -> Iterator[None]:
    """Until it goes on, snapshots need no spacing; to be made a fixture of whichever scope is wanted."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keeper, "_SPACING_BYTES", 1)
        yield
