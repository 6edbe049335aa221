/**
 * Performs what the guard decides (lease-guard.ts), over ports: looks and sweeps, the watchdog, the
 * certificate, and the reports to clusterd. Its clock is a port, and it takes results only by
 * callbacks, so that it also runs in the simulator.
 * Tested in: test/guard/guard-performer.test.ts, test/sim/searches.test.ts
 * DEATH5  Nothing is certified while the process that has given the certificate is there: a closed
 *     pipe alone does not prove its end.
 */
import type { Clock, Watchdog } from "../io/ports.ts";
import { StepLoop } from "../loop/step-loop.ts";
import { accept, assertNever, type Result } from "../model/outcome.ts";
import { ms } from "../model/time.ts";
import type { GuardInput, GuardOutput } from "./guard-events.ts";
import type {
  CertificateOrder,
  GuardOrder,
  GuardReport,
  WatchOrder,
  WithoutProtocol,
} from "./guard-messages.ts";
import { LeaseGuard } from "./lease-guard.ts";

/** What services have on this machine. Results are texts, as in SweepLeftovers. */
export interface GuardedServices {
  watch(order: Pick<WatchOrder, "token" | "addresses" | "cgroups">): void;
  alsoWatch(addresses: readonly string[]): void;
  /** Ends them; what is left. Never rejected. */
  sweep(): PromiseLike<readonly string[]>;
  /** Ends nothing; what is there. Never rejected. */
  look(what: "everything" | "addresses"): PromiseLike<readonly string[]>;
}

export type CertificateContent = Omit<CertificateOrder, "protocol" | "type">;

/** The way of a certificate to the other nodes. */
export interface CertificatePort {
  /** The certificate of another life replaces the one before. False: the order makes no sense. */
  use(content: CertificateContent): boolean;
  /** Sends the certificate, if there is one. */
  send(): void;
}

export type GuardPerformerParts = {
  readonly clock: Clock;
  readonly services: GuardedServices;
  readonly certificates: CertificatePort;
  readonly openable: (device: NonNullable<WatchOrder["watchdog"]>) => Watchdog;
  /** Whether the process that gives the orders is there. */
  readonly daemonLives: () => boolean;
  readonly report: (report: WithoutProtocol<GuardReport>) => void;
  readonly say: (level: "notice" | "alert", text: string) => void;
  /** The guard before this one has left a note that it swept everything (sweep-note.ts). */
  readonly swept: boolean;
  readonly leaveNote: () => Result<null, string>;
  /** Ends the process. */
  readonly end: () => void;
};

/** The lease is polled, since a timer for all of it would stop while the machine is suspended. */
export const lookEveryMs = 50;

type GuardedDevice = NonNullable<WatchOrder["watchdog"]> & { readonly port: Watchdog };

export class GuardPerformer {
  readonly #parts: GuardPerformerParts;
  readonly #machine = new LeaseGuard();
  readonly #loop: StepLoop<GuardInput, GuardOutput>;
  #watchdog: GuardedDevice | null = null;
  /** An order has come from clusterd. */
  #ordered = false;

  constructor(parts: GuardPerformerParts) {
    this.#parts = parts;
    this.#loop = new StepLoop({
      step: (input) => this.#machine.step(input, parts.clock.boottimeMs()),
      perform: (output) => this.#perform(output),
    });
  }

  /** From now on the lease is judged as time passes. */
  start(): void {
    const { clock } = this.#parts;
    // soon: orders that wait in the pipe are read before the lease is judged, since this process
    // may not have run for some time.
    clock.every(lookEveryMs, () => clock.soon(() => this.#step({ type: "time" })));
  }

  /** Takes one order of clusterd. */
  order(order: WithoutProtocol<GuardOrder>): void {
    const { services, certificates, openable, swept } = this.#parts;
    this.#ordered = true;
    switch (order.type) {
      case "watch": {
        services.watch(order);
        const device = order.watchdog;
        if (device !== null) this.#watchdog ??= { ...device, port: openable(device) };
        this.#step({ ...order, missing: this.#watchdog?.port.missing() ?? null, swept });
        return;
      }
      case "also-watch":
        services.alsoWatch(order.addresses);
        return;
      case "certificate":
        if (certificates.use(order)) this.#step({ type: "certificate" });
        else this.gone("clusterd has sent an invalid certificate");
        return;
      case "arm":
      case "disarm":
        this.#step(order);
        return;
      default:
        assertNever(order);
    }
  }

  /** No order comes any more, or none that can be trusted. */
  gone(why: string): void {
    this.#step({ type: "gone", why });
  }

  /** Another guard waits for this one to end. */
  awaited(): void {
    this.#step({ type: "awaited" });
  }

  #step(input: GuardInput): void {
    this.#loop.push(input);
  }

  #perform(output: GuardOutput): void {
    const { say, report } = this.#parts;
    switch (output.type) {
      case "report":
        report(output.report);
        return;
      case "log":
        say(output.level, output.text);
        return;
      case "sweep":
        this.#after(output.afterMs, () => this.#sweep());
        return;
      case "look":
        this.#after(output.afterMs, () => this.#look(output.what));
        return;
      case "certify":
        this.#after(output.afterMs, () => this.#certify());
        return;
      case "open":
        this.#open();
        return;
      case "feed": {
        const fed = this.#watchdog?.port.feed();
        if (fed?.ok === false) this.#step({ type: "feeding-failed", why: fed.problem });
        return;
      }
      case "close": {
        const closed = this.#watchdog?.port.close(output.how);
        if (closed?.ok === false)
          say("alert", `the watchdog could not be closed: ${closed.problem}`);
        return;
      }
      case "end":
        this.#end(output.swept);
        return;
      default:
        assertNever(output);
    }
  }

  #after(delayMs: number, act: () => void): void {
    if (delayMs === 0) act();
    else this.#parts.clock.after(delayMs, act);
  }

  #sweep(): void {
    void this.#parts.services.sweep().then((rest) => this.#step({ type: "swept", rest }));
  }

  #look(what: "everything" | "addresses"): void {
    const { clock, services } = this.#parts;
    const beganMs = clock.monotonicMs();
    void services.look(what).then((rest) => {
      this.#step({ type: "looked", rest, tookMs: clock.monotonicMs() - beganMs });
    });
  }

  /** DEATH5. */
  #certify(): void {
    const { daemonLives, certificates, say } = this.#parts;
    if (daemonLives()) say("notice", "clusterd is still there: nothing is certified");
    else certificates.send();
  }

  #open(): void {
    const used = this.#watchdog;
    if (used === null) return;
    const result = used.port.open(ms(used.timeoutMs));
    if (!result.ok) {
      this.#step({ type: "opened", result });
      return;
    }
    const { identity, timeoutMs, nowayout, didReset } = result.value;
    const text = `${used.device} (${identity}), ${timeoutMs / 1000} s`;
    if (didReset) {
      const cause = "the watchdog has caused the last start of this machine";
      this.#parts.say("alert", `${text}: ${cause}`);
    }
    this.#step({ type: "opened", result: accept({ timeoutMs, nowayout, text }) });
  }

  #end(sweptNow: boolean): void {
    const { swept, leaveNote, say, end } = this.#parts;
    this.#loop.end();
    // Without orders nothing can have been started since that note was left.
    const left = sweptNow || (swept && !this.#ordered) ? leaveNote() : null;
    if (left?.ok === false)
      say("notice", `no note of the sweep could be left for the next guard: ${left.problem}`);
    end();
  }
}
