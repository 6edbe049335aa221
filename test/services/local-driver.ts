/**
 * The services of one node, played by the test: orders wait until they are answered, in any order.
 */
import type { AgentReport } from "../../src/model/agent-orders.ts";
import type { ResourceConf } from "../../src/model/conf.ts";
import type { StartPart } from "../../src/model/failover-times.ts";
import type { LocalInput, LocalOutput } from "../../src/services/local/local-events.ts";
import { LocalServices } from "../../src/services/local/local-services.ts";
import { emptyChain, type Operation } from "../../src/services/table/service-state.ts";
import { id, service } from "../sim/cluster.ts";
import { sampleConf, sampleService, script } from "../sim/sample-conf.ts";
import { exited, looksAtProcesses, nodeName, nothingLeft, orderWords } from "./agent-driver.ts";

type Act = Extract<LocalOutput, { readonly type: "act" }>;

export class LocalDriver {
  readonly local: LocalServices;
  /** Orders under way, oldest first. */
  readonly acts: Act[] = [];
  readonly said: string[] = [];
  /** What the starts took. */
  readonly took: (readonly StartPart[])[] = [];
  nowMs = 0;
  #lastOp = 0;

  constructor(
    names: readonly string[] = ["web", "mail"],
    statusChildMax = 5,
    child: (name: string) => ResourceConf = (name) => script(name),
  ) {
    const sample = sampleConf();
    const services = names.map((name) => sampleService(name, [child(name)]));
    const conf = { ...sample, services: { ...sample.services, services, statusChildMax } };
    this.local = new LocalServices(conf, { nodeName: nodeName(), trackingToken: "token" });
  }

  step(input: LocalInput): this {
    for (const output of this.local.step(input, this.nowMs)) this.#note(output);
    return this;
  }

  operate(kind: "start" | "stop", name: string, opId = this.#lastOp + 1): this {
    this.#lastOp = opId;
    const shared = { id: opId, node: id(1), life: 1, chain: emptyChain };
    const operation: Operation =
      kind === "start"
        ? { kind, ...shared }
        : { kind, ...shared, goal: { type: "rest", state: "stopped" }, cleanup: "no" };
    return this.step({ type: "run", service: service(name), operation, off: [], unproven: false });
  }

  /** Of the parts that its last check has found. */
  repair(name: string): this {
    this.#lastOp += 1;
    const shared = { id: this.#lastOp, node: id(1), life: 1, chain: emptyChain };
    const operation: Operation = { kind: "repair", parts: "failed", ...shared };
    return this.step({ type: "run", service: service(name), operation, off: [], unproven: false });
  }

  /** Answers the oldest order of the service. */
  answer(name: string, report: AgentReport): this {
    const at = this.acts.findIndex((act) => act.service === service(name));
    const [act] = this.acts.splice(at, 1);
    if (act === undefined) throw new Error(`nothing of ${name} is under way`);
    return this.step({ type: "report", action: act.action, report });
  }

  /** Answers the oldest order. */
  report(report: AgentReport): this {
    const act = this.acts.shift();
    if (act === undefined) throw new Error("nothing is under way");
    return this.step({ type: "report", action: act.action, report });
  }

  /** Scripts exit 0, kills leave nothing, until nothing is under way. */
  succeed(): this {
    while (this.acts.length > 0) {
      const killing = this.acts[0]?.order.type === "kill-processes";
      this.report(killing ? { type: "killed", survivors: 0, unseen: [] } : exited(0));
    }
    return this;
  }

  underWay(): readonly string[] {
    return this.acts.map((act) => orderWords(act.order).replace("/etc/init.d/", ""));
  }

  take(): readonly string[] {
    return this.said.splice(0);
  }

  #note(output: LocalOutput): void {
    switch (output.type) {
      case "act":
        if (looksAtProcesses(output.order)) {
          this.step({ type: "report", action: output.action, report: nothingLeft });
        } else this.acts.push(output);
        return;
      case "cancel": {
        const at = this.acts.findIndex((act) => act.action === output.action);
        const [cancelled] = this.acts.splice(at, 1);
        this.said.push(`cancel ${cancelled === undefined ? "?" : orderWords(cancelled.order)}`);
        return;
      }
      case "start-took":
        this.took.push(output.parts);
        return;
      case "result":
        this.said.push(`${output.op} ${output.outcome}`);
        return;
      case "status-failed":
      case "part-failed":
        this.said.push(`${output.service} (start ${output.startOp}) failed its check`);
        return;
      case "clean":
        this.said.push("clean");
        return;
      case "initialised":
        this.said.push(`initialised ${output.version}`);
        return;
      case "notice":
        this.said.push(output.text);
        return;
    }
  }
}

/** Nothing runs there. */
export function cleanDriver(driver = new LocalDriver()): LocalDriver {
  driver.step({ type: "clean-up" }).succeed().take();
  return driver;
}

/** The last process of a resource of the service has ended. */
export function processEnded(name: string) {
  return { type: "check-now", why: "it ended", service: service(name), frozen: [] } as const;
}
