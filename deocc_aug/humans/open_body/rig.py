"""anny with MakeHuman's whole rig (it has a jaw), and how its bodies are posed: the little of linear blend skinning that is needed.

Frame: anny's metres, x to the body's left, y to its back, z up.  A bone's rotation is from its rest direction, in these axes.
"""
from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from deocc_aug.humans.open_body.tree import BONES, JOINTS, PARENTS, TOES, owners
from deocc_aug.humans.shapes import PHENOTYPE, Shape, ShapePrior


@dataclass(frozen=True, eq=False)
class Rig:
    """The body model's fixed parts.

    `anny` is the model; `names` of its bones and `parents`; `weights` (V, bones) of skinning; `owner` (bones,) the SMPL-X joint that
    carries each bone; `faces` (F, 3); `shapes` draws bodies.
    """

    anny: Any
    names: dict[str, int]
    parents: tuple[int, ...]
    weights: Float[np.ndarray, "v bones"]
    owner: Int[np.ndarray, "bones"]
    faces: Int[np.ndarray, "f 3"]
    shapes: ShapePrior

    @property
    def joint_weights(self) -> Float[np.ndarray, "v 55"]:
        """Skinning weights of SMPL-X's joints: each bone's go to the joint that carries it."""
        out = np.zeros((len(self.weights), len(JOINTS)))
        np.add.at(out.T, self.owner, self.weights.T)
        return out


@dataclass(frozen=True, eq=False)
class Rests:
    """Bodies as the model has them, arms half down: `vertices` (N, V, 3), `heads` and `tails` (N, bones, 3) of their bones."""

    vertices: Float[np.ndarray, "n v 3"]
    heads: Float[np.ndarray, "n bones 3"]
    tails: Float[np.ndarray, "n bones 3"]


@lru_cache(maxsize=1)
def rig() -> Rig:
    """Loads anny.  Raises ImportError where it is not installed."""
    try:
        import warp

        warp.config.log_level = warp.LOG_ERROR  # it greets on stdout otherwise
        from anny import Anny
    except ImportError as error:
        raise ImportError("the open body is made of anny: pip install 'deocc-aug[humans,mesh]'") from error
    model = Anny(rig="makehuman", facial_actions="all", phenotype_blendshapes="original", skinning_method="lbs")
    names = {name: index for index, name in enumerate(model.bone_labels)}
    parents = tuple(int(parent) for parent in model.bone_parents)
    weights = np.zeros((len(model.template_vertices), len(names)))
    np.put_along_axis(weights, *_summed(model.vertex_bone_indices.numpy(), model.vertex_bone_weights.numpy()), axis=1)
    return Rig(model, names, parents, weights, owners(names, parents), model.get_triangular_faces().numpy().astype(np.int64),
               ShapePrior(model))


def _summed(indices: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Padding repeats a bone with weight 0: all entries of a bone get their sum, so that none overwrites another."""
    same = indices[:, :, None] == indices[:, None, :]
    return indices, (same * weights[:, None, :]).sum(2)


def coefficients(model: Rig, shapes: list[Shape]) -> Float[np.ndarray, "n k"]:
    """What shapes are as coefficients of the model's blend shapes."""
    import torch

    phenotypes = {name: torch.tensor([shape.phenotype[name] for shape in shapes], dtype=model.anny.dtype) for name in PHENOTYPE}
    return np.asarray(model.anny.get_phenotype_blendshape_coefficients(**phenotypes).numpy())


def rests(model: Rig, blend: Float[np.ndarray, "n k"]) -> Rests:
    """The bodies of these blend shapes' coefficients, the pelvis (where the spine begins) at the origin."""
    import torch

    with torch.inference_mode():
        found = model.anny.get_rest_model(torch.from_numpy(blend).to(model.anny.dtype))
    vertices, heads, tails = (found[f"rest_{part}"].numpy().astype(np.float64) for part in ("vertices", "bone_heads", "bone_tails"))
    pelvis = heads[:, [model.names["spine05"]]]
    heads = heads - pelvis
    heads[:, model.names["root"]] = 0  # MakeHuman's root lies lower: the pelvis turns about the place that SMPL-X turns it about
    return Rests(vertices - pelvis, heads, tails - pelvis)


def posed_heads(model: Rig, heads: Float[np.ndarray, "n bones 3"], rotations: Float[np.ndarray, "n bones 3 3"]) -> np.ndarray:
    """Where the bones' heads (N, bones, 3) go when every bone turns by its rotation from rest; the pelvis stays."""
    out = np.array(heads)
    for bone, parent in enumerate(model.parents):
        if parent >= 0:
            out[:, bone] = out[:, parent] + np.einsum("nij,nj->ni", rotations[:, parent], heads[:, bone] - heads[:, parent])
    return out


def transforms(model: Rig, heads: Float[np.ndarray, "n bones 3"], rotations: Float[np.ndarray, "n bones 3 3"]) -> np.ndarray:
    """The skinning transforms (N, bones, 3, 4) from rest to posed."""
    moved = posed_heads(model, heads, rotations) - np.einsum("nbij,nbj->nbi", rotations, heads)
    return np.concatenate([rotations, moved[..., None]], 3)


def skinned(model: Rig, body: Rests, rotations: Float[np.ndarray, "n bones 3 3"]) -> Float[np.ndarray, "n v 3"]:
    """Posed vertices by linear blend skinning."""
    each = [np.einsum("vij,vj->vi", blended[..., :3], rest) + blended[..., 3]
            for rest, blended in zip(body.vertices, _blended(model, body, rotations), strict=True)]
    return np.stack(each)


def _blended(model: Rig, body: Rests, rotations: np.ndarray) -> np.ndarray:
    """(N, V, 3, 4) the transform of every vertex."""
    import torch

    flat = torch.from_numpy(transforms(model, body.heads, rotations).reshape(len(rotations), -1, 12))
    return np.asarray((torch.from_numpy(model.weights) @ flat).numpy().reshape(len(rotations), -1, 3, 4))


def joint_places(model: Rig, heads: Float[np.ndarray, "n bones 3"]) -> Float[np.ndarray, "n 55 3"]:
    """SMPL-X's joints: heads of the bones that they turn; the joint of the toes is in the middle of the five toes' heads."""
    places = heads[:, [model.names[bone] for bone in BONES]].copy()
    for side, joint in (("L", "left_foot"), ("R", "right_foot")):
        places[:, JOINTS.index(joint)] = heads[:, [model.names[f"toe{toe}-1.{side}"] for toe in TOES]].mean(1)
    return places


def local(rotations: Float[np.ndarray, "n 55 3 3"]) -> Float[np.ndarray, "n 55 3 3"]:
    """Every joint's rotation relative to its parent, of rotations in the body's axes."""
    out = np.array(rotations)
    for joint, parent in enumerate(PARENTS):
        if parent >= 0:
            out[:, joint] = np.swapaxes(rotations[:, parent], 1, 2) @ rotations[:, joint]
    return out
