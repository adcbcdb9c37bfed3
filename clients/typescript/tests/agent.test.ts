import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { describe, test } from "node:test";
import { promisify } from "node:util";
import {
  type Agent,
  dial,
  ErrorReason,
  isReason,
  NetworkAgentService,
  Phase,
  type ProgressEvent,
  type Spec,
  Step,
  StepState,
  VmplumbError,
  type WatchEvent,
} from "vmplumb";
import { client, cuts, order, over, pem, QUICK, relay, surroundings, unix } from "./live.js";

const rpc = NetworkAgentService.method;

/** The refusal of a call that must be refused. */
async function refusal(call: Promise<unknown>): Promise<VmplumbError> {
  const error = await call.then(
    () => assert.fail("not refused"),
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof VmplumbError, `${error}`);
  return error;
}

async function phase(agent: Agent, vmId: string): Promise<Phase | undefined> {
  return (await agent.call(rpc.getNetwork, { vmId })).network?.phase;
}

/** Each told once, in order. Of a quick operation that an agent has told from its end on, there may be gaps. */
function inOrder(events: readonly { sequence: bigint }[]): boolean {
  return events.every(({ sequence }, at) => sequence > (events[at - 1]?.sequence ?? 0n));
}

/** The first so many events, without a gap. */
function isWhole(events: readonly { sequence: bigint }[], first = events.length): boolean {
  return events.length >= first && events.slice(0, first).every(({ sequence }, at) => sequence === BigInt(at + 1));
}

describe("a set-up and its teardown", () => {
  for (const network of ["quick", "bridged"]) {
    test(`over a Unix socket, on ${network}`, async (t) => {
      const agent = client(t);
      const vmId = `ts-${network}`;
      const events: ProgressEvent[] = [];
      const result = await agent.setUp(vmId, over(network), { onProgress: (event) => events.push(event) });
      assert.ok(inOrder(events));
      const { network: record } = await agent.call(rpc.getNetwork, { vmId });
      assert.equal(record?.phase, Phase.READY);
      assert.deepEqual(record?.result, result);
      const [one] = result.interfaces;
      const body = JSON.parse(new TextDecoder().decode(one?.firecrackerInterface?.json)) as Record<string, string>;
      assert.equal(body["host_dev_name"], one?.staticConfiguration?.hostDevName);
      const address = one?.vmConf?.vmIpConfig?.address.split("/")[0];
      assert.ok(address && result.ipBootParam.startsWith(`${address}::`), result.ipBootParam);

      const replayed: ProgressEvent[] = [];
      const again = await agent.setUp(vmId, over(network), { onProgress: (event) => replayed.push(event) });
      assert.deepEqual(again, result);
      assert.ok(replayed.length > 0 && isWhole(replayed));
      assert.ok(replayed.every(({ uid, replayed: old }) => uid === record?.uid && old));
      assert.ok(replayed.every(({ time }) => Math.abs(time.getTime() - Date.now()) < 600_000));
      assert.ok(
        replayed.some(({ progress: { step, state } }) => step === Step.CNI_ADD && state === StepState.SUCCEEDED),
      );
      const gone = await agent.tearDown(vmId, { waitForDevices: true });
      assert.deepEqual([gone.existed, gone.devicesGone, gone.networkUid], [true, true, record?.uid]);
      assert.equal((await agent.tearDown(vmId)).existed, false);
    });
  }

  test("the progress is an iterator whose return is the result", async (t) => {
    const agent = client(t);
    await agent.setUp("ts-iterator", over("quick"));
    const seen: string[] = [];
    const setUp = agent.settingUp("ts-iterator", over("quick"));
    let next = await setUp.next();
    for (; !next.done; next = await setUp.next()) seen.push(Step[next.value.progress.step]);
    assert.ok(seen.includes("NETNS") && seen.includes("CNI_ADD"));
    assert.equal(next.value.interfaces.length, 1);
    const teardown: ProgressEvent[] = [];
    for await (const event of agent.tearingDown("ts-iterator")) teardown.push(event);
    assert.ok(inOrder(teardown));
    assert.equal((await agent.tearDown("ts-iterator")).existed, false);
  });

  test("to leave the iterator ends the call and not the operation: the same call attaches", async (t) => {
    const agent = client(t);
    const vmId = "ts-left";
    for await (const _ of agent.settingUp(vmId, over("slow"))) break;
    await order(`WAIT ${vmId}`);
    assert.equal(await phase(agent, vmId), Phase.SETTING_UP);
    const events: ProgressEvent[] = [];
    const attached = agent.setUp(vmId, over("slow"), { onProgress: (event) => events.push(event) });
    await order(`OPEN ${vmId}`);
    assert.equal((await attached).interfaces.length, 1);
    assert.ok(isWhole(events, 5) && inOrder(events));
    assert.ok(events[0]?.replayed);
    await agent.tearDown(vmId);
  });

  test("a signal ends the call with its reason and not the operation", async (t) => {
    const agent = client(t);
    const vmId = "ts-signal";
    const controller = new AbortController();
    const call = agent.setUp(vmId, over("slow"), { signal: controller.signal });
    await order(`WAIT ${vmId}`);
    const reason = new Error("the caller's own");
    controller.abort(reason);
    await assert.rejects(call, reason);
    await assert.rejects(agent.setUp(vmId, over("slow"), { signal: controller.signal }), reason);
    await assert.rejects(agent.setUp(vmId, over("slow"), { signal: AbortSignal.timeout(50) }), {
      name: "TimeoutError",
    });
    assert.equal(await phase(agent, vmId), Phase.SETTING_UP);
    await order(`OPEN ${vmId}`);
    assert.equal((await agent.setUp(vmId, over("slow"))).interfaces.length, 1);
    await agent.tearDown(vmId);
  });

  test("a call ends with what its caller's callback throws, and its operation goes on", async (t) => {
    const agent = client(t);
    const vmId = "ts-callback";
    const first = agent.setUp(vmId, over("slow"));
    await order(`WAIT ${vmId}`);
    const own = new Error("the caller's own");
    const onProgress = () => {
      throw own;
    };
    await assert.rejects(agent.setUp(vmId, over("slow"), { onProgress }), own);
    assert.equal(await phase(agent, vmId), Phase.SETTING_UP);
    await order(`OPEN ${vmId}`);
    assert.equal((await first).interfaces.length, 1);
    await agent.tearDown(vmId);
  });

  test("a teardown ends a set-up, whose caller is told", async (t) => {
    const agent = client(t);
    const vmId = "ts-torn";
    const setUp = refusal(agent.setUp(vmId, over("slow")));
    await order(`WAIT ${vmId}`);
    assert.equal((await agent.tearDown(vmId)).existed, true);
    assert.equal((await setUp).reason, ErrorReason.TORN_DOWN);
  });
});

describe("a broken stream", () => {
  // The set-up waits in a plugin while it is cut, and is let through once this many events are told.
  const table = [
    { settings: "times=3 messages=0", told: 1, broken: 3 },
    { settings: "times=3 messages=1", told: 4, broken: 3 },
    { settings: "times=2 messages=2", told: 5, broken: 2 },
    { settings: "times=1 messages=4", told: 5, broken: 1 },
    { settings: "times=3 bytes=50", told: 1, broken: 3 },
    { settings: "times=1 bytes=250", told: 5, broken: 1 },
  ];
  for (const { settings, told, broken } of table) {
    test(`is attached again without a word: ${settings}`, async (t) => {
      const target = await relay(settings);
      const vmId = `ts-cut-${settings.replace(/\W/g, "-")}`;
      const events: ProgressEvent[] = [];
      let opened: Promise<string> | undefined;
      const result = await client(t, target).setUp(vmId, over("slow"), {
        onProgress: (event) => {
          if (events.push(event) === told) opened = order(`OPEN ${vmId}`);
        },
      });
      await opened;
      assert.ok(isWhole(events, told) && inOrder(events));
      assert.equal(new Set(events.map(({ uid }) => uid)).size, 1);
      assert.equal(await cuts(target), broken);
      assert.deepEqual(await client(t).setUp(vmId, over("slow")), result);
      assert.equal((await client(t).tearDown(vmId)).existed, true);
    });
  }

  test("is attached again wherever it is cut", async (t) => {
    const direct = client(t);
    const vmId = "ts-cut-anywhere";
    const told = async (agent: Agent) => {
      const sequences: bigint[] = [];
      const result = await agent.setUp(vmId, over("quick"), { onProgress: (event) => sequences.push(event.sequence) });
      return { sequences, result };
    };
    await direct.setUp(vmId, over("quick"));
    const whole = await told(direct);
    for (let bytes = 0; bytes < 900; bytes += 9) {
      const agent = dial(await relay(`times=2 bytes=${bytes}`), { retry: QUICK });
      assert.deepEqual(await told(agent), whole, `cut after ${bytes} bytes`);
      agent.close();
    }
    await direct.tearDown(vmId);
  });

  test("of a teardown is attached again too", async (t) => {
    const vmId = "ts-cut-teardown";
    await client(t).setUp(vmId, over("quick"));
    const target = await relay("times=2 messages=0");
    const events: ProgressEvent[] = [];
    await client(t, target).tearDown(vmId, { onProgress: (event) => events.push(event) });
    assert.ok(inOrder(events));
    assert.equal(await cuts(target), 2);
    assert.equal((await refusal(client(t).call(rpc.getNetwork, { vmId }))).reason, ErrorReason.VM_NOT_FOUND);
  });

  test("that never comes back is an error for good after the tries", async (t) => {
    const target = await relay("times=1000 messages=0");
    const agent = client(t, target, { retry: { ...QUICK, attempts: 3 } });
    const error = await refusal(agent.tearDown("ts-nobody"));
    assert.deepEqual([error.unreachable, error.retryable, error.reasonName], [true, true, ""]);
    assert.equal(await cuts(target), 3);
  });

  test("nobody there at all is unreachable", async (t) => {
    const agent = client(t, "unix:/nowhere/agent.sock", { retry: { ...QUICK, attempts: 2 } });
    assert.equal((await refusal(agent.call(rpc.getStatus, {}))).unreachable, true);
  });
});

describe("a refusal", () => {
  interface Refusal {
    network: string;
    reason: ErrorReason;
    name: string;
    retryable: boolean;
    plugin?: [number, string];
  }
  const table: Refusal[] = [
    {
      network: "broken",
      reason: ErrorReason.CNI_ADD_FAILED,
      name: "CNI_ADD_FAILED",
      retryable: true,
      plugin: [100, "the switch is full"],
    },
    {
      network: "busy",
      reason: ErrorReason.CNI_TRY_AGAIN_LATER,
      name: "CNI_TRY_AGAIN_LATER",
      retryable: true,
      plugin: [11, "the switch is busy"],
    },
    {
      network: "missing",
      reason: ErrorReason.CNI_PLUGIN_UNAVAILABLE,
      name: "CNI_PLUGIN_UNAVAILABLE",
      retryable: false,
    },
    { network: "tapless", reason: ErrorReason.CNI_RESULT_UNUSABLE, name: "CNI_RESULT_UNUSABLE", retryable: false },
    {
      network: "unheard-of",
      reason: ErrorReason.CNI_NETWORK_NOT_FOUND,
      name: "CNI_NETWORK_NOT_FOUND",
      retryable: false,
    },
  ];
  for (const { network, reason, name, retryable, plugin } of table) {
    test(`of a set-up on ${network} is ${name}, and its operation is not begun again`, async (t) => {
      const agent = client(t);
      const vmId = `ts-${network}`;
      const error = await refusal(agent.setUp(vmId, over(network)));
      assert.deepEqual(
        [error.reason, error.reasonName, error.vmId, error.failure?.reason, error.retryable, error.unreachable],
        [reason, name, vmId, reason, retryable, false],
      );
      if (plugin) assert.deepEqual([error.failure?.cniError?.code, error.failure?.cniError?.msg], plugin);
      if (reason === ErrorReason.CNI_TRY_AGAIN_LATER) assert.ok((error.retryAfterMs ?? 0) > 0, `${error.retryAfterMs}`);
      await agent.tearDown(vmId);
    });
  }

  test("has every violation at once", async (t) => {
    const spec: Spec = over("not/a name", { ifName: "eth%d" });
    const error = await refusal(client(t).setUp("ts_1", spec, { kernelArgs: "ip=dhcp" }));
    assert.equal(error.reason, ErrorReason.INVALID_REQUEST);
    const place = "spec.network_interfaces.interfaces[0].cni_configuration";
    assert.deepEqual(error.violations.map(({ field, rule }) => `${field} ${rule}`).sort(), [
      " network_spec.ip_with_kernel_arg",
      `${place}.if_name if_name`,
      `${place}.network_name string.pattern`,
      "vm_id string.pattern",
    ]);
    assert.ok(error.violations.every(({ message }) => message !== ""));
  });

  test("of another spec, of another incarnation, of a VM that is not there, of a network without an address", async (t) => {
    const agent = client(t);
    await agent.setUp("ts-first", over("small"));
    const conflict = await refusal(agent.setUp("ts-first", over("quick")));
    assert.ok(isReason(conflict, ErrorReason.SPEC_CONFLICT, ErrorReason.TORN_DOWN));
    assert.ok(!isReason(conflict, ErrorReason.TORN_DOWN));
    const mismatch = await refusal(agent.tearDown("ts-first", { uid: "another" }));
    assert.equal(mismatch.reason, ErrorReason.UID_MISMATCH);
    assert.equal((await refusal(agent.call(rpc.getNetwork, { vmId: "ts-none" }))).reason, ErrorReason.VM_NOT_FOUND);
    const exhausted = await refusal(agent.setUp("ts-second", over("small")));
    assert.equal(exhausted.reason, ErrorReason.ADDRESSES_EXHAUSTED);
    for (const vmId of ["ts-first", "ts-second"]) await agent.tearDown(vmId, { waitForDevices: true });
  });

  test("of a teardown keeps the record, and the next one succeeds", async (t) => {
    const agent = client(t);
    await agent.setUp("ts-stubborn", over("stubborn"));
    const error = await refusal(agent.tearDown("ts-stubborn"));
    assert.deepEqual([error.reason, error.failure?.cniError?.code], [ErrorReason.CNI_DEL_FAILED, 101]);
    assert.equal(await phase(agent, "ts-stubborn"), Phase.FAILED);
    assert.equal((await agent.tearDown("ts-stubborn")).existed, true);
  });
});

describe("a watch", () => {
  /** "vm PHASE", or "bookmark", of an event. */
  function word({ network }: WatchEvent): string {
    return network ? `${network.vmId} ${Phase[network.phase]}` : "bookmark";
  }

  for (const settings of [undefined, "times=8 messages=1", "times=8 messages=2", "times=3 bytes=900"]) {
    test(`tells every change once: ${settings ?? "no cut"}`, async (t) => {
      const agent = client(t);
      const vmId = `ts-watched-${settings?.replace(/\W/g, "-") ?? "whole"}`;
      const events: WatchEvent[] = [];
      const words: string[] = [];
      const watch = client(t, settings && (await relay(settings))).watch({ vmIds: [vmId] });
      for await (const event of watch) {
        if (words.length === 0) await agent.setUp(vmId, over("quick"));
        if (event.network?.phase === Phase.READY) await agent.tearDown(vmId);
        if (event.network) events.push(event);
        words.push(word(event));
        if (event.network?.phase === Phase.REMOVED) break;
      }
      assert.equal(words[0], "bookmark");
      const changes = words.filter((one) => one !== "bookmark");
      assert.deepEqual(
        [...new Set(changes)],
        changes.filter((one, at) => one !== changes[at - 1]),
      );
      assert.ok(changes.includes(`${vmId} READY`));
      assert.equal(changes.at(-1), `${vmId} REMOVED`);
      const revisions = events.map(({ revision }) => revision);
      assert.ok(
        revisions.every((revision, at) => at === 0 || revision > (revisions[at - 1] ?? 0n)),
        `${revisions}`,
      );
    });
  }

  test("tells a removal that happened between two snapshots", async (t) => {
    const agent = client(t);
    for (const vmId of ["ts-here", "ts-stays"]) await agent.setUp(vmId, over("quick"));
    const words: string[] = [];
    const target = await relay("times=1 messages=1");
    for await (const event of client(t, target).watch({ vmIds: ["ts-here", "ts-stays"] })) {
      words.push(word(event));
      if (words.length === 1) await agent.tearDown("ts-here"); // before the stream is opened again, by next()
      if (!event.network) break;
    }
    assert.deepEqual(words, ["ts-here READY", "ts-stays READY", "ts-here REMOVED", "bookmark"]);
    await agent.tearDown("ts-stays");
  });

  test("goes on over a restart of the agent, from the last bookmark", async (t) => {
    const agent = client(t);
    const words: string[] = [];
    const watch = client(t, unix(), { retry: { attempts: 50, mostMs: 200 } }).watch({ vmIds: ["ts-restart"] });
    for await (const event of watch) {
      words.push(word(event));
      if (words.length === 1) {
        await order("RESTART");
        await agent.setUp("ts-restart", over("quick"));
      }
      if (event.network?.phase === Phase.READY) break;
    }
    assert.equal(words.filter((one) => one === "ts-restart READY").length, 1);
    await agent.tearDown("ts-restart");
  });

  test("from a position of the caller's tells only what came after, and a position that never was is refused", async (t) => {
    const agent = client(t);
    const { revision } = await agent.call(rpc.listNetworks, {});
    await agent.setUp("ts-after", over("quick"));
    for await (const event of agent.watch({ vmIds: ["ts-after"], afterRevision: revision })) {
      assert.ok(event.revision > revision);
      if (event.network?.phase === Phase.READY) break;
    }
    await agent.tearDown("ts-after");
    const lost = agent.watch({ afterRevision: 1n << 60n });
    assert.equal((await refusal(lost.next())).reason, ErrorReason.RESUME_POSITION_LOST);
  });

  test("ends with a signal", async (t) => {
    const controller = new AbortController();
    const watch = client(t).watch({ vmIds: ["ts-nothing"], signal: controller.signal });
    assert.equal(word((await watch.next()).value as WatchEvent), "bookmark");
    const waiting = watch.next();
    controller.abort(new Error("enough"));
    await assert.rejects(waiting, /enough/);
  });
});

describe("over mutual TLS", () => {
  const target = surroundings("TLS");
  const tls = { ca: pem("CA"), cert: pem("CERT"), key: pem("KEY") };

  test("a set-up and its teardown, by address and by name", async (t) => {
    const agent = client(t, target, { tls });
    assert.equal((await agent.setUp("ts-tls", over("quick"))).interfaces.length, 1);
    const named = client(t, target, { tls: { ...tls, serverName: "localhost" } });
    assert.equal((await named.tearDown("ts-tls")).existed, true);
  });

  const once = { attempts: 1 };
  const strangers = {
    "a caller of another authority": { ...tls, cert: pem("STRANGER_CERT"), key: pem("STRANGER_KEY") },
    "a caller without a certificate": { ca: tls.ca },
    "an agent of another authority": { ...tls, ca: pem("STRANGER_CERT") },
    "an agent of another name": { ...tls, serverName: "somebody.else" },
  };
  for (const [who, files] of Object.entries(strangers)) {
    test(`${who} is refused`, async (t) => {
      const error = await refusal(client(t, target, { tls: files, retry: once }).call(rpc.getStatus, {}));
      assert.deepEqual([error.unreachable, error.reason], [true, ErrorReason.UNSPECIFIED]);
    });
  }

  test("TCP without it is not even tried", () => {
    assert.throws(() => dial(target), TypeError);
  });
});

test("a client that is closed ends its calls, and not their operations", async (t) => {
  const vmId = "ts-closed";
  const agent = client(t);
  const watch = agent.watch({ vmIds: ["ts-nothing"] });
  await watch.next();
  const calls = [refusal(agent.setUp(vmId, over("slow"))), refusal(watch.next())];
  await order(`WAIT ${vmId}`);
  for (let more = 0; more < 30; more++) calls.push(refusal(agent.setUp(vmId, over("slow"))));
  agent.close();
  for (const { code, message } of await Promise.all(calls)) {
    assert.deepEqual([code, message], [1, "the client is closed"]);
  }
  assert.equal((await refusal(agent.call(rpc.getStatus, {}))).message, "the client is closed");
  assert.equal(await phase(client(t), vmId), Phase.SETTING_UP);
  await client(t).tearDown(vmId);
});

test("the program of the README runs", async () => {
  const program = new URL("../examples/set_up.js", import.meta.url).pathname;
  const run = promisify(execFile);
  const { stdout } = await run(process.execPath, [program, unix(), "quick", "ts-readme"]);
  assert.match(stdout, /"host_dev_name":"tap\d+"/);
  assert.match(stdout, /boot with ip=10\.201\.\d+\.\d+::10\.201\.0\.1:.* in .*ts-readme\ngone\n$/);
  const refused = await run(process.execPath, [program, unix(), "not/a name", "ts-readme"]).catch((error) => error);
  assert.equal(refused.code, 2);
  assert.match(refused.stderr, /network_name: string\.pattern: /);
});
