/**
 * The guard: a process beside clusterd that kills the services on this machine when the lease ends,
 * and at once when clusterd is gone for any reason. Only clusterd starts it:
 * `main.js STATE-DIRECTORY`, with orders on standard input and reports on standard output.
 * lease-guard.ts makes the decisions.
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
import type { Stop, Watchdog } from "../io/ports.ts";
import { KernelFiles } from "../io/processes/kernel-files.ts";
import { SystemProcesses } from "../io/processes/process-runner.ts";
import { ServiceCgroups } from "../io/processes/service-cgroups.ts";
import {
  lookForAddresses,
  lookForServices,
  type SweepScope,
  sweepServices,
} from "../io/service-sweep.ts";
import { loadSystemCalls, type SystemCalls } from "../io/system-calls.ts";
import { StepLoop } from "../loop/step-loop.ts";
import type { LogPriority } from "../model/conf.ts";
import { parseAddress } from "../model/numeric-address.ts";
import { accept, assertNever, type Result } from "../model/outcome.ts";
import { ms } from "../model/time.ts";
import { CertificateSender } from "./certificate-sender.ts";
import { formatMessage, parseOrder, type WatchOrder } from "./guard-messages.ts";
import { type GuardInput, type GuardOutput, LeaseGuard } from "./lease-guard.ts";

type Parts = {
  readonly addresses: Addresses;
  readonly calls: SystemCalls | null;
  readonly files: KernelFiles;
  /** clusterd's environment, by which its newly forked children are recognised; null: unknown. */
  readonly forker: string | null;
  /** The guard before this one has left a note that it swept everything (sweep-note.ts). */
  readonly swept: boolean;
  readonly leaveNote: () => Result<null, string>;
  readonly unlock: Stop;
};

/** Enough for all looks, each of which needs one descriptor at a time. */
const reservedDescriptors = 4;

/** Higher than the ring's thread, which must not delay the guard. */
const realtimePriority = 51;
/** The lease is polled, since a timer for all of it would stop while the machine is suspended. */
const lookEveryMs = 50;
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

class Guard {
  readonly #machine = new LeaseGuard();
  readonly #parts: Parts;
  readonly #loop: StepLoop<GuardInput, GuardOutput>;
  #processes: SystemProcesses;
  #scope: SweepScope = { token: "", addresses: [] };
  #watchdog: GuardedDevice | null = null;
  /** An order has come from clusterd. */
  #ordered = false;
  readonly #certificate = new CertificateSender({ daemonLives, say });

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#loop = new StepLoop({
      step: (input) => this.#machine.step(input, clock.boottimeMs()),
      perform: (output) => this.#perform(output),
    });
    this.#processes = new SystemProcesses(null, parts);
  }

  /** Takes one message from clusterd. */
  read(value: unknown): void {
    const order = parseOrder(value);
    const named = order !== null && "addresses" in order ? order.addresses : [];
    if (order === null || !named.every((one) => parseAddress(one) !== null)) {
      this.step({ type: "gone", why: "clusterd has sent an invalid order" });
      return;
    }
    this.#ordered = true;
    if (order.type === "watch") {
      this.#scope = order;
      const { files } = this.#parts;
      const cgroups = order.cgroups === null ? null : new ServiceCgroups(order.cgroups, files);
      this.#processes = new SystemProcesses(cgroups, this.#parts);
      this.#watchdog ??= guardedDevice(order.watchdog, this.#parts.calls);
    }
    if (order.type === "certificate") {
      const why = "clusterd has sent an invalid certificate";
      this.step(this.#certificate.use(order) ? { type: "certificate" } : { type: "gone", why });
      return;
    }
    if (order.type === "also-watch") {
      const { addresses } = this.#scope;
      this.#scope = { ...this.#scope, addresses: [...addresses, ...order.addresses] };
      return;
    }
    this.step(order.type === "watch" ? { ...order, swept: this.#parts.swept } : order);
  }

  step(input: GuardInput): void {
    this.#loop.push(input);
  }

  #perform(output: GuardOutput): void {
    switch (output.type) {
      case "report":
        process.stdout.write(formatMessage(output.report));
        return;
      case "log":
        say(output.level, output.text);
        return;
      case "sweep":
        setTimeout(() => void this.#sweep(), output.afterMs);
        return;
      case "look":
        setTimeout(() => void this.#look(output.what), output.afterMs);
        return;
      case "certify":
        setTimeout(() => this.#certificate.send(), output.afterMs);
        return;
      case "open":
        this.#open();
        return;
      case "feed": {
        const fed = this.#watchdog?.port.feed();
        if (fed?.ok === false) this.step({ type: "feeding-failed", why: fed.problem });
        return;
      }
      case "close": {
        const closed = this.#watchdog?.port.close(output.how);
        if (closed?.ok === false)
          say("alert", `the watchdog could not be closed: ${closed.problem}`);
        return;
      }
      case "end":
        // Without orders nothing can have been started since that note was left.
        if (output.swept || (this.#parts.swept && !this.#ordered)) this.#leaveNote();
        // Before the log is flushed, since its reader may delay this process.
        this.#parts.unlock();
        log.flush();
        process.exit(0);
        return;
      default:
        assertNever(output);
    }
  }

  #leaveNote(): void {
    const left = this.#parts.leaveNote();
    if (!left.ok)
      say("notice", `no note of the sweep could be left for the next guard: ${left.problem}`);
  }

  #open(): void {
    const used = this.#watchdog;
    if (used === null) return;
    const result = used.port.open(ms(used.timeoutMs));
    if (!result.ok) {
      this.step({ type: "opened", result });
      return;
    }
    const { identity, timeoutMs, nowayout, didReset } = result.value;
    const text = `${used.device} (${identity}), ${timeoutMs / 1000} s`;
    if (didReset) say("alert", `${text}: the watchdog has caused the last start of this machine`);
    this.step({ type: "opened", result: accept({ timeoutMs, nowayout, text }) });
  }

  async #sweep(): Promise<void> {
    this.step({ type: "swept", rest: await this.#restAfter(sweepServices) });
  }

  async #look(what: "everything" | "addresses"): Promise<void> {
    const act = what === "everything" ? lookForServices : lookForAddresses;
    const beganMs = clock.monotonicMs();
    const rest = await this.#restAfter(act);
    this.step({ type: "looked", rest, tookMs: clock.monotonicMs() - beganMs });
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

type GuardedDevice = {
  readonly port: Watchdog;
  readonly device: string;
  readonly timeoutMs: number;
};

function guardedDevice(
  order: WatchOrder["watchdog"],
  calls: SystemCalls | null,
): GuardedDevice | null {
  if (order === null) return null;
  return { ...order, port: new LinuxWatchdog({ ...order, ioctl: calls?.ioctl ?? null }) };
}

async function run(stateDirectory: string): Promise<void> {
  for (const signal of deafSignals) process.on(signal, () => undefined);
  process.stdout.on("error", () => undefined);
  const early: unknown[] = [];
  let guard: Guard | null = null;
  let gone = false;
  readJsonLines(process.stdin, {
    onValue: (value) => (guard === null ? early.push(value) : guard.read(value)),
    onEnd: () => {
      gone = true;
      guard?.step({ type: "gone", why: "clusterd has ended" });
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
  const unlock = await lockAlone(stateDirectory, () => guard?.step({ type: "awaited" }));
  const machine = await machineName();
  const swept = takeSweepNote(stateDirectory, machine);
  if (!swept.ok) say("notice", `the note of the guard before cannot be read: ${swept.problem}`);
  guard = new Guard({
    addresses: addresses.value.addresses,
    calls: calls.ok ? calls.value : null,
    files,
    // If clusterd has ended already, the parent is another process, which forks no services.
    swept: swept.ok && swept.value,
    leaveNote: () => leaveSweepNote(stateDirectory, machine),
    forker: environment.type === "seen" && environment.value !== "" ? environment.value : null,
    unlock,
  });
  const started = guard;
  process.on("uncaughtException", (error) => {
    say("emerg", `broken: ${error.stack ?? error.message}`);
    started.step({ type: "gone", why: "the guard is broken" });
  });
  for (const value of early) guard.read(value);
  if (gone) guard.step({ type: "gone", why: "clusterd has ended" });
  // setImmediate: orders that wait in the pipe are read before the lease is judged, since this
  // process may not have run for some time.
  setInterval(() => setImmediate(() => started.step({ type: "time" })), lookEveryMs);
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
