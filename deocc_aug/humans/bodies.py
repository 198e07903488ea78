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
from deocc_aug.humans.shapes import PHENOTYPE, Shape, ShapePrior
from deocc_aug.humans.skeleton import RestBody, articulate

COCO_JOINTS = (
    "nose", "left_eye", "right_eye", "left_ear", "right_ear", "left_shoulder", "right_shoulder", "left_elbow",
    "right_elbow", "left_wrist", "right_wrist", "left_hip", "right_hip", "left_knee", "right_knee", "left_ankle",
    "right_ankle",
)  # fmt: skip
"""The 17 joints, in COCO's order."""

REGIONS = ("head", "torso", "upper_arm", "lower_arm", "hand", "thigh", "shin", "foot")
"""What a vertex belongs to: the region of the bone that moves it most."""


@dataclass(frozen=True, eq=False)
class BodyModel:
    """The parts of the body model that do not change from body to body.

    `anny` has the whole base mesh (B = 19158 vertices, the one that MakeHuman garments refer to); `skin` (V,) int64 are those of
    its vertices that are body, in whose order everything else here counts.  `template` (V,3) metres is a body at rest, pelvis
    at the origin; `triangles` (T,3) int32 are all its faces, `faces` (F,3) int32 the outside of the skin (no eyes, teeth,
    tongue); `regions` (V,) uint8 index :data:`REGIONS`; `sides` (V,) int8 is +1 for the left limbs, -1 for the right, 0 for
    head and trunk.
    """

    anny: Any
    keypoints: Any
    shapes: ShapePrior
    skin: NDArray[np.int64]
    template: NDArray[np.float64]
    template_heads: NDArray[np.float64]
    triangles: NDArray[np.int32]
    faces: NDArray[np.int32]
    bones: dict[str, int]
    parents: tuple[int, ...]
    regions: NDArray[np.uint8]
    sides: NDArray[np.int8]


@dataclass(frozen=True, eq=False)
class Bodies:
    """A batch of posed bodies, in metres; x to the body's left, y to its back before posing, z up, pelvis at the origin.

    `vertices` (N,V,3) float32, `faces` (F,3) int32, `joints_3d` (N,17,3) float32 in COCO's order, `bones_3d` (N,J,3) float32
    heads of the bones, `rotations` (N,J,3,3) float32 of the bones from rest, `transforms` (N,J,4,4) float32 from rest to posed,
    `base_rest` (N,B,3) float32 the whole base mesh at rest; `poses`, `shapes` and `families` of length N; `stature` (N,) float32
    is the standing height. `model` names bones and labels vertices.
    """

    vertices: NDArray[np.float32]
    faces: NDArray[np.int32]
    joints_3d: NDArray[np.float32]
    bones_3d: NDArray[np.float32]
    rotations: NDArray[np.float32]
    transforms: NDArray[np.float32]
    base_rest: NDArray[np.float32]
    stature: NDArray[np.float32]
    poses: tuple[Pose, ...]
    shapes: tuple[Shape, ...]
    model: BodyModel

    @property
    def families(self) -> tuple[str, ...]:
        return tuple(pose.family for pose in self.poses)

    def __len__(self) -> int:
        return len(self.poses)


def _silence_warp() -> None:
    """anny's warp greets on stdout, where a command's own output belongs, and warns of a missing GPU, which is no news."""
    import warp

    warp.config.log_level = warp.LOG_ERROR


@lru_cache(maxsize=1)
def body_model() -> BodyModel:
    """Load anny (seconds; a minute the first time on a machine). Raises ImportError where it is not installed."""
    try:
        import torch
        from anny import Anny, KeypointsRegressor
    except ImportError as error:
        raise ImportError("synthetic bodies need anny: pip install 'deocc-aug[humans]'") from error
    _silence_warp()
    body, base = Anny(), Anny(topology="makehuman-full").to(torch.float32)
    skin = body.base_mesh_vertex_indices.numpy().astype(np.int64)
    bones = {name: index for index, name in enumerate(base.bone_labels)}
    owner = np.array(list(bones))[_dominant_bone(base)[skin]]
    triangles = body.get_triangular_faces().numpy().astype(np.int32)
    seen = ~np.char.startswith(owner, "eye")
    return BodyModel(
        anny=base,
        keypoints=KeypointsRegressor.coco(base, labels=list(COCO_JOINTS)),
        shapes=ShapePrior(base),
        skin=skin,
        template=base.template_vertices.numpy().astype(np.float64)[skin],
        template_heads=base.template_bone_heads.numpy().astype(np.float64),
        triangles=triangles,
        faces=np.ascontiguousarray(triangles[seen[triangles].all(axis=1)]),
        bones=bones,
        parents=tuple(int(parent) for parent in base.bone_parents),
        regions=np.array([REGIONS.index(_region(name)) for name in owner], dtype=np.uint8),
        sides=np.where(np.char.endswith(owner, ".L"), 1, np.where(np.char.endswith(owner, ".R"), -1, 0)).astype(np.int8),
    )


def sample_bodies(n: int, generator: np.random.Generator, families: Sequence[str] | None = None) -> Bodies:
    """Draw `n` bodies (8 to 32 at once is efficient); pose families are drawn from `families`, else by their weights.

    The same generator state gives the same bodies. Raises ValueError for an unknown family, ImportError without anny.
    """
    import torch

    model = body_model()
    shapes = tuple(model.shapes.sample(generator) for _ in range(n))
    phenotypes = {name: torch.tensor([shape.phenotype[name] for shape in shapes], dtype=torch.float32) for name in PHENOTYPE}
    with torch.inference_mode():
        rest = model.anny.get_rest_model(model.anny.get_phenotype_blendshape_coefficients(**phenotypes))
        heads = rest["rest_bone_heads"]
        base_rest = rest["rest_vertices"] - heads[:, :1]  # the pelvis to the origin
        heads = (heads - heads[:, :1]).numpy().astype(np.float64)
        poses, rotations = [], []
        for index in range(n):
            family = None if families is None else str(generator.choice(list(families)))
            pose = sample_pose(generator, family)
            body = _rest_body(model, heads[index], base_rest[index].numpy()[model.skin])
            poses.append(pose)
            rotations.append(articulate(pose, body, generator))
        heads_posed, transforms = _transforms(heads, np.stack(rotations), model.parents)
        vertices = model.anny.get_skinned_vertices(base_rest, torch.from_numpy(transforms))
        joints = model.keypoints({"vertices": vertices})
    standing = base_rest[:, model.skin, 2]
    return Bodies(
        vertices=vertices.numpy()[:, model.skin],
        faces=model.faces,
        joints_3d=joints.numpy(),
        bones_3d=heads_posed,
        rotations=np.stack(rotations).astype(np.float32),
        transforms=transforms,
        base_rest=base_rest.numpy(),
        stature=(standing.amax(1) - standing.amin(1)).numpy(),
        poses=tuple(poses),
        shapes=shapes,
        model=model,
    )


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
