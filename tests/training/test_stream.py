"""The stream of examples: shares are kept, and people who are hard are drawn more often."""
from __future__ import annotations

from itertools import islice

import numpy as np
import pytest
import torch

from deocc_aug.training.sources import Example
from deocc_aug.training.stream import Stream

NOBODY = Example(None, np.zeros((17, 3)), np.zeros(4))


def drawn(stream: Stream, count: int) -> np.ndarray:
    return np.array([one["who"] for one in islice(stream, count)])


@pytest.fixture
def stream() -> Stream:
    return Stream([(0.25, [NOBODY] * 2), (0.75, [NOBODY] * 2)], lambda example, rng: {}, seed=0, mining=2.0)


def test_sources_are_drawn_by_their_shares(stream: Stream) -> None:
    who = drawn(stream, 2000)
    assert (who[:, 0] == 1).mean() == pytest.approx(0.75, abs=0.04)
    assert who[:, 1].mean() == pytest.approx(0.5, abs=0.05)


def test_hard_people_are_drawn_more_often_within_their_source(stream: Stream) -> None:
    for _ in range(30):
        stream.note(torch.tensor([[1, 0], [1, 1]]), torch.tensor([9.0, 1.0]))
    who = drawn(stream, 4000)
    assert (who[:, 0] == 1).mean() == pytest.approx(0.75, abs=0.03)
    assert (who[who[:, 0] == 1, 1] == 0).mean() == pytest.approx(1.8 / (1.8 + 0.5), abs=0.03)
    assert (who[who[:, 0] == 0, 1] == 0).mean() == pytest.approx(0.5, abs=0.06)


def test_without_mining_nothing_is_remembered() -> None:
    stream = Stream([(1.0, [NOBODY] * 2)], lambda example, rng: {}, seed=0)
    stream.note(torch.tensor([[0, 0]]), torch.tensor([9.0]))
    assert torch.equal(stream.hardness[0], torch.ones(2))
