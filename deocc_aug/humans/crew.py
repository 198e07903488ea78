"""Worker processes that make scenes: each reads the ingredients once and computes on one thread."""

from __future__ import annotations

import os
import signal
import sys
import threading
import traceback
import warnings
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from deocc_aug.humans.recipe import Recipe
    from deocc_aug.humans.scenes import Ingredients

T = TypeVar("T")
Task = Callable[["Ingredients"], Iterator[T]]
"""Makes things of the ingredients; must be picklable, and so must what it yields."""

_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")
_NEXT, _DONE, _FAILED = range(3)


@dataclass(frozen=True, eq=False)
class Crew:
    """Workers that are ready.  `found` counts what each of them read: backgrounds, cutouts, garments."""

    members: tuple[tuple[BaseProcess, Connection], ...]
    found: dict[str, int]

    def run(self, tasks: Sequence[Task[T]]) -> Iterator[T]:
        """What the tasks yield, in no particular order.  The first tasks go to one worker each.

        Raises:
            ValueError, OSError, ImportError: of a task.
            RuntimeError: any other error of a task, with its traceback.
            ChildProcessError: a worker ended by itself.
        """
        waiting = deque(tasks)
        processes = {link: process for process, link in self.members}
        busy = []
        for link in processes:
            if waiting:
                link.send(waiting.popleft())
                busy.append(link)
        while busy:
            for ready in wait(busy):
                assert isinstance(ready, Connection)
                what, value = _received(processes[ready], ready)
                if what == _NEXT:
                    yield value
                elif waiting:
                    ready.send(waiting.popleft())
                else:
                    busy.remove(ready)


@contextmanager
def hired(recipe: Recipe, workers: int) -> Iterator[Crew]:
    """`workers` processes that have read the recipe; when the block ends, however it ends, they are stopped.

    What cannot be used among the ingredients is warned of once.

    Raises:
        ValueError, OSError, ImportError: the ingredients cannot be read, or a package is not installed.
    """
    context, members = get_context("spawn"), list[tuple[BaseProcess, Connection]]()
    try:
        with _child_settings():
            for _ in range(workers):
                here, there = context.Pipe()
                worker = context.Process(target=_work, args=(there, recipe), daemon=True)
                worker.start()
                there.close()
                members.append((worker, here))
        found, warned = [_received(process, link)[1] for process, link in members][0]
        for message in warned:
            warnings.warn(message, stacklevel=3)
        yield Crew(tuple(members), found)
    finally:
        for process, link in members:
            link.close()
            process.terminate()
        for process, _ in members:
            process.join()


@contextmanager
def _child_settings() -> Iterator[None]:
    """While this lasts, processes are started with one thread each and deaf to Ctrl-C, which is for their parent to answer."""
    before = {name: os.environ.get(name) for name in _ONE_THREAD}
    is_main = threading.current_thread() is threading.main_thread()
    handler = signal.signal(signal.SIGINT, signal.SIG_IGN) if is_main else None
    os.environ.update(_ONE_THREAD)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
        if is_main:
            signal.signal(signal.SIGINT, handler)


def _received(process: BaseProcess, link: Connection) -> tuple[int, Any]:
    try:
        what, value = link.recv()
    except (EOFError, ConnectionResetError):
        process.join()
        raise ChildProcessError(f"a worker process ended by itself (exit status {process.exitcode}): if memory ran out, "
                                "run again with fewer workers; what is complete is kept") from None
    if what == _FAILED:
        raise value
    return what, value


def _work(link: Connection, recipe: Recipe) -> None:
    """The life of a worker: reads the ingredients, then does tasks until the other end is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that unfinished files are removed on the way out
    try:
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("default")
            ingredients = recipe.read()
        counted = {
            "backgrounds": 0 if ingredients.backgrounds is None else len(ingredients.backgrounds.photos),
            "cutouts": len(ingredients.cutouts),
            "garments": 0 if ingredients.wardrobe is None else len(ingredients.wardrobe.garments),
        }
        _prepare()
        link.send((_DONE, (counted, list(dict.fromkeys(str(warning.message) for warning in warned)))))
        while True:
            for value in link.recv()(ingredients):
                link.send((_NEXT, value))
            link.send((_DONE, None))
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return
    except (ValueError, OSError, ImportError) as error:
        link.send((_FAILED, error))
    except Exception:
        link.send((_FAILED, RuntimeError(f"a worker failed:\n{traceback.format_exc()}")))
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)  # nothing is unfinished any more


def _prepare() -> None:
    import cv2
    import torch

    from deocc_aug.humans.bodies import body_model

    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    body_model()
