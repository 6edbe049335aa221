/**
 * One connection between two stand-in brokers: messages in and out, silence noticed, end reported
 * once. Knows no broker state.
 */
import { connect, type Socket } from "node:net";
import type { Address } from "./broker-options.ts";
import { encodePeerMessage, PeerDecoder, type PeerMessage, peerPreamble } from "./peer-protocol.ts";

export class PeerLink {
  readonly #socket: Socket;
  readonly #decoder = new PeerDecoder();
  #onMessage: (message: PeerMessage) => void = () => {};
  #onEnd: () => void = () => {};
  #corked = false;
  #ended = false;
  #heard = true;
  #receiving = false;
  #beats: NodeJS.Timeout | undefined;
  #silence: NodeJS.Timeout | undefined;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on("error", () => this.close());
    socket.on("close", () => this.close());
  }

  /** Calls to an address; the caller learns of failure by `onEnd`. */
  static call(address: Address): PeerLink {
    const link = new PeerLink(connect(address.port, address.host));
    link.#socket.write(peerPreamble);
    return link;
  }

  /** From now on messages and the end are told to these two, and to nobody told before. */
  receive(onMessage: (message: PeerMessage) => void, onEnd: () => void): void {
    this.#onMessage = onMessage;
    this.#onEnd = onEnd;
    if (this.#receiving) return;
    this.#receiving = true;
    this.#socket.on("data", (chunk: Buffer) => this.#take(chunk));
  }

  /** Sends a beat twice per period and ends the link after one to two periods without a word. */
  watch(options: { readonly beatMs: number; readonly silenceMs: number }): void {
    if (options.beatMs <= 0) return;
    this.#beats = setInterval(() => this.send({ type: "beat" }), options.beatMs);
    this.#silence = setInterval(() => {
      if (!this.#heard) this.close();
      this.#heard = false;
    }, options.silenceMs);
  }

  send(message: PeerMessage): void {
    if (this.#ended) return;
    if (!this.#corked) {
      this.#corked = true;
      this.#socket.cork();
      process.nextTick(() => {
        this.#corked = false;
        this.#socket.uncork();
      });
    }
    this.#socket.write(encodePeerMessage(message));
  }

  close(): void {
    if (this.#ended) return;
    this.#ended = true;
    clearInterval(this.#beats);
    clearInterval(this.#silence);
    this.#socket.destroy();
    this.#onEnd();
  }

  /** Ends the link after what was sent has left. */
  finish(): void {
    this.#socket.end();
  }

  #take(chunk: Buffer): void {
    this.#heard = true;
    for (const message of this.#decoder.push(chunk)) {
      if (this.#ended) return;
      if (message === null) this.close();
      else this.#onMessage(message);
    }
  }
}
