/** The addresses of the one interface of a virtual machine, as the kernel keeps them. */
import type {
  AddAddressResult,
  InterfaceAddress,
  LinkEvent,
  NetworkInterface,
  RemoveAddressResult,
} from "../../src/io/network-ports.ts";
import type { AddressOrder } from "../../src/model/agent-orders.ts";

const interfaceName = "eth0";

export class HeldAddresses {
  readonly #own: InterfaceAddress;
  readonly #changed: () => void;
  #held: readonly InterfaceAddress[] = [];
  #names: ReadonlySet<string> = new Set();
  #carrier = true;
  readonly watchers = new Set<(event: LinkEvent) => void>();

  /** `own`: the address that the machine always has. */
  constructor(own: string, changed: () => void) {
    this.#own = toAddress({ interface: interfaceName, address: own, prefix: 24, family: "ipv4" });
    this.#changed = changed;
  }

  get names(): ReadonlySet<string> {
    return this.#names;
  }

  get carrier(): boolean {
    return this.#carrier;
  }

  setCarrier(carrier: boolean): void {
    if (this.#carrier === carrier) return;
    this.#carrier = carrier;
    const link = { type: "link", interface: interfaceName, up: true, gone: false } as const;
    for (const watcher of [...this.watchers]) watcher({ ...link, carrier });
  }

  /** An IPv6 address has one prefix. */
  add(order: AddressOrder): AddAddressResult {
    if (order.interface !== interfaceName) return failed(`no interface ${order.interface}`);
    const same = this.#held.filter(({ address }) => address === order.address);
    if (same.some(({ prefix }) => prefix === order.prefix)) return { type: "present" };
    const other = order.family === "ipv6" && same.length > 0;
    if (other) return failed("it is there with another prefix");
    this.#set([...this.#held, toAddress(order)]);
    this.#tell(order, false);
    this.#changed();
    return { type: "added" };
  }

  remove(order: AddressOrder): RemoveAddressResult {
    if (order.interface !== interfaceName) return { type: "absent" };
    const rest = this.#held.filter(
      ({ address, prefix }) => address !== order.address || prefix !== order.prefix,
    );
    if (rest.length === this.#held.length) return { type: "absent" };
    this.#set(rest);
    this.#tell(order, true);
    return { type: "removed" };
  }

  /** With whatever prefix it is there. */
  drop(address: string): void {
    const going = this.#held.filter((one) => one.address === address);
    for (const one of going) this.remove({ ...one, interface: interfaceName });
  }

  clear(): void {
    this.#set([]);
  }

  listed(): readonly NetworkInterface[] {
    return [
      {
        name: interfaceName,
        index: 2,
        mac: "02:00:00:00:00:01",
        up: true,
        carrier: this.#carrier,
        operstate: this.#carrier ? "up" : "down",
        loopback: false,
        mtuBytes: 1500,
        slave: false,
        addresses: [this.#own, ...this.#held],
      },
    ];
  }

  #set(held: readonly InterfaceAddress[]): void {
    this.#held = held;
    this.#names = new Set(held.map(({ address }) => address));
  }

  #tell({ address, prefix }: AddressOrder, gone: boolean): void {
    const event = { type: "address", interface: interfaceName, address, prefix, gone } as const;
    for (const watcher of [...this.watchers]) watcher(event);
  }
}

/** Unmarked, as older kernels have it: whose it is only the claims say. */
function toAddress({ address, prefix, family }: AddressOrder): InterfaceAddress {
  return { address, prefix, family, detection: "done", marked: false };
}

function failed(cause: string): AddAddressResult {
  return { type: "failed", cause };
}
