/**
 * A node's power as a watchdog holds it: a stand-in device that the node sees as `/etc/watchdog`,
 * and a switch that takes the power when it was not fed in time.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { StandInWatchdog } from "../guard/stand-in-watchdog.ts";
import type { TestNet } from "../netns/test-net.ts";

/** Path of the device on the node. */
export const watchedDevice = "/etc/watchdog";
const lookEveryMs = 20;

export class WatchedPower {
  readonly #net: TestNet;
  readonly #node: number;
  readonly #timeoutMs: number;
  readonly #device: StandInWatchdog;
  readonly #timer: NodeJS.Timeout;
  /** Null: not armed. */
  #fedAtMs: number | null = null;
  #resets = 0;

  private constructor(net: TestNet, node: number, parts: Parts) {
    this.#net = net;
    this.#node = node;
    this.#timeoutMs = parts.timeoutMs;
    this.#device = parts.device;
    this.#device.onWritten((bytes) => {
      this.#fedAtMs = bytes.endsWith("V") ? null : performance.now();
    });
    this.#timer = setInterval(() => this.#look(), lookEveryMs);
  }

  static async connect(net: TestNet, node: number, timeoutMs: number): Promise<WatchedPower> {
    const sysfs = "/sys/dev/char";
    await mustRun(net, node, ["mount", "-t", "tmpfs", "tmpfs", sysfs]);
    const timeoutSeconds = timeoutMs / 1000;
    const device = await StandInWatchdog.start(`${net.rootOf(node)}${sysfs}`, { timeoutSeconds });
    mkdirSync(net.path(node, "etc"), { recursive: true });
    writeFileSync(net.path(node, watchedDevice), "");
    await mustRun(net, node, ["mount", "--bind", device.device, watchedDevice]);
    return new WatchedPower(net, node, { device, timeoutMs });
  }

  get armed(): boolean {
    return this.#fedAtMs !== null;
  }

  /** How often it has taken the power. */
  get resets(): number {
    return this.#resets;
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#device.stop();
  }

  #look(): void {
    if (this.#fedAtMs === null || performance.now() < this.#fedAtMs + this.#timeoutMs) return;
    this.#fedAtMs = null;
    this.#resets += 1;
    void this.#net.powerOff(this.#node);
  }
}

type Parts = { readonly device: StandInWatchdog; readonly timeoutMs: number };

async function mustRun(net: TestNet, node: number, argv: readonly string[]): Promise<void> {
  const done = await net.execOnNode(node, argv);
  if (done.code !== 0) throw new Error(`${argv.join(" ")}: ${done.stderr}`);
}
