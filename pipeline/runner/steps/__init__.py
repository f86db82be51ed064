"""The steps, one module for each type."""

from __future__ import annotations

from collections.abc import Mapping

from pipeline.runner.job_run import StepFunction
from pipeline.runner.steps.artifacts import store_artifacts
from pipeline.runner.steps.caches import restore_cache, save_cache
from pipeline.runner.steps.checkout import checkout
from pipeline.runner.steps.command import run_command
from pipeline.runner.steps.elsewhere import hosted_only
from pipeline.runner.steps.remote_docker import setup_remote_docker
from pipeline.runner.steps.results import store_test_results
from pipeline.runner.steps.ssh_keys import add_ssh_keys
from pipeline.runner.steps.workspace import attach_workspace, persist_to_workspace

__all__ = ["STEP_FUNCTIONS"]

STEP_FUNCTIONS: Mapping[str, StepFunction] = {
    "add_ssh_keys": add_ssh_keys,
    "attach_workspace": attach_workspace,
    "checkout": checkout,
    "deploy": run_command,
    "install_signing_bundle": hosted_only,
    "persist_to_workspace": persist_to_workspace,
    "restore_cache": restore_cache,
    "run": run_command,
    "save_cache": save_cache,
    "setup_remote_docker": setup_remote_docker,
    "store_artifacts": store_artifacts,
    "store_test_results": store_test_results,
}
