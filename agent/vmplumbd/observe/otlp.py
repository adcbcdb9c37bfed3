"""Where spans go: OTLP over gRPC, in batches, on a thread of its own. Loaded only where traces are on."""

from __future__ import annotations

from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace.export import BatchSpanProcessor


def processor(endpoint: str) -> BatchSpanProcessor:
    """Exports to `endpoint`; empty leaves it to OTEL_EXPORTER_OTLP_ENDPOINT and its like. Connects when needed.

    "https://HOST:PORT" is TLS; "http://HOST:PORT" and "unix:PATH" are not.
    """
    if not endpoint:
        return BatchSpanProcessor(OTLPSpanExporter())
    return BatchSpanProcessor(OTLPSpanExporter(endpoint, insecure=not endpoint.startswith("https://")))
