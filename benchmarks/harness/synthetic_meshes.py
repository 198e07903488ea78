"""The embedded data set with its people's bodies: the same rendered people, and what was rendered."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from deocc_aug.benchmarks.harness.cases import Case, Mesh, Unusable
from deocc_aug.benchmarks.harness.synthetic import SyntheticPeople
from deocc_aug.integrations.mesh.protocol import Camera

if TYPE_CHECKING:
    from deocc_aug.humans.bodies import Bodies
    from deocc_aug.humans.open_body.build import OpenBody
    from deocc_aug.humans.scenes import Scene

BODY_JOINTS = 22


class SyntheticMeshes(SyntheticPeople):
    """`SyntheticPeople` with their bodies as they were drawn: in all their bones' turns and their own shape, not as SMPL-X's parameters
    have them (8 mm apart, docs/meshes.md).  Vertices are in the open body's order.  (Extras `humans` and `mesh`; the open body is made
    first, in about 20 s.)
    """

    @cached_property
    def body(self) -> OpenBody:
        from deocc_aug.humans.open_body.build import build

        return build()

    @cached_property
    def groups(self) -> Sequence[Bodies]:
        """Everybody, drawn once more."""
        from deocc_aug.humans.bodies import sample_bodies
        from deocc_aug.humans.fixed_set import SEED
        from deocc_aug.humans.scenes import GROUP
        from deocc_aug.loaded import one_thread

        with one_thread():
            return [sample_bodies(GROUP, np.random.default_rng([SEED, group])) for group in range(self.people // GROUP)]

    def make(self, number: int) -> Case | Unusable:
        case = super().make(number)
        if isinstance(case, Unusable):
            return case
        group, index = divmod(number, len(self.groups[0]))
        return replace(case, mesh=mesh_of(self.scenes[number], self.groups[group], index, self.body))

    def described(self) -> dict[str, Any]:
        return {**super().described(), "class": "SyntheticMeshes"}


def mesh_of(scene: Scene, bodies: Bodies, index: int, body: OpenBody) -> Mesh:
    """The body of a scene in its photo.

    Raises:
        ValueError: the scene shows somebody else, or it does not hold its vertices.
    """
    from deocc_aug.humans.records import frame_mask

    if scene.vertices_camera is None:
        raise ValueError("this scene does not hold its vertices: pass one of make_scenes, or of shards written with --vertices")
    joints = np.asarray((body_joints(bodies)[index] - scene.view.eye) @ scene.view.axes)
    if not np.abs((bodies.joints_3d[index] - scene.view.eye) @ scene.view.axes - scene.joints_camera).max() < 1e-3:
        raise ValueError("the scene shows somebody else than the body: draw bodies with the scene's seed and group")
    pixels = joints[:, :2] / joints[:, 2:] * scene.view.focal_px + scene.view.middle_px
    height, width = scene.occluder.shape
    column, row = np.floor(pixels).astype(int).T
    inside = (column >= 0) & (row >= 0) & (column < width) & (row < height)
    at = row.clip(0, height - 1), column.clip(0, width - 1)
    inside &= frame_mask(scene.frame_xyxy, scene.occluder.shape)[at]
    camera = Camera(np.full(2, scene.view.focal_px), scene.view.middle_px - scene.frame_xyxy[:2])
    return Mesh(joints, scene.vertices_camera[body.order].astype(np.float64), body.faces, inside & scene.occluder[at], ~inside, camera)


def body_joints(bodies: Bodies) -> np.ndarray:
    """(N, 22, 3) SMPL-X's first joints of people as they were drawn: the heads of the bones that the joints turn, of toes their middle."""
    from deocc_aug.humans.open_body.tree import BONES, JOINTS, TOES

    bones = bodies.model.bones
    places = bodies.bones_3d[:, [bones[bone] for bone in BONES[:BODY_JOINTS]]].astype(np.float64)
    for side, joint in (("L", "left_foot"), ("R", "right_foot")):
        places[:, JOINTS.index(joint)] = bodies.bones_3d[:, [bones[f"toe{toe}-1.{side}"] for toe in TOES]].mean(1)
    return places
