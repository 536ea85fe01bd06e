"""Amounts of an asset as people write them, and in its atoms."""

from __future__ import annotations

import re
from decimal import Decimal

from ..events.errors import ScenarioError
from ..handlers.registry import Amounts
from .units import to_atoms

__all__ = ["amounts_of"]

_COUNTED = re.compile(r"([0-9]{1,18}) atoms?")


def amounts_of(asset: str, decimals: int) -> Amounts:
    """How amounts of an asset are written: a number from 0 on, as exact as its decimals allow.

    What is only meant as the least there is may be counted in atoms instead, as `"1 atom"`.
    """

    def in_atoms(amount: object) -> int:
        counted = _COUNTED.fullmatch(amount) if isinstance(amount, str) else None
        if counted:
            return int(counted[1])
        number = isinstance(amount, int | Decimal) and not isinstance(amount, bool) and Decimal(amount).is_finite()
        if not number or amount < 0:  # type: ignore[operator]
            message = f"{amount!r} is not an amount of {asset} from 0 on"
            raise ScenarioError(message)
        return to_atoms(Decimal(amount), decimals)  # type: ignore[arg-type]

    def of_atoms(atoms: int) -> Decimal:
        return Decimal((atoms < 0, tuple(map(int, str(abs(atoms)))), -decimals))

    return Amounts(in_atoms, of_atoms)
