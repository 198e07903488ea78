"""Tasks done by actors of Ray Data, on one machine or a cluster: the same answers as `deocc_aug.processes` gives."""
from __future__ import annotations

import logging
import pickle
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

Task = TypeVar("Task")
Answer = TypeVar("Answer")
MISSING = "--engine ray needs Ray Data, which cannot be imported here ({}): pip install 'deocc-aug[bulk]', or use --engine local"


class Hands:
    """An actor: starts once, then does one task after another on one thread."""

    def __init__(self, start: bytes) -> None:
        import cv2
        import torch

        cv2.setNumThreads(1)
        torch.set_num_threads(1)
        self.work = pickle.loads(start)()

    def __call__(self, batch: dict[str, Any]) -> dict[str, list[bytes]]:
        return {"answer": [pickle.dumps(self.work(pickle.loads(task))) for task in batch["task"]]}


def in_ray(start: Callable[[], Callable[[Task], Answer]], tasks: Iterable[Task], workers: int, again: Callable[[Answer], Task | None],
           gpus: float = 0.0) -> Iterator[Answer]:
    """What becomes of each task, in no particular order.

    Joins the Ray cluster that RAY_ADDRESS or a running `ray.init` names; without one, Ray starts on this machine and ends with
    the last answer.

    Args:
        start, tasks, workers, again: as of `deocc_aug.processes.in_processes`; a worker is an actor.
        gpus: share of a GPU that each actor asks for; one without a GPU asks for a CPU.

    Raises:
        ModuleNotFoundError: no Ray.
        ChildProcessError: an actor ended by itself, or what a task raised.
    """
    try:
        import ray
        from ray.data import ActorPoolStrategy, DataContext
    except ImportError as error:
        raise ModuleNotFoundError(MISSING.format(error)) from None
    mine = not ray.is_initialized()
    if mine:
        ray.init(log_to_driver=False, configure_logging=False)
    DataContext.get_current().enable_progress_bars = False
    logging.getLogger("ray.data").setLevel(logging.WARNING)
    waiting = list(tasks)
    try:
        while waiting:
            rows = ray.data.from_items([{"task": pickle.dumps(task)} for task in waiting], override_num_blocks=len(waiting))
            answers = rows.map_batches(Hands, fn_constructor_args=(pickle.dumps(start),), batch_size=1,
                                       compute=ActorPoolStrategy(size=min(workers, len(waiting))), num_cpus=None if gpus else 1,
                                       num_gpus=gpus or None)
            waiting = []
            for row in answers.iter_rows():
                answer = pickle.loads(row["answer"])
                task = again(answer)
                if task is None:
                    yield answer
                else:
                    waiting.append(task)
    except ray.exceptions.RayError as error:
        raise ChildProcessError(f"Ray ended the work: {str(error).strip().splitlines()[-1]}; what is complete is kept") from None
    finally:
        if mine:
            ray.shutdown()
