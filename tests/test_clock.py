"""The clock: what runs when, and in which order within an instant."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deleverage.events.errors import ScenarioError
from deleverage.sim.clock import Clock, Item, ItemClass

ITEMS = st.lists(
    st.tuples(
        st.integers(1, 5), st.sampled_from([ItemClass.TIMER, ItemClass.DELIVERY]), st.integers(0, 9), st.integers(0, 3)
    ),
    unique=True,
    max_size=25,
)
INPUTS = st.lists(st.integers(0, 6), max_size=10).map(sorted)


class Diary:
    """A clock, and what happened on it: (time, class, cause, subscription)."""

    def __init__(self, start_ns: int = 0) -> None:
        self.clock, self.told = Clock(start_ns), list[tuple[int, int, int, int]]()

    def plan(self, at_ns: int, item_class: ItemClass, cause: int, subscription: int = 0) -> None:
        """Let an item write itself down when it runs."""
        entry = (int(item_class), cause, subscription)
        item = Item(cause, subscription, lambda: self.told.append((self.clock.now_ns, *entry)))
        self.clock.schedule(at_ns, item_class, item)

    def publish(self, cause: int) -> None:
        """Write an input down."""
        self.told.append((self.clock.now_ns, int(ItemClass.INPUT), cause, 0))


@given(ITEMS, INPUTS, st.randoms())
def test_the_order_is_time_class_cause_subscription(
    items: list[tuple[int, ItemClass, int, int]], inputs: list[int], random: object
) -> None:
    """However items were scheduled: by time, then input before timer before delivery, then cause, then subscription."""
    diary = Diary()
    shuffled = list(items)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    for at_ns, item_class, cause, subscription in shuffled:
        diary.plan(at_ns, item_class, cause, subscription)
    diary.clock.run_inputs(((at_ns, number) for number, at_ns in enumerate(inputs)), diary.publish)
    diary.clock.run_until(6)
    expected = [(at_ns, int(ItemClass.INPUT), number, 0) for number, at_ns in enumerate(inputs)]
    expected += [(at_ns, int(item_class), cause, subscription) for at_ns, item_class, cause, subscription in items]
    assert diary.told == sorted(expected)


def test_time_is_exact_beyond_what_a_float_holds() -> None:
    """Nanoseconds since the epoch stay whole numbers on SimPy's heap too."""
    start_ns = 1_760_128_800_000_000_001
    diary = Diary(start_ns)
    diary.plan(start_ns + 1, ItemClass.TIMER, 7)
    diary.clock.run_inputs([(start_ns, 0), (start_ns + 2, 1)], diary.publish)
    assert [at_ns - start_ns for at_ns, *_ in diary.told] == [0, 1, 2]
    assert diary.clock.now_ns == start_ns + 2


def test_what_an_item_schedules_runs_in_its_turn() -> None:
    """An item may schedule further ones; those of a later instant, in the middle of inputs, come between them."""
    diary = Diary()

    def again(cause: int) -> None:
        diary.publish(cause)
        diary.plan(diary.clock.now_ns + 3, ItemClass.TIMER, cause)

    diary.clock.run_inputs([(0, 0), (2, 1), (4, 2)], again)
    diary.clock.run_until(100)
    assert [(at_ns, cause) for at_ns, _, cause, _ in diary.told] == [(0, 0), (2, 1), (3, 0), (4, 2), (5, 1), (7, 2)]


def test_what_is_left_of_an_instant_are_the_causes_still_to_run() -> None:
    """Each item sees those of its own instant and class behind it, in their order, and none of any other."""
    diary, left = Diary(), list[tuple[int, list[int]]]()
    for at_ns, item_class, cause in ((1, ItemClass.TIMER, 5), (1, ItemClass.TIMER, 2), (1, ItemClass.TIMER, 9)):
        note = Item(cause, 0, lambda cause=cause: left.append((cause, diary.clock.causes_left())))  # type: ignore[misc]
        diary.clock.schedule(at_ns, item_class, note)
    diary.plan(1, ItemClass.DELIVERY, 1)
    diary.plan(2, ItemClass.TIMER, 3)
    diary.clock.run_until(3)
    assert left == [(2, [5, 9]), (5, [9]), (9, [])]


def test_inputs_that_run_backwards_are_refused() -> None:
    """A source out of order is the scenario's fault, and is named with both times."""
    diary = Diary()
    with pytest.raises(ScenarioError, match="an input at 4 ns comes after 5 ns; times never run backwards"):
        diary.clock.run_inputs([(5, 0), (4, 1)], diary.publish)
    with pytest.raises(ScenarioError, match="an input at 9 ns comes after 10 ns"):
        Diary(10).clock.run_inputs([(9, 0)], diary.publish)


def test_running_to_an_end_includes_the_end_and_nothing_after() -> None:
    """Items of the last instant run; later ones wait; time stands at the end."""
    diary = Diary()
    diary.plan(5, ItemClass.TIMER, 1)
    diary.plan(6, ItemClass.TIMER, 2)
    diary.clock.run_until(5)
    assert [cause for _, _, cause, _ in diary.told] == [1]
    assert diary.clock.now_ns == 5


def test_running_on_after_an_end() -> None:
    """The clock can be run to one end after another, to the same one again, and take inputs in between."""
    diary = Diary()
    diary.plan(7, ItemClass.TIMER, 1)
    diary.clock.run_until(5)
    diary.clock.run_until(5)
    diary.plan(6, ItemClass.TIMER, 2)
    diary.clock.run_inputs([(5, 0), (6, 1)], diary.publish)
    diary.clock.run_until(9)
    assert diary.told == [(5, 1, 0, 0), (6, 1, 1, 0), (6, 2, 2, 0), (7, 2, 1, 0)]


def test_no_inputs_are_no_fault() -> None:
    """A source that has nothing to say leaves the clock where it was."""
    diary = Diary(3)
    diary.clock.run_inputs([], diary.publish)
    assert (diary.told, diary.clock.now_ns) == ([], 3)
