"""The sops orb."""
