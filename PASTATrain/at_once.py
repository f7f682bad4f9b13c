"""Work on several things at once, each in a process of its own."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from typing import Any, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def at_once(
    work: Callable[[Item], Result], items: Iterable[Item], processes: int
) -> Iterator[Result]:
    """What `work` makes of each item, in their order.

    Args:
        work: handed over once to each process, so that it may hold a model.
        items: handed over one by one.
        processes: how many items are worked on at once; with 1 it is done in this process.
    """
    if processes == 1:
        yield from map(work, items)
        return
    with ExitStack() as stack:
        context = multiprocessing.get_context("spawn")
        pool = ProcessPoolExecutor(processes, context, _take, (work,))
        stack.callback(pool.shutdown, cancel_futures=True)
        for running in [pool.submit(_do, item) for item in items]:
            yield running.result()


_works: list[Callable[[Any], Any]] = []
"""Of this process."""


def _take(work: Callable[[Any], Any]) -> None:
    import torch

    torch.set_num_threads(1)
    _works[:] = [work]


def _do(item: Any) -> Any:
    return _works[0](item)
