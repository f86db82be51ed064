"""What a rule is, and what it may look at."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from orbs.kubernetes.lint.finding import Finding, Severity
from orbs.kubernetes.manifest import RenderedManifest
from orbs.kubernetes.schema import SchemaIndex
from pipeline.yamlfile import KeyPath

__all__ = ["Context", "Rule", "Said"]


@dataclass(frozen=True, slots=True)
class Context:
    """Everything beside the manifest itself that a rule may look at.

    Attributes:
        manifests: the whole set.
        served: the kinds that the cluster serves by API version; None without a cluster.
        schema: the cluster's own description of its fields; None where there is none.
        namespace: the namespace of the deploy, "" where it is not known.
        exists: whether the cluster holds an object of that kind and name; None where nobody asked.
    """

    manifests: Sequence[RenderedManifest]
    served: Mapping[str, frozenset[str]] | None = None
    schema: SchemaIndex | None = None
    namespace: str = ""
    exists: Callable[[str, str], bool] | None = None

    def of_kind(self, *kinds: str) -> list[RenderedManifest]:
        """Return the set's objects of these kinds."""
        return [manifest for manifest in self.manifests if manifest.kind in kinds]


@dataclass(frozen=True, slots=True)
class Said:
    """What a rule's check yields; ``severity`` is given where the rule has two."""

    path: KeyPath
    message: str
    hint: str | None = None
    severity: Severity | None = None


Check = Callable[[RenderedManifest, Context], Iterable[Said]]


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule of the lint.

    Attributes:
        name: by which it is turned off.
        severity: of what it says, unless the check says otherwise.
        summary: what it looks for, one sentence.
        reason: why, for the documentation; what the other severity is for, where there are two.
        example: YAML that it is content with.
        check: says what is wrong with one manifest of the set.
    """

    name: str
    severity: Severity
    summary: str
    reason: str
    example: str
    check: Check

    def run(self, manifest: RenderedManifest, context: Context) -> Iterable[Finding]:
        """Yield what the rule has to say about a manifest."""
        for said in self.check(manifest, context):
            yield Finding(
                rule=self.name,
                severity=said.severity or self.severity,
                message=said.message,
                where=manifest.where(said.path),
                hint=said.hint,
            )
