"""A venue's streams on a loopback port, replayed from a script: what `deleverage tap` listens to in tests and pages.

    python -m tests.support.replayed SCRIPT PORT

A script is JSON Lines. A string or an object is sent as it is; `{"close": true}` breaks the line, and what is below is
sent on the next connection. Nothing is sent before the client subscribed, and every request is acknowledged as the
venue documents it. On a port it ends when the client leaves the last connection.
"""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve

__all__ = ["CLOSE", "Script", "read_script", "replayed"]

CLOSE = {"close": True}

Script = list[list[Any]]
"""What is sent on each connection, in order; the last one stays open when all is sent."""


def read_script(path: Path) -> Script:
    """A script from a file."""
    script: Script = [[]]
    for line in path.read_text().splitlines():
        message = json.loads(line)
        if message == CLOSE:
            script.append([])
        else:
            script[-1].append(message)
    return script


def acknowledged(asked: dict[str, Any], scales: Iterable[tuple[str, int]]) -> dict[str, Any]:
    """The venue's answer to a request."""
    if asked["method"] == "SUBSCRIBE":
        return {"result": None, "id": asked["id"]}
    if asked["method"] == "ping":
        return {"channel": "pong"}
    if asked["method"] == "post":
        universe = [{"name": name, "szDecimals": decimals} for name, decimals in scales]
        payload = {"type": "meta", "data": {"universe": universe}}
        return {"channel": "post", "data": {"id": asked["id"], "response": {"type": "info", "payload": payload}}}
    return {"channel": "subscriptionResponse", "data": asked}


@contextmanager
def replayed(
    script: Script,
    requests: int = 1,
    port: int = 0,
    heard: Callable[[dict[str, Any]], object] = lambda _asked: None,
    scales: Iterable[tuple[str, int]] = (("BTC", 5), ("AVAX", 2)),
    played: Callable[[], object] = lambda: None,
) -> Iterator[str]:
    """The URL of a server that answers so many requests and then plays a part of the script on each connection."""
    parts = iter(script)

    def play(socket: ServerConnection) -> None:
        part = next(parts, [])
        try:
            for _ in range(requests):
                asked = json.loads(socket.recv())
                heard(asked)
                socket.send(json.dumps(acknowledged(asked, scales)))
            for message in part:
                socket.send(message if isinstance(message, str) else json.dumps(message))
            if part is script[-1]:
                for text in socket:
                    heard(json.loads(text))
                    socket.send(json.dumps(acknowledged(json.loads(text), scales)))
        except ConnectionClosed:
            pass  # the client has what it wants
        if part is script[-1]:
            played()

    with serve(play, "127.0.0.1", port) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"ws://127.0.0.1:{server.socket.getsockname()[1]}"
        finally:
            server.shutdown()
            thread.join()


if __name__ == "__main__":
    over = threading.Event()
    with replayed(read_script(Path(sys.argv[1])), port=int(sys.argv[2]), played=over.set):
        over.wait()
