"""How often the VQA model is right: ``python -m deocc_aug.benchmarks.answering --part FOLDER --ccp FOLDER``.

Clothing Co-Parsing's val photos, with nothing in front.  The truth is that of `deocc_aug.training.clothes.worn`: the outermost
garment, and of the eleven basic colour names that nearest in CIELAB to its median pixel, the label eroded.
"""
from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from tqdm import tqdm

from deocc_aug.benchmarks.statistics import markdown, mean
from deocc_aug.describe.questions import DEFAULT
from deocc_aug.describe.vqa import BlipAnswers
from deocc_aug.training.clothes import Dressed, read_dressed_ccp

SIDE = 512


def row_of(key: str, pairs: Sequence[tuple[str, str | None]]) -> Mapping[str, object]:
    """What is said of one question: `pairs` of truth and answer, None where no answer was sure enough."""
    answered = [(truth, answer) for truth, answer in pairs if answer is not None]
    commonest = Counter(truth for truth, _ in pairs).most_common(1)[0][1] / len(pairs)
    return {"question": key, "people": len(pairs), "right": mean([float(truth == answer) for truth, answer in pairs]),
            "answered": mean([float(answer is not None) for _, answer in pairs]),
            "right of those answered": mean([float(truth == answer) for truth, answer in answered]) if answered else "",
            "always the commonest": f"{commonest:.3f}"}


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints, question by question, how often the answer is right and how often there is one."""
    parser = argparse.ArgumentParser(prog="python -m deocc_aug.benchmarks.answering", description=main.__doc__)
    parser.add_argument("--part", type=Path, required=True, help="folder of the VQA model")
    parser.add_argument("--ccp", type=Path, required=True, help="folder of Clothing Co-Parsing")
    parser.add_argument("--sure", type=float, default=0.0, help="answers of less confidence are none")
    options = parser.parse_args(arguments)
    asked = BlipAnswers.from_pretrained(options.part, sure=options.sure)
    pairs: dict[str, list[tuple[str, str | None]]] = {key: [] for key in DEFAULT}
    for person in tqdm(read_dressed_ccp(options.ccp, SIDE, "val"), unit="person"):
        assert isinstance(person, Dressed) and person.image is not None and person.mask is not None and person.looks is not None
        said = asked(person.image, person.mask)
        for key in DEFAULT:
            if key in person.looks:
                pairs[key].append((person.looks[key], said[key][0] if key in said else None))
    print(markdown([row_of(key, found) for key, found in pairs.items() if found]))


if __name__ == "__main__":
    main()
