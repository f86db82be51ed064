"""Settings of the encrypted files: the section ``sops``."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.settings import parse_duration, setting

__all__ = ["SECTIONS", "SopsSettings"]


@dataclass(frozen=True, slots=True)
class SopsSettings:
    """How encrypted files are read and written, and where they stand.

    Which key a file is encrypted for is sops' own business, and stands in `.sops.yaml`.
    """

    program: str = setting(
        "",
        doc="The sops program, as a name or a path from the root; default is the one on PATH, else "
        "the one that was installed with Orbyard. It has to be 3.9 or later.",
        example="/usr/local/bin/sops",
    )
    timeout_s: float = setting(
        20.0,
        key="timeout",
        parse=parse_duration,
        doc="How long sops may take for one file. It has no limit of its own: a key service that "
        "takes the connection and stays silent would hold it for ever.",
    )
    age_key_file: str = setting(
        "",
        doc="The file of the age key, from the root, where SOPS_AGE_KEY_FILE says nothing else. "
        "A key of your own belongs outside of the repository; default is where sops looks.",
        example="../keys/app.agekey",
    )
    folders: tuple[str, ...] = setting(
        ("deploy/secrets", "deploy/kubeconfig", "deploy/contexts"),
        doc="Where secrets, kubeconfigs and contexts stand, as folders or globs of folders: `*.enc` "
        "files here have to be encrypted, and any other file ignored by git.",
        example="['apps/*/deploy/secrets']",
    )
    allow: tuple[str, ...] = setting(
        (),
        doc="Globs of files that may hold a Secret, a kubeconfig or an age key in plain text, such as "
        "test data; `*` also matches `/`.",
        example="['test/fixtures/*']",
    )
    unmasked_keys: tuple[str, ...] = setting(
        (),
        doc="Keys of Secrets whose values are no secrets, and stay readable in the output.",
        example="[RAILS_ENV, DATABASE_HOST]",
    )


SECTIONS = {"sops": SopsSettings}
