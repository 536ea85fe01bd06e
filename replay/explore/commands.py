"""`deleverage explore`: a record in a browser, served on loopback until Ctrl-C."""

from __future__ import annotations

import secrets
import socket
import webbrowser
from pathlib import Path

import click

from ...events.errors import QueryError
from ...sim.collecting import seldom_collected
from ...sim.options import plugins_option
from ...sim.signals import stoppable
from ...sim.terminal import print_text, tell
from ..command_line import head_option, record_argument

__all__ = ["explore_command"]

_HOST = "127.0.0.1"
_TOKEN_BYTES = 32
_COLLECTED_AT = 500_000


@click.command("explore")
@record_argument
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Serve there.  [default: a free one]")
@click.option("--no-browser", is_flag=True, help="Only print the address.")
@head_option
@plugins_option
def explore_command(*, record: Path, port: int, no_browser: bool, head: str | None, plugins: tuple[Path, ...]) -> None:
    """Open RUN in a browser: every instant, market, account and event of it, and what another rule would have done.

    It is served on this machine only, to whoever has the address that is printed, and nothing of RUN is changed. A RUN
    that is still written is followed. Ctrl-C ends it. Needs the extra `explore`.
    """
    try:
        import uvicorn  # noqa: PLC0415 - only for whoever serves

        from .guard import Guard  # noqa: PLC0415
        from .server import Service, application  # noqa: PLC0415
    except ImportError as error:
        message = f"explore needs starlette and uvicorn ({error.name} is missing): pip install 'deleverage[explore]'"
        raise QueryError(message) from None
    from .explored import Explored  # noqa: PLC0415

    explored = Explored(record, head, plugins)
    with stoppable(), _listening(port) as listener, seldom_collected(_COLLECTED_AT):
        number, token = listener.getsockname()[1], secrets.token_urlsafe(_TOKEN_BYTES)
        hosts = frozenset(f"{name}:{number}" for name in (_HOST, "localhost"))
        service = Service(explored, plugins)
        address = f"http://{_HOST}:{number}/{token}/"
        print_text(address)
        if explored.torn:
            tell(f"{record}: it is not sealed; it is served up to its last whole block, and followed")
        service.start()
        try:
            if not no_browser:
                webbrowser.open(address)
            served = Guard(application(service), token, hosts)
            config = uvicorn.Config(served, log_level="error", access_log=False, lifespan="off", server_header=False)
            uvicorn.Server(config).run(sockets=[listener])
        finally:
            service.stop()


def _listening(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((_HOST, port))
        listener.listen()  # whoever takes the address as soon as it is printed waits until it is served
    except OSError as error:
        listener.close()
        message = f"port {port} of {_HOST} cannot be had ({error.strerror}); give another --port, or none"
        raise QueryError(message) from None
    return listener
