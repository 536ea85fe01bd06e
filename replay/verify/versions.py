"""Whether a record was made by what is installed: the code that decides, and the version of each builtin policy.

A plug-in has no part in this: with another content than the recorded one it is not executed at all.
"""

from __future__ import annotations

from collections.abc import Iterator

from ...events.bodies.run import Producer
from ...events.record.fingerprint import code_sha256, package_version
from ...handlers.registry import builtin_version, is_builtin
from ..run import Run

__all__ = ["differences"]

_SHOWN = 8


def differences(run: Run) -> list[str]:
    """What is not the same, a phrase each."""
    return [*_code(run), *_policies(run)]


def _code(run: Run) -> Iterator[str]:
    for manifest in (reader.manifest for reader in run.reader.lineage):
        if manifest.code_sha256 != code_sha256():
            yield (
                f"it was made by deleverage {manifest.deleverage}, code {manifest.code_sha256[:_SHOWN]}, "
                f"and installed is {package_version()}, code {code_sha256()[:_SHOWN]}"
            )
            return


def _policies(run: Run) -> Iterator[str]:
    declared: dict[tuple[str, str], Producer] = {}
    for seq in (0, *run.forks):
        declared |= {(producer.handler, producer.policy): producer for producer in run.producers_at(seq)}
    for producer in filter(is_builtin, declared.values()):
        installed = builtin_version(producer)
        if installed != producer.version:
            yield (f"{producer.handler}:{producer.policy} was version {producer.version}, and installed is {installed}")
