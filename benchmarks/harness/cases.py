"""What is judged: one person in one picture, and the truth about them as far as it is known."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from deocc_aug.canvas import box_of
from deocc_aug.integrations.mesh.protocol import Camera
from deocc_aug.types import JOINTS, Box, Image, Joints, Mask, Person

TOLD = ("masks", "visible mask", "box")
BOXES = ("visible", "amodal")


@dataclass(frozen=True, eq=False)
class Mesh:
    """A person's body before the picture's camera: metres right, down and ahead.

    Attributes:
        joints: (22, 3), SMPL-X's first, pelvis to wrists (SMPL's have the same names and order).
        vertices: (V, 3) and `faces` (F, 3), of the body model that the regressors must be of for PVE; none where nobody has them.
        hidden: (22,) bool, the joints that something is in front of; `outside` (22,) bool, those beyond the picture's border, or of which
            nobody says: they count as neither visible nor hidden.
        camera: what sees them so, in the picture's pixels.
    """

    joints: Float[np.ndarray, "22 3"]
    vertices: Float[np.ndarray, "v 3"]
    faces: Int[np.ndarray, "f 3"]
    hidden: Bool[np.ndarray, "22"]
    outside: Bool[np.ndarray, "22"]
    camera: Camera


@dataclass(frozen=True, eq=False)
class Case:
    """One person in one picture.

    Attributes:
        name: the case's own in its data set.
        person: whose case it is; several cases may be one person's, and intervals resample people.
        image: (H, W, 3) uint8 RGB: what an estimator would be shown.
        told: what the de-occluder is told of the person.
        box_xyxy: (4,) px, the true box: what estimators crop by in every arm, and what errors are measured in.
        joints: (17, 3) px and 1 where the joint is labelled, 0 where it is not.
        hidden: (17,) bool, the labelled joints that something is in front of.
        hidden_share: of the silhouette, in [0, 1]; None where nobody knows, and the case is then in no occlusion rate's figures.
        clean: (H, W, 3) uint8, the same picture with nothing in front; None where nobody has it.
        amodal, occluder: (H, W) bool, the whole silhouette and what is in front; None where nobody knows.
        area: of the person in pixels, as OKS wants it; None for the silhouette's.
        mesh: the body, where the data set knows it.
    """

    name: str
    person: str
    image: Image
    told: Person
    box_xyxy: Box
    joints: Joints
    hidden: Bool[np.ndarray, "17"]
    hidden_share: float | None
    clean: Image | None = None
    amodal: Mask | None = None
    occluder: Mask | None = None
    area: float | None = None
    mesh: Mesh | None = None

    @property
    def side(self) -> float:
        """The true box's longer side in pixels."""
        return float(max(self.box_xyxy[2:] - self.box_xyxy[:2]))

    @property
    def labelled(self) -> Bool[np.ndarray, "17"]:
        return np.asarray(self.joints[:, 2] > 0)


@dataclass(frozen=True)
class Unusable:
    """A case that cannot be judged, and why: it is named and counted in the report."""

    name: str
    person: str
    problem: str


def behind(joints: Joints, occluder: Mask) -> Bool[np.ndarray, "17"]:
    """The labelled joints whose pixel the occluder (H, W) covers."""
    height, width = occluder.shape
    column, row = np.floor(joints[:, :2]).astype(int).clip(0, [width - 1, height - 1]).T
    return np.asarray((joints[:, 2] > 0) & occluder[row, column])


def told_of(amodal: Mask, occluder: Mask, told: str = "masks", box: str = "visible") -> Person | None:
    """What a de-occluder is told of a person: one of `TOLD`, the box of one of `BOXES`; None where nothing is seen of them."""
    visible = amodal & ~occluder
    around = box_of(visible)
    if around is None:
        return None
    given = around if box == "visible" else box_of(amodal)
    return Person(given, None if told == "box" else visible, occluder if told == "masks" else None)


def check_choice(name: str, value: str, allowed: tuple[str, ...]) -> str:
    """The value.  Raises ValueError where it is none of those allowed."""
    if value not in allowed:
        raise ValueError(f"{name} is {value!r}: pass one of {list(allowed)}")
    return value


def no_joints() -> Joints:
    """(17, 3) for a person of whom no joint is labelled."""
    return np.zeros((JOINTS, 3))
