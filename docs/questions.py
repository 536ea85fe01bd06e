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
    if event["fields"]["size_lots"] != price["size"]["lots"] or f" {shown(price['size'])}" not in one["paragraph"]:
        yield "the size is not told"


def whose_loss(one: Document, run: Run) -> Faults:
    """Whose loss it was, and which marks made it."""
    if one["cap"] is not None:
        cap = one["cap"]
        if cap["profit"]["atoms"] * 10**6 <= cap["pool"]["atoms"] * cap["max_factor"]["ppm"]:
            yield "the profit was not above the cap"
        return
    losing, story = one["losing"], one["story"]
    if not losing or not losing["marks"] or not story or not story["steps"]:
        yield "no loss and no story is told"
        return
    had = -story["lot"]["loss"]["atoms"] if losing["of_lot"] else story["bankruptcy"]["equity"]["atoms"]
    if losing["decided"]["atoms"] != had:
        yield f"at the decision there was {losing['decided']['value']}, the story tells of {had} atoms"
    for mark in losing["marks"]:
        body = run.event(mark["seq"]).body
        whole, index, forced, smoothed = (mark[key]["ticks"] for key in ("mark", "index", "forced", "smoothed"))
        if [mark["instrument"], whole, index, forced] != [
            getattr(body, key, None) for key in ("instrument", "mark_ticks", "index_ticks", "impact_ticks")
        ]:
            yield f"event {mark['seq']} did not set that mark"
        if whole != index + forced + smoothed:
            yield f"index, forced part and smoothing do not come to the mark of event {mark['seq']}"
        if mark["step"] is not None:
            yield from _step_faults(mark, run)
    seqs = [step["seq"] for step in story["steps"]]
    if seqs != sorted(set(seqs)) or seqs[-1] >= one["event"]["seq"]:
        yield "the steps of the story are not in order, or not all before the decision"


def _step_faults(mark: Document, run: Run) -> Faults:
    """What moved a mark since the one before: the parts sum to that, and the sources of each to the part."""
    step = mark["step"]
    moved, before = step["moved"]["ticks"], getattr(run.event(step["since_seq"]).body, "mark_ticks", None)
    if before is None or mark["mark"]["ticks"] - before != moved:
        yield f"the mark of event {mark['seq']} did not move by {moved} ticks since event {step['since_seq']}"
    if sum(part["moved"]["ticks"] for part in step["parts"]) != moved:
        yield f"the parts of the move to event {mark['seq']} do not come to it"
    for part in step["parts"]:
        if part["sources"] and sum(one["moved"]["ticks"] for one in part["sources"]) != part["moved"]["ticks"]:
            yield f"what moved the mark of event {mark['seq']} does not come to its part"


def which_price(one: Document, run: Run) -> Faults:
    """At which price, and why at that one."""
    price, body = one["price"], run.event(one["event"]["seq"]).body
    assert isinstance(body, PositionDeleveraged)
    at_mark, value, gained = (price[key]["atoms"] for key in ("at_mark", "value", "gained"))
    if not price["rule"] or value != body.value_atoms:
        yield "no reason for the price, or not the value of the event"
    if gained != at_mark - value:
        yield "the value at the mark less the value is not what was gained"
    if price["realised"]["atoms"] != price["paper"]["atoms"] + gained:
        yield "profit at the mark and what was gained do not come to what was paid"
    if run.directory.instruments[body.instrument].kind == "linear":
        size, each, came_to = (Decimal(price[key]["value"]) for key in ("size", "price", "value"))
        atom = Decimal(1).scaleb(came_to.as_tuple().exponent)  # type: ignore[arg-type]
        apart = abs((size * each * multiplier_of(run, body.instrument)).quantize(atom, ROUND_HALF_EVEN) - came_to)
        if apart != (atom if price["rounded"] else 0):
            yield f"{size} x {each} is not {came_to}"


def why_the_fund(one: Document, _run: Run) -> Faults:
    """Why the insurance fund could not pay, at this round."""
    fund = one["fund"]
    if one["cap"] is not None:
        return
    if not fund or not fund["now"] or not fund["text"]:
        yield "nothing of the fund is told"
        return
    now = fund["now"]
    if not fund["reconciles"] or sum(line["amount"]["atoms"] for line in fund["lines"]) != fund["capacity"]["atoms"]:
        yield "the lines of the fund do not come to its capacity"
    if fund["trigger"] != "drawdown" and fund["missing"]["atoms"] <= 0:
        yield "nothing was missing, and no rule is told that kept the fund from paying"
    for line in fund["lines"]:
        parts = [line[key]["atoms"] for key in ("realised", "unrealised") if line[key] is not None]
        if parts and sum(parts) != line["amount"]["atoms"]:
            yield f"realised and unrealised do not come to the line: {line['text']}"
    had = {key: amount["atoms"] for key, amount in now.items() if isinstance(amount, dict)}
    if had["cash"] + had["inventory_mark"] - had["inventory_cost"] - had["floor"] != had["capacity"]:
        yield "cash, inventory and floor do not come to what it had at this round"
    if fund["capacity"]["atoms"] + had["by_rounds"] + had["by_others"] != had["capacity"]:
        yield "what it had at the shortfall and what changed it do not come to what it had at this round"
    since = sum(each["gained"]["atoms"] for each in now["rounds"] if each["started_seq"] > fund["shortfall_seq"])
    if since != had["by_rounds"]:
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
    gave = sum(share["size"]["lots"] for share in found["gave"])
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
    printed = Decimal(told.split(",")[0].split(" ")[0])
    if score != found["score"]["billionths"] or printed != Decimal(score).scaleb(-9).quantize(
        Decimal("1e-9"), ROUND_DOWN
    ):
        yield f"{text} is {float(worth)}, not {told}"


def why_not_the_neighbour(one: Document, _run: Run) -> Faults:
    """Why this account and not the one next to it."""
    places = one["ranking"]["places"]
    if not any(place["asked"] for place in places):
        yield "the account is not among the places shown"
    keys = [(-place["score"]["billionths"], place["account"]) for place in places]
    if keys != sorted(keys):
        yield "the places are not by score and account"
    if one["ranking"]["candidates"] > 1 and len(places) <= 1:
        yield "no neighbour is shown"
    if one["not"] is not None and not one["not"]["text"]:
        yield "nothing is said of whoever was asked about with --not"


def what_it_cost(one: Document, run: Run) -> Faults:
    """What did it cost or bring, in profit, in share of it, and at later prices."""
    price, later, seq = one["price"], one["later"], one["event"]["seq"]
    paper = price["paper"]["atoms"]
    if paper > 0 and share_of(price["gained"]["atoms"], paper) != price["share"]:
        yield "the share of the profit does not come out"
    if not later:
        if run.event(seq).at_ns < run.end_ns and any(mark_after(run, one)):
            yield "no later price is told"
        return
    for each in later:
        body = run.event(each["mark_seq"]).body
        if each["mark_seq"] <= seq or getattr(body, "mark_ticks", None) != each["mark"]["ticks"]:
            yield f"event {each['mark_seq']} is no later mark of that"
        if paper > 0 and share_of(each["gained"]["atoms"], paper) != each["share"]:
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
    for told in wrong_values(one, steps_in(run)):
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


def steps_in(run: Run) -> dict[tuple[str, str], set[Decimal]]:
    """What one of what is counted may be of a unit, as the record declares it."""
    steps = {
        ("%", "bps"): {Decimal("0.01")}, ("%", "ppm"): {Decimal("0.0001")}, ("", "billionths"): {Decimal("1e-9")},
        ("s", "ns"): {Decimal("1e-9")}, ("quote", "ticks"): set(), ("quote", "steps"): set(),
    }  # fmt: skip
    for asset in run.directory.assets.values():
        steps[asset.name, "atoms"] = {Decimal(1).scaleb(-asset.decimals)}
    for listing in run.directory.instruments.values():
        tick = Decimal(listing.tick_size)
        steps[listing.name, "lots"] = {Decimal(listing.lot_size)}
        steps["quote", "ticks"].add(tick)
        steps["quote", "steps"].update(tick.scaleb(-digits) for digits in range(1, 20))
    return steps


def wrong_values(found: Any, steps: dict[tuple[str, str], set[Decimal]]) -> Faults:
    """Every value is the whole number beside it, in steps of its unit."""
    if isinstance(found, list):
        for one in found:
            yield from wrong_values(one, steps)
    if not isinstance(found, dict):
        return
    if {"value", "unit"} < found.keys():
        ((counted, number),) = ((key, number) for key, number in found.items() if key not in ("value", "unit"))
        known = steps.get((found["unit"], counted), ())
        if not any(Decimal(found["value"]) == number * step for step in known):
            yield f"{number} {counted} are not {found['value']} {found['unit']}"
        return
    for value in found.values():
        yield from wrong_values(value, steps)


def shown(size: Document) -> str:
    """A size as it is printed, without its sign."""
    return f"{abs(Decimal(size['value'])):,f}"


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
