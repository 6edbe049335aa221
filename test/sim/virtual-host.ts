/**
 * A machine as the agents see it: init scripts, processes, an interface with addresses.
 * Scripts obey orders at once unless told to fail, to be slow or to hang.
 */
import type { AgentOrder, AgentReport } from "../../src/model/agent-orders.ts";
import type { VirtualTime } from "./virtual-time.ts";

export type ScriptBehaviour = {
  /** Exit code instead of the natural one. */
  readonly code?: number;
  /** Null: never returns. */
  readonly takesMs?: number | null;
};

export class VirtualHost {
  readonly #time: VirtualTime;
  readonly #network: string;
  readonly #changed: () => void;
  /** Processes that run now: `service script`. */
  readonly running = new Set<string>();
  readonly addresses = new Set<string>();
  linkUp = true;
  /** `file action` → how it behaves. */
  readonly behaviours = new Map<string, ScriptBehaviour>();
  /** Every script call, in order. */
  readonly calls: string[] = [];
  announcements = 0;
  /** Calls that were under way when the power went off never come back. */
  #boots = 0;
  /** Scripts under way, by action: their effect ends with them when they are killed. */
  readonly #scripts = new Map<number, { readonly service: string }>();

  constructor(time: VirtualTime, network: string, changed: () => void) {
    this.#changed = changed;
    this.#time = time;
    this.#network = network;
  }

  /** Power off: everything is gone at once. */
  crash(): void {
    this.#boots += 1;
    this.#scripts.clear();
    this.running.clear();
    this.addresses.clear();
  }

  /** The guard: no service is left, and no script of any goes on. */
  sweep(): void {
    this.#scripts.clear();
    this.running.clear();
    this.addresses.clear();
  }

  perform(action: number, order: AgentOrder, report: (report: AgentReport) => void): void {
    switch (order.type) {
      case "run-process":
        this.#runScript(action, order, report);
        return;
      case "list-interfaces":
        this.#soon(1, () => report({ type: "interfaces", interfaces: [this.#eth0()] }));
        return;
      case "add-address":
        this.#soon(2, () => {
          this.addresses.add(order.address.address);
          this.#changed();
          report({ type: "done" });
        });
        return;
      case "remove-address":
        this.#soon(2, () => {
          this.addresses.delete(order.address.address);
          report({ type: "done" });
        });
        return;
      case "probe-address":
      case "ask-address":
      case "run-aside":
        this.#soon(1, () => report({ type: "done" }));
        return;
      case "announce":
        this.announcements += 1;
        this.#soon(0, () => report({ type: "done" }));
        return;
      case "pause":
        this.#soon(order.pauseMs, () => report({ type: "done" }));
        return;
      case "kill-processes":
        this.#soon(1, () => {
          for (const process of [...this.running]) {
            if (process.startsWith(`${order.service} `)) this.running.delete(process);
          }
          for (const [script, { service }] of this.#scripts) {
            if (service === order.service) this.kill(script);
          }
          report({ type: "killed", survivors: 0 });
        });
        return;
    }
  }

  /** SIGKILL to a script that is under way. */
  kill(action: number): void {
    this.#scripts.delete(action);
  }

  #runScript(
    action: number,
    order: Extract<AgentOrder, { readonly type: "run-process" }>,
    report: (report: AgentReport) => void,
  ): void {
    const [file, verb] = order.argv;
    const service = new Map(order.environment).get("CLUSTERD_SERVICE") ?? "";
    const process = `${service} ${file}`;
    const behaviour = this.behaviours.get(`${file} ${verb}`) ?? {};
    if (behaviour.takesMs === null) {
      const { timeoutMs } = order;
      if (timeoutMs !== null)
        this.#soon(timeoutMs, () => report({ type: "timed-out", output: "" }));
      return;
    }
    this.#scripts.set(action, { service });
    this.#soon(behaviour.takesMs ?? 5, () => {
      if (!this.#scripts.delete(action)) {
        report({ type: "signalled", signal: "SIGKILL", output: "" });
        return;
      }
      this.calls.push(`${service} ${verb}`);
      const forced = behaviour.code;
      if (verb === "start" && (forced ?? 0) === 0) {
        this.running.add(process);
        this.#changed();
      }
      if (verb === "stop" && (forced ?? 0) === 0) this.running.delete(process);
      const natural = verb === "status" && !this.running.has(process) ? 3 : 0;
      report({ type: "exited", code: forced ?? natural, output: "" });
    });
  }

  #eth0() {
    return {
      name: "eth0",
      up: true,
      carrier: this.linkUp,
      slave: false,
      addresses: [this.#network, ...this.addresses].map((address) => ({
        address,
        prefix: 24,
        family: "ipv4" as const,
      })),
    };
  }

  #soon(delayMs: number, call: () => void): void {
    const boot = this.#boots;
    this.#time.after(delayMs, () => {
      if (boot === this.#boots) call();
    });
  }
}
