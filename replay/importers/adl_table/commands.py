"""`deleverage import adl-table FILES... -o RUN`."""

from __future__ import annotations

from decimal import Decimal

import click

from ....events.errors import ScenarioError
from ....sim.units import parse_decimal
from ..commands import Wanted, carry_out, import_options
from .importer import AdlTableImporter

__all__ = ["adl_table_command"]


@click.command("adl-table")
@click.argument("files", nargs=-1, required=True)
@click.option(
    "--mark",
    "marks",
    multiple=True,
    metavar="COIN=PRICE",
    help="The mark of a coin's only instant, instead of the price of execution; may be repeated.",
)
@import_options
def adl_table_command(*, files: tuple[str, ...], marks: tuple[str, ...], wanted: Wanted) -> None:
    """Import reconstructed tables of auto-deleveraging, a fill a row; packed or plain.

    Each batch of one instant, coin and liquidated account becomes a round, in the order of the file. What the venue did
    is imported; balances, positions, marks and the round itself are inferred from what the table prints.
    """
    carry_out(AdlTableImporter(files, dict(map(_mark, marks))), wanted)


def _mark(text: str) -> tuple[str, Decimal]:
    """A coin and its price. Raises ScenarioError."""
    coin, _, price = text.partition("=")
    try:
        mark = parse_decimal(price)
    except ScenarioError as error:
        message = f"--mark {text}: {error}"
        raise ScenarioError(message) from None
    if not coin or mark <= 0:
        message = f"--mark {text}: write a coin and a price above 0, such as AVAX=22.025"
        raise ScenarioError(message)
    return coin, mark
