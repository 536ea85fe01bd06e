"""Which handlers there are: the slots in the order of delivery, and the policies that can fill each.

A run names its choice as `Producer`s in `RunStarted`, so the handlers of any record can be built from the record alone,
and from the plug-ins that it names, where it names any.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from ..events.bodies.run import Producer
from ..events.errors import ScenarioError
from .choice import Choice
from .circuit_breaker import CircuitBreaker
from .funding import Funding
from .insurance_fund import InsuranceFund
from .liquidators import Liquidators
from .loss_socialization import LossSocialization
from .margin_monitor import MarginMonitor
from .mark_pricing import IndexMarkPricing, SmoothedMarkPricing
from .market import DepthMarket
from .plugins.files import file_named, without_folders
from .plugins.finding import find, how_to_install, taken_in, version_now
from .plugins.found import Found
from .policies.adl.choices import ADL_CHOICES
from .policies.fund.backstop_vault import BackstopVault
from .policies.fund.drawdown import Drawdown
from .policies.fund.fee_capped import FeeCapped
from .policies.fund.insurance_fee import InsuranceFee
from .policies.liquidation.choices import LIQUIDATION_CHOICES
from .policies.socialization.day_profits import DayProfits
from .policies.socialization.open_interest import OpenInterest
from .profit_cap import ProfitCap
from .protocol import Handler
from .socialized_loss import SocializedLoss
from .trader_response import TraderResponse

__all__ = [
    "NONE",
    "SLOTS",
    "Choice",
    "ToAtoms",
    "amounts_in",
    "build",
    "check_unchanged",
    "choice_named",
    "producer_of",
    "settings_stated",
    "version_of",
    "without_folders",
]

_ATOMS = "_atoms"

NONE = "none"
"""The policy of a slot that stays empty."""

ToAtoms = Callable[[Any], int]
"""An amount as it is written, in the asset, to its atoms. Raises ScenarioError for what is no amount."""


def _handler(kind: type[Handler]) -> Choice:
    return Choice(kind.Parameters, kind.version, kind)


def _handlers(*kinds: type[Handler]) -> dict[str, Choice]:
    return {kind.policy: _handler(kind) for kind in kinds}


SLOTS: Mapping[str, Mapping[str, Choice | None]] = {
    "mark": {"smoothed": _handler(SmoothedMarkPricing), "index": _handler(IndexMarkPricing)},
    "breaker": {"window": _handler(CircuitBreaker), NONE: None},
    "margin": {"tiered": _handler(MarginMonitor)},
    "traders": {"mixed": _handler(TraderResponse), NONE: None},
    "insurance_fund": _handlers(InsuranceFund, Drawdown, FeeCapped, InsuranceFee, BackstopVault),
    "liquidation": LIQUIDATION_CHOICES,
    "market": _handlers(DepthMarket, Liquidators),
    "profit_cap": {NONE: None, **_handlers(ProfitCap)},
    "adl": {**ADL_CHOICES, **_handlers(SocializedLoss)},
    "socialization": _handlers(LossSocialization, DayProfits, OpenInterest),
    "funding": {"interval": _handler(Funding), NONE: None},
}
"""Slot to policies, the first being the default; the order of the slots is the order of delivery."""


def producer_of(
    slot: str, settings: Mapping[str, Any], where: str, folder: Path | None = None, to_atoms: ToAtoms | None = None
) -> Producer | None:
    """A slot's settings (`policy`, `latency_ns`, the engine's and the policy's) as a producer; None for an empty slot.

    Amounts are written in the asset, `chunk_over = 100_000`, and recorded in its atoms, `chunk_over_atoms`; without
    `to_atoms` they are given as recorded. A policy that is a file is looked for from `folder` first. Raises
    ScenarioError naming the key under `where`.
    """
    given = dict(settings)
    policies = SLOTS[slot]
    policy = given.pop("policy", next(iter(policies)))
    latency_ns = given.pop("latency_ns", 0)
    choice = choice_named(slot, policy, f"{where}.policy", folder)
    if type(latency_ns) is not int or latency_ns < 0:
        message = f"{where}.latency_ns: {latency_ns!r} is not a whole number of nanoseconds from 0 on"
        raise ScenarioError(message)
    if choice is None:
        return None
    if to_atoms is not None:
        given = _in_atoms(given, choice.parameters, where, to_atoms)
    parameters: dict[str, Any] = {}
    for settings_of_one in _settings(given, choice, where):
        parameters |= msgspec.to_builtins(settings_of_one)
    return Producer(slot, without_folders(policy), choice.version, parameters, latency_ns)


def amounts_in(parameters: type[msgspec.Struct]) -> dict[str, str]:
    """The parameters that are amounts of the asset: how each is written, and how it is recorded (in atoms)."""
    fields = parameters.__struct_encode_fields__
    found = {name.removesuffix(_ATOMS): name for name in fields if name.endswith(_ATOMS)}
    return {written: recorded for written, recorded in found.items() if written not in fields}


def settings_stated(producer: Producer, of_atoms: Callable[[int], Any]) -> dict[str, Any]:
    """The parameters of a producer as a rulebook states them: `producer_of` makes it of them again."""
    found = dict(producer.parameters)
    for written, recorded in amounts_in(_choice_of(producer).parameters).items():
        if recorded in found:
            found[written] = of_atoms(found.pop(recorded))
    return found


def _in_atoms(
    given: Mapping[str, Any], parameters: type[msgspec.Struct], where: str, to_atoms: ToAtoms
) -> dict[str, Any]:
    """The settings with amounts as they are recorded; `unstated` of a policy's parameters has its own, in the asset."""
    found, unstated = dict(given), getattr(parameters, "unstated", {})
    for written, recorded in amounts_in(parameters).items():
        if recorded in found:
            message = f"{where}.{recorded}: amounts are stated in the asset, not in atoms; write {written}"
            raise ScenarioError(message)
        if written in found or written in unstated:
            value = found.pop(written, unstated.get(written))
            try:
                found[recorded] = to_atoms(value)
            except ScenarioError as error:
                message = f"{where}.{written}: {error}"
                raise ScenarioError(message) from None
    return found


def _settings(given: Mapping[str, Any], choice: Choice, where: str) -> list[msgspec.Struct]:
    """What the handler is made from: the policy's parameters, and the settings of the engine around it, if any."""
    if choice.engine is None:
        return [_convert(given, choice.parameters, where)]
    stated: dict[str, Any] = msgspec.to_builtins(choice.engine)
    own = {key: value for key, value in given.items() if key not in stated}
    engine = {key: given.get(key, value) for key, value in stated.items()}
    return [_convert(own, choice.parameters, where), _convert(engine, type(choice.engine), where)]


def choice_named(slot: str, policy: object, where: str, folder: Path | None = None) -> Choice | None:
    """What fills a slot under that name, builtin or plug-in; None where it stays empty.

    Raises ScenarioError where there is no such policy, or a plug-in cannot be taken in.
    """
    policies = SLOTS[slot]
    if isinstance(policy, str):
        if policy in policies:
            return policies[policy]
        found = find(slot, policy, folder)
        if found is not None:
            return taken_in(slot, found)
        path = file_named(policy)
        if path is not None:
            message = f"{where}: there is no file {path!r}; give its path from the scenario or the working directory"
            raise ScenarioError(message)
    message = f"{where}: there is no {slot} policy {policy!r}; choose from {', '.join(policies)}"
    raise ScenarioError(message)


def version_of(producer: Producer) -> str:
    """The version that the installed policy of this name declares; a plug-in's is told by its content, not executed.

    Raises ScenarioError where there is none.
    """
    choice = SLOTS.get(producer.handler, {}).get(producer.policy)
    return choice.version if choice is not None else version_now(_plugin(producer), producer.version)


def check_unchanged(producers: Iterable[Producer]) -> None:
    """That each plug-in is the one that the record was made with. Raises ScenarioError naming the first that is not."""
    for producer in producers:
        if producer.policy in SLOTS.get(producer.handler, {}):
            continue
        installed = version_of(producer)
        if installed != producer.version:
            message = (
                f"plug-in {producer.handler}:{producer.policy} was version {producer.version}, and installed is "
                f"{installed}; bring back what the record was made with, or --set {producer.handler}.policy anew"
            )
            raise ScenarioError(message)


def build(producer: Producer) -> Handler:
    """The handler that a producer declares. Raises ScenarioError where this version has no such policy."""
    choice = _choice_of(producer)
    return choice.make(*_settings(producer.parameters, choice, f"$.{producer.handler}"))


def _choice_of(producer: Producer) -> Choice:
    choice = SLOTS.get(producer.handler, {}).get(producer.policy)
    return taken_in(producer.handler, _plugin(producer)) if choice is None else choice


def _plugin(producer: Producer) -> Found:
    """The plug-in that a producer names, with the recorded content if that is at hand."""
    slot, policy = producer.handler, producer.policy
    found = find(slot, policy, None, producer.version) if slot in SLOTS else None
    if found is None:
        message = f"policy {slot}:{policy} is not installed; {how_to_install(policy)}"
        raise ScenarioError(message)
    return found


def _convert(given: Mapping[str, Any], kind: type[msgspec.Struct], where: str) -> msgspec.Struct:
    try:
        if not kind.__struct_config__.forbid_unknown_fields:  # a plug-in's, which need not say so
            _check_known(given, kind)
        return msgspec.convert(dict(given), kind)
    except msgspec.ValidationError as error:
        text = str(error)
        what, _, path = text.partition(" - at `$")
        message = f"{where}{path.rstrip('`')}: {what}; correct the scenario or the --set"
        raise ScenarioError(message) from None


def _check_known(given: Mapping[str, Any], kind: type[msgspec.Struct]) -> None:
    for key in given:
        if key not in kind.__struct_encode_fields__:
            message = f"Object contains unknown field `{key}`"
            raise msgspec.ValidationError(message)
