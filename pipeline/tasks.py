"""The engine's own tasks."""

from __future__ import annotations

from invoke.collection import Collection

from pipeline.ci_tasks import namespace as ci
from pipeline.command import Run, command
from pipeline.orb_tasks import config_namespace as config
from pipeline.orb_tasks import namespace as orb

__all__ = ["namespace"]


@command()
def settings(run: Run) -> None:
    """Print every key of orbyard.yml with its meaning and default."""
    from pipeline.orb import find_orbs, load_sections
    from pipeline.settings_reference import reference

    run.console.result(reference(load_sections(find_orbs(run.root))))


@command(
    help={
        "app": "the app's name; default is the folder's",
        "image": "the image's repository without a tag, as in registry.example.com/hoge-app",
        "env": "the environments, separated by commas",
        "age": "public age keys (age1…) that secrets are encrypted for, separated by commas",
        "kms": "ARNs of KMS keys that secrets are encrypted for, separated by commas",
        "with_": "optional parts, separated by commas; `--with list` shows them",
        "force": "replace files that are there already",
        "dry_run": "only show what would be written",
    }
)
def init(
    run: Run,
    app: str = "",
    image: str = "",
    env: str = "staging,production",
    age: str = "",
    kms: str = "",
    with_: str = "",
    force: bool = False,
    dry_run: bool = False,
) -> None:
    """Write what an app needs to be deployed: manifests, Dockerfiles, encrypted placeholders, settings.

    The files go into the folder you stand in and fit what is there. A file that exists is kept.
    """
    from pipeline.init import InitOptions, known_extras, run_init

    if with_ == "list":
        run.console.table(list(known_extras(run.cwd).items()))
        return
    options = InitOptions(
        app=app,
        image=image,
        environments=env,
        age=age,
        kms=kms,
        extras=with_,
        force=force,
        dry_run=dry_run,
    )
    run_init(run, options)


namespace = Collection(init, settings)
namespace.add_collection(ci)
namespace.add_collection(orb)
namespace.add_collection(config)
