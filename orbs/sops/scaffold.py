"""The rules of encryption and the encrypted placeholders that ``init`` writes."""

from __future__ import annotations

import re

from pipeline.orb import ScaffoldFile, ScaffoldNote, ScaffoldOptions
from pipeline.scaffold import fill_template, read_template

__all__ = ["scaffold"]

_TEMPLATES = "orbs.sops.templates"


def scaffold(options: ScaffoldOptions) -> list[ScaffoldFile | ScaffoldNote]:
    """Return ``.sops.yaml``, lines for .gitignore, and a Secret and kubeconfig an environment.

    Without a recipient nothing can be encrypted, and the note says how to go on.
    """
    made: list[ScaffoldFile | ScaffoldNote] = [
        ScaffoldFile(".gitignore", read_template(_TEMPLATES, "gitignore"), append=True)
    ]
    if not options.recipients:
        return [*made, _without_key()]
    made.append(ScaffoldFile(".sops.yaml", _rules(options)))
    for env in options.environments:
        values = {"app": options.app, "env": env}
        for path, template in (
            (f"deploy/secrets/{env}.secret.yml.enc", "secret.yml"),
            (f"deploy/kubeconfig/{env}.kubeconfig.enc", "kubeconfig.yml"),
        ):
            text = fill_template(read_template(_TEMPLATES, template), values, ())
            made.append(ScaffoldFile(path, text, encrypted=True))
    first = options.environments[0]
    note = ScaffoldNote(
        "Put the real values in; they are encrypted when your editor closes:",
        (
            f"orbyard secrets.edit deploy/secrets/{first}.secret.yml.enc",
            f"orbyard secrets.edit deploy/kubeconfig/{first}.kubeconfig.enc",
        ),
    )
    return [*made, note]


def _rules(options: ScaffoldOptions) -> str:
    keys = "".join(f"    {kind}: {value}\n" for kind, value in (options.recipients or {}).items())
    text = (
        "# Who can decrypt what. The first rule that fits a file's path counts; the suffix .enc\n"
        "# belongs to the path.\ncreation_rules:\n"
    )
    for env in options.environments:
        name = re.escape(env).replace("\\-", "-")
        text += (
            f"  - path_regex: ^deploy/secrets/{name}\\.secret\\.yml(\\.enc)?$\n"
            f"    encrypted_regex: ^(data|stringData)$\n{keys}"
            f"  - path_regex: ^deploy/kubeconfig/{name}\\.kubeconfig(\\.enc)?$\n{keys}"
        )
    return text + f"  - path_regex: ^deploy/contexts/\n{keys}"


def _without_key() -> ScaffoldNote:
    return ScaffoldNote(
        "Secrets were left out, as there is no key to encrypt them for. Make one, and run this again:",
        (
            "age-keygen -o ~/.config/sops/age/keys.txt     (prints the public key, age1…)",
            "orbyard init --age age1…                      (or --kms with the ARN of a KMS key)",
        ),
    )
