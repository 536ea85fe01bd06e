"""Signals that stop a recording: the record ends sealed, with everything in it, whichever comes and however often."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from types import FrameType, SimpleNamespace
from typing import Any

import pytest

from deleverage import open_run
from deleverage.events.bodies.margin import MarkPriced
from deleverage.events.envelope import Event, Origin
from deleverage.events.record import RecordReader, RecordSettings, RecordWriter
from deleverage.sim import signals
from deleverage.sim.interrupt import Interrupt
from deleverage.sim.sealing import sealing
from deleverage.sim.signals import STOPPING, held_back, stoppable

from .support.command_line import call, small_record, spawn
from .support.disks import LoggedDisk
from .support.patience import PATIENCE_S, eventually

LONG = (
    "calm",
    "--set",
    'prices.duration_ns="900d"',
    "--set",
    "population.accounts=50",
    "--set",
    "limits.inputs=100_000_000",
)
MARKS = [Event(seq, seq, Origin.INPUT, None, (), None, MarkPriced(1, seq, 0, seq)) for seq in range(700)]


def begun(path: Path, process: subprocess.Popen[str]) -> None:
    """Wait until there is a block of a record."""
    assert eventually(lambda: (path / "00000000.seg").exists() or process.poll() is not None)
    assert process.poll() is None


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGINT, 130)])
def test_a_signal_seals_a_run(tmp_path: Path, number: signal.Signals, code: int) -> None:
    """After the input at hand: a summary, the exit code of the signal, and a record sealed as interrupted, sound."""
    if signal.getsignal(number) is signal.SIG_IGN:
        pytest.skip("whoever started the tests ignores this signal, and so do they")
    path = tmp_path / "a.run"
    process = spawn("run", *LONG, "-o", path)
    begun(path, process)
    process.send_signal(number)
    output, errors = process.communicate(timeout=PATIENCE_S)
    assert (process.returncode, errors.count("\n")) == (code, 1)
    assert errors.startswith("deleverage: stopping after this input and sealing the record; ")
    assert output.startswith("calm, seed 1: interrupted\n")
    assert open_run(path).manifest.status == "interrupted"
    assert call("verify", path).exit_code == 0


def test_many_signals_lose_nothing(tmp_path: Path) -> None:
    """A dozen of them, one right after the other: the record is sealed."""
    path = tmp_path / "a.run"
    process = spawn("run", *LONG, "-o", path)
    begun(path, process)
    for number in (*STOPPING, *STOPPING, *STOPPING, *STOPPING):
        process.send_signal(number)
    process.communicate(timeout=PATIENCE_S)
    assert process.returncode in (129, 130, 143)
    assert open_run(path).manifest.status == "interrupted"
    assert call("verify", path).exit_code == 0


def test_a_signal_that_is_ignored_stays_so(tmp_path: Path) -> None:
    """A run under nohup outlives its terminal, and is stopped by another signal."""
    path = tmp_path / "a.run"
    process = spawn("run", *LONG, "-o", path, preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
    begun(path, process)
    process.send_signal(signal.SIGHUP)
    time.sleep(0.3)
    assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=PATIENCE_S)
    assert (process.returncode, open_run(path).manifest.status) == (143, "interrupted")


def test_a_fork_is_sealed_as_well(tmp_path: Path) -> None:
    """SIGTERM ends whatever is being recorded in order, not only a run."""
    parent, path = small_record(tmp_path), tmp_path / "child.run"
    slow = "import time; from deleverage.sim import bus; from deleverage.__main__ import main\n"
    slow += "publish = bus.Bus.publish_input\n"
    slow += "def slowly(*arguments):\n    time.sleep(0.02)\n    publish(*arguments)\n"
    slow += "bus.Bus.publish_input = slowly\nmain()"
    command = [sys.executable, "-c", slow, "fork", str(parent), "--at", "3000", "-o", str(path)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    begun(path, process)
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=PATIENCE_S)
    assert (process.returncode, errors) == (143, "deleverage: interrupted\n")
    assert RecordReader.open(path).status == "interrupted"
    assert call("verify", path).exit_code == 0


class SignalAt:
    """Sends this process a signal at the n-th line that runs in what seals a record."""

    def __init__(self, line_number: int, number: int) -> None:
        self.lines_left, self.number = line_number, number

    def __call__(self, frame: FrameType, event: str, _: object) -> Any:
        """Trace the frames of what seals."""
        name = frame.f_code.co_filename
        if not name.endswith(("sealing.py", "signals.py")) and f"{os.sep}events{os.sep}record{os.sep}" not in name:
            return None
        if event == "line":
            self.lines_left -= 1
            if self.lines_left == 0:
                signal.raise_signal(self.number)
        return self


def stopped_twice(writer: RecordWriter, tracer: SignalAt, *, first: bool) -> None:
    """Record some marks and end, by a signal or not, with another one on the way to the seal or in it."""
    # The outer one is for a signal that comes when nothing is recorded any more, which is not to end the tests.
    with suppress(KeyboardInterrupt), stoppable():
        try:
            with sealing(writer):
                writer.append_many(MARKS)
                sys.settrace(tracer)
                if first:
                    signal.raise_signal(signal.SIGINT)
        finally:
            sys.settrace(None)


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_second_signal_at_any_line_of_the_seal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, *, first: bool
) -> None:
    """Whether a first one stopped the run or it came to its end: all of it is there, and the record is sealed.

    Each of the four tries other lines.
    """
    monkeypatch.setattr(signals, "QUIET_S", 60.0)
    lines = 0
    for line_number in range(1 + 5 * first + 10 * (number == signal.SIGTERM), 4000, 20):
        path, tracer = tmp_path / f"{line_number}.run", SignalAt(line_number, number)
        writer = RecordWriter(path, settings=RecordSettings(pages_per_block=1), disk=LoggedDisk())
        stopped_twice(writer, tracer, first=first)
        reader = RecordReader.open(path)
        assert reader.status in (("interrupted",) if first else ("complete", "interrupted"))
        assert list(reader.events()) == MARKS
        if tracer.lines_left > 0:
            lines = line_number
            break
    assert lines > 300


def test_signals_are_given_back() -> None:
    """After a recording they are handled as before, those that were ignored or somebody's own included."""
    own = signal.signal(signal.SIGTERM, lambda *_: None)
    ignored = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        before = [signal.getsignal(number) for number in STOPPING]
        sink = SimpleNamespace(seal=lambda *_: None)
        with sealing(sink), Interrupt(), stoppable(), held_back():  # type: ignore[arg-type]
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
        assert [signal.getsignal(number) for number in STOPPING] == before
    finally:
        signal.signal(signal.SIGTERM, own)
        signal.signal(signal.SIGHUP, ignored)
