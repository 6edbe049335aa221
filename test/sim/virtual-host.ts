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
  /** What really happens, whatever the code says; without it as the code says. */
  readonly effect?: "done" | "nothing";
};

const blindness = ["EMFILE: too many open files"] as const;

/** A set that says when it has changed. */
class ProcessSet extends Set<string> {
  /** Grows with each change. */
  changes = 0;
  /** Is told of each process that begins or ends. */
  onChange: (process: string, what: "begins" | "ends") => void = () => undefined;

  override add(process: string): this {
    this.changes += 1;
    const begins = !this.has(process);
    super.add(process);
    if (begins) this.onChange(process, "begins");
    return this;
  }

  override delete(process: string): boolean {
    this.changes += 1;
    const ends = super.delete(process);
    if (ends) this.onChange(process, "ends");
    return ends;
  }

  override clear(): void {
    for (const process of [...this]) this.delete(process);
  }
}

export class VirtualHost {
  readonly #time: VirtualTime;
  readonly #network: string;
  readonly #changed: () => void;
  /** Processes that run now: `service script`. */
  readonly running = new ProcessSet();
  readonly addresses = new Set<string>();
  /** What clusterd has said to be its own, in this boot. */
  readonly claimed = new Set<string>();
  linkUp = true;
  /** How long a command takes to add or remove an address. */
  addressMs = 2;
  /** Processes cannot be killed: they hang in the kernel. */
  undying = false;
  /** No program can be started: processes or descriptors are used up. */
  exhausted = false;
  /**
   * Who can look at nothing and kill nothing: no descriptor is to be had. The guard has a reserve;
   * where that is not enough either, only a watchdog keeps the promise.
   */
  blind: "nobody" | "daemon" | "guard too" = "nobody";
  /** `file action` → how it behaves. */
  readonly behaviours = new Map<string, ScriptBehaviour>();
  /** What a script finds out by itself: its exit code, or null where nothing is special. */
  insight: (file: string, verb: string) => number | null = () => null;
  /** Every script call, in order. */
  readonly calls: string[] = [];
  announcements = 0;
  /** Calls that were under way when the power went off never come back. */
  #boots = 0;
  /** Scripts under way, by action: their effect ends with them when they are killed. */
  readonly #scripts = new Map<number, { readonly service: string; readonly stuck?: () => void }>();

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
    this.claimed.clear();
    this.undying = false;
    this.exhausted = false;
    this.blind = "nobody";
    this.addressMs = 2;
  }

  /** The guard: no service is left, and no script of any goes on. Returns what is left. */
  sweep(): readonly string[] {
    if (this.blind === "guard too") return blindness;
    for (const action of [...this.#scripts.keys()]) this.kill(action);
    for (const address of this.claimed) this.addresses.delete(address);
    if (!this.undying) this.running.clear();
    return this.left();
  }

  /** Of the services, as far as the guard can see. */
  left(): readonly string[] {
    if (this.blind === "guard too") return blindness;
    return [...this.running, ...[...this.addresses].filter((one) => this.claimed.has(one))];
  }

  perform(action: number, order: AgentOrder, report: (report: AgentReport) => void): void {
    switch (order.type) {
      case "run-process":
        this.#runScript(action, order, report);
        return;
      case "list-interfaces":
        this.#soon(1, () => {
          if (this.blind !== "nobody") report({ type: "failed", cause: blindness[0] });
          else report({ type: "interfaces", interfaces: [this.#eth0()] });
        });
        return;
      case "claim-address":
        this.#soon(1, () => {
          this.claimed.add(order.address);
          report({ type: "done" });
        });
        return;
      case "release-address":
        this.#soon(0, () => {
          this.claimed.delete(order.address);
          report({ type: "done" });
        });
        return;
      case "add-address":
        this.#change(action, report, () => {
          this.addresses.add(order.address.address);
          this.#changed();
        });
        return;
      case "remove-address":
        this.#change(action, report, () => this.addresses.delete(order.address.address));
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
        this.#soon(1, () => this.#killProcesses(order, report));
        return;
      case "list-processes":
        this.#soon(1, () => {
          const left = this.#processesOf(order.service);
          report(
            this.blind !== "nobody"
              ? { type: "processes", ended: [], left: [], unseen: blindness }
              : { type: "processes", ended: [], left, unseen: [] },
          );
        });
        return;
      case "end-processes":
        this.#soon(1, () => this.#endProcesses(order, report));
        return;
    }
  }

  /** Of an address, by a command: it ends with it when it is killed. */
  #change(action: number, report: (report: AgentReport) => void, effect: () => void): void {
    this.#scripts.set(action, { service: "" });
    this.#soon(this.addressMs, () => {
      if (!this.#scripts.delete(action)) {
        report({ type: "failed", cause: "killed" });
        return;
      }
      effect();
      report({ type: "done" });
    });
  }

  #killProcesses(
    { service, resource = "" }: Extract<AgentOrder, { readonly type: "kill-processes" }>,
    report: (report: AgentReport) => void,
  ): void {
    if (this.blind !== "nobody") {
      report({ type: "killed", survivors: 0, unseen: blindness });
      return;
    }
    const [type, name] = resource.split(":");
    const which = type === "script" ? `${service} /etc/init.d/${name}` : null;
    for (const process of this.#processesOf(service)) {
      if (which === null || process === which) this.running.delete(process);
    }
    for (const [script, { service: owner }] of this.#scripts) {
      if (owner === service) this.kill(script);
    }
    report({ type: "killed", survivors: 0, unseen: [] });
  }

  #endProcesses(
    order: Extract<AgentOrder, { readonly type: "end-processes" }>,
    report: (report: AgentReport) => void,
  ): void {
    if (this.blind !== "nobody") {
      report({ type: "processes", ended: [], left: [], unseen: blindness });
      return;
    }
    const found = this.#processesOf(order.service);
    if (found.length === 0) {
      report({ type: "processes", ended: [], left: [], unseen: [] });
      return;
    }
    this.#soon(order.settleMs + 50, () => {
      const left = this.undying ? found.filter((process) => this.running.has(process)) : [];
      const ended = found.filter((process) => !left.includes(process));
      for (const process of ended) this.running.delete(process);
      report({ type: "processes", ended, left, unseen: [] });
    });
  }

  #processesOf(service: string): readonly string[] {
    return [...this.running].filter((process) => process.startsWith(`${service} `));
  }

  /** SIGKILL to a script that is under way. */
  kill(action: number): void {
    const script = this.#scripts.get(action);
    this.#scripts.delete(action);
    if (script?.stuck !== undefined) this.#soon(1, script.stuck);
  }

  /** SIGKILL to all that would never end by themselves. */
  killStuck(): void {
    for (const [action, { stuck }] of this.#scripts) if (stuck !== undefined) this.kill(action);
  }

  #runScript(
    action: number,
    order: Extract<AgentOrder, { readonly type: "run-process" }>,
    report: (report: AgentReport) => void,
  ): void {
    if (this.exhausted) {
      const cause = "spawn /bin/sh EAGAIN";
      this.#soon(1, () => report({ type: "not-started", absent: false, cause }));
      return;
    }
    const [file, verb] = order.argv;
    const service = new Map(order.environment).get("CLUSTERD_SERVICE") ?? "";
    const process = `${service} ${file}`;
    const behaviour = this.behaviours.get(`${file} ${verb}`) ?? {};
    if (behaviour.takesMs === null) {
      this.#getStuck(action, service, { order, report });
      return;
    }
    this.#scripts.set(action, { service });
    this.#soon(behaviour.takesMs ?? 5, () => {
      if (!this.#scripts.delete(action)) {
        report({ type: "signalled", signal: "SIGKILL", output: "" });
        return;
      }
      this.calls.push(`${service} ${verb}`);
      const forced = behaviour.code ?? this.insight(file ?? "", verb ?? "") ?? undefined;
      const works = behaviour.effect ?? ((forced ?? 0) === 0 ? "done" : "nothing");
      if (verb === "start" && works === "done") {
        this.running.add(process);
        this.#changed();
      }
      if (verb === "stop" && works === "done") this.running.delete(process);
      const natural = verb === "status" && !this.running.has(process) ? 3 : 0;
      report({ type: "exited", code: forced ?? natural, output: "" });
    });
  }

  /** Ends by its time limit, or when somebody kills it. */
  #getStuck(
    action: number,
    service: string,
    call: {
      readonly order: Extract<AgentOrder, { readonly type: "run-process" }>;
      readonly report: (report: AgentReport) => void;
    },
  ): void {
    const { order, report } = call;
    const stuck = () => report({ type: "signalled", signal: "SIGKILL", output: "" });
    this.#scripts.set(action, { service, stuck });
    if (order.timeoutMs === null) return;
    this.#soon(order.timeoutMs, () => {
      if (this.#scripts.delete(action)) report({ type: "timed-out", output: "" });
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
        ours: this.claimed.has(address),
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
