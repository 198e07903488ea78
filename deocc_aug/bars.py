"""Loading without progress bars."""
from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module


@contextmanager
def no_loading_bars(library: str) -> Iterator[None]:
    """diffusers or transformers without a bar for every part that it loads; as it was afterwards."""
    logging = import_module(f"{library}.utils.logging")
    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()
