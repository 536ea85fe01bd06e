"""Pseudonyms: what an account is called in a ranking digest, so that a ranking can be shown without naming others."""

from __future__ import annotations

import hashlib
import hmac

__all__ = ["Pseudonyms", "commitment", "run_key"]


def run_key(seed: int) -> bytes:
    """The key of a simulated run, which follows from its seed. A venue keeps a secret one instead."""
    return hashlib.sha256(b"deleverage run key" + seed.to_bytes(16, "big", signed=True)).digest()


def commitment(key: bytes) -> bytes:
    """What `RunStarted` records of the key."""
    return hashlib.sha256(b"deleverage run key commitment" + key).digest()


class Pseudonyms:
    """HMAC-SHA-256(run key, account), each worked out once."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._known: dict[int, bytes] = {}

    def of(self, account: int) -> bytes:
        """The account's pseudonym, 32 bytes."""
        known = self._known.get(account)
        if known is None:
            known = self._known[account] = hmac.digest(self._key, account.to_bytes(8, "big"), "sha256")
        return known
