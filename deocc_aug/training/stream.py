"""Endless streams of training examples, and the data modules' common part."""
from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

import cv2
import numpy as np
import pytorch_lightning as pl
import torch
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from deocc_aug.training.sources import Example

Sources = list[tuple[float, list[Example]]]
Make = Callable[[Example, np.random.Generator], "dict[str, np.ndarray] | None"]


class Stream(IterableDataset[Any]):
    """What `make` makes of people drawn from `sources` (share, examples); worker w of a seed draws its own numbers.

    Each example says in `who` (2,) whom it shows: source and index.  Whoever trains on it may note how hard it was: hard
    people are drawn up to `mining` times as often as they would be, easy ones down to as much less.
    """

    def __init__(self, sources: Sources, make: Make, seed: int, mining: float = 1.0) -> None:
        self.sources, self.make, self.seed, self.mining = sources, make, seed, mining
        self.hardness = [torch.ones(len(examples)).share_memory_() for _, examples in sources]

    def note(self, who: Tensor, loss: Tensor) -> None:
        """Remembers the losses (B,) of examples of whom `who` (B, 2) says whom they show."""
        if self.mining > 1 and len(loss):
            relative = (loss / loss.mean()).clamp(1 / self.mining, self.mining).cpu()
            for (source, index), now in zip(who.tolist(), relative, strict=True):
                self.hardness[source][index] += 0.3 * (now - self.hardness[source][index])

    def __iter__(self) -> Iterator[dict[str, np.ndarray]]:
        info = get_worker_info()
        rng = np.random.default_rng([self.seed, info.id if info else 0])
        shares = np.array([share for share, _ in self.sources])
        while True:
            source = rng.choice(len(shares), p=shares / shares.sum())
            weights = self.hardness[source].double().numpy()
            index = rng.choice(len(weights), p=weights / weights.sum())
            made = self.make(self.sources[source][1][index], rng)
            if made is not None:
                yield made | {"who": np.array([source, index])}


def one_thread(worker: int) -> None:
    """OpenCV and torch keep to one thread in a worker: the cores belong to the training process."""
    cv2.setNumThreads(1)
    torch.set_num_threads(1)


class StreamData(pl.LightningDataModule):
    """A data module whose training examples are a `Stream`; a subclass reads the people and says what is made of them.

    Args:
        batch_size: examples a step.
        workers: processes that make examples; 0 makes them in the training process.
        seed: of the stream; resuming with another seed continues with fresh examples.
        mining: how many times as often hard people are drawn at most (see `Stream`); 1 draws all alike.
    """

    def __init__(self, batch_size: int, workers: int, seed: int, mining: float = 1.0) -> None:
        super().__init__()
        self.batch_size, self.workers, self.seed, self.mining = batch_size, workers, seed, mining
        self.stream: Stream | None = None

    @abstractmethod
    def read(self) -> Sources:
        """The people to learn from, with how often each group is drawn."""

    @abstractmethod
    def maker(self) -> Make:
        """What makes a training example of a person; must be picklable."""

    def setup(self, stage: str) -> None:
        if self.stream is None:
            cv2.setNumThreads(0)  # a worker forked while OpenCV's thread pool exists hangs in its first resize
            sources = [(share, examples) for share, examples in self.read() if examples and share > 0]
            if not sources:
                raise ValueError(f"{type(self).__name__} has nobody to learn from: give it at least one of its folders or files")
            self.stream = Stream(sources, self.maker(), self.seed, self.mining)

    def some(self, key: str, count: int) -> np.ndarray:
        """What `count` examples hold under `key`, stacked: the first of another stream than the one trained on."""
        assert self.stream is not None
        other = Stream(self.stream.sources, self.stream.make, self.seed + 1_000_000)
        return np.stack([example[key] for example in islice(other, count)])

    def train_dataloader(self) -> DataLoader[Any]:
        assert self.stream is not None
        return DataLoader(self.stream, self.batch_size, num_workers=self.workers, persistent_workers=self.workers > 0,
                          prefetch_factor=6 if self.workers else None, worker_init_fn=one_thread)
