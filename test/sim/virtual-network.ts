/** The network of a virtual machine, and what is claimed of it, as the ports of a process on it. */
import type {
  AddAddressResult,
  ClaimedAddresses,
  LinkEvent,
  Network,
  NetworkInterface,
  ProbeResult,
  RemoveAddressResult,
} from "../../src/io/network-ports.ts";
import type { DoneFor, Stop } from "../../src/io/ports.ts";
import type { AddressOrder } from "../../src/model/agent-orders.ts";
import { canonicalAddress } from "../../src/model/numeric-address.ts";
import { accept, type Result, refuse } from "../../src/model/outcome.ts";
import { blindness, type VirtualHost } from "./virtual-host.ts";
import type { VirtualProcess } from "./virtual-process.ts";
import { resultIn } from "./virtual-promise.ts";

export class VirtualNetwork implements Network {
  readonly #host: VirtualHost;
  readonly #process: VirtualProcess;
  readonly #token: string;

  constructor(host: VirtualHost, process: VirtualProcess, token: string) {
    this.#host = host;
    this.#process = process;
    this.#token = token;
  }

  interfaces(): PromiseLike<Result<readonly NetworkInterface[], string>> {
    const host = this.#host;
    return resultIn(this.#process, (settle) => {
      host.after(1, () => {
        settle(host.blind === "nobody" ? accept(host.held.listed()) : refuse(noFiles));
      });
    });
  }

  addAddress(order: AddressOrder, by?: DoneFor): PromiseLike<AddAddressResult> {
    return this.#change(by, () => this.#host.held.add(order));
  }

  removeAddress(order: AddressOrder, by?: DoneFor): PromiseLike<RemoveAddressResult> {
    return this.#change(by, () => this.#host.held.remove(order));
  }

  announce(): Stop {
    this.#host.announcements += 1;
    return () => undefined;
  }

  /** Nobody answers: who has the address elsewhere is for the judges to see. */
  probe(): PromiseLike<ProbeResult> {
    return resultIn(this.#process, (settle) => {
      this.#host.after(1, () => settle({ type: "free" }));
    });
  }

  watch(onEvent: (event: LinkEvent) => void): Stop {
    const { watchers } = this.#host.held;
    const watcher = (event: LinkEvent): void => this.#process.enter(() => onEvent(event));
    watchers.add(watcher);
    const stopResync = this.#process.clock.after(1, () => onEvent({ type: "resync" }));
    return () => {
      stopResync();
      watchers.delete(watcher);
    };
  }

  /** What it does, it does at its end. */
  #change<T>(by: DoneFor | undefined, effect: () => T): PromiseLike<T | Killed> {
    const host = this.#host;
    if (host.addressMeans === "command") return this.#byCommand(by, effect);
    return resultIn(this.#process, (settle) => {
      host.changeInKernel((how) => {
        settle(how === "ends" ? effect() : { type: "failed", cause: "undone" });
      });
    });
  }

  #byCommand<T>(by: DoneFor | undefined, effect: () => T): PromiseLike<T | Killed> {
    const host = this.#host;
    const marked = { token: this.#token, service: by?.service ?? null };
    const marks = { ...marked, resource: null, instance: null };
    return resultIn(this.#process, (settle) => {
      if (by?.cancelled?.aborted === true) {
        host.after(1, () => settle({ type: "failed", cause: "it was cancelled" }));
        return;
      }
      const { kill } = host.run({ command: "ip", marks, takesMs: host.addressMs }, (how) => {
        settle(how === "ends" ? effect() : { type: "failed", cause: "killed" });
      });
      by?.cancelled?.addEventListener("abort", kill);
    });
  }
}

type Killed = { readonly type: "failed"; readonly cause: string };

const [noFiles] = blindness;

export class VirtualClaims implements ClaimedAddresses {
  readonly #host: VirtualHost;
  readonly #process: VirtualProcess;

  constructor(host: VirtualHost, process: VirtualProcess) {
    this.#host = host;
    this.#process = process;
  }

  has(address: string): boolean {
    return this.#host.claimed.has(canonicalAddress(address));
  }

  claim(address: string): PromiseLike<Result<null, string>> {
    return resultIn(this.#process, (settle) => {
      this.#host.after(1, () => {
        this.#host.claimed.add(canonicalAddress(address));
        settle(accept(null));
      });
    });
  }

  release(address: string): void {
    this.#host.claimed.delete(canonicalAddress(address));
  }
}
