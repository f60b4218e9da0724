"""A launcher on Ray: each job is a Ray task with CPUs and GPUs of its own."""

from __future__ import annotations

import os
from collections.abc import Sequence

from hydra.core.utils import JobReturn
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from seqtrain.config import ConfigError


class RayLauncher(Launcher):
    """Runs jobs as Ray tasks; Ray sets the number of threads and the visible GPUs of each.

    Hydra's own launcher for Ray cannot be installed beside the versions that we pin.

    Args:
        address: of a running cluster; None starts Ray on this machine and stops it afterwards.
        num_cpus: that each job gets.
        num_gpus: that each job gets; less than 1 lets jobs share a GPU.
    """

    def __init__(self, address: str | None, num_cpus: float, num_gpus: float) -> None:
        self.address, self.num_cpus, self.num_gpus = address, num_cpus, num_gpus
        self.task_function: TaskFunction | None = None

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        self.task_function = task_function

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Run the jobs and wait for all of them; their folders hold the results.

        Raises:
            ConfigError: Ray is not installed.
            ray.exceptions.RayError: workers died; the jobs of the others have ended.
        """
        # Ray would suppress lines that differ only in their numbers, as those of our jobs do.
        os.environ.setdefault("RAY_DEDUP_LOGS", "0")
        try:
            import ray
        except ImportError:
            raise ConfigError(['hydra/launcher: Ray is missing; pip install "seqtrain[ray]"']) from None
        ray.init(address=self.address, include_dashboard=False, logging_level="WARNING")
        try:
            run = ray.remote(num_cpus=self.num_cpus, num_gpus=self.num_gpus, max_retries=0)(_run)
            numbers = range(initial_job_idx, initial_job_idx + len(job_overrides))
            tasks = [run.remote(self.task_function, number) for number in numbers]
            ray.wait(tasks, num_returns=len(tasks))
            ray.get(tasks)
        finally:
            ray.shutdown()
        return []


def _run(function: TaskFunction, number: int) -> None:
    from seqtrain.sweeps.launch import JobFunction

    assert isinstance(function, JobFunction)
    function.run(number)
