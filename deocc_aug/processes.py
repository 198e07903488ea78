"""Tasks done in this process or in several, each on one thread, so that results are the same bytes for any number."""
from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from typing import Any, TypeVar

from deocc_aug.loaded import one_thread

Task = TypeVar("Task")
Answer = TypeVar("Answer")
AHEAD = 2  # tasks handed out for each process


def in_processes(start: Callable[[], Callable[[Task], Answer]], tasks: Iterable[Task], workers: int,
                 again: Callable[[Answer], Task | None]) -> Iterator[Answer]:
    """What becomes of each task, in no particular order.

    Args:
        start: called once in each process, gives the function that does tasks there; it, tasks and answers must be picklable.
        workers: processes; 1 is this one.
        again: a task to do, after all others, in place of an answer that is not good yet; None where it is.

    Raises:
        ChildProcessError: a process ended by itself; and whatever a task raises.
    """
    waiting = deque(tasks)
    answers = _here(start, waiting) if workers == 1 else _there(start, waiting, min(workers, len(waiting)))
    for answer in answers:
        task = again(answer)
        if task is None:
            yield answer
        else:
            waiting.append(task)


def _here(start: Callable[[], Callable[[Task], Answer]], waiting: deque[Task]) -> Iterator[Answer]:
    worker = start()
    with one_thread():
        while waiting:
            yield worker(waiting.popleft())


def _there(start: Callable[[], Callable[[Task], Answer]], waiting: deque[Task], workers: int) -> Iterator[Answer]:
    pool = ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), _begin, (start,))
    running: set[Future[Answer]] = set()
    try:
        while waiting or running:
            while waiting and len(running) < AHEAD * workers:
                running.add(pool.submit(_do, waiting.popleft()))
            ready, running = wait(running, return_when=FIRST_COMPLETED)
            for future in ready:
                yield future.result()
    except BrokenProcessPool:
        raise ChildProcessError("a worker process ended by itself: if memory ran out, run again with fewer workers; what is complete is "
                                "kept") from None
    finally:
        pool.shutdown(cancel_futures=True)


_worker: Callable[[Any], Any]  # of a process that was begun


def _begin(start: Callable[[], Callable[[Any], Any]]) -> None:
    """The first act of a process: deaf to Ctrl-C, which is for its parent to answer, and gone when its parent is."""
    import cv2
    import torch

    global _worker
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    _worker = start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _do(task: Any) -> Any:
    return _worker(task)
