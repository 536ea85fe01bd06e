"""What is served: the page's files, and answers about the record as JSON.

1. Every path is in a table here, and none leads to a file that a request names.
2. A question is a struct: a parameter that it does not have, or that is not what it says, is refused in a line (400).
3. An answer is read-only. The one thing that a request can start is a fork, in a folder of the server's (`futures.py`).
4. What is wrong with a question or with the record is a line of text, as the commands print it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from importlib.resources import files
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ...events.errors import DeleverageError, QueryError
from ...sim.terminal import printable_json
from ..timeline import timeline_of
from .accounts import AccountSort
from .curves import curves_of
from .events import detail_of, events_around, graph_below, why
from .explored import Explored, Lane
from .futures import ForkAsked, Futures, rules_at
from .life import life_of
from .overview import overview_of
from .panels import instant_panel
from .search import search
from .survey import RecordSurvey

__all__ = ["Service", "application"]

_TYPES = {"html": "text/html; charset=utf-8", "js": "text/javascript; charset=utf-8", "css": "text/css; charset=utf-8"}
_FILES = ("index.html", "app.js", "app.css")
_BODY_BYTES_MOST = 20_000
_PAGE_MOST = 200
_STEPS = 600
_US = 1_000

Count = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
Page = Annotated[int, msgspec.Meta(ge=1, le=_PAGE_MOST)]
Text = Annotated[str, msgspec.Meta(max_length=200)]
_Question = TypeVar("_Question", bound="Question")


class Question(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Nothing but that it is asked."""


class OfEvent(Question, frozen=True):
    """About an event."""

    seq: Count


class OfInstant(Question, frozen=True):
    """About the state after an event, at a time in microseconds since the first event, or at the end.

    With a `step` it is that at the end of the next instant, or of the one before.
    """

    seq: Count | None = None
    since_us: Count | None = None
    step: Literal["", "next", "previous"] = ""


class OfAccounts(Question, frozen=True):
    """A page of the accounts of an instant."""

    seq: Count
    sort: AccountSort = "loss"
    down: bool = True
    first: Count = 0
    count: Page = 50
    named: Text = ""


class OfLights(Question, frozen=True):
    """The places of some accounts, their numbers separated by commas."""

    seq: Count
    accounts: Annotated[str, msgspec.Meta(pattern=r"^\d{1,9}(,\d{1,9}){0,199}$")]


class OfAccount(Question, frozen=True):
    """An account at an instant."""

    seq: Count
    account: Count


class OfLife(Question, frozen=True):
    """An account's life in a span of events."""

    account: Count
    first: Count = 0
    stop: Count | None = None


class OfEvents(Question, frozen=True):
    """Events from one on, or back from it."""

    seq: Count
    count: Page = 60
    back: bool = False
    types: Text = ""
    account: Count | None = None


class OfWindow(Question, frozen=True):
    """A window of the timeline, in microseconds since the first event."""

    first_us: Count
    stop_us: Count


class OfSearch(Question, frozen=True):
    """What a text may mean."""

    text: Text


class Growth(msgspec.Struct, frozen=True):
    """How far the record, and its survey, have come."""

    count: int
    torn: bool
    surveyed: int


class Service:
    """A record with what is under way about it; nothing is before `start`."""

    def __init__(self, explored: Explored, plugins: Any = ()) -> None:
        self.explored = explored
        self.survey = RecordSurvey(explored)
        self.futures = Futures(explored.path, plugins)

    def start(self) -> None:
        """Begin the survey."""
        self.survey.start()

    def stop(self) -> None:
        """End the processes, and take away what they wrote."""
        self.survey.stop()
        self.futures.close()

    def growth(self, _asked: Question) -> Growth:
        """Look whether there is more of the record."""
        if self.explored.has_grown():
            self.survey.go_on()
        return Growth(self.explored.count, self.explored.torn, self.explored.surveyed)

    def timeline(self, _asked: Question) -> Any:
        """The curves of the whole record, as far as it is surveyed; null before anything is."""
        explored = self.explored
        if explored.timeline is None:
            return None
        with explored.deep() as lane:
            return curves_of(lane.run, explored.timeline, explored.surveyed)

    def fork(self, asked: ForkAsked) -> Any:
        """Begin a fork."""
        with self.explored.deep() as lane:
            return self.futures.begin(lane.run, asked)

    def future(self, _asked: Question) -> Any:
        """How the fork is coming on."""
        return self.futures.now()

    def stopped(self, _asked: Question) -> Any:
        """Give the fork up."""
        self.futures.stop()
        return self.futures.now()


def _overview(lane: Lane, _asked: Question) -> Any:
    return overview_of(lane.run, lane.instants.after(lane.run.count))


def _instant(lane: Lane, asked: OfInstant) -> Any:
    run = lane.run
    if asked.seq is not None and asked.since_us is not None:
        message = "an instant is given by seq or by since_us, not by both"
        raise QueryError(message)
    last = run.count - 1 if asked.seq is None else run.reader.existing(asked.seq)
    if asked.since_us is not None:
        last = max(run.reader.seq_at_time(run.start_ns + asked.since_us * _US + _US - 1) - 1, 0)
    if asked.step == "next":
        following = run.reader.seq_at_time(run.event(last).at_ns)
        last = run.reader.seq_at_time(run.event(min(following, run.count - 1)).at_ns) - 1
    elif asked.step == "previous":
        last = max(run.first_at(run.event(last).at_ns) - 1, 0)
    return instant_panel(run, lane.instants.after(last + 1))


def _accounts(lane: Lane, asked: OfAccounts) -> Any:
    found = lane.accounts(asked.seq)
    return found.page(asked.sort, down=asked.down, first=asked.first, count=asked.count, named=asked.named)


def _lights(lane: Lane, asked: OfLights) -> Any:
    return lane.accounts(asked.seq).lights([int(one) for one in asked.accounts.split(",")])


def _account(lane: Lane, asked: OfAccount) -> Any:
    return lane.accounts(asked.seq).one(asked.account)


def _events(lane: Lane, asked: OfEvents) -> Any:
    run = lane.run
    types = tuple(filter(None, asked.types.split(",")))
    if asked.seq == run.count and not asked.back:
        return ()
    seq = run.reader.existing(asked.seq)
    ledger = lane.instants.after(run.count)
    return events_around(run, ledger, seq, asked.count, types, asked.account, back=asked.back)


def _event(lane: Lane, asked: OfEvent) -> Any:
    return detail_of(lane.run, lane.run.reader.existing(asked.seq), lane.instants.after)


def _search(lane: Lane, asked: OfSearch) -> Any:
    return search(lane.run, lane.instants.after(lane.run.count), asked.text)


def _why(lane: Lane, asked: OfEvent) -> Any:
    return why(lane.run, lane.run.reader.existing(asked.seq))


def _grounds(lane: Lane, asked: OfEvent) -> Any:
    return graph_below(lane.run, lane.run.reader.existing(asked.seq))


def _window(lane: Lane, asked: OfWindow) -> Any:
    run = lane.run
    since_ns, until_ns = (run.start_ns + us * _US for us in (asked.first_us, asked.stop_us))
    found = timeline_of(run, since_ns, until_ns, steps_most=_STEPS)
    return curves_of(run, found, run.count)


def _life(lane: Lane, asked: OfLife) -> Any:
    if asked.account >= len(lane.instants.after(lane.run.count).accounts):
        message = f"there is no account {asked.account}"
        raise QueryError(message)
    return life_of(lane.run, asked.account, asked.first, asked.stop)


def _rules(lane: Lane, asked: OfEvent) -> Any:
    return rules_at(lane.run, lane.run.reader.existing(asked.seq))


_QUICK: dict[str, tuple[Callable[[Lane, Any], Any], type[Question]]] = {
    "overview": (_overview, Question),
    "instant": (_instant, OfInstant),
    "accounts": (_accounts, OfAccounts),
    "account": (_account, OfAccount),
    "events": (_events, OfEvents),
    "event": (_event, OfEvent),
    "search": (_search, OfSearch),
    "rules": (_rules, OfEvent),
}
_DEEP: dict[str, tuple[Callable[[Lane, Any], Any], type[Question]]] = {
    "lights": (_lights, OfLights),
    "why": (_why, OfEvent),
    "grounds": (_grounds, OfEvent),
    "life": (_life, OfLife),
    "window": (_window, OfWindow),
}


def application(service: Service) -> Starlette:
    """The paths. `guard.py` stands before them."""
    explored = service.explored
    asked_of_lane = [
        Route(f"/api/{name}", _answering(kind, _in_lane(lane, answer)))
        for lane, table in ((explored.quick, _QUICK), (explored.deep, _DEEP))
        for name, (answer, kind) in table.items()
    ]
    asked_of_service = [
        Route("/api/growth", _answering(Question, service.growth)),
        Route("/api/timeline", _answering(Question, service.timeline)),
        Route("/api/future", _answering(Question, service.future)),
        Route("/api/fork", _posted(ForkAsked, service.fork), methods=["POST"]),
        Route("/api/fork/stop", _posted(Question, service.stopped), methods=["POST"]),
    ]
    static = [Route("/" if name == "index.html" else f"/{name}", _file(name)) for name in _FILES]
    return Starlette(routes=[*static, *asked_of_lane, *asked_of_service])


def _in_lane(lane: Callable[[], Any], answer: Callable[[Lane, Any], Any]) -> Callable[[Any], Any]:
    def answered(asked: Any) -> Any:
        with lane() as one:
            return answer(one, asked)

    return answered


Endpoint = Callable[[Request], Awaitable[Response]]


def _answering(kind: type[_Question], answer: Callable[[_Question], Any]) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        parameters = request.query_params
        if len(parameters.multi_items()) != len(parameters):
            return _told("a parameter is given twice", 400)
        try:
            asked = msgspec.convert(dict(parameters), kind, strict=False)
        except msgspec.ValidationError as error:
            return _told(str(error), 400)
        return await run_in_threadpool(_answered, answer, asked)

    return endpoint


def _posted(kind: type[Any], answer: Callable[[Any], Any]) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
            return _told("a question with a body is JSON", 415)
        body = b""
        async for part in request.stream():
            body += part
            if len(body) > _BODY_BYTES_MOST:
                return _told("the question is too long", 413)
        try:
            asked = msgspec.json.decode(body, type=kind)
        except msgspec.DecodeError as error:
            return _told(str(error), 400)
        return await run_in_threadpool(_answered, answer, asked)

    return endpoint


def _answered(answer: Callable[[Any], Any], asked: Any) -> Response:
    try:
        body = msgspec.json.encode(answer(asked))
    except QueryError as error:
        return _told(str(error), 404)
    except DeleverageError as error:
        return _told(str(error), 500)
    return Response(printable_json(body), media_type="application/json")


def _told(text: str, status: int) -> Response:
    return Response(text, status, media_type="text/plain; charset=utf-8")


def _file(name: str) -> Endpoint:
    content, media_type = files(__package__).joinpath("static", name).read_bytes(), _TYPES[name.rpartition(".")[2]]

    async def endpoint(_request: Request) -> Response:
        return Response(content, media_type=media_type)

    return endpoint
