"""env-in-podspec: configuration belongs in ConfigMaps and Secrets, not in the manifest of the Pod."""

from __future__ import annotations

from collections.abc import Iterator

from orbs.kubernetes.lint.podspec import containers, entries, pod_template
from orbs.kubernetes.lint.rule import Context, Rule, Said
from orbs.kubernetes.lint.secret_names import looks_secret
from orbs.kubernetes.manifest import RenderedManifest

__all__ = ["RULES"]


def _check(manifest: RenderedManifest, _: Context) -> Iterator[Said]:
    template = pod_template(manifest.value)
    for container in containers(template) if template else ():
        for index, variable in entries(container.value, "env"):
            value, name = variable.get("value"), str(variable.get("name", ""))
            # Only a PodSpec can put variables together: $(POD_IP) is not expanded in a ConfigMap.
            if value is None or "$(" in str(value):
                continue
            path = (*container.path, "env", index)
            if looks_secret(name, str(value)):
                yield Said(
                    path,
                    f"{manifest.ref}: the environment variable {name} looks like a secret, and "
                    "stands here in plain text",
                    f"put {name} in the encrypted Secret, and refer to that with `secretKeyRef` or "
                    "`envFrom`; then change the value: it is in the history",
                    "error",
                )
            else:
                yield Said(
                    path,
                    f"{manifest.ref}: the environment variable {name} is written in the PodSpec",
                    f"put {name} in a ConfigMap (or a Secret) and refer to that with `envFrom`",
                )


RULES = (
    Rule(
        name="env-in-podspec",
        severity="warning",
        summary="An environment variable has its value in the PodSpec.",
        reason="A value in the PodSpec is the same in every environment, and changing it means "
        "editing a Deployment and every Job beside it. In a ConfigMap per environment, or in an "
        "encrypted Secret, it is written once. `valueFrom` and values made of other variables, such "
        "as `$(POD_IP):3000`, are fine. A variable whose name or value looks like a secret is an "
        "error.",
        example="""\
envFrom:
  - configMapRef:
      name: hoge-app
  - secretRef:
      name: hoge-app
""",
        check=_check,
    ),
)
