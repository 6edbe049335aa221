/**
 * A watchdog on virtual time: calls back when the machine would be reset. The second implementation
 * of the port.
 */
import type { Watchdog, WatchdogFacts } from "../../src/io/ports.ts";
import { accept, type Result, refuse } from "../../src/model/outcome.ts";
import type { Ms } from "../../src/model/time.ts";

export type VirtualTimer = {
  readonly after: (delayMs: number, act: () => void) => void;
};

export type VirtualFacts = {
  readonly timeoutMs: Ms;
  readonly nowayout?: boolean;
  readonly magicClose?: boolean;
};

export class VirtualWatchdog implements Watchdog {
  readonly #time: VirtualTimer;
  readonly #facts: VirtualFacts;
  readonly #onReset: () => void;
  /** The device; it outlives whoever has opened it. */
  #feeding = 0;
  #open = false;
  written = "";

  constructor(time: VirtualTimer, facts: VirtualFacts, onReset: () => void) {
    this.#time = time;
    this.#facts = facts;
    this.#onReset = onReset;
  }

  missing(): string | null {
    return null;
  }

  open(timeoutMs: Ms): Result<WatchdogFacts, string> {
    const { timeoutMs: granted, nowayout = false, magicClose = true } = this.#facts;
    if (this.#open) return refuse("another program has it");
    if (granted !== timeoutMs) {
      this.#write("V");
      return refuse(`it grants ${granted / 1000} s instead of ${timeoutMs / 1000} s`);
    }
    if (!magicClose && !nowayout) {
      this.#write("V");
      return refuse("its driver disarms it (no magic close)");
    }
    this.#open = true;
    this.#run();
    return accept({ identity: "virtual", timeoutMs: granted, nowayout, didReset: false });
  }

  feed(): Result<null, string> {
    if (!this.#open) return refuse("it is not open");
    this.#write("\0");
    this.#run();
    return accept(null);
  }

  close(how: "disarmed" | "armed"): Result<null, string> {
    if (this.#open && how === "disarmed") {
      this.#write("V");
      if (this.#facts.nowayout !== true) this.#feeding += 1;
    }
    this.#open = false;
    return accept(null);
  }

  /** The process that has opened it has died. */
  orphan(): void {
    this.#open = false;
  }

  /** Nothing runs any more, the device neither. */
  powerOff(): void {
    this.#open = false;
    this.#feeding += 1;
  }

  #write(byte: string): void {
    this.written += byte;
  }

  #run(): void {
    this.#feeding += 1;
    const mine = this.#feeding;
    this.#time.after(this.#facts.timeoutMs, () => {
      if (this.#feeding === mine) this.#onReset();
    });
  }
}
