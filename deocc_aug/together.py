"""Nets that are asked in several threads and answer all of them in one batch, which is always of the same size."""
from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from threading import Condition, Lock, local
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from torch import Tensor, nn

Job = TypeVar("Job")
Result = TypeVar("Result")
LANES = 2  # threads for each place in a batch: while some wait for a net, others cut, compose and write


@dataclass(eq=False)
class Question:
    """One call of a net: its tensors, and what came of them once something has."""

    inputs: tuple[Tensor, ...]
    answer: Any = None
    error: Exception | None = None


@dataclass(eq=False)
class Group:
    """Calls that one batch can answer: of one net, with inputs of the same shapes; `names` are those of the inputs beyond two."""

    forward: Callable[..., Any]
    names: tuple[str, ...]
    questions: list[Question] = field(default_factory=list)

    def answer(self, size: int) -> None:
        """Answers all of them in a batch as large as `size` such calls."""
        import torch

        rows = len(self.questions[0].inputs[0])
        asked = self.questions + self.questions[:1] * (size - len(self.questions))
        try:
            first, second, *more = (torch.cat(parts) for parts in zip(*(question.inputs for question in asked), strict=True))
            said = self.forward(first, second, **dict(zip(self.names, more, strict=True)))
            for question, part in zip(self.questions, said.sample.split(rows), strict=False):
                question.answer = type(said)(sample=part)
        except Exception as error:  # to whom it may concern: each of the threads that asked
            for question in self.questions:
                question.error = error


class Together:
    """Does jobs in threads, and lets the nets that `join` was told of answer up to `size` calls in one batch.

    What a net says of an example depends on how large its batch is, by rounding, but not on the other examples.  So every batch is as
    large as `size` calls, filled up where fewer ask, in `map` and outside it: who is completed beside whom decides nothing.

    Args:
        size: calls in a batch; at 1 no call waits and none is filled up.

    Raises:
        ValueError: `size` is below 1.
    """

    def __init__(self, size: int = 1) -> None:
        if size < 1:
            raise ValueError(f"together is {size}: pass how many people the nets complete at once, 1 or more")
        self.size = size
        self._changed = Condition()
        self._groups: dict[tuple[object, ...], Group] = {}
        self._left = 0        # jobs of `map` that are not done
        self._lane = local()  # has `busy` in the threads of `map`
        self._one_map = Lock()

    def join(self, net: nn.Module) -> None:
        """From now on calls net(sample, timestep, name=...) of tensors are answered together; the timestep may be one for all rows."""
        if self.size > 1:
            net.forward = partial(self._ask, net, net.forward)

    def map(self, do: Callable[[Job], Result], jobs: Iterable[Job]) -> list[Result]:
        """What `do` makes of each job, in their order; raises what the first of them raises.  `do` must wait for nothing but nets."""
        if self.size == 1:
            return [do(job) for job in jobs]
        with self._one_map, ThreadPoolExecutor(LANES * self.size) as pool:
            todo = list(jobs)
            self._left = len(todo)
            futures = [pool.submit(self._in_lane, do, job) for job in todo]
            try:
                return [future.result() for future in futures]
            finally:
                self._less(sum(future.cancel() for future in futures))

    def _in_lane(self, do: Callable[[Job], Result], job: Job) -> Result:
        self._lane.busy = True
        try:
            return do(job)
        finally:
            self._less(1)

    def _less(self, jobs: int) -> None:
        with self._changed:
            self._left -= jobs
            self._changed.notify_all()

    def _ask(self, net: nn.Module, forward: Callable[..., Any], sample: Tensor, timestep: Tensor, **more: Tensor) -> Any:
        question = Question((sample, timestep.expand(len(sample)), *more.values()))
        group = Group(forward, tuple(more))
        if getattr(self._lane, "busy", False):
            kind = (net, group.names, *((each.shape, each.dtype) for each in question.inputs))
            with self._changed:
                self._groups.setdefault(kind, group).questions.append(question)
                while question.answer is None and question.error is None:
                    self._work_or_wait()
        else:
            group.questions.append(question)
            group.answer(self.size)
        if question.error is not None:
            raise question.error
        return question.answer

    def _work_or_wait(self) -> None:
        """Answers a group that is full, or the fullest once every thread waits; otherwise waits for that."""
        kind, group = max(self._groups.items(), key=lambda item: len(item[1].questions), default=(None, None))
        waiting = sum(len(each.questions) for each in self._groups.values())
        if group is None or kind is None or (len(group.questions) < self.size and waiting < min(self._left, LANES * self.size)):
            self._changed.wait()
            return
        del self._groups[kind]
        group.answer(self.size)
        self._changed.notify_all()
