"""Our messages to nf_tables, read by pyroute2: it must find in them what was asked, and nothing else."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from pyroute2.netlink.nfnetlink.nftsocket import nft_chain_msg, nft_rule_msg, nft_table_msg

from tests.unit.kernel.test_encoding import plain
from vmplumbd.kernel import nft, rtnl
from vmplumbd.model import net

TABLE = net.TableName(family=net.FAMILY_INET, name="t")
CHAIN = net.ChainName(table=TABLE, name="c")
READERS = {
    nft.NEWTABLE: nft_table_msg,
    nft.NEWCHAIN: nft_chain_msg,
    nft.DELCHAIN: nft_chain_msg,
    nft.NEWRULE: nft_rule_msg,
    nft.DELRULE: nft_rule_msg,
}
CREATE, APPEND = 0x401, 0xC09  # request and create; append and echo as well
RULE = {"nfgen_family": 1, "NFTA_RULE_TABLE": "t", "NFTA_RULE_CHAIN": "c"}


def expression(name: str, **data: Any) -> dict[str, Any]:
    return {
        "NFTA_EXPR_NAME": name,
        "NFTA_EXPR_DATA": {f"NFTA_{name.upper()}_{key}": value for key, value in data.items()},
    }


def value(raw: bytes) -> dict[str, Any]:
    return {"NFTA_DATA_VALUE": raw}


CASES: list[tuple[str, net.RuleRequest, int, int, dict[str, Any]]] = [
    (
        "table",
        net.AddTable(table=TABLE, comment="why"),
        nft.NEWTABLE,
        CREATE,
        {"nfgen_family": 1, "NFTA_TABLE_NAME": "t", "NFTA_TABLE_FLAGS": 0, "NFTA_TABLE_USERDATA": "why"},
    ),
    (
        "chain",
        net.AddChain(chain=CHAIN),
        nft.NEWCHAIN,
        CREATE,
        {"nfgen_family": 1, "NFTA_CHAIN_TABLE": "t", "NFTA_CHAIN_NAME": "c"},
    ),
    (
        "base_chain_of_a_bridge",
        net.AddChain(
            chain=net.ChainName(table=net.TableName(family=net.FAMILY_BRIDGE, name="nat"), name="c"),
            hook=net.Hook(kind="filter", number=net.HOOK_PREROUTING, priority=-300),
        ),
        nft.NEWCHAIN,
        CREATE,
        {
            "nfgen_family": 7,
            "NFTA_CHAIN_TABLE": "nat",
            "NFTA_CHAIN_NAME": "c",
            "NFTA_CHAIN_TYPE": "filter",
            "NFTA_CHAIN_HOOK": {"NFTA_HOOK_HOOKNUM": 0, "NFTA_HOOK_PRIORITY": -300},
        },
    ),
    (
        "chain_gone",
        net.DelChain(chain=CHAIN),
        nft.DELCHAIN,
        1,
        {"nfgen_family": 1, "NFTA_CHAIN_TABLE": "t", "NFTA_CHAIN_NAME": "c"},
    ),
    ("flush", net.FlushChain(chain=CHAIN), nft.DELRULE, 1, RULE),
    (
        "rule_gone",
        net.DelRule(chain=CHAIN, handle=1 << 40),
        nft.DELRULE,
        1,
        RULE | {"NFTA_RULE_HANDLE": 1 << 40},
    ),
    (
        "rule",
        net.AddRule(
            chain=CHAIN,
            expressions=(
                net.LoadMeta(key=net.META_NFPROTO),
                net.Compare(value=b"\2"),
                net.LoadPayload(base=net.PAYLOAD_NETWORK, offset=16, length=4),
                net.Mask(mask=b"\xff\x80\0\0"),
                net.Compare(value=b"\x0a\x80\0\0", equal=False),
                net.Masquerade(),
            ),
            comment="who",
        ),
        nft.NEWRULE,
        APPEND,
        RULE
        | {
            "NFTA_RULE_USERDATA": "who",
            "NFTA_RULE_EXPRESSIONS": [
                expression("meta", KEY="NFT_META_NFPROTO", DREG="NFT_REG_1"),
                expression("cmp", SREG="NFT_REG_1", OP="NFT_CMP_EQ", DATA=value(b"\2")),
                expression("payload", DREG="NFT_REG_1", BASE="NFT_PAYLOAD_NETWORK_HEADER", OFFSET=16, LEN=4),
                expression(
                    "bitwise",
                    SREG="NFT_REG_1",
                    DREG="NFT_REG_1",
                    LEN=4,
                    MASK=value(b"\xff\x80\0\0"),
                    XOR=value(bytes(4)),
                ),
                expression("cmp", SREG="NFT_REG_1", OP="NFT_CMP_NEQ", DATA=value(b"\x0a\x80\0\0")),
                expression("masq"),
            ],
        },
    ),
    (
        "verdicts",
        net.AddRule(
            chain=CHAIN,
            expressions=(
                net.Verdict(code=net.VERDICT_JUMP, chain="d"),
                net.Verdict(code=net.VERDICT_RETURN),
            ),
        ),
        nft.NEWRULE,
        APPEND,
        RULE
        | {
            "NFTA_RULE_EXPRESSIONS": [
                expression(
                    "immediate",
                    DREG="NFT_REG_VERDICT",
                    DATA={"NFTA_DATA_VERDICT": {"NFTA_VERDICT_CODE": "NFT_JUMP", "NFTA_VERDICT_CHAIN": "d"}},
                ),
                expression(
                    "immediate",
                    DREG="NFT_REG_VERDICT",
                    DATA={"NFTA_DATA_VERDICT": {"NFTA_VERDICT_CODE": "NFT_RETURN"}},
                ),
            ]
        },
    ),
]


@pytest.mark.parametrize(
    ("request_", "kind", "flags", "fields"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_pyroute2_reads_what_was_asked(
    request_: net.RuleRequest, kind: int, flags: int, fields: dict[str, Any]
) -> None:
    message = nft.encode(request_)
    header = struct.pack("=IHHII", 16 + len(message.body), message.kind, message.flags, 1, 0)
    parsed = READERS[message.kind](header + message.body)
    parsed.decode()
    assert (message.kind, message.flags, plain(parsed)) == (kind, flags, fields)
    assert len(message.body) % 4 == 0


def test_a_comment_is_a_type_a_length_and_a_text_that_ends() -> None:
    message = nft.encode(net.AddRule(chain=CHAIN, expressions=(), comment="who"))
    assert bytes(rtnl.attribute_map(memoryview(message.body), 4)[7]) == b"\0\4who\0"


def test_a_transaction_begins_with_its_generation() -> None:
    plain_begin, bound = nft.begin(None), nft.begin(7)
    assert plain_begin.body == nft.END.body == struct.pack("!BBH", 0, 0, 10)
    assert rtnl.attribute_map(memoryview(bound.body), 4) == {1: struct.pack("!I", 7)}
    assert (plain_begin.kind, nft.END.kind) == (0x10, 0x11)


def test_a_rule_of_an_unknown_expression_is_read_all_the_same() -> None:
    text, attribute = rtnl.text, rtnl.attribute
    strange = attribute(1, text(1, "numgen") + attribute(2, b""))
    strange_cmp = attribute(1, text(1, "cmp") + attribute(2, attribute(2, struct.pack("!I", 4))))
    body = bytes(4) + attribute(3, struct.pack("!Q", 9)) + attribute(4, strange + strange_cmp)
    assert nft.read_rule(memoryview(body)) == net.RuleInfo(handle=9, comment="", expressions=(None, None))


def test_other_user_data_stands_before_a_comment() -> None:
    data = bytes((1, 2)) + b"xx" + bytes((0, 3)) + b"me\0"
    body = bytes(4) + rtnl.attribute(3, struct.pack("!Q", 9)) + rtnl.attribute(7, data)
    assert nft.read_name(memoryview(body)) == net.RuleName(handle=9, comment="me")
