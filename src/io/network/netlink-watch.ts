/**
 * Reports changes of links and addresses from the kernel's netlink messages.
 * Source: rtnetlink(7); netlink(7): a listener that is too slow loses messages, and the kernel
 * tells it.
 * Tested in: test/io/linux-network.test.ts
 * NETLINK3  `resync` is reported after every loss of messages and when the watch begins.
 */

import type { Addresses, LinkEvent } from "../network-ports.ts";
import type { Stop } from "../ports.ts";
import {
  rawSocket,
  receiveBuffer,
  type SystemCalls,
  socketLevel,
  tryAgain,
} from "../system-calls.ts";
import {
  changeGroups,
  decodeEvent,
  decodeLink,
  decodeMessages,
  netlinkFamily,
  netlinkRoute,
  routeAddress,
} from "./rtnetlink.ts";

export type NetlinkWatchOptions = {
  readonly calls: SystemCalls;
  readonly addresses: Pick<Addresses, "interfaces">;
  readonly onEvent: (event: LinkEvent) => void;
};

/** Room for thousands of changes while the process does not run. */
const receiveBufferBytes = 1024 * 1024;
const datagramBytesMax = 64 * 1024;
/** How many datagrams are read in one turn of the event loop. */
const datagramsAtOnce = 256;
/** The pause after a failure, so that the watch does not load the machine. */
const watchAgainMs = 1000;

/** Reports changes until the watch is stopped; after a failure it begins again. */
export function watchByNetlink(options: NetlinkWatchOptions): Stop {
  const watch = new NetlinkWatch(options);
  return () => watch.stop();
}

class NetlinkWatch {
  readonly #options: NetlinkWatchOptions;
  readonly #buffer = Buffer.alloc(datagramBytesMax);
  /** The names of interfaces by index, since events of addresses contain only the index. */
  #names = new Map<number, string>();
  #close: Stop = () => undefined;
  #again: NodeJS.Timeout | null = null;
  #looking = false;
  #lookAgain = false;
  #stopped = false;

  constructor(options: NetlinkWatchOptions) {
    this.#options = options;
    this.#begin();
  }

  stop(): void {
    this.#stopped = true;
    if (this.#again !== null) clearTimeout(this.#again);
    this.#close();
  }

  #begin(): void {
    const { calls } = this.#options;
    const opened = calls.openSocket({
      domain: netlinkFamily,
      type: rawSocket,
      protocol: netlinkRoute,
    });
    if (!opened.ok) {
      this.#later();
      return;
    }
    const fd = opened.value;
    calls.setOption(fd, { level: socketLevel, name: receiveBuffer, value: receiveBufferBytes });
    const bound = calls.bindSocket(fd, routeAddress(changeGroups));
    if (!bound.ok) {
      calls.closeSocket(fd);
      this.#later();
      return;
    }
    const unwatch = calls.watchReadable(fd, () => this.#read(fd));
    this.#close = () => {
      this.#close = () => undefined;
      unwatch();
      calls.closeSocket(fd);
    };
    void this.#resync();
  }

  #later(): void {
    this.#close();
    this.#again = setTimeout(() => {
      this.#again = null;
      this.#begin();
    }, watchAgainMs);
  }

  #read(fd: number): void {
    for (let datagrams = 0; datagrams < datagramsAtOnce && !this.#stopped; datagrams += 1) {
      const received = this.#options.calls.receiveInto(fd, this.#buffer);
      if (!received.ok && received.problem === tryAgain) return;
      const whole = received.ok && received.value <= this.#buffer.length;
      if (!whole || !this.#tell(this.#buffer.subarray(0, received.value))) {
        void this.#resync();
        return;
      }
    }
  }

  /** Reports the events of a datagram; false: a message in it is not understood. */
  #tell(datagram: Uint8Array): boolean {
    const messages = decodeMessages(datagram);
    if (messages === null) return false;
    let understood = true;
    for (const message of messages) {
      const link = decodeLink(message);
      if (link !== null && link !== "unreadable") this.#names.set(link.index, link.name);
      const event = decodeEvent(message, this.#names);
      if (event === "unreadable") understood = false;
      else if (event !== null) this.#options.onEvent(event);
      if (link !== null && link !== "unreadable" && link.gone) this.#names.delete(link.index);
    }
    return understood;
  }

  /** Reads all interfaces (NETLINK3); calls during a reading cause one more after it. */
  async #resync(): Promise<void> {
    if (this.#looking) {
      this.#lookAgain = true;
      return;
    }
    this.#looking = true;
    const listed = await this.#options.addresses.interfaces();
    this.#looking = false;
    if (this.#stopped) return;
    if (listed.ok) this.#names = new Map(listed.value.map(({ index, name }) => [index, name]));
    const again = this.#lookAgain;
    this.#lookAgain = false;
    this.#options.onEvent({ type: "resync" });
    if (!listed.ok) this.#later();
    else if (again) void this.#resync();
  }
}
