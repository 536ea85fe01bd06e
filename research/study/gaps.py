"""The table of gaps: in each wave and coin, the contracts deleveraged and how far the price lay from the mark."""

from __future__ import annotations

from decimal import Decimal

from .arithmetic import DUST, holding, percent, quotient, rounded, same, total
from .files import Table
from .findings import Findings

__all__ = ["BATCH", "GAPS", "find_gaps"]

GAPS = "adl-wave-coin-gap-2025-10-10.csv.gz"
BATCH = "hyperliquid-adl-batch-avax-2025-10-10.csv"


def find_gaps(gaps: Table, waves: Table, batch: Table, volumes: Table, findings: Findings) -> None:
    """The lines of the section `gaps`."""
    amounts, contracts = gaps.number("gap_usd_x_qty"), gaps.number("qty_contracts")
    per_wave = gaps.by("wave", "gap_usd_x_qty")
    needed = zip(waves.text("wave"), waves.number("budget_needed"), strict=True)
    by_wave = ((per_wave.get(wave, Decimal(0)), budget) for wave, budget in needed)
    each = zip(gaps.number("gap_per_contract_usd"), contracts, strict=True)
    products = ((amount, gap * size) for amount, (gap, size) in zip(amounts, each, strict=True))
    findings.figure("gaps.total", total(amounts))
    findings.cells("gaps.waves", holding(by_wave, DUST))
    findings.cells("gaps.products", holding(products, DUST))
    _find_batch(batch, findings)
    _find_left_out(gaps, volumes, findings)


def _find_batch(batch: Table, findings: Findings) -> None:
    """The one batch whose fills are here, in file order, against its row of the table."""
    findings.figure("gaps.batch", total(batch.number("adl_size")), f"the recorded batch of {len(batch)} fills")


def _find_left_out(gaps: Table, volumes: Table, findings: Findings) -> None:
    """What was deleveraged in no wave of the table, each coin's contracts at its own notional per contract."""
    inside = gaps.by("coin", "qty_contracts")
    columns = (volumes.text("ticker"), volumes.number("net_volume"), volumes.number("net_notional_usd"))
    whole, left_out, notional_sum = 0, Decimal(0), total(columns[2])
    for coin, contracts, notional in zip(*columns, strict=True):
        within = inside.get(coin, Decimal(0))
        if same(within, contracts):
            whole += 1
        else:
            left_out += notional - quotient(notional * within, contracts)
    findings.figure("gaps.coins_whole", whole, f"of {len(volumes)}")
    share = rounded(percent(left_out, notional_sum), 1)
    note = f"about {share}% of all; each coin's contracts at its mean price. Needed and taken leave it out alike"
    findings.figure("gaps.notional_left_out", left_out, note)
