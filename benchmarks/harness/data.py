"""Data sets of cases for Lightning: one test dataloader an arm, side by side, so that a case is made once for all arms."""
from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.overrides.distributed import UnrepeatedDistributedSampler
from pytorch_lightning.utilities.combined_loader import CombinedLoader
from torch.utils.data import DataLoader, Dataset

from deocc_aug.benchmarks.harness.cases import Case, Unusable
from deocc_aug.benchmarks.harness.records import Records


class BenchData(pl.LightningDataModule):
    """A data set of cases.

    A subclass names its cases in `open`, makes each in `make`, and says what decides them in `described`.

    Args:
        limit: the first so many cases; None for all.
    """

    clean = True  # whether there is a picture of everybody with nothing in front
    occluders = True  # whether it is known what is in front

    def __init__(self, limit: int | None = None) -> None:
        super().__init__()
        if limit is not None and limit < 1:
            raise ValueError(f"data.limit is {limit}: pass 1 or more cases, or leave it out for all")
        self.limit, self.seconds = limit, 0.0
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

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The names of the cases that are asked for.

        Raises:
            ValueError: there is none, or two have one name.
        """
        names = tuple(self.open())[: self.limit]
        if not names:
            raise ValueError(f"{type(self).__name__} holds nobody ({self.described()}): pass a data set with people")
        if len(set(names)) < len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise ValueError(f"{type(self).__name__} names the case {twice} twice: give every case its own name")
        return names

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
        if len(self.names) < self.trainer.world_size:
            raise ValueError(f"{self.trainer.world_size} processes are too many for {len(self.names)} cases: pass fewer --trainer.devices")
        asked = _Asked(self, records, arm)
        share = UnrepeatedDistributedSampler(asked, num_replicas=self.trainer.world_size, rank=self.trainer.global_rank, shuffle=False)
        return DataLoader(asked, batch_size=None, sampler=share, collate_fn=_as_it_is)


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
