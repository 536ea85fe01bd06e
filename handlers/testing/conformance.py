"""The conformance kit: whether a policy, builtin or plug-in, keeps the rules that every one must keep.

    conserves      the laws of the ledger hold after every event
    right side     a reduction takes only from a position of its own side
    no more        and never more than the position
    pure           the ledger is the same, byte for byte, after each answer
    primed         built anew and primed, it gives the same answer
    order          an ADL policy ranks alike in whatever order accounts are stored, and whoever else is scored
    formula        every score is the one that the formula of an ADL policy gives, if it declares one
    ends           the crash comes to an end, within `seconds`
    deterministic  two processes with other hash seeds make the same events

It needs no pytest: what is not kept is an AssertionError that says what, and where.
"""

from __future__ import annotations

import inspect
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ...events.errors import ScenarioError
from ..plugins.files import file_named
from .trial import Trial

__all__ = ["check_policy", "digests_elsewhere", "policy_named"]

_HASH_SEEDS = ("1", "2")


def check_policy(policy: str | type, slot: str = "adl", *, seconds: int = 60, **parameters: Any) -> None:
    """Run a policy (its name, `file.py:Class`, `package.module:Class`, or a class) through a small crash.

    Raises AssertionError for the first rule that it does not keep, ScenarioError where it cannot be built, HandlerError
    where it raises or gives nonsense.
    """
    name = policy if isinstance(policy, str) else policy_named(policy)
    watched = Trial(name, slot, parameters)
    (elsewhere,) = digests_elsewhere([(name, slot, parameters)], seconds)
    digest = watched.run()
    assert watched.asked, f"{name} was never asked; look at what it subscribes to"
    assert digest == elsewhere, f"{name} is not deterministic: asked more often it says something else"


def digests_elsewhere(policies: Sequence[tuple[str, str, Mapping[str, Any]]], seconds: int) -> list[str]:
    """The digest of the crash under each of these (policy, slot, parameters), as two other processes make it.

    Raises AssertionError where the two differ, or do not end in time.
    """
    processes = [_begun(policies, hash_seed) for hash_seed in _HASH_SEEDS]
    names = ", ".join(policy for policy, _, _ in policies)
    try:
        first, second = [_ended(process, names, seconds) for process in processes]
    finally:
        for process in processes:
            process.kill()
            process.communicate()
    for (policy, _, _), one, other in zip(policies, first, second, strict=True):
        assert one == other, (
            f"{policy} is not deterministic: two processes made other events of the same crash; look for sets, hash(), "
            "clocks and random numbers"
        )
    return first


def policy_named(kind: type) -> str:
    """How a class is named, so that another process finds it. Raises ScenarioError where it is within a function."""
    if kind.__qualname__ != kind.__name__:
        message = f"{kind.__qualname__} is not at the top of its file, so no other process finds it; move it there"
        raise ScenarioError(message)
    if kind.__module__ in sys.modules and "." in kind.__module__:
        return f"{kind.__module__}:{kind.__name__}"
    return f"{inspect.getfile(kind)}:{kind.__name__}"


def _begun(policies: Sequence[tuple[str, str, Mapping[str, Any]]], hash_seed: str) -> subprocess.Popen[str]:
    named = json.dumps([(_with_its_folder(policy), slot, parameters) for policy, slot, parameters in policies])
    command = [sys.executable, "-m", f"{__package__}.trial", named]
    search = os.pathsep.join(filter(None, sys.path))
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": search}
    pipe = subprocess.PIPE
    return subprocess.Popen(command, env=environment, stdout=pipe, stderr=pipe, text=True)  # noqa: S603 - this interpreter


def _ended(process: subprocess.Popen[str], names: str, seconds: int) -> list[str]:
    try:
        out, err = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        message = f"{names}: it does not end; the small crash was not over within {seconds} s"
        raise AssertionError(message) from None
    assert not process.returncode, f"{names}: it failed in a process of its own: {err.strip().splitlines()[-1]}"
    return out.split()


def _with_its_folder(policy: str) -> str:
    path = file_named(policy)
    return policy if path is None else f"{Path(path).resolve()}:{policy.rpartition(':')[2]}"
