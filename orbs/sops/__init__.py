"""The sops orb: Secrets and kubeconfigs that lie encrypted in the repository."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from orbs.sops.capability import decrypt_for_run, encrypt_for_run

__all__ = ["PROVIDES", "decrypt_for_run", "encrypt_for_run"]

PROVIDES = {
    "decrypt": "orbs.sops.capability:decrypt_for_run",
    "encrypt": "orbs.sops.capability:encrypt_for_run",
    "scaffold": "orbs.sops.scaffold:scaffold",
}
"""What other orbs reach by name; see :mod:`pipeline.orb`."""


def __getattr__(name: str) -> Any:
    if name in {"decrypt_for_run", "encrypt_for_run"}:
        from orbs.sops import capability

        return getattr(capability, name)
    raise AttributeError(name)
