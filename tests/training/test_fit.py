"""One training run: in the precision that is quick here, its weights averaged, and going on from where it was."""
from __future__ import annotations

from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any

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


class Kept(Part):
    """A part whose export is its weights."""

    def export(self, folder: Path) -> None:
        folder.mkdir()
        torch.save(self.layer.weight.detach().clone(), folder / "weight.pt")


def run(out: Path, steps: int) -> tuple[torch.Tensor, dict[str, Any]]:
    """The exported weights, and the checkpoint, of a run that goes on to so many steps."""
    torch.manual_seed(0)
    part = fitting.fit(Kept(), Ones(), out, max_time=None, max_steps=steps, accelerator="cpu", ema=0.5)
    return torch.load(part / "weight.pt"), torch.load(out / "last.ckpt", weights_only=False)


def test_a_run_too_short_for_an_average_exports_what_it_learned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As one that stops by time before its average begins: neither export nor checkpoint is that of untrained weights."""
    torch.manual_seed(0)
    untrained = Kept().layer.weight.detach().clone()
    monkeypatch.setattr(fitting.EMA, "should_update", lambda self, step_idx=None, epoch_idx=None: False)
    exported, kept = run(tmp_path / "run", 4)
    assert not torch.equal(exported, untrained) and torch.equal(exported, kept["current_model_state"]["layer.weight"])
    again, after = run(tmp_path / "run", 6)
    assert after["global_step"] == 6 and not torch.equal(again, exported)


def test_the_average_is_exported_and_the_run_goes_on_from_its_own_weights(tmp_path: Path) -> None:
    exported, kept = run(tmp_path / "run", 8)
    own, average = kept["current_model_state"]["layer.weight"], kept["state_dict"]["layer.weight"]
    assert kept["global_step"] == 8 and torch.equal(exported, average) and not torch.equal(own, average)
    once, _ = run(tmp_path / "once", 8)
    assert torch.equal(once, exported)


def test_a_run_whose_folder_was_moved_goes_on_every_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fitting, "fit", partial(fitting.fit, save_every=2))
    run(tmp_path / "there", 4)
    (tmp_path / "there").rename(tmp_path / "here")
    for steps in (6, 8):
        assert run(tmp_path / "here", steps)[1]["global_step"] == steps
    assert sorted(path.name for path in (tmp_path / "here").iterdir()) == ["csv", "last.ckpt", "part", "step.ckpt"]
