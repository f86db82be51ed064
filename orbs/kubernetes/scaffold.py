"""The manifests that ``init`` writes."""

from __future__ import annotations

from collections.abc import Mapping

from pipeline.orb import ScaffoldFile, ScaffoldNote, ScaffoldOptions
from pipeline.scaffold import fill_template, read_template

__all__ = ["extras", "scaffold"]

_TEMPLATES = "orbs.kubernetes.templates"
_ALWAYS = ("deploy.yml", "dbmigration.job.yml", "service.yml")
_EXTRAS = {
    "ingress": ("ingress.yml",),
    "assets": ("nginx.configmap.yml",),
    "hpa": ("hpa.yml",),
    "iam-role": ("serviceaccount.yml",),
    "pvc": ("pvc.yml",),
}
_SUMMARIES = {
    "ingress": "an Ingress: HTTP from outside, by host",
    "assets": "nginx beside the app, serving public/",
    "hpa": "a HorizontalPodAutoscaler by CPU",
    "iam-role": "a ServiceAccount with an AWS IAM role",
    "pvc": "a PersistentVolumeClaim mounted at /app/storage",
}


def extras() -> Mapping[str, str]:
    """Return the optional parts, and what each adds."""
    return _SUMMARIES


def scaffold(options: ScaffoldOptions) -> list[ScaffoldFile | ScaffoldNote]:
    """Return the manifests of an app, its ConfigMaps, and what to do about them."""
    parts = set(options.extras) | ({"secrets"} if options.recipients else set())
    names = [*_ALWAYS, *(name for part in sorted(parts) for name in _EXTRAS.get(part, ()))]
    made: list[ScaffoldFile | ScaffoldNote] = [
        ScaffoldFile(f"deploy/{name}", _filled(name, options, parts)) for name in names
    ]
    made += [
        ScaffoldFile(
            f"deploy/configmaps/{env}.configmap.yml", _filled("configmap.yml", options, parts, env)
        )
        for env in options.environments
    ]
    settings = _settings(options, parts)
    made += [ScaffoldFile("orbyard.yml", settings)] if settings else []
    return [*made, *_notes(options)]


def _filled(name: str, options: ScaffoldOptions, parts: set[str], env: str = "") -> str:
    return fill_template(read_template(_TEMPLATES, name), {"app": options.app, "env": env}, parts)


def _settings(options: ScaffoldOptions, parts: set[str]) -> str:
    text = ""
    if "ingress" in parts:
        text += 'deploy:\n  anchors:\n    HOGE_APP_HOST: "{env}.example.com"\n'
    if "iam-role" in parts:
        text += "environments:\n"
        for env in options.environments:
            role = f"arn:aws:iam::111122223333:role/{options.app}-{env}"
            text += f"  {env}:\n    anchors:\n      HOGE_APP_ROLE_ARN: {role}\n"
    return text


def _notes(options: ScaffoldOptions) -> list[ScaffoldNote]:
    first = options.environments[0]
    notes = [
        ScaffoldNote(
            "Give the app two routes for the probes of deploy/deploy.yml:",
            (
                "/live   answers 200 as long as the process does",
                "/ready  answers 200 when the database answers too",
            ),
        )
    ]
    if "ingress" in options.extras:
        notes.append(ScaffoldNote("Set the host names in orbyard.yml (deploy.anchors)."))
    if "iam-role" in options.extras:
        notes.append(ScaffoldNote("Set the role of each environment in orbyard.yml."))
    notes.append(
        ScaffoldNote(
            "Rehearse, then deploy:",
            (f"orbyard deploy --env {first} --rehearse", f"orbyard deploy --env {first}"),
        )
    )
    return notes
