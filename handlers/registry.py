"""Which handlers there are: what fills the slots (`slots.py`), built in or plugged in, as it is named and built.

A run names its choice as `Producer`s in `RunStarted`, so the handlers of any record can be built from the record alone,
and from the plug-ins that it names, where these are at hand (`plugins/at_hand.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from ..events.bodies.run import Producer
from ..events.errors import ScenarioError
from ..events.venue_names import plain
from .at_venue import at_venue
from .choice import Choice
from .plugins.at_hand import Plugins
from .plugins.files import file_named, without_folders
from .plugins.rooms import ROOMS, Provided
from .plugins.taking_in import taken_in
from .protocol import Handler
from .slots import NONE, SLOTS

__all__ = [
    "AT_ONCE",
    "NONE",
    "OVER_VENUES",
    "SLOTS",
    "Amounts",
    "Choice",
    "amounts_in",
    "build",
    "builtin_version",
    "choice_named",
    "is_builtin",
    "producer_of",
    "producer_with",
    "provider_of",
    "without_folders",
]

_ATOMS = "_atoms"


class Amounts(NamedTuple):
    """How amounts of an asset are written: to its atoms (raises ScenarioError for what is no amount), and back."""

    to_atoms: Callable[[Any], int]
    of_atoms: Callable[[int], Any]


AT_ONCE = ("invariants",)
"""Slots that hear of events as they happen, without latency: what they look at is kept for the instant."""

OVER_VENUES = ("arbitrage", "hedgers", "ties", "bridge", "faults")
"""Slots that are filled once for all venues of a run; each of the others is each venue's own."""


def producer_of(
    slot: str,
    settings: Mapping[str, Any],
    where: str,
    plugins: Plugins | None = None,
    folder: Path | None = None,
    amounts: Amounts | None = None,
    recorded: Mapping[str, Any] | None = None,
) -> Producer | None:
    """A slot's settings (`policy`, `latency_ns`, the engine's and the policy's) as a producer; None for an empty slot.

    The slot may be one venue's, "margin@alpha".

    Amounts are written in the asset, `chunk_over = 100_000`, and recorded in its atoms, `chunk_over_atoms`; without
    `amounts` they are given as recorded. What is `recorded` of a run holds where the settings say nothing else. A
    plug-in that is named here is at hand in `plugins` from now on; a file is looked for from `folder` first. Raises
    ScenarioError naming the key under `where`.
    """
    given, base = dict(settings), plain(slot)
    policy = given.pop("policy") if base in ROOMS else given.pop("policy", next(iter(SLOTS[base])))
    choice = choice_named(base, policy, f"{where}.{'source' if base in ROOMS else 'policy'}", plugins, folder)
    if recorded and choice is not None and amounts is not None:
        kept = {key: value for key, value in recorded.items() if key != "policy"}
        given = {**_stated(kept, choice.parameters, amounts), **given}
    return _producer(slot, policy, choice, given, where, amounts)


def producer_with(
    producer: Producer, settings: Mapping[str, Any], where: str, plugins: Plugins, amounts: Amounts
) -> Producer | None:
    """The same policy, as a record names it, with other parameters or another latency; amounts are in the asset.

    Raises ScenarioError naming the key under `where`, or a plug-in that is not at hand.
    """
    choice = _recorded(producer, plugins)
    stated = _stated(producer.parameters, choice.parameters, amounts)
    given = {"latency_ns": producer.latency_ns, **stated, **settings}
    return _producer(producer.handler, producer.policy, choice, given, where, amounts)


def _producer(
    slot: str, policy: str, choice: Choice | None, given: dict[str, Any], where: str, amounts: Amounts | None
) -> Producer | None:
    latency_ns = given.pop("latency_ns", 0)
    if type(latency_ns) is not int or latency_ns < 0:
        message = f"{where}.latency_ns: {latency_ns!r} is not a whole number of nanoseconds from 0 on"
        raise ScenarioError(message)
    if latency_ns and plain(slot) in AT_ONCE:
        message = f"{where}.latency_ns: {plain(slot)} hears of events as they happen; leave the latency out"
        raise ScenarioError(message)
    if choice is None:
        return None
    if amounts is not None:
        given = _in_atoms(given, choice.parameters, where, amounts)
    parameters: dict[str, Any] = {}
    for settings_of_one in _settings(given, choice, where):
        parameters |= msgspec.to_builtins(settings_of_one)
    return Producer(slot, without_folders(policy), choice.version, parameters, latency_ns)


def amounts_in(parameters: type[msgspec.Struct]) -> dict[str, str]:
    """The parameters that are amounts of the asset: how each is written, and how it is recorded (in atoms)."""
    fields = parameters.__struct_encode_fields__
    found = {name.removesuffix(_ATOMS): name for name in fields if name.endswith(_ATOMS)}
    return {written: recorded for written, recorded in found.items() if written not in fields}


def _stated(parameters: Mapping[str, Any], kind: type[msgspec.Struct], amounts: Amounts) -> dict[str, Any]:
    """Recorded parameters as a rulebook states them."""
    found = dict(parameters)
    for written, recorded in amounts_in(kind).items():
        if recorded in found:
            value = found.pop(recorded)
            several = isinstance(value, list | tuple)
            found[written] = [amounts.of_atoms(one) for one in value] if several else amounts.of_atoms(value)
    return found


def _in_atoms(
    given: Mapping[str, Any], parameters: type[msgspec.Struct], where: str, amounts: Amounts
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
                several = isinstance(value, list | tuple)
                found[recorded] = [amounts.to_atoms(one) for one in value] if several else amounts.to_atoms(value)
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


def choice_named(
    slot: str, policy: object, where: str, plugins: Plugins | None = None, folder: Path | None = None
) -> Choice | None:
    """What fills a slot under that name, builtin or plug-in; None where it stays empty.

    Raises ScenarioError where there is no such policy, or a plug-in cannot be taken in.
    """
    policies = SLOTS.get(slot, {})
    if isinstance(policy, str):
        if policy in policies:
            return policies[policy]
        found = (plugins or Plugins()).named(slot, policy, folder)
        if found is not None:
            return taken_in(slot, found)
        path = file_named(policy)
        if path is not None:
            message = f"{where}: there is no file {path!r}; give its path from the scenario or the working directory"
            raise ScenarioError(message)
    choose = f"choose from {', '.join(policies)}" if policies else "name FILE.py:CLASS, or what is installed"
    message = f"{where}: there is no {slot} policy {policy!r}; {choose}"
    raise ScenarioError(message)


def is_builtin(producer: Producer) -> bool:
    """Whether this version of the package has the policy, so that nothing else is executed for it."""
    return SLOTS.get(producer.slot, {}).get(producer.policy) is not None


def builtin_version(producer: Producer) -> str:
    """The version that the builtin policy of this name declares today."""
    choice = SLOTS[producer.slot][producer.policy]
    assert choice is not None, "an empty slot has no producer"
    return choice.version


def build(producer: Producer, plugins: Plugins | None = None) -> Handler:
    """The handler that a producer declares. Raises ScenarioError where it is neither builtin nor in `plugins`.

    Of a room nothing is executed: nobody needs its code who has a record of what it gave.
    """
    if producer.slot in ROOMS:
        return Provided()
    choice = _recorded(producer, plugins or Plugins())
    handler = choice.make(*_settings(producer.parameters, choice, f"$.{producer.handler}"))
    return at_venue(handler, producer.venue) if producer.venue else handler


def provider_of(producer: Producer, plugins: Plugins) -> Any:
    """The plug-in's own instance that a room's producer declares. Raises ScenarioError where it is not in `plugins`."""
    choice = _recorded(producer, plugins)
    handler = choice.make(*_settings(producer.parameters, choice, f"$.{producer.handler}"))
    assert isinstance(handler, Provided), "a slot's plug-in is built"
    return handler.provider


def _recorded(producer: Producer, plugins: Plugins) -> Choice:
    """What a producer names: builtin, or a plug-in with the recorded content, which declares the recorded version."""
    slot, policy, version = producer.slot, producer.policy, producer.version
    choice = SLOTS.get(slot, {}).get(policy)
    if choice is not None:
        return choice
    if slot not in SLOTS and slot not in ROOMS:
        message = f"policy {slot}:{policy} is not installed; install what the record was made with"
        raise ScenarioError(message)
    choice = taken_in(slot, plugins.recorded(slot, policy, version))
    if not choice.version.startswith(version):  # of older records the hash is cut
        message = f"plug-in {slot}:{policy} declares version {choice.version}, and recorded is {version}"
        raise ScenarioError(message)
    return choice


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
