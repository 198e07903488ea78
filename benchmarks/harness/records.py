"""What was measured, one small JSON file a case, written whole as soon as it is known: a run that is killed goes on from here.

    OUT/settings.json              what the records are of: task, data, arms, estimators, with digests
    OUT/records/3f/3f2a....json    a case: its truth, what each arm gave; or why it cannot be judged
"""
from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from deocc_aug.data.atomic import write_json

SETTINGS = "settings.json"
RECORDS = "records"
Record = dict[str, Any]


class Records:
    """A folder of records of the cases of one data set."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, name: str) -> Path:
        """Where a case's record is, or would be."""
        digest = hashlib.sha256(name.encode()).hexdigest()
        return self.folder / RECORDS / digest[:2] / f"{digest}.json"

    def read(self, name: str) -> Record | None:
        """A case's record; None where there is none."""
        try:
            record = json.loads(self.path(name).read_text("utf-8"))
        except (OSError, ValueError):
            return None
        return record if isinstance(record, dict) and record.get("case") == name else None

    def has(self, name: str, arm: str) -> bool:
        """Whether that arm of the case is done, or the case cannot be judged."""
        record = self.read(name)
        return record is not None and (bool(record["problem"]) or arm in record["arms"])

    def add(self, name: str, person: str, truth: Mapping[str, Any], arms: Mapping[str, Any]) -> None:
        """Writes what arms of a case gave, beside what others gave before.

        Raises:
            OSError: the folder cannot be written to.
        """
        before = self.read(name)
        self._write({"case": name, "person": person, "problem": "", "truth": truth,
                     "arms": {**(before["arms"] if before else {}), **arms}})

    def refuse(self, name: str, person: str, problem: str) -> None:
        """Writes why a case cannot be judged."""
        self._write({"case": name, "person": person, "problem": problem, "truth": {}, "arms": {}})

    def _write(self, record: Mapping[str, Any]) -> None:
        path = self.path(record["case"])
        path.parent.mkdir(parents=True, exist_ok=True)
        write_json(path, record)

    def of(self, names: Sequence[str], arms: Sequence[str]) -> Iterator[Record]:
        """The records of those cases in their order, with those arms.

        Raises:
            ValueError: one is not there, or lacks an arm.
        """
        for name in names:
            record = self.read(name)
            if record is None or not record["problem"] and not set(arms) <= set(record["arms"]):
                raise ValueError(f"{self.folder} holds no whole record of case {name}: run the same command once more")
            yield record

    def settle(self, settings: Mapping[str, Any]) -> None:
        """Keeps what the records are of; arms that came before stay.

        Raises:
            ValueError: the folder holds records of something else.
        """
        path = self.folder / SETTINGS
        settings = json.loads(json.dumps(settings))
        if path.is_file():
            before = json.loads(path.read_text("utf-8"))
            for key in sorted(set(before) | set(settings)):
                if key != "arms" and before.get(key) != settings.get(key):
                    raise ValueError(f"{self.folder} holds records of another run: its {key} is {before.get(key)}, this one's is "
                                     f"{settings.get(key)}: pass another --out")
            for arm, said in settings["arms"].items():
                if before["arms"].get(arm, said) != said:
                    raise ValueError(f"{self.folder} holds records of another {arm} ({before['arms'][arm]}; this one is {said}): pass "
                                     "another --out")
            settings["arms"] = {**before["arms"], **settings["arms"]}
        write_json(path, settings)
