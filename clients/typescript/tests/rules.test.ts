import { type DescMessage, fromJson, type JsonValue, type Message } from "@bufbuild/protobuf";
import { Metadata, type ServiceError, status } from "@grpc/grpc-js";
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import * as vmplumb from "vmplumb";
import { violations } from "vmplumb/validate";
import { surroundings } from "./live.js";

interface Vector {
  readonly id: string;
  readonly message: string;
  readonly want: readonly string[];
  readonly fields?: readonly string[];
  readonly json: JsonValue;
}

const PACKAGE = new URL("../../", import.meta.url);
const vectors = JSON.parse(readFileSync(surroundings("VECTORS"), "utf8")) as Vector[];

function schema(name: string): DescMessage {
  return vmplumb[`${name}Schema` as keyof typeof vmplumb] as DescMessage;
}

for (const { id, message, want, fields, json } of vectors) {
  test(`rules: ${id}`, () => {
    const request: Message = fromJson(schema(message), json);
    const found = violations(schema(message), request);
    assert.deepEqual(found.map(({ rule }) => rule).sort(), [...want].sort());
    if (fields) assert.deepEqual(found.map(({ field }) => field).sort(), [...fields].sort());
    assert.ok(found.every((one) => one.message !== ""));
  });
}

test("CNI_ARGS have a bound in all, which CEL cannot add up", () => {
  const place = "spec.network_interfaces.interfaces[0].cni_configuration";
  for (const [size, want] of [
    [65536, []],
    [65537, [{ field: `${place}.args`, rule: "cni_configuration.args_size" }]],
  ] as const) {
    const args = [30000, size - 30000 - "K=;K=".length].map((length) => ({ key: "K", value: "x".repeat(length) }));
    const spec = { networkInterfaces: { interfaces: [{ cniConfiguration: { networkName: "n", args } }] } };
    const found = violations(vmplumb.SetupNetworkRequestSchema, { vmId: "vm-1", spec });
    assert.deepEqual(
      found.map(({ field, rule }) => ({ field, rule })),
      want,
    );
  }
});

/** A status as gRPC makes it, with these details. */
function failing(code: status, raw?: Buffer): ServiceError {
  const metadata = new Metadata();
  if (raw) metadata.set("grpc-status-details-bin", raw);
  return Object.assign(new Error("it broke"), { code, details: "it broke", metadata });
}

test("a status without details has a code and no reason", () => {
  for (const raw of [undefined, Buffer.from("not a status")]) {
    const error = vmplumb.VmplumbError.from(failing(status.UNAVAILABLE, raw));
    assert.deepEqual(
      [error.code, error.message, error.reason, error.reasonName, error.violations, error.retryAfterMs, error.vmId],
      [status.UNAVAILABLE, "it broke", vmplumb.ErrorReason.UNSPECIFIED, "", [], undefined, ""],
    );
    assert.ok(error.unreachable && error.retryable);
  }
});

test("a reason that this package does not know keeps its name", () => {
  const error = new vmplumb.VmplumbError(status.UNAVAILABLE, "later", "FROM_THE_FUTURE");
  assert.deepEqual([error.reason, error.reasonName], [vmplumb.ErrorReason.UNSPECIFIED, "FROM_THE_FUTURE"]);
  assert.ok(!error.unreachable);
});

/** Lines that are neither empty nor a comment. */
function lines(path: URL): number {
  return readFileSync(path, "utf8")
    .split("\n")
    .filter((line) => !/^\s*(\/\/|\/\*\*|\*|$)/.test(line)).length;
}

test("what is written by hand, but for the rules, has at most 300 lines", () => {
  const files = readdirSync(new URL("src/", PACKAGE)).filter((name) => name.endsWith(".ts") && name !== "validate.ts");
  const count = files.map((name) => lines(new URL(`src/${name}`, PACKAGE))).reduce((a, b) => a + b, 0);
  assert.ok(files.length === 3 && count > 0 && count <= 300, `${count} lines in ${files}`);
});

test("the README shows the program that the tests run", () => {
  const program = readFileSync(new URL("examples/set_up.ts", PACKAGE), "utf8").split("\n").slice(1).join("\n");
  assert.ok(readFileSync(new URL("README.md", PACKAGE), "utf8").includes(program));
});
