"""Amounts of a document beside themselves as decimals: `fee_atoms` 62400000 of USDT also as `fee` "62.400000".

1. The asset is the one that the nearest object around names as `asset`; where none does, the run's if it has one alone.
   An amount of which neither tells the asset stays as it is.
2. A key whose value is an object of amounts (by name, by purpose) has such an object beside it; where the names in it
   are those of assets, each amount is of its own.
3. A decimal is text, exact, with all decimals of the asset. What is null stays null; no key is written over.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..events.bodies.listing import AssetListed
from .units import atoms_to_text

__all__ = ["scaled"]

_ATOMS = "_atoms"
_PLAIN = frozenset((int, str, bool, type(None)))


def scaled(document: Any, assets: Iterable[AssetListed]) -> Any:
    """The document with the decimals; O(its size). Nothing of it is changed in place."""
    decimals = {asset.name: asset.decimals for asset in assets}
    alone = next(iter(decimals.values())) if len(decimals) == 1 else None
    return _scaled(document, decimals, alone)


def _scaled(value: Any, assets: Mapping[str, int], decimals: int | None) -> Any:
    if isinstance(value, list | tuple):
        return [_scaled(item, assets, decimals) for item in value]
    if not isinstance(value, dict):
        return value
    decimals = assets.get(named, decimals) if isinstance(named := value.get("asset"), str) else decimals
    found: dict[str, Any] = {}
    for key, item in value.items():
        # By far the most are numbers and texts, for which a call of their own would cost more than they do.
        found[key] = item if type(item) in _PLAIN else _scaled(item, assets, assets.get(key, decimals))
        if type(key) is str and key.endswith(_ATOMS):
            plain = key.removesuffix(_ATOMS)
            if plain not in value and (told := _decimal(item, assets, decimals)) is not None:
                found[plain] = told
    return found


def _decimal(value: Any, assets: Mapping[str, int], decimals: int | None) -> Any:
    """An amount, or an object of amounts, as text; None for what is neither, or of no known asset."""
    if isinstance(value, dict):
        told = {key: _decimal(item, assets, assets.get(key, decimals)) for key, item in value.items()}
        return told if told and None not in told.values() else None
    return None if type(value) is not int or decimals is None else atoms_to_text(value, decimals)
