"""A record served by the explorer: asked in this process as a browser would ask it, or in a process for a browser."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from deleverage.replay.explore.explored import Explored
from deleverage.replay.explore.guard import Guard
from deleverage.replay.explore.server import Service, application

from .command_line import spawn
from .patience import PATIENCE_S

__all__ = ["HOST", "TOKEN", "Asking", "service_of", "serving"]

HOST, TOKEN = "127.0.0.1:8000", "the-token-of-the-tests"
_INTERRUPTED = 130


@contextmanager
def service_of(path: Path) -> Iterator[Service]:
    """What serves a record; its survey is not begun."""
    service = Service(Explored(path))
    try:
        yield service
    finally:
        service.stop()


class Asking:
    """Asks a service in this process, with the token where a path does not begin with an address."""

    def __init__(self, service: Service) -> None:
        self._transport = httpx.ASGITransport(Guard(application(service), TOKEN, frozenset({HOST})))

    def get(self, path: str, **options: Any) -> httpx.Response:
        """The answer to a question."""
        return asyncio.run(self._ask("GET", path, options))

    def post(self, path: str, **options: Any) -> httpx.Response:
        """The answer to a question with a body."""
        return asyncio.run(self._ask("POST", path, options))

    async def _ask(self, method: str, path: str, options: dict[str, Any]) -> httpx.Response:
        async with httpx.AsyncClient(transport=self._transport, base_url=f"http://{HOST}/{TOKEN}/") as client:
            return await client.request(method, path, **options)


@contextmanager
def serving(path: Path) -> Iterator[str]:
    """The address of the command, which is ended by Ctrl-C afterwards and says nothing else."""
    with spawn("explore", path, "--no-browser") as process:
        address = process.stdout.readline().strip() if process.stdout else ""
        try:
            assert address, process.stderr.read() if process.stderr else ""
            yield address
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(PATIENCE_S)
        assert process.returncode == _INTERRUPTED
