"""Pushing the app image, and proving that it is there."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from orbs.rails.credentials import RegistryCredentials, find_credentials
from orbs.rails.engine_types import EngineError
from orbs.rails.model import BuiltImage, ImageReference
from orbs.rails.registry import RegistryError, find_digest, split_host
from orbs.rails.settings import ImageSettings
from pipeline.errors import OrbyardError, Unavailable, WorkFailed, excerpt
from pipeline.output import Console
from pipeline.retry import Backoff, Clock, retrying

if TYPE_CHECKING:
    from orbs.rails.engine import Engine
    from pipeline.command import Run

__all__ = ["PushFailed", "classify_push_error", "push_image"]

_FINAL = (
    (r"unauthorized|no basic auth credentials|authentication required|\b401\b", "login"),
    (r"denied|forbidden|insufficient_scope|\b403\b", "login"),
    (r"name unknown|repository .*(does not exist|not found)|name_unknown", "repository"),
    (r"invalid reference|name invalid|manifest invalid|tag .*immutable", "name"),
    (r"http: server gave HTTP response to HTTPS client", "insecure"),
    (r"x509:|certificate signed by unknown authority", "certificate"),
)
"""Words of the engine and of registries for what another try cannot mend; the engine gives no codes.
From moby's distribution/push_v2.go and the error codes of the OCI distribution specification."""
_UNREACHABLE = re.compile(r'Get "https?://[^"]*/v2/": |dial tcp|no such host', re.IGNORECASE)
_PASSING = re.compile(
    r"timeout|timed out|deadline exceeded|connection (reset|refused)|broken pipe|\bEOF\b|"
    r"toomanyrequests|\b429\b|rate limit|\b5\d\d\b|temporar|try again|no such host|"
    r"server misbehaving|blob upload (unknown|invalid)",
    re.IGNORECASE,
)
_HINTS = {
    "login": "log in (`docker login {host}`, or as your cloud's tool does it); may this user push "
    "to {repository}?",
    "repository": "create the repository {repository} in the registry first, or correct "
    "image.repository in orbyard.yml",
    "name": "correct image.repository or image.tags in orbyard.yml",
    "insecure": "the registry speaks plain HTTP: add it to the engine's `insecure-registries`",
    "certificate": "give the registry's certificate authority to the Docker engine "
    "(/etc/docker/certs.d/{host}/ca.crt)",
    "": "run the push again; nothing was deployed",
}
_BACKOFF = Backoff(attempts=4, first_s=1.0, longest_s=15.0)
_PROGRESS_S = 5.0
"""Seconds between two words about layers that are under way."""
_DONE = {"Pushed": "pushed", "Layer already exists": "already there"}


class PushFailed(WorkFailed):
    """The image is not in the registry."""

    def __init__(self, message: str, *, hint: str, retryable: bool) -> None:
        super().__init__(message, hint=hint)
        self.retryable = retryable


def push_image(
    run: Run, engine: Engine, image: BuiltImage, *, repository: str, clock: Clock | None = None
) -> ImageReference:
    """Push an image under all of its tags; tags that are there already cost one question each.

    Returns:
        The reference by digest, as the registry confirms it.

    Raises:
        PushFailed: the registry or the engine refused, for good or four times in a row.
        Unavailable: the registry does not know us, or does not let us.
    """
    host, _ = split_host(repository)
    credentials = find_credentials(host, run.environ, masker=run.console.masker)
    insecure = run.settings.get(ImageSettings).insecure_registries

    def digest_of(tag: str) -> str | None:
        return find_digest(repository, tag, credentials, insecure=insecure)

    known = _known_digests(engine, image, repository)
    digest = ""
    for tag in image.tags:
        there = _quietly(digest_of, tag)
        if there and there in known:
            run.console.success(f"{repository}:{tag} is there already")
            digest = there
            continue
        digest = _push_tag(run, engine, image, (repository, tag), credentials, clock)
        _confirm(run.console, digest_of, repository, tag, digest)
        known = known | {digest}
    return ImageReference(repository, image.tags[0], digest)


def _known_digests(engine: Engine, image: BuiltImage, repository: str) -> frozenset[str]:
    found = engine.inspect_image(image.image_id)
    pairs = (name.partition("@") for name in (found.digests if found else ()))
    return frozenset(digest for name, _, digest in pairs if name == repository)


def _quietly(digest_of: Callable[[str], str | None], tag: str) -> str | None:
    try:
        return digest_of(tag)
    except RegistryError:
        return None  # The push itself will say what is wrong.


def _push_tag(
    run: Run,
    engine: Engine,
    image: BuiltImage,
    target: tuple[str, str],
    credentials: RegistryCredentials | None,
    clock: Clock | None,
) -> str:
    repository, tag = target
    engine.tag(image.image_id, f"{repository}:{tag}")
    auth = credentials.for_engine() if credentials else None

    def once() -> str:
        try:
            return follow_push(engine.push(repository, tag, auth=auth), run.console)
        except EngineError as error:
            raise classify_push_error(error, repository, tag) from error

    def tell(number: int, wait_s: float, error: OrbyardError) -> None:
        run.console.warning(f"try {number} failed, again in {wait_s:.0f} s: {error.message}")

    run.console.info(f"pushing {repository}:{tag}")
    return retrying(once, backoff=_BACKOFF, on_retry=tell, clock=clock)


def classify_push_error(error: EngineError, repository: str, tag: str) -> OrbyardError:
    """Return what a failed push is: to be tried again or not, and what to do."""
    text = error.text or error.message
    host, _ = split_host(repository)
    kind = next((kind for words, kind in _FINAL if re.search(words, text, re.IGNORECASE)), "")
    hint = _HINTS[kind].format(host=host, repository=repository)
    message = f"{repository}:{tag} could not be pushed: {excerpt(text)}"
    if kind == "login":
        return Unavailable(message, hint=hint)
    if not kind and _UNREACHABLE.search(text):
        away = Unavailable(message, hint=f"is {host} the right registry, and up?")
        away.retryable = True
        return away
    passing = error.status == 429 or error.status >= 500 or bool(_PASSING.search(text))
    return PushFailed(message, hint=hint, retryable=passing and not kind)


def follow_push(
    events: Iterable[dict[str, Any]],
    console: Console,
    *,
    clock: Callable[[], float] = time.monotonic,
) -> str:
    """Print a push's progress by the layer, and return the digest that it ended with.

    Raises:
        PushFailed: the stream ended without one, and so without success.
    """
    sizes: dict[str, int] = {}
    done: dict[str, str] = {}
    sent: dict[str, int] = {}
    digest, spoken = "", clock()
    for event in events:
        layer, status = str(event.get("id") or ""), str(event.get("status") or "")
        detail = event.get("progressDetail") or {}
        if detail.get("current"):
            sent[layer] = int(detail["current"])
            sizes[layer] = max(int(detail.get("total") or 0), sizes.get(layer, 0))
        word = _DONE.get(status) or ("shared" if status.startswith("Mounted from") else "")
        if layer and word and layer not in done:
            done[layer] = word
            if word == "pushed":
                console.info(
                    f"  {layer} pushed ({_megabytes(max(sizes.get(layer, 0), sent.get(layer, 0)))})"
                )
                spoken = clock()
        elif clock() - spoken > _PROGRESS_S and sent:
            spoken = clock()
            under_way = {name: size for name, size in sent.items() if name not in done}
            console.info(
                f"  {len(done)} layers done, {len(under_way)} under way "
                f"({_megabytes(sum(under_way.values()))} sent)"
            )
        digest = str((event.get("aux") or {}).get("Digest") or digest)
    if not digest:
        raise PushFailed(
            "the push ended without a digest, so the image is not known to be in the registry",
            hint=_HINTS[""],
            retryable=True,
        )
    words = list(done.values())
    console.detail(
        f"  layers: {words.count('pushed')} pushed, "
        f"{len(words) - words.count('pushed')} already there"
    )
    return digest


def _confirm(
    console: Console,
    digest_of: Callable[[str], str | None],
    repository: str,
    tag: str,
    digest: str,
) -> None:
    try:
        there = digest_of(tag)
    except RegistryError as error:
        console.detail(
            f"  not confirmed by the registry ({error.message}); the engine's word counts"
        )
        return
    if there != digest:
        raise PushFailed(
            f"{repository}:{tag} is {there or 'not there'} in the registry, though {digest} was pushed",
            hint="did somebody else push that tag at the same time? run the push again",
            retryable=False,
        )
    console.success(f"{repository}:{tag} is {digest}")


def _megabytes(size_bytes: int) -> str:
    return f"{size_bytes / 1e6:.1f} MB"
