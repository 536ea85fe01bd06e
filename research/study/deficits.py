"""The deficits: of whom they were asked, and how often the same account was counted.

The waves ask those who were liquidated, the clusters those who were deleveraged. An account that is under water for
minutes is under water in every wave of those minutes, and a sum over waves counts it in each.
"""

from __future__ import annotations

from .arithmetic import percent, quotient, total
from .files import Table
from .findings import Findings

__all__ = ["find_deficits"]


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
