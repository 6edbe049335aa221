/**
 * One connection between two stand-in brokers: messages in and out, silence noticed, end reported
 * once. Knows no broker state. A test may hold it in one direction or both, as a cut cable does.
 */
import { Socket } from "node:net";
import type { Address } from "./broker-options.ts";
import type { CutDirection, CuttableLink, LinkCuts } from "./link-cuts.ts";
import { encodePeerMessage, PeerDecoder, type PeerMessage, peerPreamble } from "./peer-protocol.ts";
import type { WorkerPool } from "./worker-pool.ts";

export class PeerLink implements CuttableLink {
  readonly #socket: Socket;
  readonly #decoder = new PeerDecoder();
  #onMessage: (message: PeerMessage) => void = () => {};
  #onEnd: () => void = () => {};
  #corked = false;
  #ended = false;
  #heard = true;
  #receiving = false;
  #held: CutDirection | null = null;
  #unsent: Buffer[] = [];
  #beats: NodeJS.Timeout | undefined;
  #silence: NodeJS.Timeout | undefined;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on("error", () => this.close());
    socket.on("close", () => this.close());
  }

  /** Calls to an address; the caller learns of failure by `onEnd`. */
  static call(address: Address, cuts: LinkCuts): PeerLink {
    const link = new PeerLink(new Socket());
    link.subjectTo(cuts, address);
    cuts.whenConnected(address, () => link.#connect(address));
    link.#write(peerPreamble);
    return link;
  }

  /** Of the other end; `port` is where it listens, which it must have said. */
  peerAddress(port: number): Address {
    return { host: this.#socket.remoteAddress ?? "", port };
  }

  /** From now on a cut of the way to this address holds the link. */
  subjectTo(cuts: LinkCuts, address: Address): void {
    cuts.enter(this, address);
    this.#socket.on("close", () => cuts.forget(this));
  }

  get ended(): boolean {
    return this.#ended;
  }

  serveBy(workers: WorkerPool): void {
    workers.serve(this.#socket);
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
    this.#write(encodePeerMessage(message));
  }

  hold(direction: CutDirection | null): void {
    const wasDeaf = this.#held === "in" || this.#held === "both";
    this.#held = direction;
    const isDeaf = direction === "in" || direction === "both";
    if (isDeaf && !wasDeaf) this.#socket.pause();
    if (!isDeaf && wasDeaf) this.#socket.resume();
    if (this.#isMute()) return;
    for (const bytes of this.#unsent.splice(0)) this.#socket.write(bytes);
    if (this.#ended) this.#socket.destroy();
  }

  /** Of a held link the other end does not learn that it has ended, before the cut is healed. */
  close(): void {
    if (this.#ended) return;
    this.#ended = true;
    clearInterval(this.#beats);
    clearInterval(this.#silence);
    if (!this.#isMute() || this.#socket.pending) this.#socket.destroy();
    this.#onEnd();
  }

  /** Ends the link after what was sent has left. */
  finish(): void {
    this.#socket.end();
  }

  #connect({ host, port }: Address): void {
    if (!this.#ended) this.#socket.connect(port, host);
  }

  #write(bytes: Buffer): void {
    const called = this.#socket.connecting || !this.#socket.pending;
    if (this.#isMute() || !called) this.#unsent.push(bytes);
    else this.#socket.write(bytes);
  }

  #isMute(): boolean {
    return this.#held === "out" || this.#held === "both";
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
