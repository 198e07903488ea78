"""The far end of a `WorkerRegressor`: runs in the environment of somebody else's model and needs NumPy alone (Python 3.8 or later).

    python worker.py FILE.py:FUNCTION [ARGUMENT ...]

calls FUNCTION(*ARGUMENTS) of a file of yours (or MODULE:FUNCTION), which loads the model and gives back (predict, body_model, scope); then
requests are answered until the other end closes.  `predict(images, boxes)` gets a list of (H, W, 3) uint8 RGB images and as many (P, 4)
arrays of boxes x0, y0, x1, y1, and gives back, for each image, a list of people: one a box, in order, where scope is "crop"; all that it
found where scope is "image".  A person is a dict of

    vertices    (V, 3) metres in camera coordinates: x right, y down, z ahead
    focal_px    (2,) and centre_px (2,): the camera in pixels of the whole image
    joints      (J, 3), if told;  score, a number, if told;  parameters, a dict of arrays under smplx's names, if told

What the model prints goes to stderr: the channel is a copy of stdout, made before any of its code is loaded.

The format.  A message is the six bytes `deocc1`, the lengths of its two parts as little-endian 64-bit numbers, a JSON object, and an
.npz file (nothing, where there are no arrays; pickles are refused).  "kind" in the JSON is
    hello        from the worker, once the model is loaded: protocol (1), body_model, scope
    predict      to the worker: images (their number); arrays image_0, boxes_0, image_1, ...
    predictions  from the worker: people, a list an image of lists of {"score": ...}; arrays 0_1_vertices (image 0, person 1), 0_1_focal_px,
                 0_1_centre_px, 0_1_joints, 0_1_parameter_body_pose, ...
    error        from the worker: message, traceback.  It goes on with the next request, unless this was in the place of hello.
The worker ends when its stdin does.
"""
from __future__ import annotations

import importlib
import importlib.util
import io
import json
import os
import struct
import sys
import traceback

import numpy as np

PROTOCOL = 1
MAGIC = b"deocc1"
_LENGTHS = struct.Struct("<QQ")
_LONGEST_HEADER = 1 << 26
_NEEDED = ("vertices", "focal_px", "centre_px")


def write_message(stream, header, arrays=None):
    """Writes one message to a binary stream."""
    text = json.dumps(header).encode()
    content = b""
    if arrays:
        packed = io.BytesIO()
        np.savez(packed, **arrays)
        content = packed.getbuffer()
    stream.write(MAGIC + _LENGTHS.pack(len(text), len(content)))
    stream.write(text)
    stream.write(content)
    stream.flush()


def read_message(stream):
    """One message (header, arrays) of a binary stream; None where it ended before one began.

    Raises:
        EOFError: it ended in the middle of one.
        ValueError: what came is no message, or holds pickles.
    """
    begin = stream.read(len(MAGIC))
    if not begin:
        return None
    if begin != MAGIC:
        raise ValueError(f"what came begins with {begin!r}, not {MAGIC!r}: something else writes to this channel")
    long, wide = _LENGTHS.unpack(_exactly(stream, _LENGTHS.size))
    if long > _LONGEST_HEADER:
        raise ValueError(f"a message with {long} bytes of JSON came: something else writes to this channel")
    header = json.loads(_exactly(stream, long).decode())
    if not wide:
        return header, {}
    with np.load(io.BytesIO(_exactly(stream, wide)), allow_pickle=False) as packed:
        return header, {name: packed[name] for name in packed.files}


def _exactly(stream, count):
    parts = []
    while count:
        part = stream.read(min(count, 1 << 24))
        if not part:
            raise EOFError("the other end closed in the middle of a message")
        parts.append(part)
        count -= len(part)
    return b"".join(parts)


def channel():
    """(requests, answers), binary streams: copies of stdin and stdout, which from now on are empty and stderr."""
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    sys.stdout.flush()
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return requests, answers


def serve(predict, body_model="smplx", scope="crop", streams=None):
    """Answers requests until there are no more.

    Args:
        predict: see above.
        streams: what `channel` gave; left out, it is called here, and what was printed before is in the way.
    """
    requests, answers = streams or channel()
    write_message(answers, {"kind": "hello", "protocol": PROTOCOL, "body_model": body_model, "scope": scope})
    while True:
        message = read_message(requests)
        if message is None:
            return
        try:
            header, arrays = _answer(predict, scope, *message)
        except Exception as error:  # whatever somebody else's model raises is for the other end to tell
            header, arrays = _told(error)
        write_message(answers, header, arrays)


def _answer(predict, scope, header, arrays):
    if header.get("kind") != "predict":
        raise ValueError(f"a request of kind {header.get('kind')!r} came: this worker knows predict")
    images = [arrays[f"image_{k}"] for k in range(header["images"])]
    boxes = [arrays[f"boxes_{k}"] for k in range(header["images"])]
    groups = predict(images, boxes)
    if len(groups) != len(images):
        raise ValueError(f"predict gave {len(groups)} lists of people for {len(images)} images: give one an image")
    out, people = {}, []
    for i, group in enumerate(groups):
        if scope == "crop" and len(group) != len(boxes[i]):
            raise ValueError(f"predict gave {len(group)} people for {len(boxes[i])} boxes: give one a box")
        people.append([{"score": float(person.get("score", 1.0))} for person in group])
        for j, person in enumerate(group):
            missing = [name for name in _NEEDED if name not in person]
            if missing:
                raise ValueError(f"predict gave a person without {', '.join(missing)}")
            names = [name for name in (*_NEEDED, "joints") if person.get(name) is not None]
            out.update((f"{i}_{j}_{name}", np.asarray(person[name], np.float32)) for name in names)
            parameters = person.get("parameters") or {}
            out.update((f"{i}_{j}_parameter_{name}", np.asarray(value, np.float32)) for name, value in parameters.items())
    return {"kind": "predictions", "people": people}, out


def _told(error):
    return {"kind": "error", "message": f"{type(error).__name__}: {error}", "traceback": traceback.format_exc()}, {}


def load(place):
    """The function of `FILE.py:FUNCTION` or `MODULE:FUNCTION`."""
    where, colon, name = place.rpartition(":")
    if not colon:
        raise ValueError(f"{place!r} names no function: pass FILE.py:FUNCTION or MODULE:FUNCTION")
    if not where.endswith(".py"):
        return getattr(importlib.import_module(where), name)
    spec = importlib.util.spec_from_file_location(os.path.basename(where)[:-3], where)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    sys.path.insert(0, os.path.dirname(os.path.abspath(where)))
    spec.loader.exec_module(module)
    return getattr(module, name)


def main(arguments):
    """Loads a model and serves it; 1 where it cannot be loaded."""
    streams = channel()
    if not arguments:
        write_message(streams[1], {"kind": "error", "message": "pass FILE.py:FUNCTION, and its arguments", "traceback": ""})
        return 1
    try:
        predict, body_model, scope = load(arguments[0])(*arguments[1:])
    except Exception as error:
        write_message(streams[1], *_told(error))
        return 1
    serve(predict, body_model, scope, streams)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
