"""The packet filter (nf_tables) as nfnetlink messages, both ways. What is asked comes from `model.net`.

Changes are one transaction: a message that begins it, those that change, one that ends it. Numbers are
in network order, unlike rtnetlink's. A rule's comment is a type, a length and a text with its zero byte,
in the user data that the kernel keeps unread (libnftnl:include/libnftnl/udata.h).
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence

from vmplumbd.kernel import rtnl
from vmplumbd.kernel.rtnl import Message
from vmplumbd.model import net

_SUBSYSTEM = 10
NEWTABLE, DELTABLE, NEWCHAIN, GETCHAIN, DELCHAIN = (_SUBSYSTEM << 8 | kind for kind in (0, 2, 3, 4, 5))
NEWRULE, GETRULE, DELRULE, GETGEN = (_SUBSYSTEM << 8 | kind for kind in (6, 7, 8, 16))
BATCH_BEGIN, BATCH_END = 16, 17

_BATCH_GENID = 1
_TABLE_NAME, _TABLE_FLAGS, _TABLE_USERDATA = 1, 2, 6
_CHAIN_TABLE, _CHAIN_NAME, _CHAIN_HOOK, _CHAIN_POLICY, _CHAIN_TYPE, _CHAIN_USERDATA = 1, 3, 4, 5, 7, 12
_HOOK_NUMBER, _HOOK_PRIORITY = 1, 2
_RULE_TABLE, _RULE_CHAIN, _RULE_HANDLE, _RULE_EXPRESSIONS, _RULE_USERDATA = 1, 2, 3, 4, 7
_GEN_ID = 1
_ELEMENT = 1
_EXPRESSION_NAME, _EXPRESSION_DATA = 1, 2
_META_REGISTER, _META_KEY = 1, 2
_PAYLOAD_REGISTER, _PAYLOAD_BASE, _PAYLOAD_OFFSET, _PAYLOAD_LENGTH = 1, 2, 3, 4
_BITWISE_FROM, _BITWISE_TO, _BITWISE_LENGTH, _BITWISE_MASK, _BITWISE_XOR = 1, 2, 3, 4, 5
_CMP_REGISTER, _CMP_OPERATOR, _CMP_VALUE = 1, 2, 3
_IMMEDIATE_REGISTER, _IMMEDIATE_VALUE = 1, 2
_DATA_VALUE, _DATA_VERDICT = 1, 2
_VERDICT_CODE, _VERDICT_CHAIN = 1, 2
_NAT_TYPE, _NAT_FAMILY, _NAT_FROM_REGISTER, _NAT_TO_REGISTER, _NAT_FLAGS = 1, 2, 3, 4, 7
_NAT_PLAIN = frozenset({_NAT_TYPE, _NAT_FAMILY, _NAT_FROM_REGISTER, _NAT_TO_REGISTER, _NAT_FLAGS})
_NAT_SOURCE, _NAT_DESTINATION = 0, 1

_REGISTER_VERDICT, _REGISTER_1 = 0, 1
_EQUAL, _DIFFERENT = 0, 1
_ACCEPT = 1
_COMMENT = 0
_NESTED = 0x8000

_CREATE = rtnl.NLM_F_REQUEST | rtnl.NLM_F_CREATE
_APPEND = _CREATE | rtnl.NLM_F_APPEND | rtnl.NLM_F_ECHO

_GENERIC = struct.Struct("!BBH")  # family, version, resource
_U32 = struct.Struct("!I")
_I32 = struct.Struct("!i")
_U64 = struct.Struct("!Q")
# Both the first register and the flag that addresses are mapped.
_ONE = memoryview(_U32.pack(1))

END = Message(BATCH_END, rtnl.NLM_F_REQUEST, _GENERIC.pack(0, 0, _SUBSYSTEM))


def begin(generation: int | None) -> Message:
    """The start of a transaction, which the kernel refuses with ERESTART in another generation."""
    body = _GENERIC.pack(0, 0, _SUBSYSTEM)
    if generation is not None:
        body += _u32(_BATCH_GENID, generation)
    return Message(BATCH_BEGIN, rtnl.NLM_F_REQUEST, body)


def encode(request: net.RuleRequest) -> Message:
    """The message of one change."""
    match request:
        case net.AddRule():
            return _add_rule(request)
        case net.DelRule():
            handle = rtnl.attribute(_RULE_HANDLE, _U64.pack(request.handle))
            return Message(DELRULE, rtnl.NLM_F_REQUEST, _rule(request.chain) + handle)
        case net.FlushChain():
            return Message(DELRULE, rtnl.NLM_F_REQUEST, _rule(request.chain))
        case net.AddTable():
            return _add_table(request)
        case net.DelTable():
            body = _GENERIC.pack(request.table.family, 0, 0) + rtnl.text(_TABLE_NAME, request.table.name)
            return Message(DELTABLE, rtnl.NLM_F_REQUEST, body)
        case net.AddChain():
            return _add_chain(request)
        case net.DelChain():
            return Message(DELCHAIN, rtnl.NLM_F_REQUEST, _chain(request.chain))


def words(request: net.RuleRequest) -> str:
    """Verb and object, to stand after "cannot"."""
    match request:
        case net.AddTable():
            return f"add nft table {request.table.name}"
        case net.DelTable():
            return f"delete nft table {request.table.name}"
        case net.AddChain():
            return f"add nft chain {_name(request.chain)}"
        case net.FlushChain():
            return f"flush nft chain {_name(request.chain)}"
        case net.DelChain():
            return f"delete nft chain {_name(request.chain)}"
        case net.AddRule():
            return f"add rule to nft chain {_name(request.chain)}"
        case net.DelRule():
            return f"delete rule {request.handle} of nft chain {_name(request.chain)}"


def get_generation() -> Message:
    """What the generation is."""
    return Message(GETGEN, rtnl.NLM_F_REQUEST, _GENERIC.pack(0, 0, 0))


def dump_rules(chain: net.ChainName) -> Message:
    """All rules of a chain."""
    return Message(GETRULE, rtnl.NLM_F_REQUEST, _rule(chain))


def get_rule(chain: net.ChainName, handle: int) -> Message:
    """One rule."""
    body = _rule(chain) + rtnl.attribute(_RULE_HANDLE, _U64.pack(handle))
    return Message(GETRULE, rtnl.NLM_F_REQUEST, body)


def read_generation(body: memoryview) -> int:
    """The generation in an answer to `get_generation`."""
    (found,) = _U32.unpack(rtnl.attribute_map(body, 4)[_GEN_ID])
    return int(found)


def read_handle(body: memoryview) -> int:
    """The handle of a rule."""
    (handle,) = _U64.unpack(rtnl.attribute_map(body, 4, _WANTED_OF_NAME)[_RULE_HANDLE])
    return int(handle)


_WANTED_OF_NAME = frozenset({_RULE_HANDLE, _RULE_USERDATA})


def read_name(body: memoryview) -> net.RuleName:
    """A rule's handle and comment, its expressions unread."""
    found = rtnl.attribute_map(body, 4, _WANTED_OF_NAME)
    (handle,) = _U64.unpack(found[_RULE_HANDLE])
    return net.RuleName(handle=handle, comment=_comment(found.get(_RULE_USERDATA)))


def read_rule(body: memoryview) -> net.RuleInfo:
    """A rule whole."""
    found = rtnl.attribute_map(body, 4)
    name = read_name(body)
    expressions: list[net.Expression | None] = []
    if _RULE_EXPRESSIONS in found:
        expressions = [_expression(element) for _, element in rtnl.attributes(found[_RULE_EXPRESSIONS], 0)]
    return net.RuleInfo(handle=name.handle, comment=name.comment, expressions=tuple(expressions))


def _add_table(request: net.AddTable) -> Message:
    body = (
        _GENERIC.pack(request.table.family, 0, 0)
        + rtnl.text(_TABLE_NAME, request.table.name)
        + _u32(_TABLE_FLAGS, 0)
        + _user_data(_TABLE_USERDATA, request.comment)
    )
    return Message(NEWTABLE, _CREATE, body)


def _add_chain(request: net.AddChain) -> Message:
    body = _chain(request.chain)
    if request.hook is not None:
        hook = _u32(_HOOK_NUMBER, request.hook.number) + rtnl.attribute(
            _HOOK_PRIORITY, _I32.pack(request.hook.priority)
        )
        body += rtnl.text(_CHAIN_TYPE, request.hook.kind) + rtnl.attribute(_CHAIN_HOOK | _NESTED, hook)
    return Message(NEWCHAIN, _CREATE, body + _user_data(_CHAIN_USERDATA, request.comment))


def _add_rule(request: net.AddRule) -> Message:
    program = b"".join(_encoded(one) for one in request.expressions)
    body = (
        _rule(request.chain)
        + rtnl.attribute(_RULE_EXPRESSIONS | _NESTED, program)
        + _user_data(_RULE_USERDATA, request.comment)
    )
    return Message(NEWRULE, _APPEND, body)


def _chain(chain: net.ChainName) -> bytes:
    return (
        _GENERIC.pack(chain.table.family, 0, 0)
        + rtnl.text(_CHAIN_TABLE, chain.table.name)
        + rtnl.text(_CHAIN_NAME, chain.name)
    )


def _rule(chain: net.ChainName) -> bytes:
    return (
        _GENERIC.pack(chain.table.family, 0, 0)
        + rtnl.text(_RULE_TABLE, chain.table.name)
        + rtnl.text(_RULE_CHAIN, chain.name)
    )


def _encoded(expression: net.Expression) -> bytes:
    name: str
    match expression:
        case net.LoadMeta():
            name, data = "meta", _u32(_META_KEY, expression.key) + _u32(_META_REGISTER, _REGISTER_1)
        case net.LoadPayload():
            name = "payload"
            data = (
                _u32(_PAYLOAD_REGISTER, _REGISTER_1)
                + _u32(_PAYLOAD_BASE, expression.base)
                + _u32(_PAYLOAD_OFFSET, expression.offset)
                + _u32(_PAYLOAD_LENGTH, expression.length)
            )
        case net.Mask():
            name = "bitwise"
            data = (
                _u32(_BITWISE_FROM, _REGISTER_1)
                + _u32(_BITWISE_TO, _REGISTER_1)
                + _u32(_BITWISE_LENGTH, len(expression.mask))
                + _value(_BITWISE_MASK, expression.mask)
                + _value(_BITWISE_XOR, bytes(len(expression.mask)))
            )
        case net.Compare():
            name = "cmp"
            data = (
                _u32(_CMP_REGISTER, _REGISTER_1)
                + _u32(_CMP_OPERATOR, _EQUAL if expression.equal else _DIFFERENT)
                + _value(_CMP_VALUE, expression.value)
            )
        case net.Verdict():
            name = "immediate"
            verdict = rtnl.attribute(_VERDICT_CODE, _I32.pack(expression.code))
            if expression.chain:
                verdict += rtnl.text(_VERDICT_CHAIN, expression.chain)
            data = _u32(_IMMEDIATE_REGISTER, _REGISTER_VERDICT) + rtnl.attribute(
                _IMMEDIATE_VALUE | _NESTED, rtnl.attribute(_DATA_VERDICT | _NESTED, verdict)
            )
        case net.LoadValue():
            name = "immediate"
            data = _u32(_IMMEDIATE_REGISTER, _REGISTER_1) + _value(_IMMEDIATE_VALUE, expression.value)
        case net.Nat():
            name = "nat"
            data = (
                _u32(_NAT_TYPE, _NAT_SOURCE if expression.source else _NAT_DESTINATION)
                + _u32(_NAT_FAMILY, net.FAMILY_IPV4)
                + _u32(_NAT_FROM_REGISTER, _REGISTER_1)
            )
        case net.Masquerade():
            name, data = "masq", b""
    element = rtnl.text(_EXPRESSION_NAME, name) + rtnl.attribute(_EXPRESSION_DATA | _NESTED, data)
    return rtnl.attribute(_ELEMENT | _NESTED, element)


def _expression(element: memoryview) -> net.Expression | None:
    parts = rtnl.attribute_map(element, 0)
    name = bytes(parts[_EXPRESSION_NAME]).rstrip(b"\0").decode()
    data = rtnl.attribute_map(parts[_EXPRESSION_DATA], 0) if _EXPRESSION_DATA in parts else {}
    match name:
        case "meta" if _META_REGISTER in data and _number(data[_META_REGISTER]) == _REGISTER_1:
            return net.LoadMeta(key=_number(data[_META_KEY]))
        case "payload" if _PAYLOAD_REGISTER in data and _number(data[_PAYLOAD_REGISTER]) == _REGISTER_1:
            return net.LoadPayload(
                base=_number(data[_PAYLOAD_BASE]),
                offset=_number(data[_PAYLOAD_OFFSET]),
                length=_number(data[_PAYLOAD_LENGTH]),
            )
        case "bitwise" if _BITWISE_MASK in data and not any(_read_value(data[_BITWISE_XOR])):
            return net.Mask(mask=_read_value(data[_BITWISE_MASK]))
        case "cmp" if _number(data[_CMP_OPERATOR]) in (_EQUAL, _DIFFERENT):
            equal = _number(data[_CMP_OPERATOR]) == _EQUAL
            return net.Compare(value=_read_value(data[_CMP_VALUE]), equal=equal)
        case "immediate" if _number(data[_IMMEDIATE_REGISTER]) == _REGISTER_VERDICT:
            return _read_verdict(data[_IMMEDIATE_VALUE])
        case "immediate" if _number(data[_IMMEDIATE_REGISTER]) == _REGISTER_1:
            return net.LoadValue(value=_read_value(data[_IMMEDIATE_VALUE]))
        case "nat" if _is_plain_nat(data):
            return net.Nat(source=_number(data[_NAT_TYPE]) == _NAT_SOURCE)
        case "masq" if not data:
            return net.Masquerade()
        case _:
            return None


def _is_plain_nat(data: Mapping[int, memoryview]) -> bool:
    """Whether it is what `net.Nat` says, of one address and without ports. What is not asked for the kernel adds."""
    return (
        _number(data[_NAT_FAMILY]) == net.FAMILY_IPV4
        and all(
            _number(data.get(each, _ONE)) == 1 for each in (_NAT_FROM_REGISTER, _NAT_TO_REGISTER, _NAT_FLAGS)
        )
        and not data.keys() - _NAT_PLAIN
    )


def _read_verdict(value: memoryview) -> net.Verdict | None:
    verdict = rtnl.attribute_map(value, 0).get(_DATA_VERDICT)
    if verdict is None:
        return None
    parts = rtnl.attribute_map(verdict, 0)
    (code,) = _I32.unpack(parts[_VERDICT_CODE])
    chain = bytes(parts.get(_VERDICT_CHAIN, b"")).rstrip(b"\0").decode()
    return net.Verdict(code=code, chain=chain)


def _user_data(kind: int, comment: str) -> bytes:
    if not comment:
        return b""
    text = comment.encode(errors="surrogateescape") + b"\0"
    return rtnl.attribute(kind, bytes((_COMMENT, len(text))) + text)


def _comment(data: memoryview | None) -> str:
    offset = 0
    while data is not None and offset + 2 <= len(data):
        kind, size = data[offset], data[offset + 1]
        if kind == _COMMENT:
            text = bytes(data[offset + 2 : offset + 2 + size])
            return text.rstrip(b"\0").decode(errors="surrogateescape")
        offset += 2 + size
    return ""


def _value(kind: int, value: bytes) -> bytes:
    return rtnl.attribute(kind | _NESTED, rtnl.attribute(_DATA_VALUE, value))


def _read_value(data: memoryview) -> bytes:
    return bytes(rtnl.attribute_map(data, 0).get(_DATA_VALUE, b""))


def _number(value: memoryview) -> int:
    (found,) = _U32.unpack(value)
    return int(found)


def _u32(kind: int, value: int) -> bytes:
    return rtnl.attribute(kind, _U32.pack(value))


def _name(chain: net.ChainName) -> str:
    return f"{chain.table.name} {chain.name}"


def names(bodies: Sequence[memoryview]) -> tuple[net.RuleName, ...]:
    """Handle and comment of each rule of a dump."""
    return tuple(read_name(body) for body in bodies)
