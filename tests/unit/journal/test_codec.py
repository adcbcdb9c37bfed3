"""What the journal writes it reads back, byte for byte."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from vmplumbd.errors import PluginError, Reason
from vmplumbd.journal import codec
from vmplumbd.model import net
from vmplumbd.model.outcome import Attachment, Plan
from vmplumbd.model.progress import Failure, Leftover, ResourceKind

text = st.text(max_size=12)
texts = st.lists(text, max_size=3).map(tuple)
number = st.integers(0, 2**32)
raw = st.binary(max_size=30)

attachments = st.builds(
    Attachment,
    index=number,
    network=text,
    conf_list=raw,
    if_name=text,
    args=st.lists(st.tuples(text, text), max_size=3).map(tuple),
    capability_args=raw,
    bin_path=texts,
    cache_dir=text,
    result=raw,
    mtu=number,
    host_devices=st.lists(st.tuples(text, number), max_size=3).map(tuple),
)
plans = st.builds(
    Plan,
    netns_path=text,
    netns_owned=st.booleans(),
    netns_device=number,
    netns_inode=number,
    netns_dir=st.none() | st.builds(net.NetnsDir, path=text, made=texts, mounted=st.booleans()),
    attachments=st.lists(attachments, max_size=2).map(tuple),
)
found = st.builds(
    Failure,
    reason=st.sampled_from(Reason),
    message=text,
    retryable=st.booleans(),
    hint=text,
    plugin_error=st.none()
    | st.builds(PluginError, code=number, message=text, details=text, plugin=text, stderr_tail=text),
    leftovers=st.lists(
        st.builds(
            Leftover,
            kind=st.sampled_from(ResourceKind),
            what=text,
            where=text,
            cause=text,
            will_retry=st.booleans(),
        ),
        max_size=3,
    ).map(tuple),
)


@given(plan=plans)
def test_a_plan_is_read_back(plan: Plan) -> None:
    assert codec.plan_from_json(codec.plan_to_json(plan)) == plan


@given(failure=st.none() | found)
def test_a_failure_is_read_back(failure: Failure | None) -> None:
    assert codec.failure_from_json(codec.failure_to_json(failure)) == failure


def test_a_plan_of_before_directories_were_kept_is_read() -> None:
    old = '{"netns_path": "/n", "netns_owned": true, "netns": [1, 2], "attachments": []}'
    assert codec.plan_from_json(old) == Plan(netns_path="/n", netns_owned=True, netns_device=1, netns_inode=2)
