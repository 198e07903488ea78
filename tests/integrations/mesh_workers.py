"""Models that worker.py loads in the tests: good ones, and every kind of bad one.  NumPy alone, as in somebody else's environment."""
import os
import subprocess
import sys
import time

import numpy as np

CORNERS = np.array([[-1, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0], [0, 0, 1]], np.float32)


def body(image, box, depth=4.0):
    """A pyramid that a camera of 100 px sees fill the box; its last vertex is as far off as the image is bright."""
    middle, half = (box[:2] + box[2:]) / 2, (box[2:] - box[:2]) / 2
    focal, centre = np.array([100.0, 100.0]), np.array([image.shape[1] / 2, image.shape[0] / 2])
    vertices = CORNERS * [*(half * depth / 100), 0] + [*((middle - centre) * depth / 100), depth]
    vertices[-1, 2] = depth + image.mean() / 255
    return {"vertices": vertices, "joints": vertices[:2], "focal_px": focal, "centre_px": centre, "score": 0.5,
            "parameters": {"betas": np.arange(10) / 10}}


def crop():
    """One person a box."""
    return (lambda images, boxes: [[body(image, box) for box in some] for image, some in zip(images, boxes)]), "smplx", "crop"  # noqa: B905


def counting(log):
    """Whole images: two people, a quarter of the image apart; each look adds a line to a file."""

    def predict(images, boxes):
        with open(log, "a") as file:
            file.writelines("look\n" for _ in images)
        out = []
        for image in images:
            height, width = image.shape[:2]
            places = [[0, 0, width / 2, height], [width / 2, 0, width, height]]
            out.append([body(image, np.array(place, float)) for place in places])
        return out

    return predict, "smplx", "image"


def large():
    """A million numbers a person."""

    def predict(images, boxes):
        wide = np.concatenate([CORNERS] * 70_000) + (0, 0, 4)
        return [[{**body(image, box), "vertices": wide + (0, 0, image.mean())} for box in some]
                for image, some in zip(images, boxes)]  # noqa: B905

    return predict, "smplx", "crop"


def chatty():
    """Prints far more than a pipe holds, to stdout and stderr, from Python and from a program that it starts, and reads stdin."""
    print("loading " * 100_000)
    predict, *rest = crop()

    def talking(images, boxes):
        print("x" * 300_000)
        print("y" * 300_000, file=sys.stderr)
        os.write(1, b"z" * 100_000)
        subprocess.run([sys.executable, "-c", "print('w' * 100_000)"], check=True)
        assert sys.stdin.read() == ""
        return predict(images, boxes)

    return (talking, *rest)


def dies(log, times="1000"):
    """Is killed while it answers, so many times in all, counted in a file."""
    predict, *rest = crop()

    def dying(images, boxes):
        with open(log, "a") as file:
            file.write("asked\n")
        if len(open(log).readlines()) <= int(times):
            print("CUDA out of memory", file=sys.stderr)
            os._exit(7)
        return predict(images, boxes)

    return (dying, *rest)


def dies_with_a_child_alive():
    """Ends while it answers; a copy of it in a session of its own keeps the channel open."""

    def predict(images, boxes):
        if os.fork() == 0:
            os.setsid()
            time.sleep(20)
            os._exit(0)
        os._exit(5)

    return predict, "smplx", "crop"


def writes_bars():
    """Writes a progress bar of one long line, and dies."""

    def predict(images, boxes):
        sys.stderr.write("".join(f"\r{k:5d} of 9999 " + "#" * 60 for k in range(9999)) + "\rthe last words\n")
        sys.stderr.flush()
        os._exit(6)

    return predict, "smplx", "crop"


def hangs():
    """Answers nothing, and leaves a program of its own running beside it."""

    def predict(images, boxes):
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        print(f"child {child.pid}", file=sys.stderr, flush=True)
        time.sleep(600)

    return predict, "smplx", "crop"


def hangs_while_it_loads():
    time.sleep(600)


def cannot_load():
    raise FileNotFoundError("checkpoint.ckpt is not there")


def unfit(how):
    """Answers what no body is."""
    predict, *rest = crop()

    def wrong(images, boxes):
        if how == "raises":
            raise KeyError("pred_vertices")
        people = predict(images, boxes)
        if how == "nan":
            people[0][0]["vertices"][0, 0] = np.nan
        if how == "shape":
            people[0][0]["vertices"] = people[0][0]["vertices"][:, :2]
        if how == "camera":
            people[0][0]["focal_px"] = [0, 100]
        if how == "missing":
            del people[0][0]["centre_px"]
        if how == "fewer":
            people[0].pop()
        return people

    return (wrong, *rest)


def unknown_model():
    return (lambda images, boxes: []), "star", "crop"


def spot(crop):
    """(x, y), the middle of a crop's (3, h, w) brightest part, pixels' numbers as places."""
    grey = crop.sum(0) - np.median(crop.sum(0))
    weight = np.where(grey > 0.5 * grey.max(), grey, 0)
    rows, columns = np.mgrid[:grey.shape[0], :grey.shape[1]]
    return np.array([(weight * columns).sum(), (weight * rows).sum()]) / weight.sum()


def osx_like():
    """A net of SMPLer-X's family that puts a body where it sees something bright."""
    import families

    def forward(crops):
        assert crops.shape[1:] == (3, 512, 384) and crops.dtype == np.float32 and crops.max() <= 1
        depth = 30.0
        at = np.stack([spot(crop) for crop in crops]) / 2 - (96, 128)  # of the 192x256 body crop, from its middle
        places = np.concatenate([at * depth / 5000, np.full((len(crops), 1), depth)], 1)
        return {"smplx_mesh_cam": places[:, None] + np.zeros((1, 4, 1)), "smplx_shape": np.zeros((len(crops), 10)),
                "cam_trans": places}

    return families.osx_family(forward), "smplx", "crop"


def hmr_like():
    """A net of HMR 2.0's family that does the same."""
    import families

    def forward(crops):
        assert crops.shape[1:] == (3, 256, 256) and crops.dtype == np.float32
        scale = 0.9
        at = np.stack([spot(crop) for crop in crops]) / 128 - 1
        return {"pred_vertices": np.zeros((len(crops), 4, 3)), "pred_keypoints_3d": np.zeros((len(crops), 5, 3)),
                "pred_cam": np.concatenate([np.full((len(crops), 1), scale), at / scale], 1)}

    return families.hmr_family(forward), "smpl", "crop"


def multi_like(side="448"):
    """Multi-HMR's front door, with a net that sees one person, a quarter of the square wide and high, around something bright."""
    import families

    def forward(square, intrinsics):
        assert square.shape == (1, 3, int(side), int(side)) and intrinsics.shape == (1, 3, 3)
        focal, centre, depth = intrinsics[0, 0, 0], intrinsics[0, :2, 2], 3.0
        corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * int(side) / 8
        places = (spot(square[0]) + corners - centre) * depth / focal
        return [{"v3d": np.column_stack([places, np.full(4, depth)]), "j3d": np.array([[0.0, 0, depth]]), "scores": np.array(0.7),
                 "rotvec": np.arange(159.0).reshape(53, 3), "shape": np.zeros(10), "expression": np.ones(10), "transl": np.zeros(3)}]

    return families.multi_family(forward, int(side)), "smplx", "image"
