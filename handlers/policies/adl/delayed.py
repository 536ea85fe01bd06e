"""Delayed: part of the loss is bailed in from all winners, and the queue closes the rest a stated time later."""

from __future__ import annotations

from typing import ClassVar

import msgspec

from ...adl_engines.delayed import DelayedParameters
from ..profit_leverage import ProfitLeverage

__all__ = ["Delayed"]


class Delayed(ProfitLeverage):
    """bail-in = loss x bail_in x profit / sum of profits at once, then after delay_ns the queue of `profit-leverage`.

    How: `adl_engines/delayed.py`.
    """

    policy: ClassVar[str] = "delayed"
    version: ClassVar[str] = "1"
    source: ClassVar[str] = "ours; the bail-in haircuts gains as clearing houses do (VMGH, CPMI-IOSCO recovery report)"
    Parameters: ClassVar[type[msgspec.Struct]] = DelayedParameters
