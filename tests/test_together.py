"""Promises of `deocc_aug.together`: one batch for many, everybody their own answer, whoever asks beside them."""
from __future__ import annotations

import threading
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor, nn

from deocc_aug.together import LANES, Together


class Doubler(nn.Module):
    """Says twice the sample plus timestep and `more`; keeps how large its batches were."""

    def __init__(self) -> None:
        super().__init__()
        self.sizes: list[int] = []

    def forward(self, sample: Tensor, timestep: Tensor, more: Tensor | None = None) -> SimpleNamespace:
        self.sizes.append(len(sample))
        if sample.isnan().any():
            raise RuntimeError("not a number")
        return SimpleNamespace(sample=2 * sample + timestep[:, None] + (0 if more is None else more))


def asked(together: Together) -> Doubler:
    net = Doubler()
    together.join(net)
    return net


def test_jobs_get_their_own_answers_in_batches_of_one_size() -> None:
    together = Together(4)
    net = asked(together)
    found = together.map(lambda k: net(torch.full((2, 3), float(k)), torch.tensor(k)).sample, range(10))
    assert [one.tolist() for one in found] == [[[3.0 * k] * 3] * 2 for k in range(10)]
    assert set(net.sizes) == {8} and len(net.sizes) >= 3
    net(torch.zeros(2, 3), torch.tensor(0))
    assert net.sizes[-1] == 8


def test_jobs_that_ask_differently_wait_for_nobody_forever() -> None:
    """Other shapes, other names, other numbers of calls, a job that asks nothing: all end, whatever comes together."""
    together = Together(3)
    net, other = asked(together), asked(together)

    def do(k: int) -> float:
        total = 0.0
        for _ in range(k % 4):
            total += float(net(torch.ones(1 + k % 2, 2), torch.tensor(k)).sample[0, 0])
            total += float(other(torch.ones(1, 3), torch.tensor(0), more=torch.full((1, 3), float(k))).sample[0, 0])
        return total

    done: list[float] = []
    thread = threading.Thread(target=lambda: done.extend(together.map(do, range(23))), daemon=True)
    thread.start()
    thread.join(60)
    assert done == [k % 4 * (4.0 + 2 * k) for k in range(23)]
    assert set(net.sizes) <= {3, 6} and set(other.sizes) <= {3}


def test_what_a_job_raises_comes_out_and_the_others_end() -> None:
    together = Together(2)
    net = asked(together)

    def do(k: int) -> float:
        if k == 5:
            raise ValueError("the fifth")
        return float(net(torch.ones(1, 1), torch.tensor(k)).sample)

    with pytest.raises(ValueError, match="the fifth"):
        together.map(do, range(40))
    assert together.map(lambda k: float(net(torch.ones(1, 1), torch.tensor(k)).sample), range(5)) == [2.0, 3.0, 4.0, 5.0, 6.0]


def test_what_a_net_raises_reaches_whoever_asked() -> None:
    together = Together(2)
    net = asked(together)
    with pytest.raises(RuntimeError, match="not a number"):
        together.map(lambda k: net(torch.full((1, 1), float("nan")), torch.tensor(k)), range(3))
    with pytest.raises(RuntimeError, match="not a number"):
        net(torch.full((1, 1), float("nan")), torch.tensor(0))


def test_alone_nothing_is_touched() -> None:
    together = Together()
    net = asked(together)
    assert together.map(lambda k: threading.current_thread(), [0]) == [threading.current_thread()]
    net(torch.zeros(2, 3), torch.zeros(2))
    assert net.sizes == [2]


def test_jobs_are_done_in_threads_of_a_limited_number() -> None:
    together, seen = Together(2), set()
    together.map(lambda k: seen.add(threading.current_thread()), range(50))
    assert 1 <= len(seen) <= 2 * LANES and threading.current_thread() not in seen


def test_a_number_that_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="together is 0"):
        Together(0)
