"""The profiles of clusters hold only settings that Snakemake and its plugins know."""

import pytest

from tests.workflow.conftest import ROOT

PLUGINS = {
    "slurm": "snakemake_executor_plugin_slurm",
    "cluster-generic": "snakemake_executor_plugin_cluster_generic",
    "kubernetes": "snakemake_executor_plugin_kubernetes",
}


@pytest.fixture(params=PLUGINS)
def profile(request, monkeypatch):
    """A profile as Snakemake reads it, with the settings of its plugin."""
    pytest.importorskip(PLUGINS[request.param])
    if request.param == "kubernetes":
        pytest.importorskip("snakemake_storage_plugin_s3")
    from snakemake.cli import parse_args
    from snakemake_interface_executor_plugins.registry import ExecutorPluginRegistry

    monkeypatch.chdir(ROOT)
    _, arguments = parse_args(["--profile", f"profiles/{request.param}"])
    plugin = ExecutorPluginRegistry().get_plugin(arguments.executor)
    return request.param, arguments, plugin.get_settings(arguments)


def test_killed_jobs_are_tried_again_and_gpus_are_left_to_the_scheduler(profile):
    name, arguments, _ = profile
    assert arguments.executor == name
    assert arguments.retries == 2
    assert arguments.set_resource_scopes["gpu"] == "local"
    assert arguments.jobs > 1
    # From profiles/default, which is read as well.
    assert arguments.rerun_incomplete


def test_the_plugin_takes_its_settings(profile):
    name, arguments, settings = profile
    if name == "slurm":
        assert settings.status_command == "squeue"
        assert str(settings.logdir) == "logs/slurm"
    elif name == "cluster-generic":
        for command in (settings.submit_cmd, settings.status_cmd, settings.cancel_cmd):
            assert (ROOT / command.split()[0]).stat().st_mode & 0o111
    else:
        assert settings.namespace == "default"
        assert arguments.default_storage_provider == "s3"
        assert arguments.container_image
