"""The options that all imports of market data share."""

from __future__ import annotations

from decimal import Decimal

import click

from ....events.errors import ScenarioError
from .numbers import positive

__all__ = ["contract_option"]


def _contracts(_context: click.Context, _parameter: click.Parameter, values: tuple[str, ...]) -> dict[str, Decimal]:
    told: dict[str, Decimal] = {}
    for value in values:
        symbol, separator, size = value.partition("=")
        try:
            told[symbol] = positive(size, "size")
        except ScenarioError as error:
            raise click.BadParameter(str(error)) from error
        if not (symbol and separator):
            message = f"{value!r} is not SYMBOL=SIZE"
            raise click.BadParameter(message)
    return told


contract_option = click.option(
    "--contract",
    "contracts",
    multiple=True,
    metavar="SYMBOL=SIZE",
    callback=_contracts,
    help="SYMBOL is inverse, a contract being SIZE of its quote (BTCUSD_PERP=100); may be repeated.",
)
