/** What an agent's refusal becomes here. Nothing is decided by a message. */
import { fromBinary, type Message } from "@bufbuild/protobuf";
import { type GenMessage } from "@bufbuild/protobuf/codegenv2";
import { type Any, anyUnpack, durationMs } from "@bufbuild/protobuf/wkt";
import { type ServiceError, status } from "@grpc/grpc-js";
import { BadRequestSchema, ErrorInfoSchema, RetryInfoSchema } from "./gen/google/rpc/error_details_pb.js";
import { StatusSchema } from "./gen/google/rpc/status_pb.js";
import { ErrorReason, type Failure, FailureSchema } from "./gen/vmplumb/v1/errors_pb.js";

/** A rule that a request violates. */
export interface Violation {
  /** Path of the field, as "spec.network_interfaces.interfaces[0].cni_configuration.if_name". */
  readonly field: string;
  /** Id of the rule; "truncated" stands for violations that did not fit into the answer. */
  readonly rule: string;
  readonly message: string;
}

/** A call that did not end well. Every error that an agent or gRPC can cause is one. */
export class VmplumbError extends Error {
  override readonly name = "VmplumbError";

  constructor(
    /** The gRPC code. */
    readonly code: status,
    message: string,
    /** The reason as on the wire ("SPEC_CONFLICT"); empty if gRPC itself made the error. */
    readonly reasonName = "",
    /** The whole of it, as the agent stores it: plugin, kernel, leftovers, hint. */
    readonly failure?: Failure,
    /** Every rule the request violates. */
    readonly violations: readonly Violation[] = [],
    /** Milliseconds after which the agent suggests another try. */
    readonly retryAfterMs?: number,
    /** What else the agent said; "limit" names the limit of LIMIT_EXCEEDED. */
    readonly metadata: Readonly<Record<string, string>> = {},
    options?: ErrorOptions,
  ) {
    super(reasonName ? `${reasonName}: ${message}` : message, options);
  }

  /** The contract's reason; UNSPECIFIED if gRPC itself made the error, or if this package is older than the reason. */
  get reason(): ErrorReason {
    return ErrorReason[this.reasonName as keyof typeof ErrorReason] ?? ErrorReason.UNSPECIFIED;
  }

  /** The VM it is about; empty if it is about none. */
  get vmId(): string {
    return this.metadata["vm_id"] ?? "";
  }

  /** Whether the same call may succeed later without a change by anyone. */
  get retryable(): boolean {
    return this.failure?.retryable ?? this.code === status.UNAVAILABLE;
  }

  /** Whether nobody was there to answer: a broken connection, an agent that starts or drains. */
  get unreachable(): boolean {
    return this.reasonName === "" ? this.code === status.UNAVAILABLE : this.reason === ErrorReason.AGENT_NOT_READY;
  }

  /** What a status of gRPC stands for. */
  static from(error: ServiceError): VmplumbError {
    const packed = details(error);
    const find = <M extends Message>(schema: GenMessage<M>) =>
      packed.map((one) => anyUnpack(one, schema)).find((one) => one !== undefined);
    const told = find(ErrorInfoSchema);
    const info = told?.domain === "vmplumb.v1" ? told : undefined;
    const bad = find(BadRequestSchema)?.fieldViolations;
    const violations = bad?.map(({ field, reason: rule, description: message }) => ({ field, rule, message }));
    const delay = find(RetryInfoSchema)?.retryDelay;
    return new VmplumbError(
      error.code,
      error.details || status[error.code],
      info?.reason,
      find(FailureSchema),
      violations,
      delay && durationMs(delay),
      info?.metadata,
      { cause: error },
    );
  }
}

/** Whether an error is the contract's refusal for one of these reasons. */
export function isReason(error: unknown, ...reasons: ErrorReason[]): error is VmplumbError {
  return error instanceof VmplumbError && reasons.includes(error.reason);
}

function details(error: ServiceError): Any[] {
  const [raw] = error.metadata.get("grpc-status-details-bin");
  try {
    return raw instanceof Buffer ? fromBinary(StatusSchema, raw).details : [];
  } catch {
    return []; // details that cannot be read leave code and message
  }
}
