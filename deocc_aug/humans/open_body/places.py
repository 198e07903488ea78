"""Where the points are that `smplx` reads off the mesh: fingertips, toes, heels, eyes, ears and nose, and the face's landmarks.

Frame: SMPL-X's metres, x to the body's left, y up, z ahead; the body in SMPL-X's rest pose.  All of it is found by geometry.
"""
from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int

from deocc_aug.humans.open_body.rig import Rig
from deocc_aug.humans.open_body.tree import FINGERS, JOINTS

YAWS = (*range(0, -40, -1), *range(1, 40))
"""Degrees that the head is turned to its left, for each of the 79 rows of face contours that smplx looks up."""
CONTOUR = 17
LANDMARKS = 51
_MIDDLE = 0.004  # metres from the middle plane
_BROW = ((-1.42, 0.62), (-1.2, 0.83), (-0.92, 0.89), (-0.64, 0.83), (-0.36, 0.7))
_BRIDGE = ((0.0, 0.0), (0.0, 1 / 3), (0.0, 2 / 3), (0.0, 1.0))
_NOSTRILS = ((-0.3, 1.22), (-0.15, 1.3), (0.0, 1.33), (0.15, 1.3), (0.3, 1.22))
_EYE = ((-1.0, 0.0), (-0.4, 1.0), (0.4, 1.0), (1.0, 0.0), (0.4, -1.0), (-0.4, -1.0))
_OUTER_LIP = ((-1.0, 0.0), (-0.62, 0.6), (-0.25, 0.95), (0.0, 0.85), (0.25, 0.95), (0.62, 0.6), (1.0, 0.0), (0.6, -0.8), (0.25, -1.0),
              (0.0, -1.0), (-0.25, -1.0), (-0.6, -0.8))  # fmt: skip
_INNER_LIP = ((-0.85, 0.0), (-0.35, 0.25), (0.0, 0.25), (0.35, 0.25), (0.85, 0.0), (0.35, -0.25), (0.0, -0.25), (-0.35, -0.25))


def named_vertices(model: Rig, vertices: Float[np.ndarray, "v 3"]) -> dict[str, int]:
    """The vertex of each place that smplx has a number for, under smplx's name."""
    owner = np.array(list(model.names))[model.weights.argmax(1)]
    found = {}
    head = np.char.startswith(owner, "head")
    ahead = np.where(np.abs(vertices[:, 0]) < _MIDDLE, vertices[:, 2], -np.inf)
    found["nose"] = _best(ahead, _face(model))
    for side, name, sign in (("L", "l", 1.0), ("R", "r", -1.0)):
        found[f"{name}eye"] = _best(vertices[:, 2], owner == f"eye.{side}")
        found[f"{name}ear"] = _best(sign * vertices[:, 0], head)
        for finger, number in FINGERS.items():
            found[f"{name}{finger}"] = _best(sign * vertices[:, 0], owner == f"finger{number}-3.{side}")
        found[f"{side}BigToe"] = _best(vertices[:, 2], owner == f"toe1-2.{side}")
        found[f"{side}SmallToe"] = _best(vertices[:, 2], owner == f"toe5-3.{side}")
        found[f"{side}Heel"] = _best(-vertices[:, 2] - vertices[:, 1], owner == f"foot.{side}")
    return found


def landmarks(model: Rig, vertices: Float[np.ndarray, "v 3"]) -> tuple[Int[np.ndarray, "51"], Float[np.ndarray, "51 3"]]:
    """The 51 landmarks inside the face, iBUG's order from the right brow on: the face that each lies on and the weights of its corners.

    A layout of usual proportions is laid over what geometry finds of this face (eyes, tip of the nose, lips) and seen from the front.
    They are near what annotators mark, not the same.
    """
    face = _face(model)
    usable = np.flatnonzero(face[model.faces].all(1))
    return _seen_from_front(vertices, model.faces, usable, _layout(model, vertices))


def contours(model: Rig, vertices: Float[np.ndarray, "v 3"]) -> tuple[Int[np.ndarray, "79 17"], Float[np.ndarray, "79 17 3"]]:
    """For each turn of the head the 17 points of the face's outline, from the right ear under the chin to the left one.

    They are the vertices of the face (before the ears, above the neck) that lie farthest out as the camera in front sees the turned head.
    """
    eyes, lip = _eyes(model, vertices).mean(0), _mouth(model, vertices)[2]
    front = (np.abs(vertices[:, 0]) < _MIDDLE) & (vertices[:, 2] > lip[2] - 0.015)
    chin = vertices[_best(-vertices[:, 1], front & _face(model))]
    behind = eyes[2] - 0.06  # metres; the ears begin there
    above_neck = vertices[:, 1] >= chin[1] + 0.5 * (chin[2] - vertices[:, 2])
    chosen = np.flatnonzero(_face(model) & above_neck & (vertices[:, 2] > behind) & (vertices[:, 1] < eyes[1] + 0.005))
    middle = np.array([0.0, eyes[1], behind])
    angles = np.linspace(-np.pi, 0.0, CONTOUR)  # the image's left, where the right ear is, then down, then right
    ways = np.stack([np.cos(angles), np.sin(angles)], 1)
    corner = {int(vertex): (index, place) for index, row in enumerate(model.faces) for place, vertex in enumerate(row)}
    faces, weights = np.zeros((len(YAWS), CONTOUR), np.int64), np.zeros((len(YAWS), CONTOUR, 3))
    for row, yaw in enumerate(np.radians(YAWS)):
        right = np.array([np.cos(yaw), 0.0, np.sin(yaw)])  # the image's axes as the head has them
        seen = np.stack([(vertices[chosen] - middle) @ right, vertices[chosen, 1] - middle[1]], 1)
        seen[:, 0] -= (seen[:, 0].min() + seen[:, 0].max()) / 2
        for column, vertex in enumerate(chosen[(seen @ ways.T).argmax(0)]):
            faces[row, column], place = corner[int(vertex)]
            weights[row, column, place] = 1.0
    return faces, weights


def _best(score: np.ndarray, among: np.ndarray) -> int:
    return int(np.where(among, score, -np.inf).argmax())


def _face(model: Rig) -> np.ndarray:
    """(V,) bool: skin that head or jaw move most; no eyeballs, tongue or teeth."""
    joint = model.joint_weights.argmax(1)
    owner = np.array(list(model.names))[model.weights.argmax(1)]
    return np.isin(joint, [JOINTS.index("head"), JOINTS.index("jaw")]) & ~np.char.startswith(owner, "tongue")


def _eyes(model: Rig, vertices: np.ndarray) -> np.ndarray:
    """(2, 3) the middles of the right and of the left eyeball."""
    owner = np.array(list(model.names))[model.weights.argmax(1)]
    return np.stack([vertices[owner == f"eye.{side}"].mean(0) for side in "RL"])


def _layout(model: Rig, vertices: np.ndarray) -> np.ndarray:
    """(51, 2) where the landmarks are, x and y."""
    eyes = _eyes(model, vertices)
    half, height = float(eyes[1, 0] - eyes[0, 0]) / 2, float(eyes[:, 1].mean())
    nose = vertices[_best(np.where(np.abs(vertices[:, 0]) < _MIDDLE, vertices[:, 2], -np.inf), _face(model))]
    corner, upper, lower = _mouth(model, vertices)[:, :2]
    bridge = height - float(nose[1])
    mirrored = [(-x, y) for x, y in _BROW[::-1]]
    points = [np.array([*_BROW, *mirrored]) * half + (0, height)]
    points += [np.array([(x * half, height - y * bridge) for x, y in (*_BRIDGE, *_NOSTRILS)])]
    points += [np.array(_EYE) * (0.48 * half, 0.16 * half) + eye[:2] - (0, 0.06 * half) for eye in eyes]
    lips = np.array([*_OUTER_LIP, *_INNER_LIP])
    tall = np.where(lips[:, 1] > 0, upper[1] - corner[1], corner[1] - lower[1])
    points += [np.stack([lips[:, 0] * corner[0], corner[1] + lips[:, 1] * tall], 1)]
    return np.concatenate(points)


def _mouth(model: Rig, vertices: np.ndarray) -> np.ndarray:
    """(3, 3) the mouth's left corner, the upper lip's upper and the lower lip's lower edge: where facial actions move the skin most."""
    labels = [label.partition(":")[2] for label in model.anny.blendshape_labels]
    moved = (model.anny.blendshapes[labels.index(f"mouth{action}")].norm(dim=1).numpy() for action in ("PressLeft", "ShrugUpper", "Close"))
    return np.stack([vertices[_best(far, _face(model))] for far in moved])


def _seen_from_front(vertices: np.ndarray, faces: np.ndarray, usable: np.ndarray, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The foremost of the usable faces at each point (x, y), and the weights of its corners there."""
    a, b, c = np.moveaxis(vertices[faces[usable]], 1, 0)
    chosen, weights = np.zeros(len(points), np.int64), np.zeros((len(points), 3))
    for k, point in enumerate(points):
        p, q, r = (corner[:, :2] - point for corner in (a, b, c))
        areas = np.stack([_cross(q, r), _cross(r, p), _cross(p, q)], 1)
        whole = areas.sum(1)
        inside = (whole > 1e-12) & (areas >= 0).all(1)  # that faces ahead
        shares = areas / np.where(inside, whole, 1.0)[:, None]
        depth = np.where(inside, shares[:, 0] * a[:, 2] + shares[:, 1] * b[:, 2] + shares[:, 2] * c[:, 2], -np.inf)
        if not inside.any():
            raise ValueError(f"landmark {k} at {point.round(3).tolist()} is on no face: this body's face is not where it was looked for")
        best = int(depth.argmax())
        chosen[k], weights[k] = usable[best], shares[best]
    return chosen, weights


def _cross(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    return np.asarray(one[:, 0] * other[:, 1] - one[:, 1] * other[:, 0])
