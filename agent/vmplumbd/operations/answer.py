"""The answer that a READY record stands for, computed again from what the journal keeps."""

from __future__ import annotations

from vmplumbd import vmconf
from vmplumbd.cni import result as results
from vmplumbd.model.outcome import Outcome
from vmplumbd.model.record import Record
from vmplumbd.operations.tools import Tools


def of_record(tools: Tools, record: Record) -> Outcome:
    """The same outcome that the set-up answered."""
    return vmconf.outcome(
        tools.decode_spec(record.spec),
        record.vm_id,
        record.plan.netns_path,
        [
            vmconf.CniOutcome(index=one.index, result=results.parse(one.result), raw=one.result, mtu=one.mtu)
            for one in record.plan.attachments
        ],
    )
