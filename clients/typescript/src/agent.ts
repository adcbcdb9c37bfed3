/** One agent, over a Unix socket or mutual TLS. */
import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import type { DescMethodServerStreaming, DescMethodUnary, MessageShape } from "@bufbuild/protobuf";
import { durationFromMs, timestampDate, TimestampSchema } from "@bufbuild/protobuf/wkt";
import { Client, credentials, Metadata, type ServiceError, status } from "@grpc/grpc-js";
import { setTimeout as sleep } from "node:timers/promises";
import { createSecureContext, type SecureContextOptions } from "node:tls";
import { isReason, VmplumbError } from "./errors.js";
import { ErrorReason } from "./gen/vmplumb/v1/errors_pb.js";
import { NetworkAgentService, type TeardownResult } from "./gen/vmplumb/v1/network_agent_service_pb.js";
import { Phase, type Progress, type SetupResult, VMNetworkSchema } from "./gen/vmplumb/v1/vm_network_pb.js";
import type { NetworkSpecSchema, VMNetwork } from "./gen/vmplumb/v1/vm_network_pb.js";

/** As node:tls takes it: `ca`, and the caller's own `cert` and `key`, in PEM. */
export interface Tls extends SecureContextOptions {
  /** The name the agent's certificate is for, where it is not the target's. */
  readonly serverName?: string;
}

/** How long a client tries on while no agent answers. The wait doubles with each try, with jitter. */
export interface Retry {
  /** Tries in a row without an answer, the first included; 6 if left out, 1 means never again. */
  readonly attempts?: number;
  /** Milliseconds before the second try; 100 if left out. */
  readonly firstMs?: number;
  /** Milliseconds between two tries at most; 5000 if left out. */
  readonly mostMs?: number;
}

export interface CallOptions {
  /**
   * Ends the call, every try of it, which then throws the signal's reason; `AbortSignal.timeout(ms)` bounds it.
   * The operation goes on: the same call attaches to it.
   */
  readonly signal?: AbortSignal;
}

export interface OperationOptions extends CallOptions {
  /** Called once for an event, over every broken stream; the call ends with what it throws. */
  readonly onProgress?: (event: ProgressEvent) => void;
  /** Bounds the agent's work; the agent's own default if left out. */
  readonly operationTimeoutMs?: number;
}

export interface SetUpOptions extends OperationOptions {
  /** The kernel command line, only read to refuse an "ip" argument. */
  readonly kernelArgs?: string;
}

export interface TearDownOptions extends OperationOptions {
  /** Only this incarnation. */
  readonly uid?: string;
  /** The record goes even if a plugin refuses. */
  readonly force?: boolean;
  /** The result comes when the addresses are free. */
  readonly waitForDevices?: boolean;
}

export interface WatchOptions extends CallOptions {
  /** Only these VMs; every one if left out. */
  readonly vmIds?: readonly string[];
  /** Only changes after this revision; a snapshot first if left out. */
  readonly afterRevision?: bigint;
}

/** All that a caller wants of one VM's network, as a plain object or a message. */
export type Spec = MessageInitShape<typeof NetworkSpecSchema>;

/** One thing that happened during a set-up or a teardown. */
export interface ProgressEvent {
  /** The operation: VMNetwork.uid for a set-up, the teardown's own for a teardown. */
  readonly uid: string;
  /** Its place in the operation, from 1. A reader that lags may see gaps, never the same one twice. */
  readonly sequence: bigint;
  readonly time: Date;
  /** Whether it happened before the call that sent it attached. */
  readonly replayed: boolean;
  readonly progress: Progress;
}

/** A record after a change (PHASE_REMOVED: it is gone), or without one: all up to `revision` has been seen. */
export interface WatchEvent {
  /** A value for `afterRevision`, once the first event without a network has come. */
  readonly revision: bigint;
  readonly network: VMNetwork | undefined;
}

/** Connect when first used. Throws TypeError for TCP without TLS. */
export function dial(target = "unix:/run/vmplumb/vmplumbd.sock", options: { tls?: Tls; retry?: Retry } = {}): Agent {
  return new Agent(target, options.tls, options.retry);
}

const rpc = NetworkAgentService.method;
type Operation = typeof rpc.setupNetwork | typeof rpc.teardownNetwork;
type Events = AsyncIterable<MessageShape<Operation["output"]>>;

export class Agent {
  readonly #client: Client;
  readonly #retry: Required<Retry>;
  readonly #closed = new AbortController();

  constructor(target: string, tls?: Tls, retry?: Retry) {
    if (!tls && !target.startsWith("unix:")) throw new TypeError(`${target} is not a Unix socket: TCP needs TLS`);
    this.#retry = { attempts: 6, firstMs: 100, mostMs: 5000, ...retry };
    const secure = tls && credentials.createFromSecureContext(createSecureContext(tls));
    this.#client = new Client(target, secure ?? credentials.createInsecure(), {
      // gRPC fails every call while it sits out a back-off of its own: it has to be over before Retry's is.
      "grpc.initial_reconnect_backoff_ms": this.#retry.firstMs / 4,
      "grpc.max_reconnect_backoff_ms": this.#retry.mostMs / 4,
      "grpc.use_local_subchannel_pool": 1,
      ...(!tls && { "grpc.default_authority": "localhost" }),
      ...(tls?.serverName && { "grpc.ssl_target_name_override": tls.serverName }),
    });
  }

  /** End every call and the connection. Operations go on. */
  close(): void {
    this.#closed.abort(new VmplumbError(status.CANCELLED, "the client is closed"));
    this.#client.close();
  }

  /** Make, or find, the network of a VM. The same call with the same spec gives the same answer. */
  setUp(vmId: string, spec: Spec, options: SetUpOptions = {}): Promise<SetupResult> {
    return toTheEnd(this.settingUp(vmId, spec, options));
  }

  /** The same as an iterator of its progress, which returns the result. To leave it ends the call, not the set-up. */
  settingUp(vmId: string, spec: Spec, options: SetUpOptions = {}) {
    const { kernelArgs = "", operationTimeoutMs } = options;
    const request = { vmId, spec, kernelArgs, operationTimeout: duration(operationTimeoutMs) };
    return this.#follow(rpc.setupNetwork, request, options) as AsyncGenerator<ProgressEvent, SetupResult, void>;
  }

  /** Remove the network of a VM, or attach to its teardown. Nothing there is success: `existed` is false. */
  tearDown(vmId: string, options: TearDownOptions = {}): Promise<TeardownResult> {
    return toTheEnd(this.tearingDown(vmId, options));
  }

  /** The same as an iterator of its progress, which returns the result. */
  tearingDown(vmId: string, options: TearDownOptions = {}) {
    const { uid = "", force = false, waitForDevices = false, operationTimeoutMs } = options;
    const request = { vmId, uid, force, waitForDevices, operationTimeout: duration(operationTimeoutMs) };
    return this.#follow(rpc.teardownNetwork, request, options) as AsyncGenerator<ProgressEvent, TeardownResult, void>;
  }

  /**
   * Follow changes until the iterator is left: every record there is, a bookmark, then changes. A broken stream is
   * resumed: no change comes twice, no removal is left out. RESUME_POSITION_LOST only comes for a position of the caller's.
   */
  async *watch({ vmIds = [], afterRevision, signal }: WatchOptions = {}): AsyncGenerator<WatchEvent, void, void> {
    const patience = this.#patience(signal);
    const told = new Map<string, { uid: string; revision: bigint }>(); // what the caller was told and is not gone
    let position = afterRevision;
    for (;;) {
      const snapshot = new Set<string>(); // in the order of ids, not of revisions: one that broke begins anew
      try {
        const request = { vmIds: [...vmIds], afterRevision: position };
        for await (const { revision, event } of this.#stream(rpc.watchNetworks, request, patience.signal)) {
          patience.heard();
          if (event.case === "network") {
            const { vmId, uid, phase, revision: own } = event.value;
            snapshot.add(vmId);
            if (position !== undefined && revision > position) position = revision;
            const before = told.get(vmId);
            if (before?.uid === uid && before.revision === own) continue;
            if (phase === Phase.REMOVED) told.delete(vmId);
            else told.set(vmId, { uid, revision: own });
            yield { revision, network: event.value };
          } else if (event.case === "bookmark") {
            // What was told before a break and is in no snapshot since was removed meanwhile.
            for (const [vmId, { uid }] of position === undefined ? [...told] : []) {
              if (snapshot.has(vmId)) continue;
              told.delete(vmId);
              yield { revision, network: create(VMNetworkSchema, { vmId, uid, revision, phase: Phase.REMOVED }) };
            }
            if (position === undefined || revision > position) position = revision;
            yield { revision, network: undefined };
          }
        }
        throw new VmplumbError(status.UNAVAILABLE, "the agent ended the watch");
      } catch (error) {
        // A new snapshot makes good for a lost position, unless only the caller knows what it has seen by then.
        const lost = isReason(error, ErrorReason.RESUME_POSITION_LOST) && afterRevision === undefined;
        if (lost && position !== undefined) position = undefined;
        else await patience.after(error);
      }
    }
  }

  /** Any other call of the contract, such as `call(NetworkAgentService.method.getNetwork, { vmId })`. */
  async call<M extends DescMethodUnary>(
    method: M,
    request: MessageInitShape<M["input"]>,
    options: CallOptions = {},
  ): Promise<MessageShape<M["output"]>> {
    const patience = this.#patience(options.signal);
    for (;;) {
      try {
        for await (const answer of this.#stream(method, request, patience.signal)) return answer;
        throw new VmplumbError(status.INTERNAL, "no answer");
      } catch (error) {
        await patience.after(error);
      }
    }
  }

  async *#follow<M extends Operation>(method: M, request: MessageInitShape<M["input"]>, options: OperationOptions) {
    const patience = this.#patience(options.signal);
    let [uid, sequence, resume] = ["", 0n, false];
    for (;;) {
      let result: SetupResult | TeardownResult | undefined;
      try {
        const asked: MessageInitShape<M["input"]> = resume ? { ...request, resume: { uid, sequence } } : request;
        const events: Events = this.#stream<Operation>(method, asked, patience.signal);
        for await (const { uid: its, sequence: at, eventTime, replayed, event } of events) {
          patience.heard();
          // Another operation: the one before has ended, and what it did is undone or forgotten.
          if (its !== uid) [uid, sequence] = [its, 0n];
          if (event.case === "result") result = event.value;
          if (at <= sequence || event.case !== "progress") continue;
          sequence = at;
          const time = timestampDate(eventTime ?? create(TimestampSchema));
          const told: ProgressEvent = { uid, sequence, time, replayed, progress: event.value };
          options.onProgress?.(told);
          yield told;
        }
        if (!result) throw new VmplumbError(status.INTERNAL, "the stream ended well but without a result");
        return result;
      } catch (error) {
        if (result) return result; // what broke after it matters to nobody
        // The contract: call again without it. The uid is kept, so that a replay is known for one.
        const lost: boolean = resume && isReason(error, ErrorReason.RESUME_POSITION_LOST);
        if (!lost) await patience.after(error);
        resume = !lost && uid !== "";
      }
    }
  }

  /** How long one call goes on: the tries in a row, and the caller's signal over all of them. */
  #patience(callers?: AbortSignal, { attempts, firstMs, mostMs } = this.#retry) {
    const signal = AbortSignal.any([this.#closed.signal, ...(callers ? [callers] : [])]);
    let failures = 0;
    return {
      signal,
      heard: () => (failures = 0),
      /** Wait before the next try. Throws the error if there is to be none: an operation that ended has ended. */
      after: async (error: unknown): Promise<void> => {
        if (signal.aborted || !(error instanceof VmplumbError)) throw error;
        // A server that goes cancels what it could not answer any more.
        if (!(error.unreachable || error.code === status.CANCELLED) || ++failures >= attempts) throw error;
        const wait = Math.min(mostMs, firstMs * 2 ** (failures - 1)) * (0.5 + Math.random() / 2);
        const ms = Math.min(mostMs, Math.max(wait, error.retryAfterMs ?? 0));
        await sleep(ms, undefined, { signal }).catch(() => signal.throwIfAborted());
        await new Promise((resolve) => this.#client.waitForReady(Date.now() + ms, resolve));
      },
    };
  }

  async *#stream<M extends DescMethodUnary | DescMethodServerStreaming>(
    method: M,
    request: MessageInitShape<M["input"]>,
    signal: AbortSignal,
  ): AsyncGenerator<MessageShape<M["output"]>, void, void> {
    signal.throwIfAborted();
    // A unary call is a stream of one message on the wire.
    const call = this.#client.makeServerStreamRequest(
      `/${method.parent.typeName}/${method.name}`,
      (message: MessageShape<M["input"]>) => Buffer.from(toBinary(method.input, message)),
      (bytes) => fromBinary(method.output, bytes) as MessageShape<M["output"]>,
      create(method.input, request) as MessageShape<M["input"]>,
      new Metadata(),
    );
    const cancel = () => call.cancel();
    signal.addEventListener("abort", cancel, { once: true });
    call.on("error", () => {}); // also comes after the iterator was left, when nobody listens
    try {
      yield* call;
    } catch (error) {
      signal.throwIfAborted();
      throw VmplumbError.from(error as ServiceError);
    } finally {
      signal.removeEventListener("abort", cancel);
      cancel();
    }
  }
}

async function toTheEnd<R>(events: AsyncGenerator<ProgressEvent, R, void>): Promise<R> {
  let next = await events.next();
  while (!next.done) next = await events.next();
  return next.value;
}

const duration = (ms?: number) => (ms === undefined ? undefined : durationFromMs(ms));
