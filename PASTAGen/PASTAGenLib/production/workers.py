"""Who computes: this process, several on this machine, or the workers of a Dask cluster."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from contextlib import contextmanager
from typing import Any

from PASTALib.errors import PastaError

SECONDS_TO_CONNECT = 20


class ThisProcess(Executor):
    """Computes where it is called; a `Future` that it returns is done."""

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Call `fn`; see `Executor.submit`."""
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future


@contextmanager
def workers(count: int, scheduler: str | None) -> Iterator[tuple[Executor, int]]:
    """An executor, and how many tasks it should be given at a time.

    Args:
        count: processes on this machine.
        scheduler: address of a Dask scheduler, such as ``tcp://10.0.0.1:8786``; its workers need
            this package and the folders of the recipe and of the output by the same paths.

    Raises:
        PastaError: Dask is not installed, or the scheduler does not answer.
    """
    if scheduler is not None:
        with _dask(scheduler) as (executor, threads):
            yield executor, 4 * threads
    elif count == 1:
        yield ThisProcess(), 1
    else:
        # Spawned, not forked: the parent may have started threads (ITK, torch), as Slicer has.
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(count, mp_context=context) as pool:
            try:
                yield pool, 2 * count
            except BaseException:
                pool.shutdown(wait=True, cancel_futures=True)
                raise


@contextmanager
def _dask(address: str) -> Iterator[tuple[Executor, int]]:
    try:
        from dask.distributed import Client
    except ImportError as error:
        raise PastaError(
            "--scheduler needs the Python package distributed; install it with 'pip install "
            '"dask[distributed]"\'.'
        ) from error
    try:
        client = Client(address, timeout=SECONDS_TO_CONNECT, set_as_default=False)
    except (OSError, ValueError, TimeoutError) as error:
        raise PastaError(
            f"No Dask scheduler answers at '{address}'; start one with 'dask scheduler' and give "
            "its address, such as tcp://10.0.0.1:8786."
        ) from error
    with client:
        threads = sum(worker["nthreads"] for worker in client.scheduler_info()["workers"].values())
        if threads == 0:
            raise PastaError(
                f"The Dask scheduler at '{address}' has no workers; start some with 'dask worker "
                f"{address}'."
            )
        yield client.get_executor(), threads
