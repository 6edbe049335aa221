/**
 * Watches the interface that has the ring's address: whether it has a link, and whether its MTU
 * fits the ring's frames. Announces the address to the neighbours when it comes back.
 * Source: corosync exec/totemip.c polls the interface; here the kernel reports changes.
 * LINK1  An address that comes back is announced, since it may be on another network card.
 *     Otherwise frames to the old card would be lost for half a minute, and rings break up
 *     meanwhile.
 * LINK2  A warning about an MTU is given once for each value.
 */

import type { LinkEvent, Network, NetworkInterface } from "../io/network-ports.ts";
import type { Stop } from "../io/ports.ts";
import { sameAddress } from "../model/numeric-address.ts";

export type RingLinkOptions = {
  readonly network: Pick<Network, "interfaces" | "announce">;
  readonly address: string;
  readonly netmtuBytes: number;
  readonly onChange: (up: boolean) => void;
  readonly warn: (text: string) => void;
};

export class RingLink {
  readonly #options: RingLinkOptions;
  #up = true;
  #mtuBytes: number | null = null;
  #announcing: Stop = () => {};

  constructor(options: RingLinkOptions) {
    this.#options = options;
  }

  /** Resolves when the interface has been looked at. */
  async onEvent(event: LinkEvent): Promise<void> {
    const { address, onChange } = this.#options;
    const ours = event.type === "address" && sameAddress(event.address, address);
    if (event.type === "address" && !ours) return;
    if (ours) {
      if (event.gone) this.#up = false;
      onChange(!event.gone);
    }
    const found = await this.#find();
    if (found === null) return;
    const up = found.up && found.carrier;
    if (event.type === "link") onChange(up);
    if (up && !this.#up) this.#announce(found);
    this.#up = up;
    this.#judgeMtu(found);
  }

  stop(): void {
    this.#announcing();
  }

  async #find(): Promise<NetworkInterface | null> {
    const listed = await this.#options.network.interfaces();
    if (!listed.ok) return null;
    return listed.value.find((one) => this.#entry(one) !== undefined) ?? null;
  }

  #entry({ addresses }: NetworkInterface): NetworkInterface["addresses"][number] | undefined {
    return addresses.find(({ address }) => sameAddress(address, this.#options.address));
  }

  #announce(on: NetworkInterface): void {
    const entry = this.#entry(on);
    if (entry === undefined || on.loopback) return;
    this.#announcing();
    const { address, prefix, family } = entry;
    this.#announcing = this.#options.network.announce({
      interface: on.name,
      address,
      prefix,
      family,
    });
  }

  #judgeMtu({ name, mtuBytes }: NetworkInterface): void {
    const { netmtuBytes, warn } = this.#options;
    if (mtuBytes === null || mtuBytes === this.#mtuBytes) return;
    this.#mtuBytes = mtuBytes;
    if (mtuBytes >= netmtuBytes) return;
    warn(
      `${name} has an MTU of ${mtuBytes} bytes, netmtu is ${netmtuBytes}: large frames are sent ` +
        "in pieces, and those of others may not arrive; give all interfaces the same MTU, or set " +
        `<totem netmtu="${mtuBytes}"/> on all nodes`,
    );
  }
}
