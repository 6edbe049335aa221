/**
 * The guard: a process beside clusterd that kills the services on this machine when the lease ends,
 * and at once when clusterd is gone for any reason. Only clusterd starts it:
 * `main.js STATE-DIRECTORY`, with orders on standard input and reports on standard output.
 * lease-guard.ts makes the decisions, guard-performer.ts performs them.
 * Tested in: test/guard/running-guard.test.ts
 * GUARD1  There is one guard for each state directory: the next one waits until it has ended.
 * GUARD2  It has its own session, ignores every signal that can be ignored, has no mark of a
 *     service in its environment, and does not wait for readers of its output.
 */

import { systemClock } from "../io/clock.ts";
import { lockInstance, requestLock } from "../io/files/instance-lock.ts";
import { leaveSweepNote, takeSweepNote } from "../io/files/sweep-note.ts";
import { LinuxWatchdog } from "../io/host/linux-watchdog.ts";
import { machineName } from "../io/host/machine-name.ts";
import { readJsonLines } from "../io/json-text.ts";
import { logFormats } from "../io/log/log-lines.ts";
import { LineLog } from "../io/log/log-sink.ts";
import { addressMechanismText, openAddresses } from "../io/network/linux-network.ts";
import type { Addresses } from "../io/network-ports.ts";
import { causeText } from "../io/os-error.ts";
import type { Stop } from "../io/ports.ts";
import { KernelFiles } from "../io/processes/kernel-files.ts";
import { SystemProcesses } from "../io/processes/process-runner.ts";
import { ServiceCgroups } from "../io/processes/service-cgroups.ts";
import {
  lookForAddresses,
  lookForServices,
  type SweepLeftovers,
  type SweepScope,
  sweepServices,
} from "../io/service-sweep.ts";
import { loadSystemCalls, type SystemCalls } from "../io/system-calls.ts";
import type { LogPriority } from "../model/conf.ts";
import { parseAddress } from "../model/numeric-address.ts";
import { CertificateSender } from "./certificate-sender.ts";
import { formatMessage, parseOrder, type WatchOrder } from "./guard-messages.ts";
import { type GuardedServices, GuardPerformer } from "./guard-performer.ts";

type Parts = {
  readonly addresses: Addresses;
  readonly calls: SystemCalls | null;
  readonly files: KernelFiles;
  /** clusterd's environment, by which its newly forked children are recognised; null: unknown. */
  readonly forker: string | null;
};

/** Enough for all looks, each of which needs one descriptor at a time. */
const reservedDescriptors = 4;

/** Higher than the ring's thread, which must not delay the guard. */
const realtimePriority = 51;
const lockAgainMs = 50;
const deafSignals = ["SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2"] as const;

const clock = systemClock();
const levels = { totem: "info", quorum: "info", fencing: "info", services: "info" } as const;
const format = logFormats.find((one) => one === process.argv[3]) ?? "json";
const log = new LineLog({ priority: levels, logFile: null, clock, output: 2, format });

function say(level: LogPriority, text: string): void {
  log.write("fencing", level, { text: `guard: ${text}` });
}

/** This process gets another parent when clusterd has ended, and not before. */
const parent = process.ppid;
const daemonLives = (): boolean => process.ppid === parent;

/** The services on this machine, as clusterd has named them. */
class ServicesHere implements GuardedServices {
  readonly #parts: Parts;
  #processes: SystemProcesses;
  #scope: SweepScope = { token: "", addresses: [] };

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#processes = new SystemProcesses(null, parts);
  }

  watch(order: Pick<WatchOrder, "token" | "addresses" | "cgroups">): void {
    this.#scope = order;
    const { files } = this.#parts;
    const cgroups = order.cgroups === null ? null : new ServiceCgroups(order.cgroups, files);
    this.#processes = new SystemProcesses(cgroups, this.#parts);
  }

  alsoWatch(more: readonly string[]): void {
    const { addresses } = this.#scope;
    this.#scope = { ...this.#scope, addresses: [...addresses, ...more] };
  }

  sweep(): Promise<SweepLeftovers> {
    return this.#restAfter(sweepServices);
  }

  look(what: "everything" | "addresses"): Promise<SweepLeftovers> {
    return this.#restAfter(what === "everything" ? lookForServices : lookForAddresses);
  }

  async #restAfter(act: typeof sweepServices | typeof lookForServices | typeof lookForAddresses) {
    const ports = { addresses: this.#parts.addresses, processes: this.#processes };
    try {
      return await act(ports, this.#scope);
    } catch (error) {
      return [causeText(error)];
    }
  }
}

/** Takes one message from clusterd. */
function read(guard: GuardPerformer, value: unknown): void {
  const order = parseOrder(value);
  const named = order !== null && "addresses" in order ? order.addresses : [];
  if (order !== null && named.every((one) => parseAddress(one) !== null)) guard.order(order);
  else guard.gone("clusterd has sent an invalid order");
}

async function run(stateDirectory: string): Promise<void> {
  for (const signal of deafSignals) process.on(signal, () => undefined);
  process.stdout.on("error", () => undefined);
  const early: unknown[] = [];
  let guard: GuardPerformer | null = null;
  let gone = false;
  readJsonLines(process.stdin, {
    onValue: (value) => (guard === null ? early.push(value) : read(guard, value)),
    onEnd: () => {
      gone = true;
      guard?.gone("clusterd has ended");
    },
  });
  const files = new KernelFiles();
  files.reserve(reservedDescriptors);
  const environment = await files.text(`/proc/${process.ppid}/environ`);
  const calls = await loadSystemCalls();
  const asked = calls.ok ? calls.value.scheduleRoundRobin(realtimePriority, "inherited") : calls;
  if (!asked.ok) say("notice", `it runs at normal priority: ${asked.problem}`);
  // Opened in advance, since at the end of a lease the machine may have no descriptors for it.
  const addresses = await openAddresses(calls);
  if (!addresses.ok) throw new Error(addresses.problem);
  say(
    addresses.value.type === "netlink" ? "info" : "warning",
    addressMechanismText(addresses.value),
  );
  const unlock = await lockAlone(stateDirectory, () => guard?.awaited());
  const machine = await machineName();
  const swept = takeSweepNote(stateDirectory, machine);
  if (!swept.ok) say("notice", `the note of the guard before cannot be read: ${swept.problem}`);
  const openedCalls = calls.ok ? calls.value : null;
  guard = new GuardPerformer({
    clock,
    services: new ServicesHere({
      addresses: addresses.value.addresses,
      calls: openedCalls,
      files,
      // If clusterd has ended already, the parent is another process, which forks no services.
      forker: environment.type === "seen" && environment.value !== "" ? environment.value : null,
    }),
    certificates: new CertificateSender(say),
    openable: (device) => new LinuxWatchdog({ ...device, ioctl: openedCalls?.ioctl ?? null }),
    daemonLives,
    report: (report) => process.stdout.write(formatMessage(report)),
    say,
    swept: swept.ok && swept.value,
    leaveNote: () => leaveSweepNote(stateDirectory, machine),
    end: () => {
      // Before the log is flushed, since its reader may delay this process.
      unlock();
      log.flush();
      process.exit(0);
    },
  });
  const started = guard;
  process.on("uncaughtException", (error) => {
    say("emerg", `broken: ${error.stack ?? error.message}`);
    started.gone("the guard is broken");
  });
  for (const value of early) read(guard, value);
  if (gone) guard.gone("clusterd has ended");
  guard.start();
}

/** Waits until this is the only guard (GUARD1). */
async function lockAlone(stateDirectory: string, onRequested: () => void): Promise<Stop> {
  let waiting = false;
  for (;;) {
    const lock = await lockInstance(stateDirectory, "guard", onRequested);
    if (lock.ok) return lock.value;
    if (lock.problem.type === "lock-failed") throw new Error(lock.problem.cause);
    if (!waiting) say("notice", "waiting until the guard of an earlier clusterd has done its work");
    waiting = true;
    requestLock(stateDirectory, "guard");
    await new Promise((resolve) => setTimeout(resolve, lockAgainMs));
  }
}

try {
  await run(process.argv[2] ?? "");
} catch (error) {
  say("crit", `it cannot start: ${causeText(error)}`);
  log.flush();
  process.exitCode = 1;
  process.stdin.destroy();
}
