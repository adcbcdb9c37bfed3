"""What a request may have of secrets: out of texts, and out of what values say of themselves."""

from __future__ import annotations

import json
from dataclasses import fields, is_dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vmplumbd.cni.args import RuntimeConf
from vmplumbd.cni.config import parse_list
from vmplumbd.cni.invoke import Command, Invocation
from vmplumbd.model import secrets
from vmplumbd.model.ids import Uid, VmId
from vmplumbd.model.lifecycle import Phase
from vmplumbd.model.outcome import Attachment, Plan
from vmplumbd.model.record import Record
from vmplumbd.model.secrets import HIDDEN
from vmplumbd.model.spec import CniConfiguration, NetworkInterface, NetworkSpec
from vmplumbd.operations.set_up import SetUpOrder

CANARY = "canary-7f3a"
DOCUMENT = json.dumps({"name": "net", "plugins": [{"type": "ptp", "token": CANARY, "pin": 1234567}]}).encode()


@pytest.mark.parametrize(
    ("args", "document", "text", "told"),
    [
        ((("K", CANARY),), b"", f"bad K={CANARY}!", f"bad K={HIDDEN}!"),
        ((("TC_REDIRECT_TAP_NAME", "tap-of-mine"),), b"", "no tap-of-mine", "no tap-of-mine"),
        ((("K", "ab"),), b"", "about", "about"),
        ((("IP", "10.1.2.3/16"),), b"", "10.1.2.3/16 is taken", "10.1.2.3/16 is taken"),
        ((("A", "secret"), ("B", "secret-longer")), b"", "secret-longer secret", f"{HIDDEN} {HIDDEN}"),
        ((), DOCUMENT, f"ptp of net: {CANARY}, 1234567", f"ptp of net: {HIDDEN}, {HIDDEN}"),
        ((), b'{"a":"q\\"uote\\n"}', 'it printed "q\\"uote\\n"', f'it printed "{HIDDEN}"'),
        (
            (),
            '{"a":"sch\u00f6n"}'.encode(),
            "sch\u00f6n sch\\u00f6n 'sch\u00f6n'",
            f"{HIDDEN} {HIDDEN} '{HIDDEN}'",
        ),
        ((), b'{"a":[["deep-secret"]]}', "deep-secret", HIDDEN),
        ((), b"no json at all", "read: no json at all", f"read: {HIDDEN}"),
        ((), json.dumps([f"text-{number}" for number in range(5000)]).encode(), "anything", HIDDEN),
    ],
)
def test_a_text_has_nothing_of_them(
    args: tuple[tuple[str, str], ...], document: bytes, text: str, told: str
) -> None:
    assert secrets.of_texts(args, document).hide(text) == told


def test_what_is_left_of_one_where_a_text_was_cut_is_hidden_too() -> None:
    hidden = secrets.of_texts((("K", "begin-middle-end"),)).hide
    told = hidden("middle-end; " + "x" * 2000 + "; begin-mid")
    assert told == f"{HIDDEN}; " + "x" * 2000 + f"; {HIDDEN}"
    # Also where little of the text is left by then.
    assert hidden("begin-middle-end" * 100 + "begin-mid") == HIDDEN * 101


@given(
    texts=st.lists(st.text("ab", min_size=4, max_size=12), min_size=1, max_size=3),
    begin=st.text("ab", max_size=14),
    end=st.text("ab", max_size=14),
)
def test_the_longest_piece_at_either_end_of_a_long_text_is_hidden(
    texts: list[str], begin: str, end: str
) -> None:
    want = begin + "x" * 2000 + end
    known = sorted(set(texts), key=len, reverse=True)
    for one in known:
        want = want.replace(one, HIDDEN)
    for one in known:
        pieces = range(len(one) - 1, 3, -1)
        if size := next((size for size in pieces if want.startswith(one[-size:])), 0):
            want = HIDDEN + want[size:]
        if size := next((size for size in pieces if want.endswith(one[:size])), 0):
            want = want[:-size] + HIDDEN
    # In the order of the secrets' own: those of one length are looked for as a set yields them.
    if len({len(one) for one in known}) == len(known):
        assert secrets.of_texts((), json.dumps(texts).encode()).hide(begin + "x" * 2000 + end) == want


def test_an_operators_own_list_is_no_secret() -> None:
    own = Attachment(index=0, network="net", conf_list=DOCUMENT, if_name="eth0")
    assert secrets.of_attachment(own).hide(CANARY) == CANARY
    inline = Attachment(index=0, network="net", conf_list=DOCUMENT, if_name="eth0", inline=True)
    assert secrets.of_attachment(inline).hide(CANARY) == HIDDEN


def test_no_value_says_them_of_itself() -> None:
    cni = CniConfiguration(network_config=DOCUMENT, args=(("K", CANARY),), capability_args=DOCUMENT)
    spec = NetworkSpec(interfaces=(NetworkInterface(cni=cni),))
    attachment = Attachment(
        index=0, network="n", conf_list=DOCUMENT, if_name="eth0", args=cni.args, capability_args=DOCUMENT
    )
    values = [
        spec,
        SetUpOrder(spec=spec, spec_bytes=DOCUMENT, spec_hash=b"", timeout=1),
        Plan(attachments=(attachment,)),
        Record(
            vm_id=VmId("vm"),
            uid=Uid("u"),
            revision=1,
            phase=Phase.READY,
            spec=DOCUMENT,
            spec_hash=b"",
            boot_id="",
            plan=Plan(attachments=(attachment,)),
            create_time=0,
            update_time=0,
        ),
        parse_list(DOCUMENT),
        RuntimeConf(
            container_id="vm", netns="", if_name="eth0", args=cni.args, capability_args={"k": CANARY}
        ),
        Invocation(command=Command.ADD, plugin="ptp", stdin=DOCUMENT, args=f"K={CANARY}", env={"K": CANARY}),
        secrets.of_spec(spec),
    ]
    for value in values:
        assert is_dataclass(value) or isinstance(value, secrets.Secrets)
        assert CANARY not in repr(value)
        assert CANARY not in str(value)
    assert {one.name for one in fields(CniConfiguration) if not one.repr} == {
        *("network_config", "args", "capability_args"),
    }
