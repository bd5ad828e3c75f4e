"""Progress of long work: a bar on a terminal, log lines elsewhere."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterable, Iterator
from typing import TypeVar

__all__ = ["track"]

T = TypeVar("T")
_log = logging.getLogger("training")


def track(items: Iterable[T], description: str, *, total: int | None = None, every: int = 1) -> Iterator[T]:
    """Yield `items` and show how far they are: as a bar where stderr is a terminal, else a log line `every` so many."""
    if sys.stderr.isatty():
        from tqdm import tqdm

        yield from tqdm(items, desc=description, total=total)
        return
    for count, item in enumerate(items, 1):
        yield item
        if count % every == 0 or count == total:
            _log.info("%s: %d%s", description, count, f" of {total}" if total else "")
