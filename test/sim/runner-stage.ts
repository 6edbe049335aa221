/** A virtual machine with the programs that the contract of `ProcessRunner` asks for. */
import type { ProcessOrder } from "../../src/io/ports.ts";
import type { Owner, RunnerStage } from "../io/process-runner.contract.ts";
import type { PumpedMachine } from "../io/pumped-time.ts";
import { VirtualProcesses } from "./virtual-processes.ts";

export function virtualRunnerStage({ host, process }: PumpedMachine): RunnerStage {
  const token = "token";
  const runner = new VirtualProcesses({ host, process, fenceAgent: () => never() });
  const script = (name: string, verb: string, owner: Owner | null = null): ProcessOrder => ({
    argv: [`/etc/init.d/${name}`, verb],
    environment: owner === null ? [] : marksOf(token, owner),
    stdin: null,
    timeoutMs: null,
  });
  return {
    runner,
    token,
    programs: {
      exits: (code) => {
        host.behaviours.set(`/etc/init.d/exits${code} status`, { code });
        return script(`exits${code}`, "status");
      },
      absent: { ...script("", ""), argv: ["/nonexistent/agent"] },
      endless: (owner) => {
        host.behaviours.set("/etc/init.d/endless start", { takesMs: null });
        return script("endless", "start", owner);
      },
      leaves: (owner, forMs) => {
        const daemon = `${owner.service} /etc/init.d/${owner.instance}`;
        if (forMs !== null) host.after(forMs, () => host.running.delete(daemon));
        return script(owner.instance, "start", owner);
      },
    },
    blind: () => {
      host.blind = "daemon";
    },
    deafen: () => {
      host.undying = true;
      return runner;
    },
  };
}

export function marksOf(
  token: string,
  { service, resource, instance }: Owner,
): ProcessOrder["environment"] {
  return [
    ["CLUSTERD_TRACK", token],
    ["CLUSTERD_SERVICE", service],
    ["CLUSTERD_RESOURCE", resource],
    ["OCF_RESOURCE_INSTANCE", instance],
  ];
}

function never(): never {
  throw new Error("there is no fence agent");
}
