"""The sync door: one background loop for all sync callers."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from orchestra import ConfigError
from orchestra.door import Door, sync


async def loop_id() -> int:
    return id(asyncio.get_running_loop())


def test_all_sync_callers_share_one_loop() -> None:
    """Calls from many threads run on the same event loop."""
    with ThreadPoolExecutor(8) as pool:
        assert len({*pool.map(lambda _: sync(loop_id), range(20))}) == 1


async def test_it_works_inside_a_running_loop() -> None:
    """A notebook's own loop is not in the way, and is not the one used."""
    assert sync(loop_id) != await loop_id()


def test_an_error_reaches_its_caller_and_nobody_else() -> None:
    """The loop goes on after a task's SystemExit."""

    async def leave() -> None:
        raise SystemExit(3)

    with pytest.raises(SystemExit):
        sync(leave)
    assert sync(loop_id)


def test_a_sync_call_from_the_loop_itself_is_a_clear_error() -> None:
    """It would wait for itself for ever."""

    async def nested() -> int:
        return sync(loop_id)

    with pytest.raises(ConfigError, match="use the async call"):
        sync(nested)


def test_ctrl_c_in_the_waiting_caller_cancels_the_task() -> None:
    """The task does not go on, and cost, behind the back of who interrupted it."""
    cancelled = threading.Event()

    async def waits() -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            cancelled.set()
            raise

    def interrupt() -> None:
        time.sleep(0.3)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt).start()
    with pytest.raises(KeyboardInterrupt):
        sync(waits)
    assert cancelled.wait(5)


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_child_gets_a_loop_of_its_own() -> None:
    """The parent's loop thread does not exist in the child; a sync call there works all the same."""
    sync(loop_id)
    pid = os.fork()
    if pid == 0:  # the child leaves at once, whatever happens
        try:
            os._exit(0 if sync(loop_id) else 1)
        except BaseException:  # noqa: BLE001
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def test_closing_cancels_what_runs_and_a_later_call_opens_it_again() -> None:
    """`close` does not wait for long tasks."""
    door = Door()
    future = door.start(lambda: asyncio.sleep(60))
    door.close()
    assert future.done()
    assert door.run(loop_id)
    door.close()
