"""Several workers without Ray: real processes with a real process group."""

import os
import pickle
import tempfile
from collections.abc import Callable
from multiprocessing import get_context
from multiprocessing.queues import SimpleQueue
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")


def together(workers: int, work: Callable[..., T], *args: Any) -> T:
    """Run a function of a module in some processes at once; return what the first one returns."""
    context = get_context("forkserver")
    # One process imports what takes seconds, and all workers are forked off it; it has no threads and no groups.
    context.set_forkserver_preload(["mgdist.train.prepare", "deepspeed", __name__])
    answers: SimpleQueue[Any] = context.SimpleQueue()
    with tempfile.TemporaryDirectory() as folder:
        meeting = Path(folder) / "meeting"
        processes = [
            context.Process(target=_enter, args=(rank, workers, meeting, answers, work, args))
            for rank in range(workers)
        ]
        for process in processes:
            process.start()
        answer: T = pickle.loads(answers.get())
        for process in processes:
            process.join(60)
            assert process.exitcode == 0
    if isinstance(answer, BaseException):
        raise answer
    return answer


def _enter(rank: int, workers: int, meeting: Path, answers: Any, work: Callable[..., Any], args: Any) -> None:
    import torch
    import torch.distributed as dist

    torch.set_num_threads(1)
    os.environ["LOCAL_RANK"] = str(rank)
    dist.init_process_group("gloo", init_method=f"file://{meeting}", rank=rank, world_size=workers)
    try:
        answer: Any = work(*args)
    except Exception as error:  # noqa: BLE001 - it is raised again in the test
        answer = error
    if rank == 0:
        answers.put(pickle.dumps(answer))  # as bytes: a tensor would be shared, and end with the process
    # Not dist.destroy_process_group(): DeepSpeed keeps groups of its own, and the process ends anyway.
