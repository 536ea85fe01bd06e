"""The options that all imports of market data share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, get_args

import click

from ....events.errors import ScenarioError
from .contracts import Told
from .numbers import positive
from .specifications import ContractKind

__all__ = ["feed_options"]

_KINDS = tuple(kind for kind in get_args(ContractKind) if kind != "option")


def _contracts(_context: click.Context, _parameter: click.Parameter, values: tuple[str, ...]) -> dict[str, Told]:
    told: dict[str, Told] = {}
    for value in values:
        symbol, separator, what = value.rpartition("=")
        if not (symbol and separator):
            message = f"{value!r} is not SYMBOL=SIZE or SYMBOL=KIND:SIZE[:ASSET]"
            raise click.BadParameter(message)
        told[symbol] = _told(what)
    return told


def _told(what: str) -> Told:
    kind, *rest = what.split(":") if ":" in what else ("inverse", what)
    if kind not in _KINDS or len(rest) not in (1, 2) or "" in rest:
        message = f"{what!r} is not KIND:SIZE[:ASSET], where KIND is one of {', '.join(_KINDS)}"
        raise click.BadParameter(message)
    try:
        size = positive(rest[0], "size")
    except ScenarioError as error:
        raise click.BadParameter(str(error)) from error
    return Told(kind, size, rest[1] if len(rest) > 1 else None)  # type: ignore[arg-type]


def feed_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """What every import of market data can be told: contracts, symbols, and to sort."""
    for option in (
        click.option(
            "--sort", is_flag=True, help="Sort the rows of each file by time first, instead of refusing disorder."
        ),
        click.option(
            "--symbol",
            "symbols",
            multiple=True,
            metavar="[NAME=]SYMBOL",
            help="Take SYMBOL only, which is also what files hold that do not say it; or let NAME count as SYMBOL; may "
            "be repeated.",
        ),
        click.option(
            "--contract",
            "contracts",
            multiple=True,
            metavar="SYMBOL=[KIND:]SIZE[:ASSET]",
            callback=_contracts,
            help="What a contract of SYMBOL is: inverse of SIZE of its quote (BTCUSD_PERP=100), or a KIND of linear, "
            "inverse, quanto or spot (BTC-USDT-SWAP=linear:0.01:USDT); may be repeated.",
        ),
    ):
        command = option(command)
    return command
