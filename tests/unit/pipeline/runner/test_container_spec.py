"""What the engine is asked for to make a container."""

from __future__ import annotations

import pytest

from pipeline.runner.container_spec import ContainerSpec, HostMount, VolumeMount, container_config


def test_a_container_without_wishes_has_the_image_s_own() -> None:
    config = container_config(ContainerSpec("a:1", "name"))
    assert config == {
        "Image": "a:1",
        "Env": [],
        "Labels": {},
        "HostConfig": {"Init": True, "Mounts": [], "ExtraHosts": []},
    }


def test_limits_leave_no_way_out_to_swap() -> None:
    host = container_config(ContainerSpec("a", "n", cpus=1.5, memory_bytes=1000))["HostConfig"]
    assert (host["NanoCpus"], host["Memory"], host["MemorySwap"]) == (1_500_000_000, 1000, 1000)


def test_folders_and_volumes_are_mounted_and_a_volume_without_a_name_goes_with_the_container() -> (
    None
):
    spec = ContainerSpec(
        "a", "n", binds={"/here": "/there"}, volumes=[VolumeMount("/v", "kept"), VolumeMount("/w")]
    )
    assert container_config(spec)["HostConfig"]["Mounts"] == [
        {"Type": "bind", "Target": "/there", "Source": "/here"},
        {"Type": "volume", "Target": "/v", "Source": "kept"},
        {"Type": "volume", "Target": "/w"},
    ]


def test_only_a_container_with_a_daemon_has_more_rights() -> None:
    usual = container_config(ContainerSpec("a", "n"))["HostConfig"]
    daemon = container_config(ContainerSpec("a", "n", runs_daemon=True))["HostConfig"]
    assert not {"CapAdd", "SecurityOpt", "DeviceCgroupRules"} & set(usual)
    assert "SYS_ADMIN" in daemon["CapAdd"]
    assert "Privileged" not in daemon


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("sh -c 'sleep 1'", ["sh", "-c", "sleep 1"]),
        (("sh", "-c"), ["sh", "-c"]),
        ([], []),
        ("", []),
    ],
)
def test_a_command_may_be_a_text_or_words(written: str | list[str], words: list[str]) -> None:
    assert container_config(ContainerSpec("a", "n", command=written))["Cmd"] == words


def test_a_command_with_an_open_quote_is_an_error() -> None:
    with pytest.raises(ValueError, match="quotation"):
        container_config(ContainerSpec("a", "n", entrypoint="sh -c 'oops"))


def test_what_the_user_mounts_may_be_read_only() -> None:
    mounts = (HostMount("/here", "/there"), HostMount("/keys", "/k", read_only=True))
    host = container_config(ContainerSpec("a", "n", mounts=mounts))["HostConfig"]
    assert [(one["Source"], one["Target"], one["ReadOnly"]) for one in host["Mounts"]] == [
        ("/here", "/there", False),
        ("/keys", "/k", True),
    ]
