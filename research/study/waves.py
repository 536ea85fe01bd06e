"""The paper's table of waves: what production took in each, what was needed, and what six other rules would have taken.

What a rule would have taken from whom is not in the files, so budgets and largest shares are summed and averaged as
they stand; the columns that are functions of others are made again. PTSR is the largest endowment that survives over
the deficit that is left, so it has no value where nothing is left: its means run over different waves for each policy,
and only those over the waves that all policies have can be compared.

The table of gaps: in each wave and coin, the contracts deleveraged and how far the price lay from the mark.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal

from .arithmetic import DUST, holding, mean, percent, quotient, rounded, same, total
from .files import Table
from .findings import Findings
from .published import POLICIES

__all__ = ["BATCH", "GAPS", "WAVES", "find_gaps", "find_waves"]

WAVES = "adl-policy-per-wave-2025-10-10.csv"

_Pairs = Iterator[tuple[Decimal, Decimal]]

GAPS = "adl-wave-coin-gap-2025-10-10.csv.gz"
BATCH = "hyperliquid-adl-batch-avax-2025-10-10.csv"


def find_waves(table: Table, findings: Findings) -> None:
    """The lines of the section `waves`."""
    _find_production(table, findings)
    _find_others(table, findings)
    _find_cells(table, findings)
    _find_shares(table, findings)
    _find_ptsr(table, findings)


def _find_production(table: Table, findings: Findings) -> None:
    needed, taken = table.number("budget_needed"), table.number("budget_prod")
    over = [mine - need for mine, need in zip(taken, needed, strict=True)]
    largest = max(over)
    last_number = max(table.number("wave"))
    findings.figure(
        "waves.count",
        len(table),
        f"numbered up to {last_number}: waves without a deficit are not in the table, nor what was deleveraged in them",
    )
    findings.figure("waves.needed", total(needed), "|mark - execution| x size, summed over the fills of these waves")
    findings.figure("waves.production", total(taken))
    findings.figure(
        "waves.overshoot", total(over), "the one less the other, which are two kinds of dollars; no replay is here"
    )
    findings.figure(
        "waves.overshooting",
        sum(one > 0 for one in over),
        "'production consistently overshoots'; in the others it took less than was needed",
    )
    wave = table.text("wave")[over.index(largest)]
    share = rounded(percent(largest, total(over)), 1)
    findings.figure("waves.largest", largest, f"wave {wave} alone is {share}% of the sum over all waves")
    findings.out_of_reach("waves.after_500_ms", "needs the fills, the account snapshot and a replay along the prices")


def _find_others(table: Table, findings: Findings) -> None:
    needed = table.number("budget_needed")
    over = {
        suffix: [mine - need for mine, need in zip(table.number(f"budget_{suffix}"), needed, strict=True)]
        for suffix in ("vector", "pr", "fixed_point_ilp_integer", "contract_pr")
    }
    integer = total(over["fixed_point_ilp_integer"])
    contract = over["contract_pr"]
    first, worst = -contract[0], min(contract)
    wave = table.text("wave")[contract.index(worst)]
    findings.figure("waves.vector", total(over["vector"]), "it takes less than is needed: capped by what is at risk")
    findings.figure("waves.pro_rata", total(over["pr"]))
    findings.figure("waves.integer", integer)
    findings.figure("waves.integer_paper", integer, "the paper's text and the table behind its drawing disagree")
    findings.figure("waves.contract", total(contract), "the paper's text and the table behind its drawing disagree")
    findings.misnamed(
        "waves.contract_worst",
        first,
        -worst,
        f"said of wave 1, where it is right, as the most that is short; wave {wave} is short by more",
    )


def _find_cells(table: Table, findings: Findings) -> None:
    checks: dict[str, Callable[[Table], _Pairs]] = {
        "waves.overshoot_cells": _overshoots,
        "waves.target_cells": _targets,
        "waves.severity_cells": _severities,
        "waves.nse_cells": _nses,
        "waves.pmr_cells": _pmrs,
        "waves.ptsr_cells": _gaps,
    }
    for name, pairs in checks.items():
        findings.cells(name, holding(pairs(table), DUST if name == "waves.overshoot_cells" else Decimal(0)))


def _overshoots(table: Table) -> _Pairs:
    needed = table.number("budget_needed")
    for suffix in POLICIES:
        budgets = table.number(f"budget_{suffix}")
        wanted = (budget - need for budget, need in zip(budgets, needed, strict=True))
        yield from zip(table.number(f"overshoot_{suffix}"), wanted, strict=True)


def _targets(table: Table) -> _Pairs:
    return zip(table.number("budget_target"), table.number("budget_needed"), strict=True)


def _severities(table: Table) -> _Pairs:
    for suffix in ("prod", "needed"):
        budgets = zip(table.number(f"budget_{suffix}"), table.number("deficit_usd"), strict=True)
        wanted = (min(Decimal(1), quotient(budget, deficit)) for budget, deficit in budgets)
        yield from zip(table.number(f"theta_{suffix}_capped"), wanted, strict=True)


def _nses(table: Table) -> _Pairs:
    for suffix in POLICIES:
        for ptsr, nse in zip(table.maybe(f"ptsr_{suffix}"), table.number(f"rd_nse_{suffix}"), strict=True):
            if ptsr is not None:
                yield nse, quotient(ptsr, ptsr + 1)


def _pmrs(table: Table) -> _Pairs:
    """Of the deficit left D - H, PTSR is endowment / (D - H) and PMR endowment / ((D - H) / D x largest loss)."""
    scales = [*zip(table.number("deficit_usd"), table.number("max_loss_usd"), strict=True)]
    for suffix in POLICIES:
        columns = zip(table.maybe(f"ptsr_{suffix}"), table.maybe(f"pmr_{suffix}"), scales, strict=True)
        for ptsr, pmr, (deficit, largest) in columns:
            if ptsr is not None and pmr is not None:
                yield pmr, quotient(ptsr * deficit, largest)


def _gaps(table: Table) -> _Pairs:
    deficits = table.number("deficit_usd")
    for suffix in POLICIES:
        columns = zip(table.maybe(f"ptsr_{suffix}"), table.number(f"budget_{suffix}"), deficits, strict=True)
        for ptsr, budget, deficit in columns:
            yield Decimal(ptsr is not None), Decimal(deficit > budget)


def _find_shares(table: Table, findings: Findings) -> None:
    for suffix, called in POLICIES.items():
        shares = table.number(f"max_pct_{suffix}")
        findings.figure(_name("mean_largest_share", called), mean(shares) * 100)


def _find_ptsr(table: Table, findings: Findings) -> None:
    columns = {called: table.maybe(f"ptsr_{suffix}") for suffix, called in POLICIES.items()}
    common = [place for place in range(len(table)) if all(values[place] is not None for values in columns.values())]
    for called, values in columns.items():
        there = [value for value in values if value is not None]
        findings.figure(_name("mean_ptsr", called), mean(there), f"over {len(there)} waves of its own")
    means = {
        called: mean([value for value in (values[place] for place in common) if value is not None])
        for called, values in columns.items()
    }
    for called, value in means.items():
        place = sum(other > value for other in means.values()) + 1
        findings.figure(_name("mean_ptsr_common", called), value, f"{len(common)} waves; place {place} from above")


def _name(stem: str, called: str) -> str:
    return f"waves.{stem}.{called.replace(' ', '_').replace('-', '_')}"


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
