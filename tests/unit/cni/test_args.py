"""CNI_ARGS: written, read leniently, read as plugins do."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vmplumbd.cni import args
from vmplumbd.cni.error import InvalidArgs

KEYS = st.text(st.characters(exclude_characters=";=\0", exclude_categories=["Cs"]), min_size=1)
VALUES = st.text(st.characters(exclude_characters=";\0", exclude_categories=["Cs"]))


@given(st.lists(st.tuples(KEYS, VALUES)))
def test_what_may_be_said_is_read_back(pairs: list[tuple[str, str]]) -> None:
    args.check(pairs)
    assert args.split(args.join(pairs)) == tuple(pairs)


@pytest.mark.parametrize(
    "pair", [("", "v"), ("a=b", "v"), ("a;b", "v"), ("a", "v;w=x"), ("a\0", "v"), ("a", "\0")]
)
def test_what_a_receiver_would_misread_is_refused(pair: tuple[str, str]) -> None:
    with pytest.raises(InvalidArgs):
        args.check([pair])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", {}),
        ("IP=1.2.3.4", {"IP": "1.2.3.4"}),
        ("IP=", {"IP": ""}),
        ("X=1;IP=a;IgnoreUnknown=1", {"IP": "a", "IgnoreUnknown": "1"}),
        ("IgnoreUnknown=TRUE;X=1", {"IgnoreUnknown": "TRUE"}),
        ("IP=a;IP=b", {"IP": "b"}),
    ],
)
def test_load_reads_known_keys(text: str, expected: dict[str, str]) -> None:
    assert args.load(text, ["IP"]) == expected


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("IP", 'ARGS: invalid pair "IP"'),
        ("IP=a;", 'ARGS: invalid pair ""'),
        ("IP=a=b", 'ARGS: invalid pair "IP=a=b"'),
        ("ip=a;X=1", 'ARGS: unknown args ["ip=a" "X=1"]'),
        ("X=1;IgnoreUnknown=0", 'ARGS: unknown args ["X=1"]'),
        (
            "IgnoreUnknown=Maybe",
            (
                'ARGS: error parsing value of pair "IgnoreUnknown=Maybe": '
                "boolean unmarshal error: invalid input maybe"
            ),
        ),
    ],
)
def test_load_refuses_as_plugins_do(text: str, said: str) -> None:
    with pytest.raises(InvalidArgs) as raised:
        args.load(text, ["IP"])
    assert str(raised.value) == said


def test_the_environment_always_has_all_six() -> None:
    assert args.environment(
        command="ADD", container_id="", netns="", if_name="", args="", path=("/a", "/b")
    ) == {
        "CNI_COMMAND": "ADD",
        "CNI_CONTAINERID": "",
        "CNI_NETNS": "",
        "CNI_ARGS": "",
        "CNI_IFNAME": "",
        "CNI_PATH": "/a:/b",
    }
