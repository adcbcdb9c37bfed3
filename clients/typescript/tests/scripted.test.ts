/** Against an agent of ours that says what a real one seldom does: lost positions, draining, streams without an end. */
import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { anyPack } from "@bufbuild/protobuf/wkt";
import { Metadata, Server, ServerCredentials, type ServerWritableStream, status } from "@grpc/grpc-js";
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import {
  type Agent,
  dial,
  ErrorReason,
  NetworkAgentService,
  Phase,
  type SetupNetworkRequest,
  type SetupNetworkResponseSchema,
  VmplumbError,
  type WatchNetworksRequest,
  type WatchNetworksResponseSchema,
} from "vmplumb";
import { ErrorInfoSchema, RetryInfoSchema } from "#gen/google/rpc/error_details_pb.js";
import { StatusSchema } from "#gen/google/rpc/status_pb.js";
import { QUICK } from "./live.js";

type SetUp = MessageInitShape<typeof SetupNetworkResponseSchema>;
type Watch = MessageInitShape<typeof WatchNetworksResponseSchema>;

/** What one stream sends, and how it ends: well, with a reason, or, as a broken one, with a code alone. */
interface Stream<R> {
  readonly sends: readonly R[];
  readonly end?: { readonly code: status; readonly reason?: string; readonly retryMs?: number };
}

const { setupNetwork, watchNetworks } = NetworkAgentService.method;
const BROKEN = { code: status.UNAVAILABLE };
const LOST = { code: status.OUT_OF_RANGE, reason: "RESUME_POSITION_LOST" };

/** A client of an agent that answers its calls with these streams, in turn; and what it was asked for. */
async function scripted(t: TestContext, setUps: Stream<SetUp>[], watches: Stream<Watch>[] = []) {
  const asked = { setUps: [] as SetupNetworkRequest[], watches: [] as WatchNetworksRequest[] };
  const server = new Server();
  function serve<R>(method: typeof setupNetwork | typeof watchNetworks, script: Stream<R>[], seen: unknown[]) {
    const path = `/${method.parent.typeName}/${method.name}`;
    function handle(call: ServerWritableStream<Uint8Array, Uint8Array>) {
      seen.push(fromBinary(method.input, call.request));
      const { sends, end } = script.shift() ?? { sends: [], end: { code: status.INTERNAL } };
      for (const one of sends) call.write(toBinary(method.output, create(method.output, one as object)));
      if (!end) return call.end();
      const metadata = new Metadata();
      if (end.reason !== undefined) {
        const details = [
          anyPack(ErrorInfoSchema, create(ErrorInfoSchema, { domain: "vmplumb.v1", reason: end.reason })),
        ];
        if (end.retryMs !== undefined) {
          const retryDelay = { seconds: 0n, nanos: end.retryMs * 1e6 };
          details.push(anyPack(RetryInfoSchema, create(RetryInfoSchema, { retryDelay })));
        }
        metadata.set("grpc-status-details-bin", Buffer.from(toBinary(StatusSchema, create(StatusSchema, { details }))));
      }
      call.emit("error", { code: end.code, details: "as the script says", metadata });
    }
    const bytes = (value: Uint8Array) => Buffer.from(value);
    const codec = {
      requestSerialize: bytes,
      requestDeserialize: bytes,
      responseSerialize: bytes,
      responseDeserialize: bytes,
    };
    return { [method.name]: { definition: { path, requestStream: false, responseStream: true, ...codec }, handle } };
  }
  for (const [method, script, seen] of [
    [setupNetwork, setUps, asked.setUps],
    [watchNetworks, watches, asked.watches],
  ] as const) {
    for (const [name, { definition, handle }] of Object.entries(serve(method, script as Stream<unknown>[], seen))) {
      server.addService({ [name]: definition }, { [name]: handle });
    }
  }
  const directory = mkdtempSync(join(tmpdir(), "vmplumb-"));
  const target = `unix:${join(directory, "agent.sock")}`;
  await new Promise<void>((resolve, reject) => {
    server.bindAsync(target, ServerCredentials.createInsecure(), (error) => (error ? reject(error) : resolve()));
  });
  const agent: Agent = dial(target, { retry: QUICK });
  t.after(() => {
    agent.close();
    server.forceShutdown();
    rmSync(directory, { recursive: true });
  });
  return { agent, asked };
}

function progress(uid: string, sequence: bigint): SetUp {
  return { uid, sequence, event: { case: "progress", value: { step: 3 } } };
}

function result(uid: string, sequence: bigint): SetUp {
  return { uid, sequence, event: { case: "result", value: { ipBootParam: `of ${uid}` } } };
}

async function told(agent: Agent): Promise<string[]> {
  const words: string[] = [];
  const onProgress = ({ uid, sequence }: { uid: string; sequence: bigint }) => words.push(`${uid} ${sequence}`);
  words.push((await agent.setUp("vm-1", {}, { onProgress })).ipBootParam);
  return words;
}

test("a position that is lost is done without, and a replay of what was told is not told again", async (t) => {
  const { agent, asked } = await scripted(t, [
    { sends: [progress("a", 1n), progress("a", 2n)], end: BROKEN },
    { sends: [], end: LOST },
    { sends: [progress("a", 1n), progress("a", 2n), progress("a", 3n), result("a", 4n)] },
  ]);
  assert.deepEqual(await told(agent), ["a 1", "a 2", "a 3", "of a"]);
  const positions = asked.setUps.map(({ resume }) => resume && `${resume.uid} ${resume.sequence}`);
  assert.deepEqual(positions, [undefined, "a 2", undefined]);
});

test("another operation than before is told from its own first event on", async (t) => {
  const { agent } = await scripted(t, [
    { sends: [progress("a", 1n), progress("a", 2n)], end: BROKEN },
    { sends: [], end: LOST },
    { sends: [progress("b", 1n), result("b", 2n)] },
  ]);
  assert.deepEqual(await told(agent), ["a 1", "a 2", "b 1", "of b"]);
});

test("an event of a kind that is not known is skipped", async (t) => {
  const { agent } = await scripted(t, [{ sends: [{ uid: "a", sequence: 1n }, progress("a", 2n), result("a", 3n)] }]);
  assert.deepEqual(await told(agent), ["a 2", "of a"]);
});

test("what breaks after the result matters to nobody", async (t) => {
  const { agent } = await scripted(t, [{ sends: [result("a", 1n)], end: BROKEN }]);
  assert.deepEqual(await told(agent), ["of a"]);
});

test("what a server that goes has cancelled is taken up again", async (t) => {
  const { agent, asked } = await scripted(t, [
    { sends: [progress("a", 1n)], end: { code: status.CANCELLED } },
    { sends: [progress("a", 2n), result("a", 3n)] },
  ]);
  assert.deepEqual(await told(agent), ["a 1", "a 2", "of a"]);
  assert.deepEqual(asked.setUps[1]?.resume?.sequence, 1n);
});

test("an agent that drains is called again", async (t) => {
  const draining = { code: status.UNAVAILABLE, reason: "AGENT_NOT_READY", retryMs: 3 };
  const { agent } = await scripted(t, [{ sends: [], end: draining }, { sends: [result("a", 1n)] }]);
  assert.deepEqual(await told(agent), ["of a"]);
});

for (const [name, code, reason] of [
  ["an operation that ended UNAVAILABLE", status.UNAVAILABLE, "CNI_TRY_AGAIN_LATER"],
  ["a refusal", status.ALREADY_EXISTS, "SPEC_CONFLICT"],
  ["a reason from the future", status.UNAVAILABLE, "FROM_THE_FUTURE"],
  ["a fault without details", status.INTERNAL, undefined],
] as const) {
  test(`${name} is not called again`, async (t) => {
    const end = { code, ...(reason !== undefined && { reason }) };
    const { agent, asked } = await scripted(t, [{ sends: [progress("a", 1n)], end }]);
    const error: unknown = await told(agent).catch((thrown: unknown) => thrown);
    assert.ok(error instanceof VmplumbError);
    const known = ErrorReason[(reason ?? "UNSPECIFIED") as keyof typeof ErrorReason] ?? ErrorReason.UNSPECIFIED;
    assert.deepEqual([error.code, error.reasonName, error.reason], [code, reason ?? "", known]);
    assert.equal(asked.setUps.length, 1);
  });
}

test("a stream that ends well without a result is an error, and not called again", async (t) => {
  const { agent, asked } = await scripted(t, [{ sends: [progress("a", 1n)] }]);
  await assert.rejects(told(agent), { name: "VmplumbError", code: status.INTERNAL });
  assert.equal(asked.setUps.length, 1);
});

test("a watch whose position is lost goes on with a snapshot, and tells what went meanwhile", async (t) => {
  const record = (vmId: string, revision: bigint): Watch => {
    return { revision, event: { case: "network", value: { vmId, uid: "u", revision, phase: Phase.READY } } };
  };
  const bookmark = (revision: bigint): Watch => ({ revision, event: { case: "bookmark", value: {} } });
  const { agent, asked } = await scripted(
    t,
    [],
    [
      { sends: [record("a", 1n), record("b", 2n), bookmark(2n), record("c", 3n)], end: BROKEN },
      { sends: [], end: LOST },
      { sends: [record("b", 2n), record("c", 9n), bookmark(9n)] }, // ends well, which only a caller may do
      { sends: [record("b", 10n)] },
    ],
  );
  const words: string[] = [];
  for await (const { revision, network } of agent.watch()) {
    words.push(network ? `${network.vmId} ${Phase[network.phase]} ${revision}` : `bookmark ${revision}`);
    if (revision === 10n) break;
  }
  assert.deepEqual(words, [
    ...["a READY 1", "b READY 2", "bookmark 2", "c READY 3"],
    ...["c READY 9", "a REMOVED 9", "bookmark 9", "b READY 10"],
  ]);
  assert.deepEqual(
    asked.watches.map(({ afterRevision }) => afterRevision),
    [undefined, 3n, undefined, 9n],
  );
});
