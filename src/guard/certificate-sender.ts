/**
 * Sends the death certificate of this node's life to the other nodes. The ring thread has sealed
 * it, so the guard needs no key: it keeps bytes that it cannot have made itself.
 * Tested in: test/guard/certificate-sender.test.ts, test/e2e/death-certificate.test.ts
 */
import { createSocket, type Socket } from "node:dgram";
import { causeText } from "../io/os-error.ts";
import { parseAddress } from "../model/numeric-address.ts";
import type { CertificateContent, CertificatePort } from "./guard-performer.ts";

type Say = (level: "info" | "notice", text: string) => void;

export class CertificateSender implements CertificatePort {
  readonly #say: Say;
  #order: CertificateContent | null = null;
  /** Open all the time: at the end of clusterd the machine may have no descriptor for it. */
  #socket: Socket | null = null;
  #said = false;

  constructor(say: Say) {
    this.#say = say;
  }

  use(order: CertificateContent): boolean {
    const sensible = [order.from, ...order.to].every((one) => parseAddress(one) !== null);
    if (!sensible || !/^([0-9a-f]{2})+$/.test(order.frame)) return false;
    this.#order = order;
    this.#socket?.close();
    this.#socket = this.#open(order);
    return true;
  }

  send(): void {
    const order = this.#order;
    if (order === null) return;
    const frame = Buffer.from(order.frame, "hex");
    for (const address of order.to) this.#socket?.send(frame, order.port, address, () => undefined);
    if (this.#said) return;
    this.#said = true;
    this.#say("info", "certifies to the other nodes that nothing of this node is left");
  }

  close(): void {
    this.#socket?.close();
    this.#socket = null;
  }

  #open({ from }: CertificateContent): Socket {
    const family = parseAddress(from)?.family === "ipv6" ? "udp6" : "udp4";
    const socket = createSocket(family);
    // The others wait for the end of the lease instead.
    socket.on("error", (error) => {
      this.#say("notice", `death certificates cannot be sent: ${causeText(error)}`);
    });
    socket.bind({ address: from, port: 0 });
    socket.unref();
    return socket;
  }
}
