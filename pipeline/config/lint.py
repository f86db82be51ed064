"""Warnings about a configuration."""
def lint(root, namespace, workflows, compilation):
    pass
