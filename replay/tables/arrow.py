"""The libraries of an extra, imported when they are needed; who has not installed them is told what to install."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import Any

from ...events.errors import QueryError

__all__ = ["needed", "pyarrow"]


def needed(module: str, installed_by: str = "'deleverage[export]'") -> Any:
    """A module of the extra `export`, or of another package. Raises QueryError where it is not installed."""
    package = module.partition(".")[0]
    if find_spec(package) is None:
        message = f"{package} is not installed; pip install {installed_by}"
        raise QueryError(message)
    return import_module(module)


def pyarrow() -> Any:
    """Pyarrow. Raises QueryError where it is not installed."""
    return needed("pyarrow")
