"""Call an agent without its contract at hand: everything is asked of the server's reflection.

reflect_call.py TARGET                          the services
reflect_call.py TARGET SERVICE                  the methods of a service
reflect_call.py TARGET SERVICE/METHOD [JSON]    a call; each answer is printed as JSON

TARGET is a gRPC address, "unix:/run/vmplumb/vmplumbd.sock" for one. Exit status 1 on a status other than OK.
"""

from __future__ import annotations

import sys
from typing import Any

import grpc
from google.protobuf import json_format, message_factory
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.descriptor_pool import DescriptorPool
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

TIMEOUT = 60


def main(argv: list[str]) -> int:
    """The command line."""
    if not 1 <= len(argv) <= 3:
        print(__doc__, file=sys.stderr)
        return 2
    target, name, text, *_ = [*argv, "", "{}"] if len(argv) < 3 else argv
    with grpc.insecure_channel(target) as channel:
        database = ProtoReflectionDescriptorDatabase(channel)
        if not name:
            print("\n".join(sorted(database.get_services())))
            return 0
        pool = DescriptorPool(database)
        service, _, method = name.partition("/")
        described: ServiceDescriptor = pool.FindServiceByName(service)  # type: ignore[no-untyped-call, unused-ignore]
        if not method:
            print("\n".join(_words(one) for one in described.methods))
            return 0
        try:
            for answer in _call(channel, described.methods_by_name[method], text or "{}"):
                print(json_format.MessageToJson(answer))
        except grpc.RpcError as error:
            failed: Any = error
            print(f"{failed.code().name}: {failed.details()}", file=sys.stderr)
            return 1
    return 0


def _call(channel: grpc.Channel, method: MethodDescriptor, text: str) -> list[Any]:
    asked = message_factory.GetMessageClass(method.input_type)()
    json_format.Parse(text, asked)
    answered = message_factory.GetMessageClass(method.output_type)
    assert method.containing_service is not None
    path = f"/{method.containing_service.full_name}/{method.name}"
    make = channel.unary_stream if method.server_streaming else channel.unary_unary
    call = make(
        path,
        request_serializer=lambda message: message.SerializeToString(),
        response_deserializer=answered.FromString,
    )
    found: Any = call(asked, timeout=TIMEOUT)
    return list(found) if method.server_streaming else [found]


def _words(method: MethodDescriptor) -> str:
    stream = "stream " if method.server_streaming else ""
    return f"{method.name}({method.input_type.full_name}) returns ({stream}{method.output_type.full_name})"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
