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
