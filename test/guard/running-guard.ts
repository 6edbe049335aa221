/** The guard as a process, with real addresses and real processes; inside a namespace only. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { networkInterfaces, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Test } from "tap";
import {
  formatMessage,
  type GuardOrder,
  type WatchOrder,
  type WithoutProtocol,
} from "../../src/guard/guard-messages.ts";
import { SystemProcesses } from "../../src/io/processes/process-runner.ts";
import { trackingVariables } from "../../src/io/processes/tracked-processes.ts";
import { parseServiceName } from "../../src/model/ids.ts";
import { ip } from "../io/namespace.ts";
import { until } from "../io/waiting.ts";

const program = fileURLToPath(new URL("../../src/guard/main.js", import.meta.url));
const address = "192.0.2.200";
let places = 0;

export type Place = { readonly token: string; readonly directory: string };

export class RunningGuard {
  readonly child: ChildProcess;
  said = "";
  readonly ended: Promise<unknown>;

  /** `watchdog`: "no-orders": it gets none, as from a clusterd that does not start. */
  constructor(place: Place, watchdog: WatchOrder["watchdog"] | "no-orders" = null) {
    this.child = spawn(process.execPath, [program, place.directory], {
      stdio: ["pipe", "pipe", "ignore"],
      detached: true,
      env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin" },
    });
    this.child.stdout?.on("data", (text: Buffer) => {
      this.said += text.toString();
    });
    this.child.stdin?.on("error", () => undefined);
    this.ended = once(this.child, "exit");
    if (watchdog === "no-orders") return;
    this.tell({
      type: "watch",
      token: place.token,
      addresses: [address],
      cgroups: null,
      killTimeoutMs: 5000,
      watchdog,
    });
  }

  tell(order: WithoutProtocol<GuardOrder>): void {
    this.child.stdin?.write(formatMessage(order));
  }

  heard(type: string): boolean {
    return this.said.includes(`"type":"${type}"`);
  }
}

export function place(t: Test): Place {
  places += 1;
  const directory = mkdtempSync(join(tmpdir(), "guard-"));
  t.teardown(() => rmSync(directory, { recursive: true }));
  return { token: `guard-test-${process.pid}-${places}`, directory };
}

/** A service with an address and a daemon that left everything behind but its mark. */
export function startService({ token }: Place): void {
  ip(`addr add ${address}/24 dev one`);
  const name = parseServiceName("web");
  if (name === null) throw new Error("no service");
  spawn("sh", ["-c", "setsid sh -c 'trap \"\" TERM; sleep 1000' & exit 0"], {
    stdio: "ignore",
    env: { PATH: "/usr/bin:/bin", ...Object.fromEntries(trackingVariables(token, name)) },
  });
}

export async function processes({ token }: Place): Promise<number> {
  return (await new SystemProcesses(null).listTracked({ token, service: null })).found.length;
}

export function held(wanted = address): boolean {
  return (networkInterfaces()["one"] ?? []).some((one) => one.address === wanted);
}

export async function guarded(
  t: Test,
  watchdog: WatchOrder["watchdog"] = null,
): Promise<{ at: Place; guard: RunningGuard }> {
  const at = place(t);
  const guard = new RunningGuard(at, watchdog);
  t.teardown(() => guard.child.kill("SIGKILL"));
  await until("it is ready", () => guard.heard("ready"));
  startService(at);
  await until("the service runs", async () => held() && (await processes(at)) >= 2);
  return { at, guard };
}
