"""Parts that lie on the Hugging Face Hub: a part's folder then holds `hub.json`, which says what comes from where.

This module imports no framework until something is fetched or loaded.
"""
from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any

from deocc_aug.bars import no_loading_bars
from deocc_aug.weights import Preset

TABLE, INDEX = "hub.json", "model_index.json"
WHOLE = "."  # the component that is the whole part, and the folder that is the whole repository


@dataclass(frozen=True)
class Source:
    """What is taken from one repository of the Hub.

    `repository` its id; `revision` None where it is not pinned; `licence` as its page states it; `files` all that are needed;
    `components` component -> its folder in the repository; `variant` of the weights' files, such as "fp16".
    """

    repository: str
    revision: str | None
    licence: str
    files: tuple[str, ...]
    components: Mapping[str, str]
    variant: str | None

    @property
    def command(self) -> str:
        """The shell command that fetches it."""
        pinned = [] if self.revision is None else ["--revision", self.revision]
        return " ".join(["hf download", self.repository, *self.files, *pinned])


def sources(part: Path) -> list[Source]:
    """Where a part's components come from; empty for a part that lies in its folder.

    Raises:
        ValueError: a table that cannot be read.
    """
    table = part / TABLE
    if not table.is_file():
        return []
    try:
        return [Source(one["repository"], None if one["revision"] == "unpinned" else one["revision"], one["licence"], tuple(one["files"]),
                       one["components"], one.get("variant")) for one in json.loads(table.read_text())]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{table} is not a readable table of sources ({error!r}): get the preset's folder again") from None


def fetched(preset: Preset, local_files_only: bool = False) -> Preset:
    """The preset with all that lies on the Hub in the Hub's cache: what is not there yet is fetched.

    Raises:
        OSError: something is not there and cannot be fetched, or may not be (`local_files_only`).
        ValueError: a part's table cannot be read.
    """
    parts, missing = dict(preset.parts), list[tuple[Source, OSError]]()
    for name in preset.parts:
        for source in sources(preset.part(name)):
            try:
                folder = snapshot(source, local_files_only)
            except OSError as error:
                missing.append((source, error))
                continue
            if WHOLE in source.components:
                parts[name] = str(folder / source.components[WHOLE])
    if missing:
        said = str(missing[0][1]).strip().split("\n")[0].rstrip(".:")
        raise OSError(f"preset {preset.name} is made of models that are not in the Hub's cache ({said}): where there is a network run "
                      f"`{' && '.join(source.command for source, _ in missing)}`; the cache (HF_HOME) can then be copied here")
    return replace(preset, parts=parts)


def snapshot(source: Source, local_files_only: bool = True) -> Path:
    """The folder of the Hub's cache that holds a source's files.

    Raises:
        OSError: files are not there, and cannot or may not be fetched.
    """
    from huggingface_hub import snapshot_download

    def asked(local: bool) -> Path:
        folder = Path(snapshot_download(source.repository, revision=source.revision, allow_patterns=list(source.files),
                                        local_files_only=local))
        lacking = [name for name in source.files if not (folder / name).is_file()]
        if lacking:
            raise OSError(f"{source.repository} lacks {', '.join(lacking)}")
        return folder

    try:
        return asked(True)
    except (OSError, ValueError):
        if local_files_only:
            raise
    return asked(False)


def components(part: Path, dtype: Any) -> dict[str, Any]:
    """The components of a part that its table says come from the Hub, by name, loaded from the cache as its `model_index.json` names them
    (weights that are pickles are read as torch reads nothing but tensors).

    Raises:
        OSError: they were not fetched.
    """
    loaded: dict[str, Any] = {}
    for source in sources(part):
        folder, index = snapshot(source), json.loads((part / INDEX).read_text())
        safe = any(name.endswith(".safetensors") for name in source.files)
        settings = {"dtype": dtype, "variant": source.variant, "use_safetensors": safe}
        for name, where in source.components.items():
            library, kind = index[name]
            of_a_net = settings if (folder / where / "config.json").is_file() else {}  # schedulers and tokenizers have none
            with no_loading_bars("transformers"):
                loaded[name] = getattr(import_module(library), kind).from_pretrained(folder / where, local_files_only=True, **of_a_net)
    return loaded
