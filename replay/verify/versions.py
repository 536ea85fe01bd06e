"""Whether a record was made by what is installed: the code that decides, and the version that each policy declares."""

from __future__ import annotations

from collections.abc import Iterator

from ...events.bodies.run import Producer
from ...events.record.fingerprint import code_sha256, package_version
from ...handlers.registry import version_of
from ..run import Run

__all__ = ["differences"]

_SHOWN = 8


def differences(run: Run) -> list[str]:
    """What is not the same, a phrase each. Raises ScenarioError for a policy that is not installed at all."""
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
    for producer in declared.values():
        installed = version_of(producer)
        if installed != producer.version:
            yield (f"{producer.handler}:{producer.policy} was version {producer.version}, and installed is {installed}")
