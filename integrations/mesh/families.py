"""Adapters for mesh regressors that others have published, for `worker.py` to load in their environments (NumPy, OpenCV, torch).

What stands before and after the nets is written from their public sources and tested for itself; the three functions at the end, which
import the others' code, were never run against their checkpoints (nobody here has them).  This file imports nothing of deocc-aug.

    SMPLer-X, OSX, Hand4Whole, SMPLest-X: a crop of 512x384 a box, RGB / 255, the box widened by 1.25 (SMPLest-X: 1.2 where its config says
        so); answers are seen by a camera of 5000 px over a body crop of 256x192, scaled to the box
    HMR 2.0, TokenHMR: a square of 256 a box, ImageNet's normalisation, the box filled up to 192:256; answers are seen by a camera of
        5000 / 256 px for each pixel of the image's longer side, that looks at the image's middle
    Multi-HMR: the whole image padded to a square, ImageNet's normalisation; answers are seen by a camera of 60 degrees across the square
"""
from __future__ import annotations

import sys
from itertools import islice

import numpy as np

MEAN, SPREAD = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
OSX_SHOWN, OSX_BODY, OSX_FOCAL, OSX_ROOM = (512, 384), (256, 192), 5000.0, 1.25
HMR_SIDE, HMR_SHAPE, HMR_FOCAL = 256, (192, 256), 5000.0
MULTI_FIELD = 60.0  # degrees
_OSX_PARAMETERS = {"global_orient": "smplx_root_pose", "body_pose": "smplx_body_pose", "left_hand_pose": "smplx_lhand_pose",
                   "right_hand_pose": "smplx_rhand_pose", "jaw_pose": "smplx_jaw_pose", "betas": "smplx_shape", "expression": "smplx_expr",
                   "transl": "cam_trans"}  # fmt: skip
_HMR_PARAMETERS = {name: f"pred_smpl_params.{name}" for name in ("global_orient", "body_pose", "betas")}  # rotation matrices
_MULTI_ROTATIONS = {"global_orient": slice(0, 1), "body_pose": slice(1, 22), "left_hand_pose": slice(22, 37),
                    "right_hand_pose": slice(37, 52), "jaw_pose": slice(52, 53)}  # fmt: skip


def cut(image, window, shown):
    """The window (x, y, width, height) of an image (H, W, 3) on a crop of `shown` (height, width) pixels, black outside; float32.

    The middle of the window goes to the middle of the crop, both counted as their nets' own code counts: a pixel's number is its place.
    """
    import cv2

    x, y, width, height = window
    across, down = shown[1] / width, shown[0] / height
    matrix = np.array([[across, 0, -across * x], [0, down, -down * y]])
    return cv2.warpAffine(np.asarray(image, np.float32), matrix, (shown[1], shown[0]), flags=cv2.INTER_LINEAR)


def normalised(crop):
    """(3, h, w) float32 of a crop (h, w, 3) of 0 to 255, with ImageNet's mean and spread."""
    return np.ascontiguousarray(((crop / 255 - MEAN) / SPREAD).transpose(2, 0, 1).astype(np.float32))


# ------------------------------------------------------------------------------------------- SMPLer-X, OSX, Hand4Whole, SMPLest-X


def osx_window(box, size, shown=OSX_SHOWN, room=OSX_ROOM):
    """(x, y, width, height) of what these nets are shown of a box x0, y0, x1, y1 in an image of `size` (H, W).

    The box is cut off at the image's border, filled up to the crop's shape around its middle, and widened by `room`.
    """
    x0, y0 = max(0.0, float(box[0])), max(0.0, float(box[1]))
    x1, y1 = min(size[1] - 1.0, float(box[2]) - 1), min(size[0] - 1.0, float(box[3]) - 1)
    if x1 <= x0 or y1 <= y0:
        raise ValueError(f"the box {[float(side) for side in box]} has no area inside the image, {size[1]} wide and {size[0]} high")
    shape = shown[1] / shown[0]
    width, height = max(x1 - x0, shape * (y1 - y0)), max(y1 - y0, (x1 - x0) / shape)
    return ((x0 + x1 - room * width) / 2, (y0 + y1 - room * height) / 2, room * width, room * height)


def osx_camera(window, focal=(OSX_FOCAL, OSX_FOCAL), body=OSX_BODY):
    """(focal_px, centre_px) in the image's pixels, of the camera that these nets think a window was seen by: `focal` pixels over a body
    crop of `body` (height, width), looking at its middle."""
    x, y, width, height = window
    return np.array([focal[0] * width / body[1], focal[1] * height / body[0]]), np.array([x + width / 2, y + height / 2])


def osx_family(forward, room=OSX_ROOM, shown=OSX_SHOWN, bones=None, batch=1):
    """`predict` for a net of this family: `forward` takes crops (N, 3, 512, 384) float32 in [0, 1] and gives its dict of tensors.

    With `bones` (`skeleton` of the SMPL-X layer) the first 22 joints are told; `batch` as of `hmr_family`.
    """

    def predict(images, boxes):
        windows = [[osx_window(box, image.shape[:2], shown, room) for box in some] for image, some in zip(images, boxes)]  # noqa: B905
        crops = (cut(image, window, shown).transpose(2, 0, 1) / 255 for image, window in _each(images, windows))
        answers = _batched(forward, crops, ("smplx_mesh_cam", *_OSX_PARAMETERS.values()), batch)
        return [[_osx_person(next(answers), window, bones) for window in some] for some in windows]

    return predict


def _osx_person(answer, window, bones):
    import cv2

    focal, centre = osx_camera(window)
    parameters = {name: answer[key].reshape(-1) for name, key in _OSX_PARAMETERS.items() if key in answer}
    joints = None
    if bones is not None:
        turns = np.concatenate([parameters["global_orient"], parameters["body_pose"]]).astype(np.float64).reshape(-1, 3)
        joints = posed([cv2.Rodrigues(turn)[0] for turn in turns], parameters["betas"], bones) + parameters["transl"]
    return {"vertices": answer["smplx_mesh_cam"], "joints": joints, "focal_px": focal, "centre_px": centre, "parameters": parameters}


# ------------------------------------------------------------------------------------------------------------- HMR 2.0, TokenHMR


def hmr_window(box, shape=HMR_SHAPE):
    """(x, y, side, side) around the middle of a box x0, y0, x1, y1 that is filled up to `shape` (width, height)."""
    width, height = float(box[2] - box[0]), float(box[3] - box[1])
    side = max(width, height * shape[0] / shape[1], height, width * shape[1] / shape[0])
    return (float(box[0] + box[2] - side) / 2, float(box[1] + box[3] - side) / 2, side, side)


def hmr_crop(image, window, side=HMR_SIDE):
    """(3, side, side) float32, normalised; an image that is shrunk much is blurred before, as in the nets' own code."""
    import cv2

    shrunk = window[2] / side / 2
    image = np.asarray(image, np.float32)
    if shrunk > 1.1:
        sigma = (shrunk - 1) / 2
        reach = 2 * int(4 * sigma + 0.5) + 1
        image = cv2.GaussianBlur(image, (reach, reach), sigma, borderType=cv2.BORDER_REPLICATE)
    return normalised(cut(image, window, (side, side)))


def hmr_focal(size, focal=HMR_FOCAL, side=HMR_SIDE):
    """The focal length in pixels that these nets' own pictures use for an image of `size` (H, W)."""
    return focal / side * max(size)


def hmr_translation(camera, window, size, focal):
    """Where the body's origin is (3,), metres, seen by a camera of `focal` px that looks at the middle of the image of `size` (H, W).

    `camera` (3,) is the net's: a scale, and a shift in metres.  At the depth that this puts the body in, the window's side is 2 / scale
    metres, and the body is where the net saw it in the window.
    """
    scale, x, y = (float(value) for value in camera)
    across = window[2] * scale / 2  # pixels a metre
    return np.array([x + (window[0] + window[2] / 2 - size[1] / 2) / across, y + (window[1] + window[3] / 2 - size[0] / 2) / across,
                     focal / across])  # fmt: skip


def hmr_family(forward, focal=HMR_FOCAL, bones=None, batch=1):
    """`predict` for a net of this family: `forward` takes crops (N, 3, 256, 256) and gives pred_vertices, pred_cam (and more).

    With `bones` (`skeleton` of the SMPL layer) SMPL's 24 joints are told, by pred_smpl_params; without it none are: `pred_keypoints_3d` are
    OpenPose's 25 and 19 more, not SMPL's, by which bodies are compared.  `batch` is how many crops the net is shown at once: at 1 what is
    said of a person does not hang, not even in the last bit, on who else is asked about.
    """

    def predict(images, boxes):
        windows = [[hmr_window(box) for box in some] for some in boxes]
        crops = (hmr_crop(image, window) for image, window in _each(images, windows))
        answers = _batched(forward, crops, ("pred_vertices", "pred_cam", *_HMR_PARAMETERS.values()), batch)
        return [[_hmr_person(next(answers), window, image.shape[:2], focal, bones) for window in some]
                for image, some in zip(images, windows)]  # noqa: B905

    return predict


def _hmr_person(answer, window, size, focal, bones):
    pixels = hmr_focal(size, focal)
    moved = hmr_translation(answer["pred_cam"], window, size, pixels)
    parameters, joints = {name: answer[key] for name, key in _HMR_PARAMETERS.items() if key in answer}, None
    if bones is not None:
        turns = np.concatenate([parameters["global_orient"].reshape(-1, 3, 3), parameters["body_pose"].reshape(-1, 3, 3)])
        joints = posed(turns, parameters["betas"], bones) + moved
    if parameters:
        parameters["transl"] = moved
    return {"vertices": answer["pred_vertices"] + moved, "joints": joints, "focal_px": (pixels, pixels),
            "centre_px": (size[1] / 2, size[0] / 2), "parameters": parameters}  # fmt: skip


# --------------------------------------------------------------------------------------------------------------------- Multi-HMR


def padded(image, side):
    """An image (H, W, 3) uint8 made to fit a black square of `side` pixels, and where it lies there: (x, y, width, height)."""
    from PIL import Image, ImageOps

    fitted = ImageOps.contain(Image.fromarray(image), (side, side))
    square = np.zeros((side, side, 3), np.uint8)
    x, y = round((side - fitted.width) * 0.5), round((side - fitted.height) * 0.5)
    square[y:y + fitted.height, x:x + fitted.width] = np.asarray(fitted)
    return square, (x, y, fitted.width, fitted.height)


def multi_camera(side, field=MULTI_FIELD):
    """(focal, centre) in pixels of the square that Multi-HMR is told."""
    return side / (2 * np.tan(np.radians(field) / 2)), side // 2


def in_image(focal, centre, place, size):
    """(focal_px, centre_px) of the square's camera in the pixels of the image of `size` (H, W) that lies at `place` in the square."""
    x, y, width, height = place
    scale = np.array([width / size[1], height / size[0]])
    return focal / scale, (np.array([centre, centre]) - (x, y)) / scale


def multi_family(forward, side, field=MULTI_FIELD):
    """`predict` for Multi-HMR: `forward` takes a square (1, 3, side, side) and intrinsics (1, 3, 3), and gives its list of people."""

    def predict(images, boxes):
        return [_multi_people(forward, image, side, field) for image in images]

    return predict


def _multi_people(forward, image, side, field):
    square, place = padded(image, side)
    focal, centre = multi_camera(side, field)
    intrinsics = np.array([[focal, 0, centre], [0, focal, centre], [0, 0, 1]], np.float32)
    focal_px, centre_px = in_image(focal, centre, place, image.shape[:2])
    people = []
    for found in forward(normalised(square)[None], intrinsics[None]):
        person = {name: _array(value) for name, value in found.items()}
        rotations = person["rotvec"].reshape(-1, 3)
        parameters = {name: rotations[part].reshape(-1) for name, part in _MULTI_ROTATIONS.items()}
        parameters.update(betas=person["shape"].reshape(-1), expression=person["expression"].reshape(-1))
        people.append({"vertices": person["v3d"] if "v3d" in person else person["verts_smplx"],  # its name changed
                       "joints": person.get("j3d", person.get("j3d_smplx")), "focal_px": focal_px, "centre_px": centre_px,
                       "score": float(person["scores"].reshape(-1)[0]), "parameters": parameters})  # fmt: skip
    return people


# ------------------------------------------------------------------------------------------------------------------------- all


def _array(value):
    return value.detach().float().cpu().numpy() if hasattr(value, "detach") else np.asarray(value)


def _each(images, windows):
    """Each image, as float32, with each of its windows."""
    for image, some in zip(images, windows):  # noqa: B905
        exact = np.asarray(image, np.float32) if len(some) else image
        for window in some:
            yield exact, window


def skeleton(layer):
    """What `posed` needs of one of smplx's layers (SMPL, SMPL-X), or of anything with its v_template, shapedirs, J_regressor and parents:
    the joints (J, 3) of the mean body at rest, how they move with each shape (J, 3, B), and their parents (J,)."""
    regressor, template, shapes = (_array(getattr(layer, name)).astype(np.float64) for name in ("J_regressor", "v_template", "shapedirs"))
    return regressor @ template, np.einsum("jv,vcb->jcb", regressor, shapes), _array(layer.parents).astype(int)


def posed(rotations, betas, bones):
    """The first joints (K, 3) of a body, by rotations (K, 3, 3) each relative to its parent; its root stays where it is at rest.

    These are the joints that the model itself turns about.  Its J_regressor on posed vertices tells others: where limbs bend, centimetres
    off.
    """
    rest, directions, parents = bones
    rest = rest + directions[..., :len(betas)] @ np.asarray(betas, np.float64)
    places, turned = [rest[0]], [np.asarray(rotations[0], np.float64)]
    for joint in range(1, len(rotations)):
        parent = parents[joint]
        places.append(places[parent] + turned[parent] @ (rest[joint] - rest[parent]))
        turned.append(turned[parent] @ rotations[joint])
    return np.stack(places)


def _batched(forward, crops, names, batch):
    """What `forward` says of each crop, one after another: a dict of those of its entries that are named, "a.b" for b of its entry a."""
    crops = iter(crops)
    while True:
        some = list(islice(crops, batch))
        if not some:
            return
        answer = forward(np.stack(some).astype(np.float32))
        flat = {f"{outer}.{name}": value for outer, inner in answer.items() if isinstance(inner, dict) for name, value in inner.items()}
        flat.update(answer)
        arrays = {name: _array(flat[name]) for name in names if name in flat}
        for k in range(len(some)):
            yield {name: array[k] for name, array in arrays.items()}


# ------------------------------------------------------------------------------ what imports the others' code: never run here


def smplerx(repository, config, checkpoint):
    """SMPLer-X: its repository (worker started with cwd=REPOSITORY/main), a model's config_base.py and its snapshot."""
    for part in ("common", "data", "main"):
        sys.path.insert(0, f"{repository}/{part}")
    import torch
    from config import cfg

    cfg.get_config_fromfile(config)
    cfg.update_test_config("EHF", "na", shapy_eval_split=None, pretrained_model_path=checkpoint, use_cache=False)
    cfg.update_config(1, "output/deocc_aug")
    from base import Demoer

    demoer = Demoer()
    demoer._make_model()
    demoer.model.eval()
    from utils.human_models import smpl_x

    def forward(crops):
        with torch.no_grad():
            return demoer.model({"img": torch.from_numpy(crops).cuda()}, {}, {}, "test")

    return osx_family(forward, bones=skeleton(smpl_x.layer["neutral"])), "smplx", "crop"


def hmr2(checkpoint, device="cuda"):
    """HMR 2.0 (4D-Humans): its checkpoint, with model_config.yaml where its own loader looks for it."""
    import torch
    from hmr2.models import load_hmr2

    model, config = load_hmr2(checkpoint)
    model = model.to(device).eval()

    def forward(crops):
        with torch.no_grad():
            return model({"img": torch.from_numpy(crops).to(device)})

    return hmr_family(forward, float(config.EXTRA.FOCAL_LENGTH), skeleton(model.smpl)), "smpl", "crop"


def multihmr(repository, name="multiHMR_896_L", field=str(MULTI_FIELD)):
    """Multi-HMR: its repository (worker started with cwd=REPOSITORY) and a model's name, as its demo takes them."""
    sys.path.insert(0, repository)
    import torch
    from demo import forward_model, load_model

    model = load_model(name)

    def forward(square, intrinsics):
        return forward_model(model, torch.from_numpy(square).cuda(), torch.from_numpy(intrinsics).cuda(), det_thresh=0.3, nms_kernel_size=3)

    return multi_family(forward, model.img_size, float(field)), "smplx", "image"
