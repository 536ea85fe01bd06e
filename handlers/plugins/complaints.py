"""Calling into a plug-in: whatever it raises is a HandlerError with its name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from traceback import extract_tb, walk_tb
from typing import TypeVar

from ...events.errors import HandlerError
from .executing import is_plugin

__all__ = ["called", "complaint", "own_line", "shown"]

T = TypeVar("T")

_SHOWN_MOST = 80


def called(plugin: str, what: str, call: Callable[[], T], passing: tuple[type[Exception], ...] = ()) -> T:
    """The call's result. Raises HandlerError naming the plug-in, what was called, what it raised and in which line.

    Errors that are `passing` are not the plug-in's, and stay as they are.
    """
    try:
        return call()
    except passing:
        raise
    except (Exception, SystemExit) as error:
        raise complaint(plugin, f"{what} raised {type(error).__name__}: {error}{own_line(error)}") from error


def own_line(error: BaseException) -> str:
    """The last line of a plug-in that an error came through, in brackets; empty where it came through none."""
    frames = [frame for frame, _ in walk_tb(error.__traceback__)]
    told = zip(frames, extract_tb(error.__traceback__), strict=True)
    own = [line for frame, line in told if is_plugin(frame.f_globals)]
    return f" ({Path(own[-1].filename).name}, line {own[-1].lineno}: {own[-1].line})" if own else ""


def complaint(plugin: str, text: str) -> HandlerError:
    """An error that names the plug-in."""
    return HandlerError(f"plug-in {plugin}: {text}")


def shown(value: object) -> str:
    """A value in an error: its text, cut where it is too long to read, and its type."""
    try:
        text = repr(value)
    except Exception:  # noqa: BLE001 - a plug-in's own class
        text = "something that cannot be shown"
    return f"{text if len(text) <= _SHOWN_MOST else text[:_SHOWN_MOST] + '...'} ({type(value).__name__})"
