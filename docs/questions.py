"""Ten questions of an auditor, each held against what `why --json` says of a reduction; `ask.py` asks them.

Each question has an answer that is not empty, whose events exist and come before, and whose arithmetic comes out from
the figures given (`audit-questions.md` says what is asked).
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, Decimal
from fractions import Fraction
from typing import Any

from deleverage.events.bodies.waterfall import PositionDeleveraged
from deleverage.replay.run import Run

Document = dict[str, Any]
Faults = Iterator[str]


def who(one: Document, _run: Run) -> Faults:
    """Who was deleveraged, when, and of how much."""
    event, evidence, price = one["event"], one["event"]["evidence"], one["price"]
    if not one["paragraph"].startswith(f"Event {event['seq']}, {event['at']}: {evidence['name']} "):
        yield "the paragraph does not begin with the event, its time and the account"
    if abs(event["fields"]["size_lots"]) != abs(price["size_lots"]) or f" {price['size']}" not in one["paragraph"]:
        yield "the size is not told"


def whose_loss(one: Document, run: Run) -> Faults:
    """Whose loss it was, and which marks made it."""
    if one["cap"] is not None:
        cap = one["cap"]
        if cap["profit_atoms"] * 10**6 <= cap["pool_atoms"] * cap["max_factor_ppm"]:
            yield "the profit was not above the cap"
        return
    losing, story = one["losing"], one["story"]
    if not losing or not losing["marks"] or not story or not story["steps"]:
        yield "no loss and no story is told"
        return
    had = -story["lot"]["loss_atoms"] if losing["of_lot"] else story["bankruptcy"]["equity_atoms"]
    if losing["decided_atoms"] != had:
        yield f"at the decision there was {losing['decided']}, the story tells of {had} atoms"
    for mark in losing["marks"]:
        body = run.event(mark["seq"]).body
        if [mark[key] for key in ("instrument", "mark_ticks", "index_ticks", "forced_ticks")] != [
            getattr(body, key, None) for key in ("instrument", "mark_ticks", "index_ticks", "impact_ticks")
        ]:
            yield f"event {mark['seq']} did not set that mark"
        if mark["mark_ticks"] != mark["index_ticks"] + mark["forced_ticks"] + mark["smoothed_ticks"]:
            yield f"index, forced part and smoothing do not come to the mark of event {mark['seq']}"
    seqs = [step["seq"] for step in story["steps"]]
    if seqs != sorted(set(seqs)) or seqs[-1] >= one["event"]["seq"]:
        yield "the steps of the story are not in order, or not all before the decision"


def which_price(one: Document, run: Run) -> Faults:
    """At which price, and why at that one."""
    price, body = one["price"], run.event(one["event"]["seq"]).body
    assert isinstance(body, PositionDeleveraged)
    if not price["rule"] or price["value_atoms"] != body.value_atoms:
        yield "no reason for the price, or not the value of the event"
    if price["gained_atoms"] != price["at_mark_atoms"] - price["value_atoms"]:
        yield "the value at the mark less the value is not what was gained"
    if price["realised_atoms"] != price["paper_atoms"] + price["gained_atoms"]:
        yield "profit at the mark and what was gained do not come to what was paid"
    if run.directory.instruments[body.instrument].kind == "linear":
        value, multiplier = figure(price["value"]), multiplier_of(run, body.instrument)
        product = figure(price["size"]) * figure(price["price"]) * multiplier
        if product.quantize(Decimal(1).scaleb(value.as_tuple().exponent), ROUND_HALF_EVEN) != value:  # type: ignore[arg-type]
            yield f"{price['size']} x {price['price']} is not {price['value']}"


def why_the_fund(one: Document, _run: Run) -> Faults:
    """Why the insurance fund could not pay, at this round."""
    fund = one["fund"]
    if one["cap"] is not None:
        return
    if not fund or not fund["now"] or not fund["text"]:
        yield "nothing of the fund is told"
        return
    now = fund["now"]
    if not fund["reconciles"] or sum(line["atoms"] for line in fund["lines"]) != fund["capacity_atoms"]:
        yield "the lines of the fund do not come to its capacity"
    for line in fund["lines"]:
        if line["realised_atoms"] is not None and line["realised_atoms"] + line["unrealised_atoms"] != line["atoms"]:
            yield f"realised and unrealised do not come to the line: {line['text']}"
    left = now["cash_atoms"] + now["inventory_mark_atoms"] - now["inventory_cost_atoms"] - now["floor_atoms"]
    if left != now["capacity_atoms"]:
        yield "cash, inventory and floor do not come to what it had at this round"
    if fund["capacity_atoms"] + now["rounds_atoms"] + now["others_atoms"] != now["capacity_atoms"]:
        yield "what it had at the shortfall and what changed it do not come to what it had at this round"
    since = sum(each["gained_atoms"] for each in now["rounds"] if each["started_seq"] > fund["shortfall_seq"])
    if since != now["rounds_atoms"]:
        yield "the rounds since the shortfall do not come to their sum"


def which_rank(one: Document, _run: Run) -> Faults:
    """By which rule, from which source, and at which rank, in the first ranking of the instant and now."""
    found = one["ranking"]
    if not (found["rule"] and found["source"] and found["first"]) or not found["proved"]:
        yield "no rule, no source, no first ranking, or a ranking that is not proved"
        return
    if not 1 <= found["rank"] <= found["candidates"] or found["rank"] != one["event"]["fields"]["rank"]:
        yield "the rank is not that of the event"
    if (found["first"]["rank"] is None) != (found["first"]["score"] is None) or not found["first"]["candidates"]:
        yield "the place in the first ranking is half told"
    if found["formula"] is not None:
        yield from wrong_score(found)
    gave = sum(share["lots"] for share in found["gave"])
    if not gave or {share["account"] for share in found["gave"]} >= {None} or len(found["gave"]) != found["taken"]:
        yield "not all who shared it are named"


def wrong_score(found: Document) -> Faults:
    """The formula with the figures, worked out by nothing but Python's fractions."""
    text, _, told = found["arithmetic"].partition(" = ")
    if "division by zero" in found["arithmetic"] or "greatest" in found["arithmetic"]:
        return
    try:
        worth = worked_out(text)
    except (SyntaxError, NameError, ZeroDivisionError) as error:
        yield f"{text} cannot be worked out ({error})"
        return
    score = (worth * 10**9).__floor__()
    shown = Decimal(told.split(",")[0].split(" ")[0])
    if score != found["score"] or shown != Decimal(score).scaleb(-9).quantize(Decimal("1e-9"), ROUND_DOWN):
        yield f"{text} is {float(worth)}, not {told}"


def why_not_the_neighbour(one: Document, _run: Run) -> Faults:
    """Why this account and not the one next to it."""
    places = one["ranking"]["places"]
    if not any(place["asked"] for place in places):
        yield "the account is not among the places shown"
    keys = [(-place["score"], place["account"]) for place in places]
    if keys != sorted(keys):
        yield "the places are not by score and account"
    if one["ranking"]["candidates"] > 1 and len(places) <= 1:
        yield "no neighbour is shown"
    if one["not"] is not None and not one["not"]["text"]:
        yield "nothing is said of whoever was asked about with --not"


def what_it_cost(one: Document, run: Run) -> Faults:
    """What did it cost or bring, in profit, in share of it, and at later prices."""
    price, later, seq = one["price"], one["later"], one["event"]["seq"]
    if price["paper_atoms"] > 0 and share_of(price["gained_atoms"], price["paper_atoms"]) != price["share"]:
        yield "the share of the profit does not come out"
    if not later:
        if run.event(seq).at_ns < run.end_ns and any(mark_after(run, one)):
            yield "no later price is told"
        return
    for each in later:
        body = run.event(each["mark_seq"]).body
        if each["mark_seq"] <= seq or getattr(body, "mark_ticks", None) != each["mark_ticks"]:
            yield f"event {each['mark_seq']} is no later mark of that"
        if price["paper_atoms"] > 0 and share_of(each["gained_atoms"], price["paper_atoms"]) != each["share"]:
            yield "the later share of the profit does not come out"


def mark_after(run: Run, one: Document) -> Iterator[bool]:
    """Whether there was a later mark."""
    for event in run.events(one["event"]["seq"] + 1):
        if getattr(event.body, "instrument", None) == one["price"]["instrument"] and hasattr(event.body, "index_ticks"):
            yield True


def what_would_have_spared_it(one: Document, _run: Run) -> Faults:
    """What would have spared it, where that was searched."""
    flips = one["flips"]
    if flips is not None and not (flips["searched"] and flips["not_searched"]):
        yield "it is not told what was searched and what was not"
    for flip in flips["found"] if flips is not None else ():
        if not flip["text"] or (flip["confirmed"] and not flip["command"]):
            yield "a change without its command"


def is_each_ground_a_reason(one: Document, _run: Run) -> Faults:
    """Which events set the figures that were compared."""
    grounds, seq = one["grounds"], one["event"]["seq"]
    held = {position["name"] for position in one["event"]["evidence"]["positions"]}
    sets = {ground["sets"] for ground in grounds}
    if not grounds or not {f"the mark of {name}" for name in held} <= sets:
        yield f"not every mark of {sorted(held)} has its ground"
    if not any(ground["sets"].startswith("the rule") for ground in grounds):
        yield "the rule has no ground"
    for ground in grounds:
        own = ground["step"]["seq"]
        if own >= seq or any(below["step"]["seq"] >= own for below in ground["rests_on"]):
            yield f"a ground after what it is a reason for: {ground['sets']}"
    yield from wrong_verdicts(grounds)


def wrong_verdicts(grounds: list[Document]) -> Faults:
    """Whether the decision stands without each ground, where that was tried."""
    verdicts = [ground["proof"] for ground in grounds if ground["proof"] is not None]
    if not verdicts:
        return
    if len(verdicts) != len(grounds):
        yield "a ground without its verdict beside others that have one"
    for one in verdicts:
        tried = one["verdict"] in ("necessary", "one of several")
        if not one["text"] or (tried and (not one["removed"] or one["from_seq"] is None)):
            yield f"a verdict that does not say what was done: {one}"


def what_is_proved(one: Document, _run: Run) -> Faults:
    """What is proved, asserted, inferred, and how each is checked."""
    claims = one["claims"] or ()
    if not {"proved", "asserted"} <= {claim["grade"] for claim in claims}:
        yield "nothing is said to be proved, or nothing asserted"
    if not all(claim["text"] and claim["check"] and claim["events"] for claim in claims):
        yield "a claim without its events or its check"


QUESTIONS = (
    who, whose_loss, which_price, why_the_fund, which_rank, why_not_the_neighbour, what_it_cost,
    what_would_have_spared_it, is_each_ground_a_reason, what_is_proved,
)  # fmt: skip


def faults(one: Document, run: Run) -> Faults:
    """What is wrong with the answer about one reduction, by the number of the question."""
    for number, question in enumerate(QUESTIONS, 1):
        yield from (f"question {number}: {told}" for told in question(one, run))
    for told in wrong_events(one, run):
        yield f"events: {told}"
    for told in wrong_texts(one, one["event"]["evidence"]["decimals"]):
        yield f"figures: {told}"


def wrong_events(found: Any, run: Run) -> Faults:
    """Every event that is named exists, and is of the type that is told."""
    if isinstance(found, list):
        for one in found:
            yield from wrong_events(one, run)
    if not isinstance(found, dict):
        return
    for key, value in found.items():
        seqs = value if key == "events" else [value] if key == "seq" or key.endswith("_seq") else []
        yield from (f"there is no event {seq}" for seq in seqs if seq is not None and not 0 <= seq < run.count)
        yield from wrong_events(value, run)
    if {"seq", "type"} <= found.keys() and type(run.event(found["seq"]).body).__name__ != found["type"]:
        yield f"event {found['seq']} is no {found['type']}"


def wrong_texts(found: Any, decimals: int) -> Faults:
    """Every amount in words is the amount in atoms beside it."""
    if isinstance(found, list):
        for one in found:
            yield from wrong_texts(one, decimals)
    if not isinstance(found, dict):
        return
    for key, value in found.items():
        text = found.get(key.removesuffix("_atoms")) if key.endswith("_atoms") else None
        if isinstance(text, str) and isinstance(value, int) and abs(figure(text)).scaleb(decimals) != abs(value):
            yield f"{key} is {value}, and in words {text}"
        yield from wrong_texts(value, decimals)


def figure(text: str) -> Decimal:
    """A figure as it is printed."""
    return Decimal(text.split(" ", maxsplit=1)[0].replace(",", ""))


def share_of(part: int, whole: int) -> str:
    """A share in percent with its sign, rounded to a hundredth, half to even."""
    share = (Decimal(part) * 100 / Decimal(whole)).quantize(Decimal("0.01"), ROUND_HALF_EVEN)
    return f"{'-' if share < 0 else '+'}{abs(share):,}%"


def multiplier_of(run: Run, instrument: int) -> Decimal:
    """What one unit of an instrument is of its price."""
    multiplier = getattr(run.directory.instruments[instrument], "multiplier", "1")
    return Decimal(str(multiplier))


def worked_out(text: str) -> Fraction:
    """A formula with its figures: sums, products, |x|, min and max, and which of two by a comparison."""
    words = text.replace(" x ", " * ").replace(" mod ", " % ").split("|")
    words[1::2] = [f"abs({inner})" for inner in words[1::2]]
    numbers = []
    for token in " ".join(words).replace("(", " ( ").replace(")", " ) ").replace(",", " , ").split():
        bare = token.lstrip("-")
        signs = token[: len(token) - len(bare)]
        is_number = bare.replace(".", "", 1).replace("^-9", "").isdigit()
        if bare == "10^-9":
            numbers.append(f"{signs}F(1, 10**9)")
        else:
            numbers.append(f"{signs}F('{bare}')" if is_number else token)
    names = {"F": Fraction, "abs": abs, "min": min, "max": max, "__builtins__": {}}
    return Fraction(eval(" ".join(numbers), names))  # noqa: S307 - numbers and these names only
