// node build/examples/set_up.js [TARGET [NETWORK [VM]]]
import { dial, ErrorReason, isReason, Step, StepState } from "vmplumb";

const [target, networkName = "demo", vmId = "vm-1"] = process.argv.slice(2);
const agent = dial(target);
try {
  const spec = { networkInterfaces: { interfaces: [{ cniConfiguration: { networkName } }] } };
  const result = await agent.setUp(vmId, spec, {
    onProgress: ({ sequence, progress }) => console.log(sequence, Step[progress.step], StepState[progress.state]),
  });
  for (const { firecrackerInterface } of result.interfaces) {
    console.log("PUT", `/network-interfaces/${firecrackerInterface?.ifaceId}`);
    console.log(new TextDecoder().decode(firecrackerInterface?.json));
  }
  console.log("boot with", `ip=${result.ipBootParam}`, "in", result.netnsPath);
  const { existed } = await agent.tearDown(vmId, { waitForDevices: true });
  console.log(existed ? "gone" : "was not there");
} catch (error) {
  if (!isReason(error, ErrorReason.INVALID_REQUEST)) throw error;
  for (const { field, rule, message } of error.violations) console.error(`${field}: ${rule}: ${message}`);
  process.exitCode = 2;
} finally {
  agent.close();
}
