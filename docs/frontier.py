"""One table of several labs: python docs/frontier.py FOLDER... prints, per scenario, a row a rule, medians over seeds.

The spread of fairness is a column where the labs have it (`fairness_spread`), and is left out where they do not.
"""

from __future__ import annotations

import csv
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from statistics import median

COLUMNS = {
    "taken": "taken_from_winners",
    "spread": "fairness_spread",
    "overshoot": "equity_overshoot",
    "regret": "regret",
    "share": "equity_share_taken_max",
    "impact": "price_impact:COIN-PERP",
    "bankrupt": "accounts_bankrupt",
    "unpaid": "loss_unpaid",
}
"""What stands above a column, and which metric it is."""

SHARES = ("share", "impact")


def rows_of(folders: list[str]) -> dict[tuple[str, str], list[dict[str, str]]]:
    """The cells of each scenario and rule, in their order; a rule is what was varied."""
    found: dict[tuple[str, str], list[dict[str, str]]] = defaultdict(list)
    for folder in folders:
        with (Path(folder) / "results.csv").open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                varied = list(row)[1 : list(row).index("seed")]
                found[row["scenario"], ", ".join(row[key] for key in varied)].append(row)
    return found


def told(name: str, cells: list[dict[str, str]]) -> str:
    """The median of a metric over seeds: shares with four decimals, all else whole."""
    values = [float(row[COLUMNS[name]]) for row in cells if row[COLUMNS[name]]]
    if not values:
        return "-"
    return f"{median(values):.4f}" if name in SHARES else f"{median(values):,.0f}"


def lines(folders: list[str]) -> Iterator[str]:
    """The tables, one a scenario."""
    found = rows_of(folders)
    names = [name for name in COLUMNS if all(COLUMNS[name] in row for cells in found.values() for row in cells)]
    wide = max(len(rule) for _, rule in found)
    for scenario in dict.fromkeys(scenario for scenario, _ in found):
        yield f"{scenario:{wide}}" + "".join(f"{name:>11}" for name in names)
        for (of, rule), cells in found.items():
            if of == scenario:
                yield f"{rule:{wide}}" + "".join(f"{told(name, cells):>11}" for name in names)
        yield ""


if __name__ == "__main__":
    sys.stdout.writelines(f"{line}\n" for line in lines(sys.argv[1:]))
