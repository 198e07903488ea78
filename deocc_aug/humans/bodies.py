"""Random bodies: an anny shape (children, adults, old people of both sexes) in a pose from the prior.

anny: https://github.com/naver/anny (Apache-2.0 code, CC0 MakeHuman data).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deocc_aug.humans.poses import Pose, sample_pose
from deocc_aug.humans.skeleton import RestBody, articulate

COCO_JOINTS = (
    "nose", "left_eye", "right_eye", "left_ear", "right_ear", "left_shoulder", "right_shoulder", "left_elbow",
    "right_elbow", "left_wrist", "right_wrist", "left_hip", "right_hip", "left_knee", "right_knee", "left_ankle",
    "right_ankle",
)  # fmt: skip
"""The 17 joints, in COCO's order."""

REGIONS = ("head", "torso", "upper_arm", "lower_arm", "hand", "thigh", "shin", "foot")
"""What a vertex belongs to: the region of the bone that moves it most."""


@dataclass(frozen=True)
class BodyModel:
    """The parts of the body model that do not change from body to body.

    `faces` (F,3) int32 are the outside of the skin (no eyes, teeth, tongue); `regions` (V,) uint8 index :data:`REGIONS`;
    `sides` (V,) int8 is +1 for the left limbs, -1 for the right, 0 for head and trunk.
    """

    anny: Any
    keypoints: Any
    faces: NDArray[np.int32]
    bones: dict[str, int]
    parents: tuple[int, ...]
    regions: NDArray[np.uint8]
    sides: NDArray[np.int8]


@dataclass(frozen=True)
class Bodies:
    """A batch of posed bodies, in metres; x to the body's left, y to its back before posing, z up, pelvis at the origin.

    `vertices` (N,V,3) float32, `faces` (F,3) int32, `joints_3d` (N,17,3) float32 in COCO's order, `bones_3d` (N,J,3) float32
    heads of the bones, `rotations` (N,J,3,3) float32 of the bones from rest, `poses` and `families` of length N; `stature`
    (N,) float32 is the standing height. `model` names bones and labels vertices.
    """

    vertices: NDArray[np.float32]
    faces: NDArray[np.int32]
    joints_3d: NDArray[np.float32]
    bones_3d: NDArray[np.float32]
    rotations: NDArray[np.float32]
    stature: NDArray[np.float32]
    poses: tuple[Pose, ...]
    model: BodyModel

    @property
    def families(self) -> tuple[str, ...]:
        return tuple(pose.family for pose in self.poses)

    def __len__(self) -> int:
        return len(self.poses)


def _silence_warp() -> None:
    """anny's warp greets on stdout, where a command's own output belongs."""
    import warp

    warp.config.log_level = warp.LOG_WARNING


@lru_cache(maxsize=1)
def body_model() -> BodyModel:
    """Load anny (seconds; a minute the first time on a machine). Raises ImportError where it is not installed."""
    try:
        import torch
        from anny import Anny, KeypointsRegressor
    except ImportError as error:
        raise ImportError("synthetic bodies need anny: pip install 'deocc-aug[humans]'") from error
    _silence_warp()
    model = Anny().to(torch.float32)
    bones = {name: index for index, name in enumerate(model.bone_labels)}
    names = np.array(list(bones))
    owner = names[_dominant_bone(model)]
    faces = model.get_triangular_faces().numpy().astype(np.int32)
    seen = ~np.char.startswith(owner, "eye")
    return BodyModel(
        anny=model,
        keypoints=KeypointsRegressor.coco(model, labels=list(COCO_JOINTS)),
        faces=np.ascontiguousarray(faces[seen[faces].all(axis=1)]),
        bones=bones,
        parents=tuple(int(parent) for parent in model.bone_parents),
        regions=np.array([REGIONS.index(_region(name)) for name in owner], dtype=np.uint8),
        sides=np.where(np.char.endswith(owner, ".L"), 1, np.where(np.char.endswith(owner, ".R"), -1, 0)).astype(np.int8),
    )


def sample_bodies(n: int, generator: np.random.Generator, families: Sequence[str] | None = None) -> Bodies:
    """Draw `n` bodies (8 to 32 at once is efficient); pose families are drawn from `families`, else by their weights.

    The same generator state gives the same bodies. Raises ValueError for an unknown family, ImportError without anny.
    """
    import torch

    model = body_model()
    shapes = [_sample_shape(generator) for _ in range(n)]
    phenotypes = {name: torch.tensor([shape[name] for shape in shapes], dtype=torch.float32) for name in shapes[0]}
    with torch.inference_mode():
        rest = model.anny(phenotype_kwargs=phenotypes)
        rest_vertices = rest["rest_vertices"] - rest["rest_bone_heads"][:, :1]  # the pelvis to the origin
        heads = (rest["rest_bone_heads"] - rest["rest_bone_heads"][:, :1]).numpy().astype(np.float64)
        poses, rotations = [], []
        for index in range(n):
            family = None if families is None else str(generator.choice(list(families)))
            pose = sample_pose(generator, family)
            body = _rest_body(model, heads[index], rest_vertices[index].numpy())
            poses.append(pose)
            rotations.append(articulate(pose, body, generator))
        turned = torch.from_numpy(np.stack(rotations).astype(np.float32))
        heads_posed, transforms = _transforms(heads, np.stack(rotations), model.parents)
        vertices = model.anny.get_skinned_vertices(rest_vertices, torch.from_numpy(transforms))
        joints = model.keypoints({"vertices": vertices})
    height = rest_vertices[..., 2].amax(1) - rest_vertices[..., 2].amin(1)
    return Bodies(
        vertices=vertices.numpy(),
        faces=model.faces,
        joints_3d=joints.numpy(),
        bones_3d=heads_posed,
        rotations=turned.numpy(),
        stature=height.numpy(),
        poses=tuple(poses),
        model=model,
    )


def _sample_shape(generator: np.random.Generator) -> dict[str, float]:
    """Phenotype in anny's units (0 to 1, age -1/3 newborn, 0 baby, 1/3 child, 2/3 young, 1 old)."""
    group = generator.choice(3, p=[0.15, 0.72, 0.13])
    age = generator.uniform(*((0.12, 0.5), (0.55, 0.8), (0.8, 1.0))[group])
    return {
        "gender": float(generator.beta(0.3, 0.3)),
        "age": float(age),
        "muscle": float(generator.beta(3, 3)),
        "weight": float(generator.beta(2.2, 2.4)),
        "height": float(np.clip(generator.normal(0.5, 0.14), 0.1, 0.9)),
        "proportions": float(np.clip(generator.normal(0.55, 0.2), 0.05, 1.0)),
    }


def _rest_body(model: BodyModel, heads: NDArray[np.float64], vertices: NDArray[np.float32]) -> RestBody:
    trunk = vertices[model.regions == REGIONS.index("torso")]
    middle = trunk[(trunk[:, 2] > 0.0) & (trunk[:, 2] < heads[model.bones["upperarm01.L"], 2])]
    return RestBody(
        bones=model.bones,
        parents=model.parents,
        heads=heads,
        trunk_half_width=float(np.percentile(np.abs(middle[:, 0]), 92)),
        trunk_front=float(np.percentile(-middle[:, 1], 94)),
        trunk_back=float(np.percentile(middle[:, 1], 94)),
    )


def _transforms(
    heads: NDArray[np.float64], rotations: NDArray[np.float64], parents: tuple[int, ...]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Posed bone heads (N,J,3) and the skinning transforms (N,J,4,4) for rotations (N,J,3,3) from rest heads (N,J,3)."""
    posed = np.array(heads)
    for bone, parent in enumerate(parents):
        if parent >= 0:
            offset = heads[:, bone] - heads[:, parent]
            posed[:, bone] = posed[:, parent] + np.einsum("nij,nj->ni", rotations[:, parent], offset)
    transforms = np.zeros((*rotations.shape[:2], 4, 4), dtype=np.float32)
    transforms[..., :3, :3] = rotations
    transforms[..., :3, 3] = posed - np.einsum("njab,njb->nja", rotations, heads)
    transforms[..., 3, 3] = 1.0
    return posed.astype(np.float32), transforms


def _dominant_bone(model: Any) -> NDArray[np.int64]:
    weights, indices = model.vertex_bone_weights.numpy(), model.vertex_bone_indices.numpy()
    chosen: NDArray[np.int64] = np.take_along_axis(indices, weights.argmax(axis=1)[:, None], axis=1)[:, 0]
    return chosen


def _region(bone: str) -> str:
    for prefix, region in (
        ("upperarm", "upper_arm"), ("lowerarm", "lower_arm"), ("wrist", "hand"), ("finger", "hand"), ("metacarpal", "hand"),
        ("upperleg", "thigh"), ("lowerleg", "shin"), ("foot", "foot"), ("toe", "foot"), ("neck03", "head"), ("head", "head"),
        ("eye", "head"),
    ):  # fmt: skip
        if bone.startswith(prefix):
            return region
    return "torso"
