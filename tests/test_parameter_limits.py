"""Every bound of a handler's parameters: the figure at the bound is taken, and the next one beyond it is refused."""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec
import pytest

from deleverage.events.errors import ScenarioError
from deleverage.handlers.registry import SLOTS, producer_of

DAY_NS = 86_400 * 10**9


class Bound(NamedTuple):
    """From where to where a figure may lie, None for no bound of its own, and what else must be set for that."""

    slot: str
    policy: str
    name: str
    least: int | None
    most: int | None = None
    others: dict[str, int] = {}  # noqa: RUF012 - nobody writes to it


FUND = [
    ("sale_parts", 1),
    ("sale_interval_ns", 1),
    ("retry_ns", 1),
    ("fee_bps", 0),
    ("capital_bps", 0),
]
DRAWDOWN = [
    ("fall_bps", 1, 10_000),
    ("stop_fall_bps", 0, 3_000),
    ("window_ns", 8),
    ("sample_ns", 1),
]
STEPS = {
    "partial-then-whole": [("first_share_bps", 1, 10_000), ("restored_bps", 10_000), ("cooldown_ns", 0)],
    "whole-takeover": [("reduction_bps", 1, 10_000), ("restored_bps", 10_000)],
    "incremental": [
        ("step_bps", 1, 10_000),
        ("restored_bps", 10_000),
        ("pause_ns", 1),
        ("whole_below_atoms", 0),
    ],
    "staged": [("stages", 1), ("restored_bps", 10_000), ("pause_ns", 1)],
    "tier-step-down": [("restored_bps", 10_000), ("pause_ns", 0)],
    "liquidator-fee": [
        ("liquidator_fee_ppm", 0, 999_999),
        ("insurance_fee_ppm", 0, 999_999),
        ("restored_bps", 10_000),
        ("pause_ns", 1),
    ],
    "fillable-price": [
        ("bankruptcy_adjustment_ppm", 0),
        ("spread_to_maintenance_ppm", 0),
        ("portion_ppm_max", 1, 1_000_000),
        ("portion_min_atoms", 0),
        ("block_notional_max_atoms", 0),
        ("block_fund_loss_max_atoms", 0),
        ("restored_bps", 10_000),
        ("pause_ns", 1),
    ],
    "chunk-and-cooldown": [
        ("chunk_bps", 1, 10_000),
        ("restored_bps", 10_000),
        ("pause_ns", 1),
        ("cooldown_ns", 0),
        ("chunk_over_atoms", 0),
        ("backstop_numerator", 0, 3),
    ],
}
LAW = [
    ("depth_atoms", 1),
    ("outside_bps", 0, 10_000),
    ("half_spread_bps", 0, 1_000),
    ("reach_bps", 1, 5_000),
    ("permanent_bps", 0, 10_000),
    ("reversion_ns", 0),
    ("refill_ns", 1, 120_000_000_000),
    ("refill_most_ns", 10_000_000_000),
    ("stretch_bps", 0),
    ("calm_volatility_ppb", 1),
    ("memory_ns", 1),
    ("trend_ns", 1),
]
MAKERS = [
    ("half_spread_bps", 0, 1_000),
    ("limit_spread_bps", 0, 9_999),
    ("return_bps", 1, 10_000),
    ("lean_bps", 0, 10_000),
    *((name, 1) for name in ("quoted_bps", "interval_ns", "inventory_bps", "calm_volatility_ppb", "away_ns")),
    *((name, 1) for name in ("leave_volatility_ppb", "leave_loss_bps")),
]
CAMPAIGN = [
    ("share_bps", 1, 10_000),
    ("signal_bps", 1, 9_999),
    ("target_bps", 1, 9_999),
    *((name, 1) for name in ("reach_bps", "patience_ns", "pause_ns")),
]
PREMIUM = [
    *((name, 1, 366 * DAY_NS) for name in ("interval_ns", "period_ns")),
    *((name, 0) for name in ("premium_bps", "damper_ppb", "crowding_ppb", "cap_ppb", "cap_margin_bps")),
    *((name, -(10**9), 10**9) for name in ("interest_ppb", "offset_ppb")),
]
MODELS = {
    "volatility": [("deviations_bps", 1), ("horizon_ns", 1)],
    "expected-shortfall": [("tail_bps", 1, 10_000), ("horizon_ns", 1), ("times_bps", 1)],
    "concentration": [("accounts", 1), ("from_bps", 0), ("slope_bps", 1)],
    "open-interest": [("calm_atoms", 1), ("slope_bps", 1)],
}
MARGIN_RULES = [
    *((name, 0) for name in ("notice_ns", "step_bps", "least_bps", "buffer_bps")),
    ("interval_ns", 1),
    ("sample_ns", 6_000_000, 600_000_000_000),
    ("window_ns", 1_000_000_000, 100_000_000_000_000),
    ("lookback_ppm", 0, 999_999),
    ("stressed_bps", 1, 10_000, {"stressed_ppm": 1}),
    ("stressed_ppm", 1, 999_999, {"stressed_bps": 1}),
]
LENDING = [("reserve_bps", 0, 10_000), ("interest_interval_ns", 1)]
ON_CHAIN: dict[tuple[str, str], list[tuple[Any, ...]]] = {
    ("chain", "blocks"): [
        ("interval_ns", 1),
        ("kept_ppm", 0, 999_999),
        ("usual_fee_wei", 7),
        ("noise_ppm", 0),
        ("sensitivity_ppm", 0),
    ],
    ("oracle", "deviation"): [("deviation_bps", 1), ("heartbeat_ns", 1), ("lag_ns", 0), ("most_fee_wei", 0)],
    ("oracle", "security-module"): [("hop_ns", 1), ("most_fee_wei", 0)],
    ("keepers", "paid"): [
        ("spread_bps", 0, 10_000),
        ("looks", 1),
        *((name, 0) for name in ("least_profit_atoms", "most_fee_wei", "tip_wei")),
    ],
    ("borrowers", "answering"): [
        ("level_bps", 10_000, 11_499),
        ("target_bps", 10_501),
        *((name, 0, 10_000) for name in ("repay_bps", "add_bps", "sell_bps", "purse_bps")),
        ("least_bps", 1, 10_000),
    ],
    ("lending", "aave-v3"): [
        ("share_bps", 1, 10_000),
        ("whole_health_ppm", 0, 1_000_000),
        ("least_value_atoms", 0),
        ("least_left_atoms", 0),
        ("gas", 0),
    ],
    ("lending", "compound-v3"): [
        ("store_front_ppm", 0, 1_000_000),
        ("target_reserves_atoms", 0),
        ("absorb_gas", 0),
        ("buy_gas", 0),
    ],
    ("lending", "maker"): [
        ("buf_bps", 10_000),
        ("cut_ppb", 1, 999_999_999),
        ("cusp_bps", 1, 9_999),
        *((name, 10**9) for name in ("step_ns", "tail_ns")),
        *((name, 0) for name in ("hole_atoms", "dust_atoms", "tip_atoms", "chip_bps", "bark_gas", "take_gas")),
    ],
    ("lending", "maker-1"): [
        ("beg_bps", 0),
        *((name, 0) for name in ("bite_gas", "bid_gas")),
        ("margin_bps", 0, 9_999),
        *((name, 10**9) for name in ("ttl_ns", "tau_ns")),
    ],
}
COLLATERAL = [
    *((name, 0) for name in ("debt_most_atoms", "free_debt_atoms", "rate_ppb")),
    *((name, 1) for name in ("interest_interval_ns", "retry_ns")),
    ("fee_bps", 0, 10_000),
]
OPTION_RULES = [
    ("window_ns", 1),
    ("leverage_ppm", 0),
    ("level_least_ppm", 1, 1_000_000),
    ("level_most_ppm", 1_000_000),
    ("step_ppm", 1),
    ("jump_ppm", 0),
    ("jump_move_bps", 0),
    ("jump_chance_ppm", 0, 1_000_000),
    ("jump_half_life_ns", 0),
    *((name, 0, 1_000_000) for name in ("rate_ppm", "fee_ppm", "initial_ppm", "least_ppm")),
]
SCAN = [
    ("price_range_bps", 1, 4_999),
    ("volatility_up_ppm", 0),
    ("volatility_down_ppm", 0, 1_000_000),
    ("maintenance_ppm", 1),
    ("warning_bps", 10_000, 15_000),
    ("recovery_bps", 12_500),
    ("dampener_atoms", 0),
    *((f"{name}_ppm", 0) for name in ("least_volatility", "short_power", "long_power", "extended")),
    *((f"{name}_ppm", 0) for name in ("least_move", "annual_risk")),
]
BOUNDS = [
    *(Bound("margin_rules", policy, *bound) for policy, bounds in MODELS.items() for bound in bounds),
    *(Bound("margin_rules", "volatility", *bound) for bound in MARGIN_RULES),
    Bound("margin", "levels", "recovery_bps", 15_000),
    Bound("oracle", "redemption", "own_weight_bps", 0, 10_000),
    *(Bound("collateral", "haircut", *bound) for bound in COLLATERAL),
    *(Bound("option_rules", "black-76", *bound) for bound in OPTION_RULES),
    *(Bound("margin", "portfolio", *bound) for bound in SCAN),
    *(Bound("dealers", policy, "least_bps", 0, 10_000) for policy in ("delta-neutral", "vega-limited")),
    *(Bound("dealers", policy, "leverage_bps", 1) for policy in ("delta-neutral", "vega-limited")),
    Bound("dealers", "vega-limited", "vega_limit_atoms", 1),
    Bound("dealers", "vega-limited", "near_bps", 0),
    Bound("dealers", "vega-limited", "half_spread_bps", 0, 9_999),
    *(Bound("impact", policy, *bound) for policy in ("power-law", "square-root") for bound in LAW),
    *(Bound("makers", "banded", *bound) for bound in MAKERS),
    *(Bound("strategist", policy, *bound) for policy in ("front-run", "trigger") for bound in CAMPAIGN),
    Bound("strategist", "hold", "share_bps", 1, 10_000),
    *(Bound("funding", "premium", *bound) for bound in PREMIUM),
    Bound("crowd", "mixed", "pause_ns", 1),
    *(Bound("index", "constituents", name, 1) for name in ("outlier_bps", "stale_ns")),
    *(Bound("arbitrage", "gap", name, 1) for name in ("gap_bps", "leverage_bps")),
    Bound("arbitrage", "gap", "rebalance_bps", 1, 9_999),
    Bound("hedgers", "neutral", "leverage_bps", 1),
    Bound("ties", "collateral", "answers_bps", 0, 10_000),
    Bound("ties", "collateral", "target_bps", 10_000),
    Bound("bridge", "delay", "delay_ns", 1),
    *(Bound("insurance_fund", policy, *bound) for policy in SLOTS["insurance_fund"] for bound in FUND),
    *(Bound("liquidation", policy, *bound) for policy, bounds in STEPS.items() for bound in bounds),
    Bound("liquidation", "chunk-and-cooldown", "backstop_denominator", 2),
    Bound("liquidation", "chunk-and-cooldown", "backstop_denominator", 1, None, {"backstop_numerator": 0}),
    Bound("insurance_fund", "fee-capped", "fee_ppm_max", 0),
    Bound("insurance_fund", "insurance-fee", "fee_ppm_max", 0),
    Bound("insurance_fund", "insurance-fee", "restored_bps", 10_000),
    Bound("insurance_fund", "insurance-fee", "market_payment_max_atoms", 0),
    *(Bound("insurance_fund", policy, *bound) for policy in ("drawdown", "symbol-drawdown") for bound in DRAWDOWN),
    Bound("insurance_fund", "drawdown", "least_fall_atoms", 0),
    *(Bound("socialization", policy, "payers_max", 1) for policy in ("profit-pro-rata", "day-profits")),
    Bound("socialization", "day-profits", "day_starts_ns", 0, DAY_NS - 1),
    Bound("mark", "smoothed", "smoothing_ns", 0),
    Bound("mark", "book", "smoothing_ns", 0),
    Bound("mark", "constituents", "smoothing_ns", 0),
    Bound("mark", "median", "smoothing_ns", 1),
    *(Bound("insurance_fund", vault, "deposit_bps", 1, 10_000) for vault in ("depositor-vault", "tranched-vault")),
    *(Bound("insurance_fund", vault, "share_interval_ns", 1) for vault in ("depositor-vault", "tranched-vault")),
    *(Bound("adl", policy, "batch_ns", 1) for policy in ("uniform-price", "side-index")),
    Bound("adl", "online-learning", "eta_ppm", 1, 20_000_000),
    Bound("adl", "delayed", "delay_ns", 1),
    Bound("adl", "delayed", "bail_in_bps", 0, 10_000),
    Bound("adl", "insured", "insured_bps", 0, 10_000),
    *(Bound("adl", "insured", name, 1) for name in ("premium_ppm", "interval_ns")),
    Bound("market", "banded", "band_bps", 1, 1_000),
    Bound("market", "banded", "widest_bps", 300, 9_999),
    *(Bound("market", "banded", name, 1) for name in ("calm_volatility_ppb", "retry_ns")),
    Bound("market", "auction", "first_bps", 0, 300),
    Bound("market", "auction", "most_bps", 10, 9_999),
    Bound("market", "auction", "nearest_bps", 0, 150),
    Bound("market", "auction", "furthest_bps", 10, 9_999),
    *(Bound("market", "auction", name, 1) for name in ("step_bps", "step_ns", "leverage_bps")),
    *(Bound("breaker", "window", name, 1) for name in ("move_bps", "window_ns", "halt_ns")),
    Bound("margin", "tiered", "warning_bps", 10_000, 15_000),
    Bound("margin", "tiered", "recovery_bps", 12_500),
    Bound("funding", "interval", "interval_ns", 1),
    Bound("profit_cap", "pool-profit", "min_factor_ppm", 0, 850_000),
    Bound("profit_cap", "pool-profit", "min_factor_ppm", 0, 999_999, {"max_factor_ppm": 2_000_000}),
    Bound("profit_cap", "pool-profit", "max_factor_ppm", 770_000),
    Bound("traders", "mixed", "add_bps", 0, 7_500),
    Bound("traders", "mixed", "reduce_bps", 0, 7_500),
    Bound("traders", "mixed", "reduce_share_bps", 0, 10_000),
    Bound("traders", "mixed", "target_bps", 10_000),
    Bound("traders", "mixed", "fastest_ns", 1, 120_000_000_000),
    Bound("traders", "mixed", "slowest_ns", 5_000_000_000),
    *(Bound(slot, policy, *bound) for (slot, policy), bounds in ON_CHAIN.items() for bound in bounds),
    *(Bound("lending", policy, *bound) for policy in SLOTS["lending"] if policy != "none" for bound in LENDING),
    Bound("oracle", "redemption", "own_weight_bps", 0, 10_000),
    Bound("collateral", "haircut", "left_bps", 0, 10_000),
    Bound("collateral", "haircut", "debt_most_atoms", 0),
    Bound("collateral", "haircut", "free_debt_atoms", 0),
    Bound("collateral", "haircut", "interest_interval_ns", 1),
    Bound("collateral", "haircut", "retry_ns", 1),
    Bound("redemptions", "delayed", "share_bps", 0, 10_000),
    Bound("invariants", "declared", "block_notional_max_atoms", 0),
    Bound("invariants", "declared", "block_fund_loss_max_atoms", 0),
    Bound("invariants", "declared", "lots_step", 1),
    Bound("invariants", "declared", "notice_ns", 0),
    Bound("redemptions", "delayed", "target_bps", 10_000),
    Bound("borrowers", "answering", "level_bps", 10_000, 11_499),
    *(Bound("borrowers", "answering", f"{part}_bps", 0, 10_000) for part in ("repay", "add", "sell", "purse")),
    Bound("borrowers", "answering", "least_bps", 1, 10_000),
    Bound("borrowers", "answering", "target_bps", 10_501),
    Bound("adl", "capped-pro-rata", "cap_bps", 1, 10_000),
    Bound("adl", "risk-aware-pro-rata", "threshold_bps", 0),
]


def taken(bound: Bound, figure: int) -> bool:
    """Whether the handler can be had with this figure."""
    settings: dict[str, Any] = {"policy": bound.policy, bound.name: figure, **bound.others}
    try:
        producer_of(bound.slot, settings, f"$.{bound.slot}")
    except ScenarioError as error:
        told = str(error)
        return pytest.fail(told) if "must " not in told or f"$.{bound.slot}" not in told else False
    return True


@pytest.mark.parametrize("bound", BOUNDS, ids=lambda bound: f"{bound.policy}-{bound.name}-{bound.most}")
def test_the_bound_is_taken_and_the_next_is_not(bound: Bound) -> None:
    """The least and the most that may be set are taken, one less and one more are refused with the key and the rule."""
    if bound.least is not None:
        assert [taken(bound, bound.least + step) for step in (-1, 0, 1)] == [False, True, bound.most != bound.least]
    if bound.most is not None:
        assert [taken(bound, bound.most + step) for step in (-1, 0, 1)] == [True, True, False]


def test_no_bound_is_left_out() -> None:
    """Every figure of every policy that refuses something is in the table, or is free on purpose."""
    listed = {(bound.slot, bound.policy, bound.name) for bound in BOUNDS}
    free = {"rate_ppb", "floor_atoms", "threshold_atoms", "whole_below_atoms", "fee_bps"}
    free.add("exponent_ppm")  # only whole sixteenths are taken, so the next figure never is
    for slot, choices in SLOTS.items():
        for policy, choice in choices.items():
            if choice is None or "__post_init__" not in dir(choice.parameters):
                continue
            for field in msgspec.structs.fields(choice.parameters):
                if isinstance(field.default, int) and not isinstance(field.default, bool):
                    assert (slot, policy, field.name) in listed or field.name in free, (slot, policy, field.name)
