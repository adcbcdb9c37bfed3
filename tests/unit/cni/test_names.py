"""The rules of names, each with its code and libcni's words."""

from __future__ import annotations

import pytest

from vmplumbd.cni import names
from vmplumbd.cni.error import InvalidName


@pytest.mark.parametrize("name", ["a", "0", "vm-7", "A_b.c-d", "x" * 300])
def test_good_ids_and_network_names_pass(name: str) -> None:
    names.check_container_id(name)
    names.check_network_name(name)


BAD = ["-a", ".a", "_a", "a b", "a/b", "..", "a\n", "a\0", "ü", "some-%%container-id"]


@pytest.mark.parametrize("name", BAD)
def test_bad_container_ids_are_code_4(name: str) -> None:
    with pytest.raises(InvalidName) as raised:
        names.check_container_id(name)
    assert (raised.value.code, raised.value.msg, raised.value.details) == (
        4,
        "invalid characters in containerID",
        name,
    )


@pytest.mark.parametrize("name", BAD)
def test_bad_network_names_are_code_7(name: str) -> None:
    with pytest.raises(InvalidName) as raised:
        names.check_network_name(name)
    assert (raised.value.code, raised.value.msg) == (7, "invalid characters found in network name")


def test_no_name_at_all_has_its_own_words() -> None:
    with pytest.raises(InvalidName, match=r"^missing containerID$") as container:
        names.check_container_id("")
    with pytest.raises(InvalidName, match=r"^missing network name:$") as network:
        names.check_network_name("")
    assert (container.value.code, network.value.code) == (3, 7)


@pytest.mark.parametrize("if_name", ["eth0", "a", "123456789012345", "é" * 7, "a\x1cb"])
def test_good_interface_names_pass(if_name: str) -> None:
    names.check_if_name(if_name)


@pytest.mark.parametrize(
    ("if_name", "said"),
    [
        ("", "interface name is empty"),
        ("1234567890123456", "interface name is too long; interface name should be less than 16 characters"),
        ("é" * 8, "interface name is too long; interface name should be less than 16 characters"),
        (".", "interface name is . or .."),
        ("..", "interface name is . or .."),
        ("a/b", "interface name contains / or : or whitespace characters"),
        ("a:b", "interface name contains / or : or whitespace characters"),
        ("a b", "interface name contains / or : or whitespace characters"),
        ("a\n", "interface name contains / or : or whitespace characters"),
        ("a\u2003b", "interface name contains / or : or whitespace characters"),
    ],
)
def test_bad_interface_names_are_code_4(if_name: str, said: str) -> None:
    with pytest.raises(InvalidName) as raised:
        names.check_if_name(if_name)
    assert (raised.value.code, str(raised.value)) == (4, said)
