"""How a running controller is asked to stop."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

import pytest

from candle_workflow import control
from candle_workflow.control import SIGNALS, Control
from candle_workflow.folder import CampaignFolder


@pytest.fixture
def folder(tmp_path: Path) -> CampaignFolder:
    return CampaignFolder(tmp_path)


def send(number: signal.Signals) -> None:
    os.kill(os.getpid(), number)


def test_nothing_asked(folder: CampaignFolder) -> None:
    with Control(folder) as asked:
        assert asked() is None


@pytest.mark.parametrize("number", SIGNALS)
def test_the_first_signal_drains_and_only_ctrl_c_hurries(
    folder: CampaignFolder, number: signal.Signals
) -> None:
    with Control(folder) as asked:
        asked.listen(watched=True)
        send(number)
        assert asked() == "interrupted"
        send(signal.SIGTERM)
        send(signal.SIGHUP)
        assert asked() == "interrupted"
        send(signal.SIGINT)
        assert asked() == "now"
        send(signal.SIGTERM)
        assert asked() == "now"
        with pytest.raises(KeyboardInterrupt):
            send(signal.SIGINT)


def test_the_second_ctrl_c_interrupts_where_nobody_asks(folder: CampaignFolder) -> None:
    with Control(folder) as asked:
        send(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            send(signal.SIGINT)
        assert asked() == "interrupted"


def test_signals_are_taken_again_and_given_back(folder: CampaignFolder) -> None:
    before = [signal.getsignal(number) for number in SIGNALS]
    with Control(folder) as asked:
        signal.signal(signal.SIGTERM, lambda *_: os._exit(9))  # as Ray does when it starts
        asked.listen(watched=True)
        send(signal.SIGTERM)
        assert asked() == "interrupted"
    assert [signal.getsignal(number) for number in SIGNALS] == before


def test_nohup_is_respected(folder: CampaignFolder) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with Control(folder) as asked:
            send(signal.SIGHUP)
            assert asked() is None
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_another_thread_leaves_signals_alone(folder: CampaignFolder) -> None:
    before = [signal.getsignal(number) for number in SIGNALS]
    seen: list[object] = []

    def work() -> None:
        with Control(folder) as asked:
            seen.append([signal.getsignal(number) for number in SIGNALS])
            seen.append(asked())

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [before, None]


def test_the_stop_file_cancels(folder: CampaignFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control, "LOOK_S", -1.0)
    with Control(folder) as asked:
        assert asked() is None
        folder.stop.write_text("")
        assert asked() == "cancelled"
        folder.stop.unlink()
        assert asked() == "cancelled"


def test_the_disk_is_not_asked_all_the_time(
    folder: CampaignFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control, "LOOK_S", 3600.0)
    with Control(folder) as asked:
        asked._looked = control.time.monotonic()
        folder.stop.write_text("")
        assert asked() is None


def test_a_stop_is_announced_once(folder: CampaignFolder, caplog: pytest.LogCaptureFixture) -> None:
    with Control(folder) as asked:
        send(signal.SIGTERM)
        for _ in range(3):
            asked()
    assert len(caplog.records) == 1
