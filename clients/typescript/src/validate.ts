/** The contract's rules, judged on this side: the same rule ids that an agent answers. Loads CEL, so it stands alone. */
import { create, type DescMessage, isMessage, type MessageInitShape } from "@bufbuild/protobuf";
import { pathToString } from "@bufbuild/protobuf/reflect";
import { createValidator } from "@bufbuild/protovalidate";
import type { Violation } from "./errors.js";
import { type SetupNetworkRequest, SetupNetworkRequestSchema } from "./gen/vmplumb/v1/network_agent_service_pb.js";

const validator = createValidator();
const ARGS_MAX_BYTES = 65536;

/** Every rule a request violates. An agent may refuse for more: what only the host can tell. */
export function violations<S extends DescMessage>(schema: S, request: MessageInitShape<S>): Violation[] {
  const message = create(schema, request);
  const judged = validator.validate(schema, message);
  if (judged.kind === "error") throw judged.error;
  const found = (judged.violations ?? []).map(({ field, ruleId, message: text }) => {
    return { field: pathToString(field), rule: ruleId, message: text };
  });
  return isMessage(message, SetupNetworkRequestSchema) ? [...found, ...beyondCel(message)] : found;
}

/** The rules that the contract states in words, since CEL can neither add up nor read JSON. */
function* beyondCel(request: SetupNetworkRequest): Generator<Violation> {
  for (const [index, { cniConfiguration: cni }] of (request.spec?.networkInterfaces?.interfaces ?? []).entries()) {
    if (!cni) continue;
    const place = `spec.network_interfaces.interfaces[${index}].cni_configuration`;
    const size = Buffer.byteLength(cni.args.map(({ key, value }) => `${key}=${value}`).join(";"));
    if (size > ARGS_MAX_BYTES) {
      const message = `args must be at most ${ARGS_MAX_BYTES} bytes as CNI_ARGS, and are ${size}`;
      yield { field: `${place}.args`, rule: "cni_configuration.args_size", message };
    }
    if (cni.capabilityArgs.length > 0 && !isJsonObject(cni.capabilityArgs)) {
      const message = "capability_args must be a JSON object in UTF-8";
      yield { field: `${place}.capability_args`, rule: "cni_configuration.capability_args", message };
    }
  }
}

function isJsonObject(text: Uint8Array): boolean {
  try {
    const value: unknown = JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(text));
    return typeof value === "object" && value !== null && !Array.isArray(value);
  } catch {
    return false;
  }
}
