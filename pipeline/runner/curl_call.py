"""``curl`` as a job calls it: its options, and what it prints of an answer.

Source: curl's manual. Options that have no bearing on one HTTP call to the runner (certificates, proxies,
retries, time limits) are read and passed over.
"""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote_plus

from pipeline.runner.agent_messages import Answer, Needed, Request, bytes_of, stdin_of, text_of
from pipeline.runner.web_call import BodyPart, CallFailed, HttpAnswer, WebCall

__all__ = ["CurlCall", "answer_curl", "read_curl", "write_out_form"]

_SHORT = {
    "A": "user-agent", "C": "continue-at", "D": "dump-header", "E": "cert", "F": "form", "G": "get",
    "H": "header", "I": "head", "K": "config", "O": "remote-name", "P": "ftp-port", "Q": "quote",
    "S": "show-error", "T": "upload-file", "U": "proxy-user", "X": "request", "Y": "speed-limit",
    "b": "cookie", "c": "cookie-jar", "d": "data", "e": "referer", "f": "fail", "i": "include",
    "m": "max-time", "o": "output", "r": "range", "s": "silent", "t": "telnet-option", "u": "user",
    "v": "verbose", "w": "write-out", "x": "proxy", "y": "speed-time", "z": "time-cond",
}  # fmt: skip
_OPTIONS_WITH_VALUE = """
abstract-unix-socket alt-svc aws-sigv4 cacert capath cert cert-type ciphers config connect-timeout
connect-to continue-at cookie cookie-jar create-file-mode crlfile curves data data-ascii data-binary
data-raw data-urlencode delegation dns-interface dns-ipv4-addr dns-ipv6-addr dns-servers doh-url
dump-header ech egd-file engine etag-compare etag-save expect100-timeout form form-string ftp-account
ftp-alternative-to-user ftp-method ftp-port ftp-ssl-ccc-mode haproxy-clientip
happy-eyeballs-timeout-ms header hostpubmd5 hostpubsha256 hsts interface ip-tos ipfs-gateway json
keepalive-cnt keepalive-time key key-type krb libcurl limit-rate local-port login-options mail-auth
mail-from mail-rcpt max-filesize max-redirs max-time netrc-file noproxy oauth2-bearer output
output-dir parallel-max pass pinnedpubkey preproxy proto proto-default proto-redir proxy proxy-cacert
proxy-capath proxy-cert proxy-cert-type proxy-ciphers proxy-crlfile proxy-header proxy-key
proxy-key-type proxy-pass proxy-pinnedpubkey proxy-service-name proxy-tls13-ciphers
proxy-tlsauthtype proxy-tlspassword proxy-tlsuser proxy-user proxy1.0 pubkey quote random-file range
rate referer request request-target resolve retry retry-delay retry-max-time sasl-authzid
service-name signature-algorithms socks4 socks4a socks5 socks5-gssapi-service socks5-hostname
speed-limit speed-time stderr telnet-option tftp-blksize time-cond tls-max tls13-ciphers tlsauthtype
tlspassword tlsuser trace trace-ascii trace-config unix-socket upload-file url url-query user
user-agent variable vlan-priority write-out
"""
_WITH_VALUE = frozenset(_OPTIONS_WITH_VALUE.split())


@dataclass(slots=True)
class CurlCall:
    """The options of a call: flags, the last value of each option, the bodies, the addresses."""

    flags: set[str] = field(default_factory=set)
    values: dict[str, str] = field(default_factory=dict)
    body: list[BodyPart] = field(default_factory=list)
    urls: list[str] = field(default_factory=list)

    def web_call(self) -> WebCall:
        """Return what is called.

        Raises:
            CallFailed: there is no address, or several.
        """
        if not self.urls:
            raise CallFailed("no URL specified!", 2)
        if len(self.urls) > 1:
            raise CallFailed("Orbyard answers calls with one URL, this one has several", 2)
        return WebCall(self.urls[0], self._method(), tuple(self.body))

    def _method(self) -> str:
        if "request" in self.values:
            return self.values["request"].upper()
        if "head" in self.flags:
            return "HEAD"
        if "upload-file" in self.values:
            return "PUT"
        sends = (self.body or "form" in self.values) and "get" not in self.flags
        return "POST" if sends else "GET"


def read_curl(words: Sequence[str]) -> CurlCall:
    """Read the words after ``curl``.

    Raises:
        CallFailed: an option lacks its value.
    """
    call = CurlCall()
    for name, value in _options(words):
        if name == "url":
            call.urls.append(value)
        elif name in ("data", "data-ascii", "data-binary", "data-raw", "data-urlencode", "json"):
            call.body.append(_part(name, value))
        elif name == "request-target" and value:
            raise CallFailed("Orbyard does not answer calls with --request-target", 2)
        elif name in _WITH_VALUE or name == "form":
            call.values[name] = value
        elif name.startswith("no-"):
            call.flags.discard(name.removeprefix("no-"))
        else:
            call.flags.add(name)
    return call


def _options(words: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield each option by its long name with its value, and each address as ``url``."""
    pending = list(words)
    only_urls = False
    while pending:
        word = pending.pop(0)
        if only_urls or not word.startswith("-") or word == "-":
            yield "url", word
        elif word == "--":
            only_urls = True
        elif word.startswith("--"):
            name = word[2:]
            yield name, _value(word, pending) if name in _WITH_VALUE else ""
        else:
            yield from _short(word[1:], pending)


def _short(letters: str, pending: list[str]) -> Iterator[tuple[str, str]]:
    for position, letter in enumerate(letters):
        name = _SHORT.get(letter, letter)
        if name in _WITH_VALUE:
            yield name, letters[position + 1 :] or _value(f"-{letter}", pending)
            return
        yield name, ""


def _value(option: str, pending: list[str]) -> str:
    if not pending:
        raise CallFailed(f"option {option}: requires parameter", 2)
    return pending.pop(0)


def _part(option: str, value: str) -> BodyPart:
    separator = "" if option == "json" else "&"
    if option == "data-urlencode":
        return _encoded_part(value)
    if option != "data-raw" and value.startswith("@"):
        joins = option in ("data", "data-ascii")
        return BodyPart(file=value[1:], joins_lines=joins, separator=separator)
    return BodyPart(value, separator=separator)


def _encoded_part(value: str) -> BodyPart:
    """Read ``content``, ``=content``, ``name=content``, ``@file`` or ``name@file``."""
    name, sign, rest = re.match(r"([^=@]*)([=@]?)(.*)", value, re.DOTALL).groups()  # type: ignore[union-attr]  # matches any text
    if sign == "@":
        return BodyPart(f"{name}=" if name else "", file=rest, is_encoded=True)
    if not sign:
        return BodyPart(quote_plus(name, errors="surrogateescape"))
    return BodyPart((f"{name}=" if name else "") + quote_plus(rest, errors="surrogateescape"))


def write_out_form(request: Request, call: CurlCall) -> str:
    """Return the format of ``--write-out``, or ask for the file that has it.

    Raises:
        Needed: the file was not handed over yet.
        CallFailed: it cannot be read.
    """
    form = call.values.get("write-out", "")
    if not form.startswith("@"):
        return form
    if form == "@-":
        text = text_of(stdin_of(request, "the format"))
    elif "format.missing" in request.inputs:
        raise CallFailed(f"Failed to open {form[1:]}", 26)
    elif "format" not in request.inputs:
        raise Needed(("take_file", "format", form[1:]))
    else:
        text = text_of(request.inputs["format"])
    return text.replace("\r", "").replace("\n", "")


# ------------------------------------------------------------------------------- what is printed


def answer_curl(call: CurlCall, came: HttpAnswer, form: str) -> Answer:
    """Return what ``curl`` prints and writes of an answer, and how it ends.

    Args:
        call: its options.
        came: the answer.
        form: see :func:`write_out_form`.
    """
    fails = came.status >= 400 and bool({"fail", "fail-with-body"} & call.flags)
    has_no_body = "head" in call.flags or ("fail" in call.flags and fails)
    body = "" if has_no_body else came.body
    head = came.head if {"include", "head"} & call.flags else ""
    variables = _variables(call, came, len(body.encode()), 22 if fails else 0)
    stdout, stderr = _written_out(form, variables, fails)
    errors = f"curl: (22) The requested URL returned error: {came.status}\n" if fails else ""
    if "silent" in call.flags and "show-error" not in call.flags:
        errors = ""
    if "verbose" in call.flags:
        errors = _spoken(call, came) + errors
    files = {"body": bytes_of(head + body), "head": bytes_of(came.head)}
    calls = []
    if "dump-header" in call.values:
        calls.append(("save", "head", call.values["dump-header"], "23"))
    if head or body:
        calls.append(("save", "body", _target(call), "23"))
    return Answer(
        stdout=bytes_of(stdout),
        stderr=bytes_of(errors + stderr),
        exit_code=22 if fails else 0,
        calls=tuple(calls),
        files=files,
    )


def _target(call: CurlCall) -> str:
    target = call.values.get("output", "-")
    if "remote-name" in call.flags and "output" not in call.values:
        target = "continue"
    if target == "-" or posixpath.isabs(target):
        return target
    return posixpath.join(call.values.get("output-dir", ""), target)


def _spoken(call: CurlCall, came: HttpAnswer) -> str:
    lines = [f"> {call.web_call().method} {call.urls[0]}", ">", *came.head.split("\r\n")[:-2]]
    return "".join(f"{line if line[:1] == '>' else f'< {line}'}\n" for line in [*lines, ""])


def _written_out(form: str, variables: Mapping[str, str], fails: bool) -> tuple[str, str]:
    """Return what ``--write-out`` prints: to the output, and to the error output."""
    texts = {"stdout": "", "stderr": ""}
    place = "stdout"
    for text, escape, name in re.findall(r"([^%\\]+)|(\\.|%%)|%\{([^}]*)\}", form, re.DOTALL):
        if name in texts:
            place = name
        elif name == "onerror" and not fails:
            break
        elif name:
            texts[place] += variables.get(name, "")
        else:
            texts[place] += text or _ESCAPES.get(escape, escape)
    return texts["stdout"], texts["stderr"]


_ESCAPES = {r"\n": "\n", r"\r": "\r", r"\t": "\t", "%%": "%"}


def _variables(call: CurlCall, came: HttpAnswer, size: int, exit_code: int) -> dict[str, str]:
    texts = {
        "http_code": f"{came.status:03d}",
        "response_code": f"{came.status:03d}",
        "http_version": "1.1",
        "content_type": came.content_type,
        "size_download": str(size),
        "size_header": str(len(came.head)),
        "url": call.urls[0],
        "url_effective": call.urls[0],
        "method": call.web_call().method,
        "scheme": "https",
        "num_redirects": "0",
        "num_connects": "1",
        "exitcode": str(exit_code),
        "errormsg": "",
        "filename_effective": call.values.get("output", ""),
        "remote_ip": "127.0.0.1",
        "remote_port": "443",
        **dict.fromkeys(_TIMES, "0.000000"),
    }
    return texts | {"json": json.dumps(texts)}


_TIMES = (
    "time_total", "time_connect", "time_namelookup", "time_appconnect", "time_pretransfer",
    "time_redirect", "time_starttransfer",
)  # fmt: skip
