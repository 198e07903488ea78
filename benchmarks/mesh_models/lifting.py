"""A mesh regressor's first lessons: whole bodies from where their joints are seen, without pictures.

Where 22 joints are seen says most of how a body is turned (Martinez et al. 2017), and bodies without pictures cost next to nothing: each is
looked at from anywhere.
"""
from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from tqdm import tqdm

from deocc_aug.benchmarks.mesh_models.data import Posed
from deocc_aug.benchmarks.mesh_models.model import ROOM, STRIDE, CompactHMR, Said, seen_by
from deocc_aug.benchmarks.mesh_models.skin import BODY, Skin, mirrored_turns
from deocc_aug.training.diffusion import adamw

EVERY = 40  # one vertex in so many is looked at
BATCH = 128
NEAREST = 0.4  # metres between a body and its camera, at least
OFF = 2.0  # crop pixels that a joint's place is off, up to about
CUT = 0.3  # how often the crop ends somewhere on the body

Losses = Callable[[Said, dict[str, Tensor]], Tensor]


@dataclass(frozen=True, eq=False)
class Bodies:
    """People without their photos: `rotations` (N, 22, 3, 3) from rest to their cameras, `betas` (N, 10), `distances` (N,) metres."""

    rotations: Float[Tensor, "n 22 3 3"]
    betas: Float[Tensor, "n 10"]
    distances: Float[Tensor, "n"]


def bodies_of(people: Sequence[Posed]) -> Bodies:
    """The bodies of people that stand before their cameras."""
    told = [(one.rotations, one.betas, one.pelvis[2]) for one in people
            if one.rotations is not None and one.betas is not None and one.pelvis is not None and one.pelvis[2] > NEAREST]
    rotations, betas, distances = (torch.stack([torch.as_tensor(value, dtype=torch.float32) for value in kind])
                                   for kind in zip(*told, strict=True))
    return Bodies(rotations, betas, distances)


@torch.no_grad()
def looked_at(bodies: Bodies, which: Tensor, skin: Skin, size: tuple[int, int], generator: torch.Generator) -> dict[str, Tensor]:
    """Bodies from anywhere about, as `MeshData` tells those of its crops, but without pictures.

    Mirrored or not, turned about the camera's upright axis by anything, tilted and rolled by some 8 degrees.
    """
    def normal(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator)

    count = len(which)
    rotations, betas, far = bodies.rotations[which], bodies.betas[which], bodies.distances[which]
    flip = (torch.rand(count, generator=generator) < 0.5)[:, None, None, None]
    rotations = torch.where(flip, mirrored_turns(rotations), rotations)
    turn = about(2, 0.14 * normal(count)) @ about(0, 0.15 * normal(count)) @ about(1, 2 * math.pi * torch.rand(count, generator=generator))
    rotations = turn[:, None] @ rotations
    joints, vertices = skin.some(rotations, betas, torch.arange(0, len(skin.template), EVERY))
    points = torch.cat([joints[:, :BODY], vertices], 1)
    far = torch.maximum(far * torch.exp(0.15 * normal(count)), NEAREST - points[..., 2].amin(1))
    pelvis = torch.cat([far[:, None] * 0.12 * normal(count, 2), far[:, None]], 1)
    before = points + pelvis[:, None]
    seen = before[..., :2] / before[..., 2:]                                              # (B, n, 2) at focal length 1
    low, high = seen.amin(1), seen.amax(1)
    cut = (torch.rand(count, generator=generator) < CUT).float() * torch.rand(count, generator=generator)
    high[:, 1] -= 0.5 * cut * (high[:, 1] - low[:, 1])
    side = (high - low).amax(1, keepdim=True)
    width, height = (high - low + 2 * ROOM * side).unbind(1)
    focal = torch.minimum(size[1] / width, size[0] / height) * torch.exp((0.07 * normal(count)).clamp(-0.15, 0.2))
    looked = (low + high) / 2 + 0.025 * side * normal(count, 2)
    middle = torch.tensor([size[1] / 2, size[0] / 2]) - looked * focal[:, None]
    return {"rotations": rotations, "betas": betas, "pelvis": pelvis, "focal": focal, "middle": middle}


def about(axis: int, angles: Float[Tensor, "b"]) -> Float[Tensor, "b 3 3"]:
    """Rotations about one of the camera's axes, radians."""
    one, other = (k for k in range(3) if k != axis)
    out = torch.eye(3).repeat(len(angles), 1, 1)
    out[:, one, one] = out[:, other, other] = angles.cos()
    out[:, one, other], out[:, other, one] = -angles.sin(), angles.sin()
    return out


def teach(model: CompactHMR, bodies: Bodies, loss: Losses, steps: int, learning_rate: float = 1e-3, seed: int = 0) -> float:
    """Teaches the net's joints to talk; returns the last loss.  What they would hear from pictures is silent afterwards, and learned anew.

    Args:
        loss: of what the net says and the batch that it was asked about.
    """
    generator = torch.Generator().manual_seed(seed)
    model.silence()
    optimizer = adamw(model.parameters(), learning_rate)
    height, width = model.size
    error = torch.zeros(())
    with torch.enable_grad():
        for step in tqdm(range(steps), desc="lessons", unit="step"):
            for group in optimizer.param_groups:
                group["lr"] = learning_rate * min(1.0, (step + 1) / 100) * (0.02 + 0.98 * (1 + math.cos(math.pi * step / steps)) / 2)
            which = torch.randint(len(bodies.betas), (BATCH,), generator=generator)
            batch = looked_at(bodies, which, model.skin, model.size, generator)
            with torch.no_grad():
                joints = model.skin.some(batch["rotations"], batch["betas"], torch.arange(1))[0]
                places = seen_by(batch, joints[:, :BODY])
                places += OFF * torch.rand((BATCH, 1, 1), generator=generator) * torch.randn(places.shape, generator=generator)
                edge = torch.tensor([width, height]) - STRIDE / 2
                places = places.maximum(torch.tensor(STRIDE / 2)).minimum(edge)             # where a heatmap's mean may be
            error = loss(model.lifted(places), batch)
            optimizer.zero_grad()
            error.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
    return float(error.detach())
