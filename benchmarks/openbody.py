"""How near the open body comes to anny: ``python -m deocc_aug.benchmarks.openbody``.

Poses are drawn from the pose prior (all families, as often as it draws them).

    posed the same  the template's shape.  Each of SMPL-X's 55 joints takes the rotation of the bone that it stands for, and in anny every
                    bone that SMPL-X has no joint for follows the nearest above it that has one; anny's own skinning of its own 163 bones is
                    compared with smplx's forward pass, vertex by vertex, all 13718 of them, the pelvis at the same place
    posed in full   the same poses and shape, but anny bends all bones that the prior sets (five in the spine, four in the neck, the twisted
                    forearm): what SMPL-X's tree cannot follow
    people          synthetic people as they were drawn, each of their own shape and in their full pose, against what their 55 rotations and
                    10 betas make of them
    shapes          bodies that the shape directions were not made of, at rest, against what the ten directions reach of them
    joints          the places of those bodies' joints, at rest, as the regressor tells them
"""
from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from deocc_aug.benchmarks.statistics import markdown
from deocc_aug.humans.bodies import sample_bodies
from deocc_aug.humans.open_body.build import SEED, TO_SMPLX, OpenBody, at_rest, build, export
from deocc_aug.humans.open_body.labels import Parameters, bone_rotations, in_smplx, joint_rotations, nearest_betas, parameters_of
from deocc_aug.humans.open_body.rest import rest_rotations
from deocc_aug.humans.open_body.rig import Rests, Rig, coefficients, rests, rig, transforms
from deocc_aug.humans.open_body.shape import DIRECTIONS

CHUNK = 10


def smplx_vertices(layer: Any, people: Parameters) -> np.ndarray:
    """(N, V, 3) what smplx makes of people."""
    with torch.inference_mode():
        given = {name: torch.tensor(value, dtype=torch.float32) for name, value in people.named().items()}
        return np.asarray(layer(**given).vertices.numpy())


def anny_vertices(model: Rig, body: Rests, rotations: np.ndarray) -> np.ndarray:
    """(N, V, 3) one body in many poses, by anny's own skinning, in SMPL-X's axes."""
    times = len(rotations)
    heads, rest = np.repeat(body.heads, times, 0), torch.from_numpy(np.repeat(body.vertices, times, 0))
    moved = np.concatenate([transforms(model, heads, rotations), np.broadcast_to([[[[0, 0, 0, 1.0]]]], (*rotations.shape[:2], 1, 4))], 2)
    return np.asarray(model.anny.get_skinned_vertices(rest, torch.from_numpy(moved)).numpy() @ TO_SMPLX.T)


def posing_errors(layer: Any, body: OpenBody, model: Rig, poses: int, seed: int) -> dict[str, np.ndarray]:
    """(poses, V) distances in mm: of the template's shape posed the same, of it with anny posed in full, of people as they were drawn."""
    template = rests(model, body.coefficients[None])
    to_rest = rest_rotations(model, template)
    generator = np.random.default_rng(seed)
    found: dict[str, list[np.ndarray]] = {"posed the same": [], "posed in full": [], "people": []}
    for start in range(0, poses, CHUNK):
        bodies = sample_bodies(min(CHUNK, poses - start), generator)
        full = bone_rotations(model, bodies)
        joints = joint_rotations(model, full, to_rest)
        still = np.zeros((len(bodies), DIRECTIONS + 3))
        ours = smplx_vertices(layer, Parameters(in_smplx(joints), still[:, :DIRECTIONS], still[:, DIRECTIONS:]))
        for name, rotations in (("posed the same", joints[:, model.owner] @ to_rest), ("posed in full", full)):
            found[name].append(_apart(ours, anny_vertices(model, template, rotations)[:, body.order]))
        people = smplx_vertices(layer, parameters_of(bodies, body, model))
        found["people"].append(_apart(people, (bodies.vertices @ TO_SMPLX.T)[:, body.order]))
    return {name: np.concatenate(some) for name, some in found.items()}


def _apart(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    return np.asarray(1000 * np.linalg.norm(one - other, axis=2))


def shape_errors(body: OpenBody, model: Rig, count: int, seed: int) -> dict[str, np.ndarray]:
    """In mm: vertices (count, V) of new bodies at rest from the nearest that ten directions reach, and joints (count, 55)."""
    generator = np.random.default_rng(seed)
    blend = coefficients(model, [model.shapes.sample(generator) for _ in range(count)])
    vertices, joints = at_rest(model, rests(model, blend))
    offsets = vertices[:, body.order] - body.template
    left = offsets - np.einsum("vck,nk->nvc", body.directions[..., :DIRECTIONS], nearest_betas(body, offsets))
    told = np.einsum("jv,nvc->njc", body.regressor, vertices[:, body.order])
    return {"shapes": 1000 * np.linalg.norm(left, axis=2), "joints": 1000 * np.linalg.norm(told - joints, axis=2)}


def gradients_are_finite(layer: Any) -> bool:
    """Whether smplx's forward and backward pass hold no NaN and no infinity, at rest and posed, for every input."""
    generator = torch.Generator().manual_seed(0)
    for spread in (0.0, 0.5):
        sizes = {"betas": 10, "expression": 10, "global_orient": 3, "body_pose": 63, "jaw_pose": 3, "leye_pose": 3, "reye_pose": 3,
                 "left_hand_pose": 45, "right_hand_pose": 45, "transl": 3}
        given = {name: (spread * torch.randn(2, size, generator=generator)).requires_grad_() for name, size in sizes.items()}
        out = layer(**given)
        (out.vertices.square().mean() + out.joints.square().mean()).backward()
        checked = [out.vertices, out.joints, *(value.grad for value in given.values())]
        if not all(value is not None and bool(value.isfinite().all()) for value in checked):
            return False
    return True


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints the open body's distances from anny in mm."""
    import smplx

    parser = argparse.ArgumentParser(prog="python -m deocc_aug.benchmarks.openbody", description=main.__doc__)
    parser.add_argument("--n", type=int, default=100, help="poses, and bodies")
    parser.add_argument("--seed", type=int, default=SEED + 1, help=f"of poses and bodies; the shape directions are made with {SEED}")
    parser.add_argument("--json", type=Path, help="also write the figures")
    options = parser.parse_args(arguments)
    model, body = rig(), build()
    with tempfile.TemporaryDirectory() as folder:
        path = export(Path(folder), body)
        layer = smplx.build_layer(str(path), model_type="smplx", use_pca=False)
        whole = smplx.create(str(path), model_type="smplx", batch_size=2, use_pca=False, use_face_contour=True)
    found = {**posing_errors(layer, body, model, options.n, options.seed), **shape_errors(body, model, options.n, options.seed)}
    rows = [{"compared": name, "n": len(off), "mean mm": float(off.mean()), "worst body's mean mm": float(off.mean(1).max()),
             "99% below mm": float(np.quantile(off, 0.99)), "most mm": float(off.max())} for name, off in found.items()]
    finite = gradients_are_finite(whole)
    print(markdown(rows))
    print(f"smplx forward and backward finite: {'yes' if finite else 'NO'}")
    if options.json:
        options.json.write_text(json.dumps({"rows": rows, "finite": finite}, indent=1))


if __name__ == "__main__":
    main()
