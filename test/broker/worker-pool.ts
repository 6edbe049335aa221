/**
 * The worker threads of the original. A request that waits occupies one: its connection stands
 * still, and when all are occupied every connection does, heartbeats and new ones included.
 * Source: qpid-cpp sys/Poller.h, broker/Broker.cpp: workerThreads.
 */
import type { Socket } from "node:net";

/** One thread, occupied while a request waits. */
export type Worker = { readonly occupy: () => void; readonly release: () => void };

export class WorkerPool {
  readonly #count: number;
  readonly #log: (text: string) => void;
  readonly #sockets = new Set<Socket>();
  /** How often each socket is to stand still: for a request of its own, and with all others. */
  readonly #holds = new Map<Socket, number>();
  #occupied = 0;

  constructor(count: number, log: (text: string) => void) {
    this.#count = count;
    this.#log = log;
  }

  /** From now on the socket stands still when the broker does. */
  serve(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on("close", () => {
      this.#sockets.delete(socket);
      this.#holds.delete(socket);
    });
    if (this.#occupied >= this.#count) this.#hold(socket);
  }

  /** For one request of a connection. */
  worker(socket: Socket | undefined): Worker {
    let occupied = false;
    return {
      occupy: () => {
        occupied = true;
        if (socket !== undefined) this.#hold(socket);
        this.#occupied += 1;
        if (this.#occupied !== this.#count) return;
        this.#log(`all ${this.#count} workers wait: nothing is answered`);
        for (const one of this.#sockets) this.#hold(one);
      },
      release: () => {
        if (!occupied) return;
        occupied = false;
        this.#occupied -= 1;
        if (socket !== undefined) this.#free(socket);
        if (this.#occupied !== this.#count - 1) return;
        for (const one of this.#sockets) this.#free(one);
      },
    };
  }

  /** Whether the socket stands still, so that nothing can be heard on it. */
  isHeld(socket: Socket): boolean {
    return (this.#holds.get(socket) ?? 0) > 0;
  }

  #hold(socket: Socket): void {
    const holds = this.#holds.get(socket) ?? 0;
    this.#holds.set(socket, holds + 1);
    if (holds > 0) return;
    socket.pause();
    socket.cork();
  }

  #free(socket: Socket): void {
    const holds = this.#holds.get(socket) ?? 0;
    if (holds === 0) return;
    this.#holds.set(socket, holds - 1);
    if (holds > 1) return;
    socket.uncork();
    socket.resume();
  }
}
