"""What the container runtimes say when an image cannot be pulled, and what it means.

Nothing but the words tells a typing error from a registry that is down. The words are those of
containerd, CRI-O and Docker, of the registries behind them, and of the kubelet.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from orbs.kubernetes.verdict.grace import Grace


@dataclass(frozen=True, slots=True)
class PullProblem:
    """One meaning of a pull message.

    Attributes:
        code: the cause's code.
        says: completes "the image X cannot be pulled: …".
        hint: what to do now.
        budget: the attribute of :class:`Grace` that it is given; empty when it is certain.
    """

    code: str
    says: str
    hint: str
    budget: str = ""

    def grace_s(self, grace: Grace) -> float:
        """Return the seconds that it must last."""
        return float(getattr(grace, self.budget)) if self.budget else 0.0


_RATE = PullProblem(
    "image-rate-limit",
    "the registry limits how often images may be pulled",
    "pull with an account (imagePullSecrets), or mirror the image to a registry of your own",
    "rate_limit_s",
)
_DISK = PullProblem(
    "image-disk",
    "the node could not unpack it",
    "look at the node's disk: it may be full",
    "network_s",
)
_PLATFORM = PullProblem(
    "image-platform",
    "it is not built for the node's processor architecture",
    "build the image for the platform of the cluster's nodes (docker build --platform)",
)
_MALFORMED = PullProblem(
    "image-name-invalid",
    "that is not a valid image name",
    "correct `image:` in the manifest; a placeholder that was not replaced looks like this",
)
_TRUST = PullProblem(
    "image-registry-trust",
    "the node does not trust the registry's certificate, or the registry speaks plain HTTP",
    "give the nodes the registry's CA certificate, or set the registry up for HTTPS",
    "access_s",
)
_NETWORK = PullProblem(
    "image-registry-unreachable",
    "the node does not reach the registry",
    "check the registry's host name in `image:`, that the registry is up, and the node's network",
    "network_s",
)
_BROKEN = PullProblem(
    "image-registry-error",
    "the registry answered with an error of its own",
    "look at the registry's state; deploy again when it is well",
    "network_s",
)
_ACCESS = PullProblem(
    "image-access-denied",
    "the registry does not let the cluster pull it",
    "check the repository's name, and imagePullSecrets of the Pod or the rights of the nodes",
    "access_s",
)
_NO_REPOSITORY = PullProblem(
    "image-repository-not-found",
    "the registry has no such repository",
    "check the repository's name in `image:`, and that an image was ever pushed there",
)
_NOT_FOUND = PullProblem(
    "image-not-found",
    "the registry has no image of that name and tag",
    "check that the image of this revision was pushed, and to this repository",
)
_NEVER = PullProblem(
    "image-not-on-node",
    "it is not on the node, and imagePullPolicy is Never",
    "set imagePullPolicy to IfNotPresent, or load the image into the node",
)
UNKNOWN = PullProblem(
    "image-pull-failed",
    "the node could not pull it",
    "look at the message above; if the registry is at fault, deploy again when it is well",
    "network_s",
)

_TABLE: tuple[tuple[PullProblem, str], ...] = (
    (_RATE, r"toomanyrequests|too many requests|\b429\b|rate limit"),
    (_DISK, r"no space left on device|failed to extract layer|disk quota exceeded"),
    (_PLATFORM, r"no match for platform|no matching manifest for|no image found .*manifest list"),
    (_MALFORMED, r"invalid reference format|couldn't parse image|invalidimagename"),
    (_NEVER, r"errimageneverpull|pull policy of never"),
    (_TRUST, r"x509:|unknown authority|gave http response to https client|tls: "),
    (
        _NETWORK,
        r"no such host|i/o timeout|connection refused|connection reset|no route to host"
        r"|network is unreachable|tls handshake timeout|context deadline exceeded"
        r"|request canceled|server misbehaving|\beof\b|registryunavailable",
    ),
    (
        _BROKEN,
        r"unexpected (http )?status[^\d]{0,20}5\d\d\b|\b50[0234] (internal|bad|service|gatew)",
    ),
    (
        _ACCESS,
        r"pull access denied|insufficient_scope|\b401\b|\b403\b|unauthorized|forbidden"
        r"|no basic auth credentials|authentication required|access denied|\bdenied:",
    ),
    (_NO_REPOSITORY, r"repository .*does not exist|name[ _]unknown|repository .*not found"),
    (_NOT_FOUND, r"manifest unknown|not found|\b404\b|notfound"),
)
_PATTERNS = tuple((problem, re.compile(words)) for problem, words in _TABLE)


def classify_pull(message: str, image: str = "") -> PullProblem:
    """Return what a pull message means.

    Args:
        message: as the kubelet gives it.
        image: the image's name, which is left out of the search: it may hold any words.
    """
    said = message.lower()
    for name in (image.lower(), re.split(r"[:@][^/]*\Z", image.lower())[0]):
        said = said.replace(name, " ") if name else said
    for problem, pattern in _PATTERNS:
        if pattern.search(said):
            return problem
    return UNKNOWN
