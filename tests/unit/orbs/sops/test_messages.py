from __future__ import annotations

import re

import pytest

from orbs.sops.messages import explain, key_failures, redact, unbox
from pipeline.errors import InvalidInput, OrbyardError, Unavailable, WorkFailed

DIGEST = "57756BB1186EB05A6292D90740538EED60AB876D611FACAC6296C034EEDA4ABC" * 2
ARN = "arn:aws:kms:us-east-1:123456789012:key/167bd861"
AGE = "age1wwzy8s5xhg6cnlu2cvaa76p7j2ncg6pnft37wezwxy6stkcyeshsu6qepj"


def boxed(recipient: str, *lines: str) -> str:
    """What sops prints when no master key opens a file."""
    first, *rest = lines
    box = f"    - | {first}\n" + "".join(f"      | {line}\n" for line in rest)
    return (
        "Failed to get the data key required to decrypt the SOPS file.\n\n"
        f"Group 0: FAILED\n  {recipient}: FAILED\n{box}\n"
        "Recovery failed because no master key was able to decrypt the file. In\n"
    )


@pytest.mark.parametrize(
    ("code", "text", "kind", "words"),
    [
        (1, "sops metadata not found", InvalidInput, "not encrypted"),
        (1, "error loading config: no matching creation rules found", InvalidInput, "no rule"),
        (1, "config file not found, or has no creation rules", InvalidInput, "no rule"),
        (
            1,
            "error loading config: Could not unmarshal config file: yaml: line 3: bad",
            InvalidInput,
            r"\.sops\.yaml:3: sops cannot read",
        ),
        (1, 'failed to parse input as age public key: "age1bad"', InvalidInput, "age public key"),
        (1, "Error unmarshalling input yaml: yaml: line 7: x", InvalidInput, "a.enc:7: .*damaged"),
        (2, "Error unmarshalling file: yaml: line 4: y", InvalidInput, "a.enc:4: .*cannot be read"),
        (25, "cipher: message authentication failed", InvalidInput, "by hand"),
        (51, f"MAC mismatch. File has {DIGEST}, computed {DIGEST}", InvalidInput, "MAC does not"),
        (51, f"MAC mismatch. File has no MAC, computed {DIGEST}", InvalidInput, "has no MAC"),
        (92, "File cannot be completely empty", InvalidInput, "empty"),
        (100, "cannot operate on non-existent file", InvalidInput, "no such file"),
        (201, "Could not run editor: exit status 1", WorkFailed, "editor failed"),
        (201, "No editor available", Unavailable, "no editor"),
        (203, "The file you have provided contains a top-level entry", InvalidInput, "already"),
        (77, "something new", WorkFailed, "exit code 77"),
    ],
)
def test_each_way_to_fail_has_its_message(
    code: int, text: str, kind: type[OrbyardError], words: str
) -> None:
    error = explain(code, text, "a.enc")
    assert type(error) is kind
    assert error.where
    assert re.search(words, str(error))


@pytest.mark.parametrize(
    ("lines", "kind", "words"),
    [
        (("identity did not match any of the", "recipients."), Unavailable, "none of the age keys"),
        (
            (
                "failed to load age identities. Errors while loading age",
                "identities: failed to open SOPS_AGE_KEY_FILE file: open x: no",
                "such file or directory.",
            ),
            Unavailable,
            "SOPS_AGE_KEY_FILE names cannot be opened",
        ),
        (
            ("failed to load age identities. Did not find keys in locations", "'SOPS_AGE_KEY'."),
            Unavailable,
            "no age key was found",
        ),
        (
            ("failed to parse 'SOPS_AGE_KEY' age", "identities: malformed secret key"),
            Unavailable,
            "whole",
        ),
        (("error KMS: Decrypt, InvalidCiphertextException:",), InvalidInput, "encryption context"),
        (
            ("error KMS: Decrypt, api error", "AccessDeniedException: no"),
            Unavailable,
            "denies access",
        ),
        (("api error ExpiredTokenException: The security",), Unavailable, "expired"),
        (("api error UnrecognizedClientException: The",), Unavailable, "does not accept"),
        (("NotFoundException: Key 'x' does not exist",), Unavailable, "knows no such key"),
        (("DisabledException: key is disabled",), Unavailable, "disabled"),
        (
            ("failed to refresh cached credentials, no EC2 IMDS role",),
            Unavailable,
            "no AWS credentials",
        ),
        (
            ("could not load AWS config: failed to get shared config", "profile, nope"),
            Unavailable,
            "profile",
        ),
        (
            ('Post "http://127.0.0.1:1/": dial tcp', "connection refused"),
            Unavailable,
            "cannot be reached",
        ),
        (("StatusCode: 500, KMSInternalException: internal",), Unavailable, "service failed"),
    ],
)
def test_each_reason_of_a_key_is_said(
    lines: tuple[str, ...], kind: type[OrbyardError], words: str
) -> None:
    error = explain(128, boxed(ARN, *lines), "a.enc")
    assert type(error) is kind
    assert len(error.details) == 1
    assert error.details[0].startswith(f"{ARN}: ")
    assert words in error.details[0]
    assert error.hint


def test_every_recipient_is_listed_with_its_own_reason() -> None:
    text = boxed(AGE, "identity did not match any of the", "recipients.") + boxed(
        ARN, "api error AccessDeniedException: no"
    )
    details = explain(128, text, "a.enc").details
    assert [line.partition(": ")[0] for line in details] == [AGE, ARN]


def test_the_context_of_the_file_is_named() -> None:
    text = boxed(f"{ARN}|app:hoge,env:staging", "InvalidCiphertextException:")
    error = explain(128, text, "a.enc", [(ARN, "app:hoge,env:staging")])
    assert "app:hoge,env:staging" in error.details[0]


def test_throttling_and_lost_connections_may_be_tried_again() -> None:
    assert explain(128, boxed(ARN, "ThrottlingException: Rate exceeded"), "a").retryable
    assert explain(128, boxed(ARN, "connection refused"), "a").retryable
    assert not explain(128, boxed(ARN, "AccessDeniedException"), "a").retryable


def test_a_denied_encryption_is_told_as_such() -> None:
    text = (
        f'Could not generate data key: [failed to encrypt new data key with master key "{ARN}": '
        "failed to encrypt sops data key with AWS KMS: api error AccessDeniedException: no]"
    )
    error = explain(1, text, "a.enc")
    assert isinstance(error, Unavailable)
    assert "encrypted" in error.message
    assert "denies access" in error.details[0]


@pytest.mark.parametrize("code", [1, 2, 4, 25, 51, 77, 128])
def test_nothing_that_tells_a_secret_is_passed_on(code: int) -> None:
    text = (
        f"computed {DIGEST.lower()}\nInput string hunter2 does not match sops' data format\n"
        "cannot unmarshal !!str `hunter2` into map\n"
        + boxed("gcp", f"odd 'hunter2' \"hunter2\" {DIGEST} ENC[hunter2]")
    )
    shown = explain(code, text, "a.enc")
    everything = "\n".join([str(shown), *shown.details, shown.hint or ""])
    assert "hunter2" not in everything
    assert DIGEST.lower()[:64] not in everything.lower()


def test_redacted_text_is_still_readable() -> None:
    assert redact(f"MAC mismatch. computed {DIGEST}") == "MAC mismatch. computed (digest left out)"


def test_wrapped_lines_are_joined_before_they_are_read() -> None:
    joined = unbox(boxed(ARN, "failed: operation", "error KMS"))
    assert "failed: operation error KMS" in joined
    assert key_failures(joined) == [(ARN, "failed: operation error KMS")]
