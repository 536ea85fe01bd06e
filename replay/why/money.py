"""Money of an answer in figures: an answer holds atoms with the decimals of their asset, and no ledger."""

from __future__ import annotations

from ...sim.quantities import Quantity, amount_scale_of

__all__ = ["money_of", "plain_money_of", "signed_money_of"]


def money_of(atoms: int, asset: str, decimals: int) -> str:
    """An amount with the name of its asset."""
    return str(Quantity(atoms, amount_scale_of(asset, decimals)))


def plain_money_of(atoms: int, decimals: int) -> str:
    """An amount without a name."""
    return Quantity(atoms, amount_scale_of("", decimals)).text


def signed_money_of(atoms: int, decimals: int) -> str:
    """An amount without a name, with a plus before what is more than nothing."""
    text = plain_money_of(atoms, decimals)
    return f"+{text}" if atoms > 0 else text
