/** The live agent that the tests run beside (tools/clients/live_agent.py), and what orders events around it. */
import { readFileSync } from "node:fs";
import { connect } from "node:net";
import { createInterface } from "node:readline";
import type { TestContext } from "node:test";
import { type Agent, dial, type Retry, type Spec, type Tls } from "vmplumb";

export const QUICK: Retry = { firstMs: 5, mostMs: 20 };

/** What the runner says of its surroundings. Throws if it is not there: these tests do not run alone. */
export function surroundings(name: string): string {
  const value = process.env[`VMPLUMB_TEST_${name}`];
  if (value === undefined) throw new Error(`VMPLUMB_TEST_${name} is not set: run by python -m tools.clients`);
  return value;
}

/** A client that is closed with the test. */
export function client(test: TestContext, target = unix(), options: { tls?: Tls; retry?: Retry } = {}): Agent {
  const agent = dial(target, { retry: QUICK, ...options });
  test.after(() => agent.close());
  return agent;
}

export function unix(path = surroundings("UNIX")): string {
  return `unix:${path}`;
}

export function pem(name: string): Buffer {
  return readFileSync(surroundings(name));
}

/** A spec of one interface of that network. */
export function over(networkName: string, more: object = {}): Spec {
  return { networkInterfaces: { interfaces: [{ cniConfiguration: { networkName, ...more } }] } };
}

/** Ask for an event by a line, and wait for the answer. */
export async function order(line: string): Promise<string> {
  const socket = connect(surroundings("CONTROL"));
  try {
    socket.write(`${line}\n`);
    for await (const answer of createInterface({ input: socket })) {
      if (!answer.startsWith("OK")) throw new Error(`${line}: ${answer}`);
      return answer.slice(2).trim();
    }
    throw new Error(`${line}: no answer`);
  } finally {
    socket.destroy();
  }
}

/** The target of a new relay that breaks connections. */
export async function relay(settings: string): Promise<string> {
  return unix(await order(`RELAY ${settings}`));
}

/** How many connections a relay broke. */
export async function cuts(target: string): Promise<number> {
  const seen = await order(`SEEN ${target.replace("unix:", "")}`);
  return Number(/cuts=(\d+)/.exec(seen)?.[1]);
}
