"""A project with an age key of its own, and small stand-ins for key services that misbehave."""

from __future__ import annotations

import http.server
import io
import json
import os
import socket
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from orbs.sops import decrypt_for_run, encrypt_for_run
from pipeline.command import Run
from pipeline.output import Console
from pipeline.process import Completed, run_process

EXAMPLE_KEY_FILE = Path(__file__).resolve().parents[3] / "examples/rails-app/test-only.agekey"
RECIPIENT = "age1wwzy8s5xhg6cnlu2cvaa76p7j2ncg6pnft37wezwxy6stkcyeshsu6qepj"
OTHER_RECIPIENT = "age1lzd99uklcjnc0e7d860axevet2cz99ce9pq6tzuzd05l5nr28ams36nvun"
SECRET_FILE = Path("deploy/secrets/staging.secret.yml.enc")
KUBECONFIG_FILE = Path("deploy/kubeconfig/staging.kubeconfig.enc")
SECRET = """\
# what the app needs
apiVersion: v1
kind: Secret
metadata:
    name: hoge-app
type: Opaque
stringData:
    DATABASE_URL: postgresql://hoge:s3cr3t-pass-word@db/hoge
    EQUALS: "="
    NUMBER: "1e3"
    OCTAL: "0o14"
    ZEROS: "08"
    TIME: "12:30"
    DATE: "2020-01-01"
    WORD: "yes"
    EMPTY: ""
    LINES: |
        first line
        second line
"""


@dataclass(frozen=True)
class Project:
    """A project's folder, and the environment that its user has."""

    root: Path
    environ: dict[str, str] = field(default_factory=dict)

    def run(self, **environ: str) -> Run:
        """A run of a task there, with an output that can be read."""
        console = Console(out=io.StringIO(), err=io.StringIO(), colour=False)
        return Run(console=console, cwd=self.root, environ={**self.environ, **environ})

    def encrypt(self, text: str, name: Path = SECRET_FILE, **environ: str) -> str:
        """Encrypt by the project's rules, and write the file."""
        encrypted = encrypt_for_run(self.run(**environ), text, name)
        self.write(name, encrypted)
        return encrypted

    def decrypt(self, name: Path = SECRET_FILE, **environ: str) -> str:
        """Decrypt, and give the plain text away."""
        return decrypt_for_run(self.run(**environ), name).reveal()

    def write(self, name: Path | str, text: str) -> Path:
        """Write a file of the project."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())
        return path

    def cli(
        self, *words: str, environ: Mapping[str, str] | None = None, cwd: Path | None = None
    ) -> Completed:
        """Run the orbyard command as a user does."""
        return self.shell(command_line(*words), environ, cwd)

    def shell(
        self, argv: list[str], environ: Mapping[str, str] | None = None, cwd: Path | None = None
    ) -> Completed:
        """Run any program in the project."""
        env = {"PYTHONDONTWRITEBYTECODE": "1", **self.environ, **(environ or {})}
        return run_process(argv, env=env, cwd=cwd or self.root, timeout_s=120)


def command_line(*words: str) -> list[str]:
    """The argument list of the orbyard command."""
    program = "import sys; from pipeline.program import main; sys.argv[0] = 'orbyard'; main()"
    return [sys.executable, "-c", program, *words]


def base_environ(home: Path) -> dict[str, str]:
    """An environment with no key in it."""
    home.mkdir(exist_ok=True)
    return {"PATH": os.environ["PATH"], "HOME": str(home), "PYTHONPATH": os.pathsep.join(sys.path)}


def age_private_key(number: int) -> str:
    """A valid age key that nobody uses (Bech32, BIP 173)."""
    prefix, data = "age-secret-key-", number.to_bytes(32, "big")
    bits = "".join(f"{byte:08b}" for byte in data)
    bits += "0" * (-len(bits) % 5)
    values = [int(bits[i : i + 5], 2) for i in range(0, len(bits), 5)]
    expanded = [ord(c) >> 5 for c in prefix] + [0] + [ord(c) & 31 for c in prefix]
    checksum = _polymod([*expanded, *values, 0, 0, 0, 0, 0, 0]) ^ 1
    values += [(checksum >> 5 * (5 - i)) & 31 for i in range(6)]
    letters = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
    return (prefix + "1" + "".join(letters[value] for value in values)).upper()


def _polymod(values: list[int]) -> int:
    check = 1
    for value in values:
        top = check >> 25
        check = (check & 0x1FFFFFF) << 5 ^ value
        for i, generator in enumerate((0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)):
            check ^= generator if (top >> i) & 1 else 0
    return check


@contextmanager
def refusing_kms(error: str, status: int = 400) -> Iterator[str]:
    """A key service that answers every request with the same error."""
    body = json.dumps({"__type": error, "message": "no"}).encode()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # its own name
            """Stay quiet."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def silent_kms() -> Iterator[str]:
    """A key service that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
