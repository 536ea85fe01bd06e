"""What the commands that read a record share: its argument, `--head`, `--json`, and what torn means for the exit code.

Whatever they show leads to the head of the record; `--head` says which head that must be. A torn record has none: it is
served up to its last good block, with a warning on stderr and exit code 3. Whatever is not sound is also one line on
stderr, and so are that a record broke off, and other code than the record's where a run is taken up again.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ..events.record import is_sharded
from ..sim.terminal import tell
from .run import Run, open_run

if TYPE_CHECKING:
    from .jobs import Jobs

__all__ = [
    "JOBS_MOST",
    "TORN",
    "RecordPath",
    "as_json_option",
    "digits_of",
    "head_option",
    "jobs_option",
    "jobs_option_of",
    "layout_option",
    "leave",
    "matched",
    "one_record",
    "opened",
    "opened_all",
    "record_argument",
    "tell_differences",
]

Command = TypeVar("Command", bound=Callable[..., object])
Found = TypeVar("Found")

_DIGITS = re.compile(r"[0-9a-fA-F]{64}", re.ASCII)

JOBS_MOST = 1_024
"""No command starts more processes."""

_RAY = f"{__name__}.ray"
_ADDRESS = re.compile(r"(ray://)?[^/\s]+:[0-9]+", re.ASCII)


def _told_of_ray(context: click.Context, _option: click.Parameter, address: str | None) -> None:
    """Keep for `--jobs` which cluster is asked for: it is handled first."""
    context.meta[_RAY] = address
    if address is None:
        return
    from .cluster.cluster import LOCAL  # noqa: PLC0415 - only for who asks for a cluster

    if address == "":
        context.meta[_RAY] = os.environ.get("RAY_ADDRESS") or LOCAL
    elif address not in {LOCAL, "auto"} and not _ADDRESS.fullmatch(address):
        message = f"{address!r} is no address (HOST:PORT); to give none, put --ray last, or write --ray="
        raise click.BadParameter(message)


def _jobs_asked(default: int | None, context: click.Context, _option: click.Parameter, jobs: int | None) -> Jobs:
    """Where tasks are done, from both options."""
    address = context.meta[_RAY]
    if address is None:
        return jobs or default or os.cpu_count() or 1
    from .cluster.cluster import Cluster  # noqa: PLC0415 - as above

    cluster = Cluster(address, jobs)
    context.call_on_close(cluster.close)
    return cluster


def jobs_option_of(default: int | None, told: str) -> Callable[[Command], Command]:
    """`--jobs N` and `--ray [ADDRESS]`, of which a command has `jobs`; `default` jobs here, or one a core."""
    ray = click.option(
        "--ray",
        is_flag=False,
        flag_value="",
        metavar="[ADDRESS]",
        is_eager=True,
        expose_value=False,
        callback=_told_of_ray,
        help="Done by a Ray cluster: that of RAY_ADDRESS, or of this machine alone.",
    )
    jobs = click.option(
        "--jobs", type=click.IntRange(1, JOBS_MOST), metavar="N", callback=partial(_jobs_asked, default), help=told
    )
    return lambda command: jobs(ray(command))


jobs_option = jobs_option_of(None, "Processes at once.  [default: one a core]")
layout_option = click.option(
    "--format", "layout", type=click.Choice(("text", "md")), default="text", show_default=True, help="Or Markdown."
)

TORN = 3
"""The exit code of whoever served a torn record as far as it goes."""


def digits_of(_context: click.Context, _option: click.Parameter, text: str | None) -> str | None:
    """32 bytes as 64 hexadecimal digits, as an option has them."""
    if text is not None and not _DIGITS.fullmatch(text):
        message = f"{text!r} is not 64 hexadecimal digits."
        raise click.BadParameter(message)
    return text


class RecordPath(click.Path):
    """Where a record is: a path, or a URL, of which the record is fetched."""

    def __init__(self) -> None:
        super().__init__(path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The path on this machine. Raises what `fetched` does."""
        if not isinstance(value, str) or "://" not in value:
            return super().convert(value, param, ctx)
        from .remote import fetched, is_url  # noqa: PLC0415 - only for who has a record elsewhere

        return fetched(value) if is_url(value) else super().convert(value, param, ctx)


record_argument = click.argument("record", metavar="RUN", type=RecordPath())
head_option = click.option("--head", metavar="HEX", callback=digits_of, help="The head that RUN must have.")
as_json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def opened(
    path: Path,
    head: str | None = None,
    plugins: Iterable[Path] = (),
    *,
    account: str | None = None,
    forked: bool = False,
) -> Run:
    """The record, with a warning on stderr for one that is torn or broke off; of shards that which has the `account`.

    Raises QueryError for a torn one that is to be `forked`: nothing of it is served, so nothing more is said.
    """
    run = open_run(*one_record(path, head, account), plugins)
    if forked:
        run.check_sealed()
    if plugins:
        run.take_words_in()
    if run.warning:
        tell(run.warning)
    elif run.manifest.status != "complete":
        end = "it has the run's end" if run.came_to_its_end else "it stops before the run's end"
        tell(f"{path}: {end}; its manifest says: {run.manifest.status}")
    return run


def one_record(path: Path, head: str | None, account: str | None) -> tuple[Path, str | None]:
    """A record and its head as they are given; of shards those of that which has the `account`."""
    if not is_sharded(path):
        return path, head
    from .sharded import shard_with  # noqa: PLC0415 - only for who has several records of a venue

    return shard_with(path, head, account)


def opened_all(path: Path, head: str | None = None) -> list[Run]:
    """The record, or all shards of a venue, each with the head that is said of it."""
    if not is_sharded(path):
        return [opened(path, head)]
    from .sharded import checked_shards  # noqa: PLC0415 - as above

    return [opened(path / shard.run, shard.head) for shard in checked_shards(path, head).shards]


def matched(found: Iterable[Found], what: str) -> Iterator[Found]:
    """What was found, as it comes; where there is none, one line on stderr: there is no `what`."""
    none = True
    for one in found:
        none = False
        yield one
    if none:
        tell(f"there is no {what}")


def tell_differences(run: Run) -> None:
    """Say on stderr that a record was taken up again by other code or policies than decided in it."""
    from .verify.versions import differences  # noqa: PLC0415 - the handlers are only for who takes a run up again

    for found in differences(run)[:1]:
        tell(f"{run.path}: {found}; what follows was decided by what is installed")


def leave(context: click.Context, run: Run, code: int = 0) -> None:
    """Say what was damaged beside the record that was served, and end the command: with this code, or that of torn."""
    for report in run.reports:
        tell(report)
    if code or run.torn:
        context.exit(code or TORN)
