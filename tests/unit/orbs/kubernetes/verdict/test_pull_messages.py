"""The words of runtimes and registries are told apart."""

from __future__ import annotations

from pathlib import Path

import pytest

from orbs.kubernetes.verdict import Grace
from orbs.kubernetes.verdict.pull_messages import classify_pull
from pipeline.yamlfile import parse_documents

TABLE = Path(__file__).with_name("pull_messages.yml")
CASES = [(row["says"], row["means"]) for row in parse_documents(TABLE.read_text(), "-")[0].value]


@pytest.mark.parametrize(("says", "means"), CASES)
def test_a_message_means_what_the_table_says(says: str, means: str) -> None:
    assert classify_pull(says).code == means


@pytest.mark.parametrize(
    "image", ["shop/not-found:eof", "eof/unauthorized@sha256:00", "x509:1", ""]
)
def test_words_in_the_name_of_an_image_mean_nothing(image: str) -> None:
    message = f'failed to pull image "{image}": dial tcp 10.0.0.9:443: connect: connection refused'
    assert classify_pull(message, image).code == "image-registry-unreachable"


def test_a_tag_that_is_not_there_is_certain_and_a_registry_that_is_down_is_given_time() -> None:
    assert classify_pull("app:1: not found").grace_s(Grace()) == 0
    assert classify_pull("connection refused").grace_s(Grace()) >= 120
