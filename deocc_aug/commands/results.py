"""What `deocc-aug run` writes: two pictures and a record for each person, and `people.json` made of the records.

A record is written last, so a person with a record is a person done.  It carries the digest of everything that decides
the result; a run that asks for something else does the person again.
"""
from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from deocc_aug.commands.people import AskedImage, AskedPerson
from deocc_aug.commands.sheet import contact_sheet
from deocc_aug.data.annotate import PERSON_CATEGORY, annotation_of
from deocc_aug.data.atomic import write_json, write_png
from deocc_aug.types import Deocclusion, Person

RECORDS = "records"
PEOPLE = "people.json"


def request_digest(image_digest: str, person: AskedPerson, settings: Mapping[str, Any]) -> str:
    """The sha256 of what decides a person's result: the image file, what is known of the person, the run's settings."""
    asked = {"image": image_digest, "id": person.id, "known": person.known, "settings": settings}
    return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()


def record_path(out: Path, image: AskedImage, person: AskedPerson) -> Path:
    return out / RECORDS / f"{image.path.stem}_{person.id}.json"


def files_of(out: Path, image: AskedImage, person: AskedPerson) -> tuple[Path, Path, Path]:
    """The completed image, the contact sheet and the record of one person."""
    name = f"{image.path.stem}_{person.id}"
    return out / f"{name}.png", out / f"{name}_sheet.png", record_path(out, image, person)


def finished(out: Path, image: AskedImage, person: AskedPerson, digest: str) -> bool:
    """Whether this very person was done by a run before."""
    record = _read(record_path(out, image, person))
    if record.get("digest") != digest:
        return False
    return all((out / record["annotation"][key]).exists() for key in ("completed_image", "contact_sheet"))


def write_person(out: Path, image: AskedImage, asked: AskedPerson, digest: str, person: Person, result: Deocclusion) -> None:
    """Writes the completed image, the contact sheet and, last, the record of one person."""
    completed, sheet, record = files_of(out, image, asked)
    write_png(completed, result.image)
    write_png(sheet, contact_sheet(person, result))
    seconds = {step: round(float(taken), 4) for step, taken in result.seconds.items()}
    annotation = {"id": asked.id, "image_id": image.id, "category_id": 1, "iscrowd": 0, **annotation_of(result),
                  "seconds": seconds, "completed_image": completed.name, "contact_sheet": sheet.name}
    height, width = result.source.shape[:2]
    described = {"id": image.id, "file_name": image.file_name, "height": height, "width": width}
    write_json(record, {"digest": digest, "image": described, "annotation": annotation})


def write_people(out: Path, done: Sequence[tuple[AskedImage, AskedPerson]], settings: Mapping[str, Any]) -> None:
    """Writes `people.json`, COCO's layout, from the records of these people.

    Beside what `annotation_of` says an annotation has `seconds` by step, `completed_image` and `contact_sheet` (file names).
    """
    records = [_read(record_path(out, image, person)) for image, person in done]
    write_json(out / PEOPLE, {
        "info": {"description": "people completed by deocc-aug", **settings},
        "images": list({record["image"]["id"]: record["image"] for record in records}.values()),
        "categories": [PERSON_CATEGORY],
        "annotations": [record["annotation"] for record in records],
    })


def _read(path: Path) -> dict[str, Any]:
    try:
        record = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return record if isinstance(record, dict) else {}
