"""Draws docs/conformance.md by running the conformance tests: python docs/conformance.py > docs/conformance.md.

1. A case is claimed by a test whose name holds its id: `case_40`, `venues_40` or `venues-40` for id 40 of venues.json,
   `dydx: NAME` or `dydx` and a short name (`SHORT`) for a case of dydx.json, and by the protocol and the case's letter
   and number, `aave-A1`, for one of a protocol on chain. A case of collateral, of which the tests' own texts are the
   only list, is `collateral VENUE: NAME`. It passes when every test that claims it does.
2. A case is decided where a test that claims it is marked `decided`: a handler or a policy of the product gives the
   figure, from the state of a ledger. The others are formulas: a function gives the figure from what is put in.
3. Nothing but the tests is read, so the table is drawn where the two files are absent.
"""

from __future__ import annotations

import contextlib
import io
import re
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

__all__ = ["Claim", "Claims", "claimed", "page"]

TESTS = sorted((Path(__file__).resolve().parents[1] / "tests").glob("test_conformance_*.py"))
DRAWING = "test_conformance_table.py"
VENUES = (
    ("Binance", (35, 36, 37, 38, 39)),
    ("BitMEX", (40,)),
    ("Bybit", (41, 42)),
    ("OKX", ()),
    ("dYdX v4", tuple(range(1, 21))),
    ("Drift", tuple(range(21, 33))),
    ("GMX", (33, 34)),
    ("Aave v3", ()),
    ("Compound v3", ()),
    ("Maker", ()),
    ("Research (arXiv 2512.01112)", tuple(range(43, 50))),
)
"""Whose worked example each id of venues.json is; the cases of dydx.json are dYdX's, the lettered ones `ON_CHAIN`."""

_FILLABLE = "Can calculate fillable price"
_LONG, _SHORT = (f"{_FILLABLE} for a subaccount with one {side} position" for side in ("long", "short"))
_ABOVE = "Fully closing one short position above the bankruptcy price"
SHORT = {
    "one long slightly below": f"{_LONG} that is slightly below maintenance margin requirements",
    "spread 200000": f"{_LONG} when spreadToMaintenanceMarginRatioPpm is 200_000",
    "one short, adjustment 2000000": f"{_SHORT} when bankruptcyAdjustmentPpm is 2_000_000",
    "one long at bankruptcy": f"{_LONG} at the bankruptcy price",
    "one short at bankruptcy": f"{_SHORT} at the bankruptcy price",
    "one short below bankruptcy": f"{_SHORT} below the bankruptcy price",
    "adjustment max uint32": f"{_FILLABLE} when bankruptcyAdjustmentPpm is max uint32",
    "spread one million": f"{_FILLABLE} when SpreadTomaintenanceMarginRatioPpm is one million",
    "no position": "Returns error when subaccount does not have an open position for perpetual id",
    "delta greater than position": "Returns error when abs delta quantums is greater than position size",
    "long above, max fee 25000": "Fully closing one long position above the bankruptcy price pays max liquidation fee "
    "when MaxLiquidationFeePpm is 25_000",
    "short above, max fee": f"{_ABOVE} and pays max liquidation fee",
    "short above, max fee one million": f"{_ABOVE} and pays less than max liquidation fee when MaxLiquidationFeePpm is "
    "one million",
    "short above, less than max fee": f"{_ABOVE} and pays less than max liquidation fee",
    "short at bankruptcy": f"{_ABOVE} and the delta is 0",
    "short below, the fund pays": "If fully closing one short position below the bankruptcy price the insurance fund "
    "must cover the loss",
    "quote quantums are zero": "Succeeds when delta quote quantums is zero",
}
"""Short names of cases of dydx.json, where a test's name would be longer than a line."""

ON_CHAIN = (
    ("Aave v3", "aave"),
    ("Compound v3", "compound"),
    ("Maker", "maker"),
    ("GMX", "gmx"),
)
"""Whose case each of the lettered ones is."""

_LETTERED = re.compile(r"(?:\b|_case_)(aave|compound|maker|gmx)[-_]([ACMGacmg]\d+)")
_ID = re.compile(r"(?:\bvenues-|_case_|_venues_)(\d+)(?!\d)")
_COLLATERAL = re.compile(r"\bcollateral ([a-z]+): (.+?)\]?$")
_NAME = re.compile(r"\bdydx:? (.+?)\]?$")


class OfCollateral(NamedTuple):
    """A case of collateral: whose it is, and its name."""

    venue: str
    name: str


class OnChain(NamedTuple):
    """A case of a protocol on chain: whose it is, and its letter and number."""

    protocol: str
    case: str


Case = int | str | OfCollateral | OnChain
"""A case by its id, or by its name."""


class Claim(NamedTuple):
    """Whether a case passes, and whether the product decides it."""

    passed: bool
    decided: bool


Claims = dict[Case, Claim]


class _Listener:
    """What pytest tells of each test: its name, whether it is marked `decided`, and whether it passed."""

    def __init__(self) -> None:
        self.passed: dict[str, bool] = {}
        self.decided: set[str] = set()

    def pytest_itemcollected(self, item: pytest.Item) -> None:
        """A test there is."""
        self.passed[item.nodeid] = False
        if item.get_closest_marker("decided"):
            self.decided.add(item.nodeid)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """How one of its phases went."""
        if report.when == "call":
            self.passed[report.nodeid] = report.passed


def claimed(*, run: bool = True) -> Claims:
    """The cases that tests claim; without `run` none of them passes, as none is tried."""
    listener = _Listener()
    files = [str(path) for path in TESTS if path.name != DRAWING]
    quietly = ["-q", "-p", "no:cacheprovider", "-p", "no:xdist", "-o", "addopts=--import-mode=importlib"]
    with contextlib.redirect_stdout(io.StringIO()):
        pytest.main([*quietly, *([] if run else ["--collect-only"]), *files], plugins=[listener])
    claims: defaultdict[Case, Claim] = defaultdict(lambda: Claim(passed=True, decided=False))
    for name, passed in listener.passed.items():
        for case in _cases_of(name):
            before = claims[case]
            claims[case] = Claim(before.passed and passed, before.decided or name in listener.decided)
    return dict(claims)


def _cases_of(name: str) -> Iterator[Case]:
    """The cases that a test's name claims."""
    yield from (int(number) for number in _ID.findall(name))
    yield from (SHORT.get(case, case) for case in _NAME.findall(name))
    yield from (OnChain(protocol, case.upper()) for protocol, case in _LETTERED.findall(name))
    yield from (OfCollateral(*case) for case in _COLLATERAL.findall(name))


def page(claims: Claims) -> Iterator[str]:
    """The whole page."""
    yield "# Conformance"
    yield ""
    yield "The venues' own worked examples, each a test with its figures and its source, to the digits that are printed"
    yield "(dYdX: whole quantums, exactly; Binance's rates of collateral: to 2e-8, as it holds more than it prints)."
    yield "Drawn by `python docs/conformance.py`, which runs them; a test compares."
    yield ""
    yield "Counted are the cases that the product decides: a handler or a policy gives the figure, from the state of a"
    yield "ledger, as in a run. Of the others only a formula is held against the figure, in a test."
    yield ""
    yield "| venue | decided | passed | which | formula only |"
    yield "|---|---|---|---|---|"
    counted, passed = 0, 0
    for venue, ids in VENUES:
        cases: list[Case] = [case for case in ids if case in claims]
        cases += [case for case in claims if isinstance(case, str)] if venue.startswith("dYdX") else []
        cases += [case for case in claims if isinstance(case, OfCollateral) and case.venue == venue.lower()]
        cases += _on_chain(venue, claims)
        decided = [case for case in cases if claims[case].decided]
        formulas = [case for case in cases if not claims[case].decided]
        good = sum(claims[case].passed for case in decided)
        counted, passed = counted + len(decided), passed + good
        if cases:
            yield f"| {venue} | {len(decided)} | {good} | {_told(decided)} | {_told(formulas)} |"
    yield f"| all | {counted} | {passed} | | |"
    failed = [
        ": ".join(case) if isinstance(case, tuple) else str(case) for case, claim in claims.items() if not claim.passed
    ]
    if failed:
        yield ""
        yield f"Failed: {', '.join(failed)}."
    yield ""
    yield "No worked example with figures is held of Deribit and Hyperliquid, and of OKX only on collateral; their"
    yield "rules are tested by figures that are worked out by hand from the sources."


def _on_chain(venue: str, claims: Claims) -> list[OnChain]:
    """The lettered cases of a venue, in the order of their numbers."""
    protocol = dict(ON_CHAIN).get(venue)
    found = [case for case in claims if isinstance(case, OnChain) and case.protocol == protocol]
    return sorted(found, key=lambda case: int(case.case[1:]))


def _told(cases: list[Case]) -> str:
    """Cases of venues.json and of protocols on chain by number; how many others are told by name in the tests."""
    numbers = ", ".join(str(case) for case in cases if isinstance(case, int))
    parts = [f"venues.json {numbers}"] if numbers else []
    counted = [(sum(isinstance(case, str) for case in cases), "of dydx.json")]
    counted += [(sum(isinstance(case, OfCollateral) for case in cases), "on collateral")]
    lettered = [case.case for case in cases if isinstance(case, OnChain)]
    parts += [", ".join(lettered)] if lettered else []
    return "; ".join([*parts, *(f"{count} {which} by name" for count, which in counted if count)])


if __name__ == "__main__":
    drawn = "\n".join(page(claimed()))
    sys.stdout.write(drawn + "\n")
