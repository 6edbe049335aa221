/**
 * Keeps what the guard reports of the watchdog device, for the status, the other nodes and the log.
 * Decides only whether this node can do without it.
 * Source: cluster.conf(5), fence_daemon/self_fence.
 * Tested in: test/e2e/reset-by-watchdog.test.ts
 */
import type { LogSink } from "../io/ports.ts";
import type { ClusterConf, WatchdogConf } from "../model/conf.ts";
import type { NodeId } from "../model/ids.ts";
import { assertNever } from "../model/outcome.ts";
import type { WatchdogStatus } from "../model/status.ts";
import type { WatchdogReport } from "./guard-process.ts";

export type WatchdogStateOptions = {
  readonly conf: ClusterConf;
  readonly self: NodeId;
  readonly log: LogSink;
  /** The conf demands a watchdog, and there is none. */
  readonly onMissing: () => void;
};

export class WatchdogState {
  /** Null: this node uses none. */
  readonly wanted: Pick<WatchdogConf, "device" | "timeoutMs"> | null;
  readonly #options: WatchdogStateOptions;
  #status: WatchdogStatus;

  constructor(options: WatchdogStateOptions) {
    this.#options = options;
    const { conf, self } = options;
    const { watchdog } = conf.fencing;
    const used = watchdog !== null && fencesItself(conf, self);
    this.wanted = used ? { device: watchdog.device, timeoutMs: watchdog.timeoutMs } : null;
    this.#status =
      this.wanted === null ? unused : { state: "waiting", text: watchdog?.device ?? "" };
  }

  get status(): WatchdogStatus {
    return this.#status;
  }

  /**
   * Whether the other nodes must wait until the watchdog has reset this node: it is armed, or may
   * be armed later.
   */
  get counts(): boolean {
    return this.#status.state === "armed" || this.#status.state === "waiting";
  }

  onReport({ state, text }: WatchdogReport): void {
    this.#status = { state, text };
    const { log, conf, onMissing } = this.#options;
    const required = conf.fencing.selfFence === "watchdog";
    switch (state) {
      case "armed":
        log.write("fencing", "notice", { text: `the watchdog is armed: ${text}` });
        return;
      case "waiting":
        log.write("fencing", "notice", { text: `the watchdog is ${text}` });
        return;
      case "refused":
        if (!required) {
          const effect = "nothing resets this node when clusterd and its guard both fail";
          log.write("fencing", "warning", { text: `no watchdog (${text}): ${effect}` });
          return;
        }
        log.write("fencing", "crit", {
          text: `self_fence is watchdog, and there is none: ${text}; this node ends`,
        });
        onMissing();
        return;
      default:
        assertNever(state);
    }
  }
}

const unused: WatchdogStatus = { state: "unused", text: "" };

function fencesItself({ fencing, nodes }: ClusterConf, self: NodeId): boolean {
  if (fencing.selfFence === "watchdog") return true;
  const methods = nodes.find((node) => node.id === self)?.fenceMethods ?? [];
  const waited = methods.some(({ devices }) => devices.some(({ agent }) => agent === "self"));
  return methods.length === 0 || waited;
}
