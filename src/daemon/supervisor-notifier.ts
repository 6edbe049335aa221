/**
 * Tells the service supervisor that the daemon is ready, alive or stopping, and its state in one
 * line. Without a supervisor it tells nothing.
 * Source: sd_notify(3), sd_watchdog_enabled(3).
 * Tested in: test/daemon/supervisor.test.ts
 * SUPERVISOR1  Keep-alive messages come only from the main thread, so that they end when it is
 *     blocked.
 */
import { NotifySocket } from "../io/host/notify-socket.ts";
import { loadSystemCalls } from "../io/system-calls.ts";
import type { ClusterStatus } from "../model/status.ts";

/** How the supervisor of this process is reached. */
export type SupervisorLine = {
  /** Null: there is no supervisor, or it cannot be reached. */
  readonly say: ((...lines: readonly string[]) => void) | null;
  /** The value of WATCHDOG_USEC; null: the supervisor does not ask for keep-alive messages. */
  readonly aliveWithinUs: number | null;
  /** CLOCK_MONOTONIC, microseconds. */
  readonly monotonicUs: () => number;
};

export type SupervisorOptions = SupervisorLine & { readonly status: () => ClusterStatus };

const statusEveryMs = 1000;
/**
 * How many keep-alive messages the supervisor gets in the time that it allows. systemd says two;
 * three are safer.
 */
const aliveParts = 3;

export class SupervisorNotifier {
  readonly #options: SupervisorOptions;
  #timers: readonly NodeJS.Timeout[] = [];
  #shown = "";
  #stopping = false;

  constructor(options: SupervisorOptions) {
    this.#options = options;
  }

  /** Must be called when everything is open and the guard is ready. */
  ready(): void {
    const { say, aliveWithinUs } = this.#options;
    if (say === null || this.#timers.length > 0) return;
    this.#shown = this.#statusLine();
    say("READY=1", this.#shown);
    const shows = setInterval(() => this.#show(), statusEveryMs);
    if (aliveWithinUs === null) {
      this.#timers = [shows];
      return;
    }
    say("WATCHDOG=1");
    const everyMs = aliveWithinUs / 1000 / aliveParts;
    this.#timers = [shows, setInterval(() => say("WATCHDOG=1"), everyMs)];
  }

  /** Tells the supervisor of a reload while `act` runs, whoever has asked for it. */
  async reloading<Value>(act: () => Promise<Value>): Promise<Value> {
    const { say, monotonicUs } = this.#options;
    if (this.#timers.length === 0) return await act();
    say?.("RELOADING=1", `MONOTONIC_USEC=${monotonicUs()}`);
    const value = await act();
    say?.("READY=1");
    return value;
  }

  stopping(): void {
    if (this.#stopping) return;
    this.#stopping = true;
    this.#options.say?.("STOPPING=1");
  }

  /** Sends nothing more; the process is about to end. */
  end(): void {
    for (const timer of this.#timers) clearInterval(timer);
  }

  #show(): void {
    const line = this.#statusLine();
    if (line !== this.#shown) this.#options.say?.(line);
    this.#shown = line;
  }

  #statusLine(): string {
    return `STATUS=${statusText(this.#options.status())}`;
  }
}

/** One line for an operator who asks the supervisor. */
export function statusText(status: ClusterStatus): string {
  const { quorum, nodes, services, localNode } = status;
  const online = nodes.filter((node) => node.online).length;
  const here = (services ?? []).filter(({ owner }) => owner === localNode).length;
  const held = here === 1 ? "1 service" : `${here} services`;
  const quorate = quorum.quorate ? "quorate" : "not quorate";
  return `${quorate}, ${online} of ${nodes.length} nodes, ${held} on this node`;
}

/**
 * The value of WATCHDOG_USEC; null: it is not set, or it is meant for another process, from which
 * this one has inherited it.
 */
export function aliveWithinUs(environment: NodeJS.ProcessEnv, pid: number): number | null {
  const { WATCHDOG_USEC: span = "", WATCHDOG_PID: whose = String(pid) } = environment;
  const value = Number(span);
  return whose === String(pid) && Number.isSafeInteger(value) && value > 0 ? value : null;
}

/** Opens the socket that the environment names; `warn` gets the reason if it cannot be used. */
export async function openSupervisorLine(
  environment: NodeJS.ProcessEnv,
  warn: (text: string) => void,
): Promise<SupervisorLine> {
  const { NOTIFY_SOCKET: address = "" } = environment;
  const monotonicUs = () => Number(process.hrtime.bigint() / 1000n);
  const silent = { say: null, aliveWithinUs: null, monotonicUs };
  if (address === "") return silent;
  const calls = await loadSystemCalls();
  const opened = await NotifySocket.open({
    address,
    calls: calls.ok ? calls.value : null,
    onProblem: (text) => warn(`the supervisor was not told everything: ${text}`),
  });
  if (opened.ok) {
    const say = (...lines: readonly string[]) => opened.value.say(...lines);
    return { say, aliveWithinUs: aliveWithinUs(environment, process.pid), monotonicUs };
  }
  warn(
    `NOTIFY_SOCKET is set, but the supervisor cannot be told anything: ${opened.problem}; ` +
      "a unit of Type=notify does not become active",
  );
  return silent;
}
