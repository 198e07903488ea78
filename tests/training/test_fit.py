"""One training run: in the precision that is quick here."""
from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

import pytest
import pytorch_lightning as pl
import torch

from deocc_aug.training import fit as fitting
from deocc_aug.training.diffusion import PartModule


class Part(PartModule):
    """A part that notes the dtypes that it computes in."""

    def __init__(self) -> None:
        super().__init__(1e-3, 1, 0.1)
        self.layer, self.seen = torch.nn.Linear(2, 1), list[torch.dtype]()

    def training_step(self, batch: torch.Tensor, batch_idx: int) -> torch.Tensor:
        said = self.layer(batch)
        self.seen.append(said.dtype)
        return said.float().sum()

    def export(self, folder: Path) -> None:
        folder.mkdir()


class Ones(pl.LightningDataModule):
    def train_dataloader(self) -> torch.utils.data.DataLoader[torch.Tensor]:
        return torch.utils.data.DataLoader(torch.ones(4, 2))  # type: ignore[arg-type]


@pytest.mark.parametrize(("quick", "used"), [(True, torch.bfloat16), (False, torch.float32)])
def test_bfloat16_is_used_where_it_is_quick(quick: bool, used: torch.dtype, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    part = Part()
    monkeypatch.setattr(fitting, "quick_in_bf16", lambda device: quick)
    with nullcontext() if quick else pytest.warns(UserWarning, match="bf16-mixed, which the cpu of this machine computes slower"):
        fitting.fit(part, Ones(), tmp_path / "run", max_time=None, max_steps=1, accelerator="cpu", precision="bf16-mixed")
    assert part.seen == [used]
