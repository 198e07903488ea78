"""Data sets of cases for Lightning: one test dataloader an arm, side by side, so that a case is made once for all arms."""
from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.overrides.distributed import UnrepeatedDistributedSampler
from pytorch_lightning.utilities.combined_loader import CombinedLoader
from torch.utils.data import DataLoader, Dataset

from deocc_aug.benchmarks.harness.cases import Case, Unusable
from deocc_aug.benchmarks.harness.records import Records


class BenchData(pl.LightningDataModule):
    """A data set of cases.  A subclass names its cases in `open`, makes each in `make`, and says what decides them in `described`.

    Args:
        limit: the first so many cases; None for all.
        workers: processes that make the cases of each arm; 0 makes a case once for all arms, in this process.
    """

    clean = True  # whether there is a picture of everybody with nothing in front
    occluders = True  # whether it is known what is in front

    def __init__(self, limit: int | None = None, workers: int = 0) -> None:
        super().__init__()
        if limit is not None and limit < 1:
            raise ValueError(f"data.limit is {limit}: pass 1 or more cases, or leave it out for all")
        self.limit, self.workers, self.seconds = limit, workers, 0.0
        self._last: tuple[int, Case | Unusable] | None = None

    @abstractmethod
    def open(self) -> Sequence[str]:
        """The names of all cases, in their order, each different.

        Raises:
            OSError: a file of the data set is missing; the message says which, and where it is obtained.
            ValueError: a file is not what it should be.
        """

    @abstractmethod
    def make(self, number: int) -> Case | Unusable:
        """The case of that number; it depends on the number and on what `described` says, and on nothing else."""

    @abstractmethod
    def described(self) -> dict[str, Any]:
        """What decides the cases, as JSON: where two runs say the same, their cases are the same."""

    @property
    def names(self) -> Sequence[str]:
        """The names of the cases that are asked for.

        Raises:
            ValueError: there is none.
        """
        if not hasattr(self, "_names"):
            self._names = tuple(self.open())[: self.limit]
        if not self._names:
            raise ValueError(f"{type(self).__name__} holds nobody ({self.described()}): pass a data set with people")
        return self._names

    def case(self, number: int) -> Case | Unusable:
        """The case of that number, kept until another is asked for."""
        if self._last is None or self._last[0] != number:
            start = time.perf_counter()
            self._last = number, self.make(number)
            self.seconds += time.perf_counter() - start
        return self._last[1]

    def test_dataloader(self) -> CombinedLoader:
        """One loader an arm, all in step; `None` where the arm has its record already."""
        assert self.trainer is not None
        module: Any = self.trainer.lightning_module
        return CombinedLoader({arm.name: self._loader(module.records, arm.name) for arm in module.arms}, "max_size")

    def transfer_batch_to_device(self, batch: Any, device: Any, dataloader_idx: int) -> Any:
        """Cases stay arrays: estimators of every runtime take those."""
        return batch

    def _loader(self, records: Records, arm: str) -> DataLoader:
        assert self.trainer is not None
        asked = _Asked(self, records, arm)
        share = UnrepeatedDistributedSampler(asked, num_replicas=self.trainer.world_size, rank=self.trainer.global_rank, shuffle=False)
        return DataLoader(asked, batch_size=None, sampler=share, collate_fn=_as_it_is, num_workers=self.workers)


class _Asked(Dataset):
    """The cases of one arm."""

    def __init__(self, data: BenchData, records: Records, arm: str) -> None:
        self.data, self.records, self.arm = data, records, arm

    def __len__(self) -> int:
        return len(self.data.names)

    def __getitem__(self, number: int) -> Case | Unusable | None:
        return None if self.records.has(self.data.names[number], self.arm) else self.data.case(number)


def _as_it_is(case: Case | Unusable | None) -> Case | Unusable | None:
    return case
