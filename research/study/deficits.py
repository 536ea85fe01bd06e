"""The deficits: of whom they were asked, and how often the same account was counted.

The waves ask those who were liquidated, the clusters those who were deleveraged. An account that is under water for
minutes is under water in every wave of those minutes, and a sum over waves counts it in each.

The clusters of fills by coin, and the 653 million: a queue by closed profit against the deficit of each cluster.

The queue here is a model: it takes what the deleveraged had closed in profit, whatever was needed. Its overshoot is
that budget less a deficit that was asked of the deleveraged themselves, hardly any of whom had one.
"""

from __future__ import annotations

from decimal import Decimal

from .arithmetic import DUST, holding, percent, quotient, rounded, total
from .files import Table
from .findings import Findings
from .published import FIGURES

__all__ = ["CLUSTERS", "find_clusters", "find_deficits"]

CLUSTERS = "adl-shock-queue-2025-10-10.csv.gz"


def find_deficits(waves: Table, clusters: Table, coins: Table, users: Table, findings: Findings) -> None:
    """The lines of the section `deficits`."""
    _find_waves(waves, findings)
    deficits = clusters.number("deficit_usd")
    under_water = sum(users.flag("is_negative_equity"))
    fills = total(coins.number("is_negative_equity"))
    findings.figure(
        "deficits.clusters",
        total(deficits),
        "summed by fill over those deleveraged; it is also the whole deficit of the clusters below",
    )
    findings.misnamed(
        "deficits.accounts", fills, under_water, f"{fills} are fills; the file by account marks {under_water} accounts"
    )
    share = percent(fills, total(coins.number("num_events")))
    findings.figure("deficits.share", share)
    findings.figure("deficits.share_page", share, "the page was changed in part from the reconstruction before")
    findings.figure("deficits.average", quotient(total(deficits), fills), "the page's own total over its own count")
    findings.figure("deficits.largest", max(deficits), "at most: the largest deficit of a cluster, whoever shares it")
    before = "needs that reconstruction; its positions were those after each fill, as its authors found"
    findings.out_of_reach("deficits.earlier_fills", before)
    findings.out_of_reach("deficits.earlier_total", before)
    findings.out_of_reach("deficits.first_fills", "needs a reconstruction that was withdrawn")
    findings.out_of_reach("deficits.by_winner", "needs the equity of each fill's account, for 34,983 fills")


def _find_waves(waves: Table, findings: Findings) -> None:
    deficits, losses = waves.number("deficit_usd"), waves.number("max_loss_usd")
    largest = max(losses)
    times = losses.count(largest)
    repeated = largest * (times - 1)
    findings.double_counted(
        "deficits.waves",
        total(deficits),
        total(deficits) - repeated,
        f"one account's {largest:,.2f}, the same to the last digit, is in {times} waves: counted once here, "
        "others may recur as well",
    )
    findings.figure("deficits.largest_wave", max(deficits))
    findings.figure("deficits.largest_loss", largest, f"the largest loss in {times} of {len(waves)} waves")


def find_clusters(clusters: Table, waves: Table, coins: Table, findings: Findings) -> None:
    """The lines of the section `clusters`."""
    over = total(clusters.number("overshoot_queue_usd"))
    findings.figure("clusters.overshoot", over)
    findings.misnamed(
        "clusters.closed",
        over,
        total(coins.number("adl_notional")),
        "dollars of profit that a model takes, less a deficit; what was closed in positions is this much notional",
    )
    findings.figure("clusters.residual", total(clusters.number("residual_queue_usd")))
    _find_without_deficit(clusters, findings)
    _find_naive(over, waves, findings)
    _find_cells(clusters, findings)


def _find_without_deficit(clusters: Table, findings: Findings) -> None:
    deficits, over = clusters.number("deficit_usd"), clusters.number("overshoot_queue_usd")
    without = [extra for deficit, extra in zip(deficits, over, strict=True) if not deficit]
    largest = deficits.index(max(deficits))
    coin, cluster = clusters.text("coin")[largest], clusters.text("cluster_id")[largest]
    share = rounded(percent(total(without), total(over)), 1)
    findings.figure("clusters.count", len(clusters))
    findings.figure("clusters.without_deficit", len(without), "all that is taken in them is overshoot")
    findings.figure("clusters.overshoot_without_deficit", total(without), f"{share}% of the overshoot of all clusters")
    findings.figure(
        "clusters.largest_deficit", percent(deficits[largest], total(deficits)), f"{coin}, number {cluster}"
    )
    findings.figure(
        "clusters.times",
        quotient(total(over), total(deficits)),
        "'relative to our optimal policy'; over the deficit of the deleveraged",
    )


def _find_naive(over: Decimal, waves: Table, findings: Findings) -> None:
    """The arithmetic that leads from the one headline to the other, with the published ratio as it is printed."""
    ratio = FIGURES["clusters.ratio"].published
    assert ratio is not None
    naive = quotient(over, ratio)
    findings.out_of_reach("clusters.ratio", "needs equity and profit of each account at its first fill")
    findings.figure("clusters.naive", naive, f"with the published {ratio}, which is out of reach itself")
    findings.figure("clusters.naive_times", quotient(naive, total(waves.number("overshoot_prod"))))


def _find_cells(clusters: Table, findings: Findings) -> None:
    budgets, deficits = clusters.number("budget_queue_usd"), clusters.number("deficit_usd")
    left = [budget - deficit for budget, deficit in zip(budgets, deficits, strict=True)]
    over = zip(clusters.number("overshoot_queue_usd"), (max(one, Decimal(0)) for one in left), strict=True)
    short = zip(clusters.number("residual_queue_usd"), (max(-one, Decimal(0)) for one in left), strict=True)
    within = [
        budget <= capacity + DUST
        for budget, capacity in zip(budgets, clusters.number("total_capacity_usd"), strict=True)
    ]
    findings.cells("clusters.overshoot_cells", holding(over, DUST))
    findings.cells("clusters.residual_cells", holding(short, DUST))
    findings.cells("clusters.capacity_cells", (sum(within), len(within)))
