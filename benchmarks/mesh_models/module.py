"""The compact mesh regressor in training."""
from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from deocc_aug.benchmarks.mesh_models.data import MeshData
from deocc_aug.benchmarks.mesh_models.model import STRIDE, CompactHMR, Said
from deocc_aug.benchmarks.mesh_models.skin import BODY, local_turns, read_skin
from deocc_aug.benchmarks.meshes import aligned_joint_errors, joint_errors
from deocc_aug.training.diffusion import PartModule

EVERY = 40  # one vertex in so many is compared
SIGMA = 0.8  # cells, of the heatmaps that are aimed at


class MeshModule(PartModule):
    """Learns rotations, shape and camera of people in crops.

    Args:
        body: the file that `deocc-aug body export` wrote; the model takes its body from it and carries it along.
        start: folder of a trained one of the same sizes to begin from; None begins from nothing.
        size: (height, width) px of the crop.
        channels, blocks, width, layers: of the net, see `CompactHMR`.
        turn_weight, local_weight: of the rotations' squared distances (whole, and relative to parents).
        joint_weight, vertex_weight: of the distances in metres of joints and vertices about the pelvis.
        seen_weight: of joints in the crop, in crop heights; map_weight: of the heatmaps' divergence.
        shape_weight, distance_weight: of the betas' squared distances, and of the camera's distance and scale (logarithms).
    """

    def __init__(self, body: str, start: str | None = None, size: tuple[int, int] = (192, 144),
                 channels: tuple[int, int, int, int] = (24, 48, 96, 128), blocks: tuple[int, int, int] = (1, 2, 2), width: int = 128,
                 layers: int = 3, turn_weight: float = 1.0, local_weight: float = 0.3, joint_weight: float = 6.0,
                 vertex_weight: float = 2.0, seen_weight: float = 4.0, map_weight: float = 0.25, shape_weight: float = 0.02,
                 distance_weight: float = 0.2, learning_rate: float = 1.5e-3, warm_up: int = 200, final: float = 0.01) -> None:
        super().__init__(learning_rate, warm_up, final)
        skin = read_skin(Path(body))
        model = CompactHMR(size, channels, blocks, width, layers, *skin.weight.shape)
        if start is not None:
            begun = CompactHMR.from_pretrained(start, dtype=torch.float32, local_files_only=True)
            model.load_state_dict(begun.state_dict())
        model.skin.load_state_dict(skin.state_dict())
        self.model = model.to(memory_format=torch.channels_last)
        self.weights = {"turn": turn_weight, "local": local_weight, "joint": joint_weight, "vertex": vertex_weight, "seen": seen_weight,
                        "map": map_weight, "shape": shape_weight, "distance": distance_weight}

    def on_fit_start(self) -> None:
        """The fingers take the pose that people of the data have on average."""
        data = self.trainer.datamodule  # type: ignore[attr-defined]
        if isinstance(data, MeshData):
            self.model.skin.hands.copy_(torch.from_numpy(data.hands))

    def training_step(self, batch: dict[str, Tensor], batch_idx: int) -> Tensor:
        said = self.model(batch["picture"])
        with torch.autocast(self.device.type, enabled=False):  # a body in half precision is off by centimetres
            losses, off = self.losses(said, batch)
        self.log_dict({name: value.detach() for name, value in losses.items()}, prog_bar=False)
        self.log("pa_mpjpe", off["pa"].mean(), prog_bar=True)
        self.log("mpjpe", off["joints"].mean(), prog_bar=True)
        stream = self.trainer.datamodule.stream  # type: ignore[attr-defined]
        stream.note(batch["who"], off["pa"])
        return torch.stack([self.weights[name] * value for name, value in losses.items()]).sum()

    def losses(self, said: Said, batch: dict[str, Tensor]) -> tuple[dict[str, Tensor], dict[str, Float[Tensor, "b"]]]:
        """Losses by name; and MPJPE ("joints") and PA-MPJPE ("pa") of everybody, mm."""
        skin, size = self.model.skin, self.model.size
        which = torch.arange(0, len(skin.template), EVERY, device=said.betas.device)
        joints, vertices = skin.some(said.rotations, said.betas, which)
        with torch.no_grad():
            true_joints, true_vertices = skin.some(batch["rotations"], batch["betas"], which)
            true_seen = seen_by(batch, true_joints[:, :BODY])
        seen = said.projected(joints[:, :BODY], size)
        height = size[0]
        nearness = (seen - true_seen).abs().div(height).clamp(max=1.0)  # whoever is wholly wrong pulls no more than that
        per_metre = batch["focal"] / batch["pelvis"][:, 2]
        losses = {
            "turn": (said.rotations - batch["rotations"]).square().sum((2, 3)).mean(),
            "local": (local_turns(said.rotations) - local_turns(batch["rotations"])).square().sum((2, 3)).mean(),
            "joint": (joints[:, :BODY] - true_joints[:, :BODY]).norm(dim=2).mean(),
            "vertex": (vertices - true_vertices).norm(dim=2).mean(),
            "seen": nearness.sum(2).mean(),
            "map": map_loss(said.heatmaps, true_seen),
            "shape": (said.betas - batch["betas"]).square().sum(1).mean(),
            "distance": (said.distance / batch["pelvis"][:, 2]).log().abs().mean() + 2 * (said.per_metre / per_metre).log().abs().mean(),
        }
        with torch.no_grad():
            pair = joints[:, :BODY].detach().float(), true_joints[:, :BODY].float()
            off = {"joints": joint_errors(*pair).mean(1), "pa": aligned_joint_errors(*pair).mean(1)}
        return losses, off

    def export(self, folder: Path) -> None:
        """Writes the model with its body: fp16 safetensors and its config."""
        self.model.half().save_pretrained(folder)


def seen_by(batch: dict[str, Tensor], points: Float[Tensor, "b n 3"]) -> Float[Tensor, "b n 2"]:
    """Crop pixels in which the crops' own cameras see points about the pelvis."""
    before = points + batch["pelvis"][:, None]
    return before[..., :2] / before[..., 2:].clamp(min=0.1) * batch["focal"][:, None, None] + batch["middle"][:, None]


def map_loss(said: Float[Tensor, "b j h w"], seen: Float[Tensor, "b j 2"]) -> Tensor:
    """Divergence from a Gaussian where each joint is seen; one beyond the crop is looked for at its border."""
    across, down = (_bells(seen[..., k] / STRIDE, said.shape[3 - k]) for k in (0, 1))
    there = (down[..., :, None] * across[..., None, :]).flatten(2)
    return F.kl_div(said.flatten(2), there, reduction="none").sum(2).mean()


def _bells(places: Float[Tensor, "b j"], cells: int) -> Float[Tensor, "b j cells"]:
    """A Gaussian around each place, 1 in all."""
    middles = torch.arange(cells, device=places.device) + 0.5
    apart = middles - places.clamp(0.5, cells - 0.5)[..., None]
    return (-apart.square() / (2 * SIGMA**2)).softmax(2)
