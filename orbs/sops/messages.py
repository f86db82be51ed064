"""What sops' exit codes and words mean, said so that one knows what to do.

sops' own text is never passed on as it is: on a MAC mismatch it prints the unsalted SHA-512 of the
plain text, on a damaged value the value itself, on a syntax error the word that it stumbled over. The
exit code decides first; where one code stands for several causes (1, 2, 128) the words decide.

Sources: exit codes from sops' ``cmd/sops/codes`` and observed with 3.11; the words of AWS KMS are the
error names of its API reference (Decrypt, Encrypt), which sops prints as they are.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.errors import (
    InvalidInput,
    Location,
    OrbyardError,
    Unavailable,
    WorkFailed,
    excerpt,
)

__all__ = ["UNCHANGED", "explain", "key_failures", "redact"]

UNCHANGED = 200
"""``sops edit``: the editor was left without a change. Not an error."""


@dataclass(frozen=True, slots=True)
class _Cause:
    """One row: exit codes and words, and what they mean; ``{line}`` fills a line number in."""

    codes: frozenset[int]
    words: str
    kind: type[OrbyardError]
    message: str
    hint: str
    place: str = ""


_ANY = r""
_CONFIG = ".sops.yaml"
_RULE_HINT = (
    "add a rule to creation_rules in .sops.yaml at the project's root whose path_regex matches this "
    r"path with its suffix .enc (`^deploy/secrets/.*\.secret\.yml(\.enc)?$`)"
)


def _codes(*codes: int) -> frozenset[int]:
    return frozenset(codes)


_CAUSES = (
    _Cause(
        _codes(1),
        r"sops metadata not found",
        InvalidInput,
        "this file is not encrypted: it has no sops metadata",
        "encrypt the plain text with `orbyard secrets.encrypt FILE`; if this file was ever pushed, "
        "treat what is in it as known and change it",
    ),
    _Cause(
        _codes(1),
        r"no matching creation rules|config file not found|has no creation rules",
        InvalidInput,
        "no rule of .sops.yaml says which key to encrypt this file for",
        _RULE_HINT,
    ),
    _Cause(
        _codes(1),
        r"error loading config",
        InvalidInput,
        "sops cannot read its configuration",
        "correct the syntax there; sops reads it for every call",
        _CONFIG,
    ),
    _Cause(
        _codes(1),
        r"age public key|malformed recipient",
        InvalidInput,
        "a recipient is not an age public key",
        "correct the `age:` of the rule for this file: a public key begins with age1, and "
        "`age-keygen -y KEYFILE` prints it",
        _CONFIG,
    ),
    _Cause(
        _codes(1),
        r"unmarshalling input",
        InvalidInput,
        "the encrypted file is damaged: it cannot be read",
        "take the last good version (`git log -p -- FILE`) and make the change with "
        "`orbyard secrets.edit`",
    ),
    _Cause(
        _codes(2),
        _ANY,
        InvalidInput,
        "the plain text cannot be read in the format of its name",
        "correct its syntax: keys at the top, no key twice, no control characters",
    ),
    _Cause(
        _codes(25),
        _ANY,
        InvalidInput,
        "a value was edited or moved by hand below the encryption",
        "take the last good version (`git log -p -- FILE`) and make the change with "
        "`orbyard secrets.edit`, the only way to change an encrypted file",
    ),
    _Cause(
        _codes(51),
        r"no MAC",
        InvalidInput,
        "the encrypted file has no MAC: what is in it cannot be trusted",
        "a merge or an edit has removed it; take the last good version (`git log -p -- FILE`)",
    ),
    _Cause(
        _codes(51),
        _ANY,
        InvalidInput,
        "the file was changed after it was encrypted: its MAC does not match",
        "somebody edited a field that is not encrypted, or git merged two versions; take the last "
        "good version (`git log -p -- FILE`) and make the change with `orbyard secrets.edit`",
    ),
    _Cause(_codes(92), _ANY, InvalidInput, "the file is empty", "put the values in first"),
    _Cause(
        _codes(100),
        _ANY,
        InvalidInput,
        "there is no such file",
        "look at the path; it is relative to the folder you stand in",
    ),
    _Cause(
        _codes(201),
        r"Could not run editor",
        WorkFailed,
        "the editor failed, and nothing was changed",
        "name a working one in EDITOR; one with a window has to wait (`code --wait`)",
    ),
    _Cause(
        _codes(201),
        _ANY,
        Unavailable,
        "no editor was found",
        "name one in EDITOR",
    ),
    _Cause(
        _codes(203),
        _ANY,
        InvalidInput,
        "the file is encrypted already, or has a top-level key `sops`",
        "change it with `orbyard secrets.edit`",
    ),
)


def explain(
    exit_code: int,
    error_text: str,
    name: str,
    contexts: Sequence[tuple[str, str]] = (),
) -> OrbyardError:
    """Return the error for a call of sops that failed.

    Args:
        exit_code: how it ended.
        error_text: what it wrote to standard error.
        name: the file it was about.
        contexts: recipients of the file and their KMS encryption contexts, for the message.
    """
    words = unbox(error_text)
    if exit_code == 128 or "Could not generate data key" in words:
        return _no_data_key(exit_code, words, name, contexts)
    for cause in _CAUSES:
        if exit_code in cause.codes and re.search(cause.words, words, re.IGNORECASE):
            return cause.kind(
                cause.message,
                where=_place(cause, words, name),
                hint=cause.hint.replace("FILE", name),
            )
    return WorkFailed(
        f"sops failed with exit code {exit_code}",
        where=Location(name),
        details=[excerpt(redact(words))] if words else (),
    )


def _place(cause: _Cause, words: str, name: str) -> Location:
    found = re.search(r"line (\d+)", words)
    return Location(cause.place or name, int(found[1]) if found else 0)


def unbox(text: str) -> str:
    """Join the lines that sops wraps at 70 columns behind ``    - | `` and ``      | ``."""
    joined: list[str] = []
    for line in text.splitlines():
        boxed = re.match(r"\s+(-)? ?\| ?(.*)", line)
        if boxed and not boxed[1] and joined:
            joined[-1] += " " + boxed[2].strip()
        else:
            joined.append(boxed[2].strip() if boxed else line.rstrip())
    return "\n".join(joined)


def redact(text: str) -> str:
    """Leave out what could tell a secret: digests, quoted words, ciphertexts, private keys."""
    text = re.sub(r"[0-9A-Fa-f]{64,}", "(digest left out)", text)
    text = re.sub(r"AGE-SECRET-KEY-\S+", "(key left out)", text)
    text = re.sub(r"ENC\[[^]]*\]?", "ENC[…]", text)
    text = re.sub(
        r"Input string .* does not match", "a value does not match", text, flags=re.DOTALL
    )
    return re.sub(r"`[^`]*`|\"[^\"]*\"|(?<!\w)'[^']*'", "'…'", text)


@dataclass(frozen=True, slots=True)
class _KeyFailure:
    """One row: a master key's failure in sops' words, ours, and what to do."""

    words: str
    kind: type[OrbyardError]
    message: str
    hint: str
    retryable: bool = False


_CREDENTIALS_HINT = (
    "log in to AWS (`aws sso login`), or set AWS_PROFILE or AWS_ACCESS_KEY_ID and "
    "AWS_SECRET_ACCESS_KEY; on CI, use a context that has them"
)
_AGE_HINT = (
    "put the age key that this file is for into SOPS_AGE_KEY (CI), SOPS_AGE_KEY_FILE, "
    "sops.age_key_file of orbyard.yml, or ~/.config/sops/age/keys.txt; or have somebody with access "
    "add your public key to .sops.yaml and run `orbyard secrets.rotate`"
)
_KEY_FAILURES = (
    _KeyFailure(
        r"identity did not match any of the recipients",
        Unavailable,
        "none of the age keys at hand opens it",
        _AGE_HINT,
    ),
    _KeyFailure(
        r"malformed secret key|failed to parse .* age identities",
        Unavailable,
        "the age key at hand is not a whole key",
        "a private key is one line that begins with AGE-SECRET-KEY-1; look at SOPS_AGE_KEY and the "
        "key file for a cut or wrapped line",
    ),
    _KeyFailure(
        r"failed to open SOPS_AGE_KEY_FILE",
        Unavailable,
        "the file that SOPS_AGE_KEY_FILE names cannot be opened",
        "correct SOPS_AGE_KEY_FILE, or unset it",
    ),
    _KeyFailure(
        r"failed to load age identities|Did not find keys in locations",
        Unavailable,
        "no age key was found",
        _AGE_HINT,
    ),
    _KeyFailure(
        r"InvalidCiphertextException",
        InvalidInput,
        "AWS KMS refuses to open the data key: it was made with another encryption context{context}",
        "a context binds a file to an app and an environment: was this file copied from another "
        "environment, or its metadata edited? Encrypt it again for this one",
    ),
    _KeyFailure(
        r"AccessDeniedException|not authorized to perform",
        Unavailable,
        "AWS KMS denies access to the key",
        "whoever runs this needs kms:Decrypt (and kms:Encrypt to write) on it; `aws sts "
        "get-caller-identity` says who that is",
    ),
    _KeyFailure(
        r"ExpiredToken|token included in the request is expired|InvalidGrantException",
        Unavailable,
        "the AWS session has expired",
        _CREDENTIALS_HINT,
    ),
    _KeyFailure(
        r"UnrecognizedClientException|InvalidClientTokenId|IncompleteSignature"
        r"|SignatureDoesNotMatch|InvalidSignatureException|MissingAuthenticationToken",
        Unavailable,
        "AWS does not accept the credentials",
        _CREDENTIALS_HINT,
    ),
    _KeyFailure(
        r"NotFoundException",
        Unavailable,
        "AWS KMS knows no such key",
        "does the ARN in .sops.yaml name the right account, region and key? An alias needs its ARN "
        "(arn:aws:kms:REGION:ACCOUNT:alias/NAME)",
    ),
    _KeyFailure(
        r"DisabledException|KMSInvalidStateException",
        Unavailable,
        "the key of AWS KMS is disabled, or waits to be deleted",
        "enable it in KMS, or use another key and rotate",
    ),
    _KeyFailure(
        r"ThrottlingException|LimitExceeded|Rate exceeded",
        Unavailable,
        "AWS KMS is throttling",
        "run it again in a moment",
        retryable=True,
    ),
    _KeyFailure(
        r"failed to get shared config profile",
        Unavailable,
        "the AWS profile is not in ~/.aws/config",
        "correct AWS_PROFILE, or the profile of the rule in .sops.yaml",
    ),
    _KeyFailure(
        r"IMDS|get credentials|failed to refresh cached credentials|NoCredentialProviders",
        Unavailable,
        "there are no AWS credentials",
        _CREDENTIALS_HINT,
    ),
    _KeyFailure(
        r"connection refused|no such host|i/o timeout|network is unreachable|request send failed"
        r"|connection reset|TLS handshake|certificate",
        Unavailable,
        "the key service cannot be reached",
        "look at the network, the proxy variables and AWS_ENDPOINT_URL",
        retryable=True,
    ),
    _KeyFailure(
        r"KMSInternalException|StatusCode: 5\d\d|DependencyTimeout",
        Unavailable,
        "the key service failed",
        "run it again in a moment",
        retryable=True,
    ),
    _KeyFailure(
        r"gpg|pgp|keyring",
        Unavailable,
        "no PGP key at hand opens it",
        "import the private key, and look at GNUPGHOME and the agent",
    ),
)


def key_failures(words: str) -> list[tuple[str, str]]:
    """Return recipient and sops' own reason for each master key that failed."""
    found = re.findall(r"^  (\S.*): FAILED\n((?:\S.*\n?)+)", words, re.MULTILINE)
    if not found:
        found = re.findall(r'with master key "([^"]+)": ([^\n\]]*)', words)
    return [(name.partition("|")[0], reason.strip()) for name, reason in found]


def _no_data_key(
    exit_code: int, words: str, name: str, contexts: Sequence[tuple[str, str]]
) -> OrbyardError:
    details, kinds, hints, retryable = [], [], [], []
    known = dict(contexts)
    for recipient, reason in key_failures(words):
        row = next((r for r in _KEY_FAILURES if re.search(r.words, reason, re.IGNORECASE)), None)
        if row is None:
            details.append(f"{recipient}: {excerpt(redact(reason))}")
            continue
        context = known.get(recipient)
        details.append(
            f"{recipient}: " + row.message.format(context=f" than {context}" if context else "")
        )
        kinds.append(row.kind)
        retryable.append(row.retryable)
        if row.hint not in hints:
            hints.append(row.hint)
    kind = InvalidInput if InvalidInput in kinds else Unavailable
    verb = "decrypted" if exit_code == 128 else "encrypted"
    error = kind(
        f"this file cannot be {verb}: no key service or key at hand gives its data key",
        where=Location(name),
        details=details,
        hint="; or ".join(hints) or None,
    )
    if any(retryable):
        error.retryable = True
    return error
