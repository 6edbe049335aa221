/**
 * One address that leads to another broker after each failover, as a virtual address does.
 */
import { connect, createServer, type Server, type Socket } from "node:net";

export class Forwarder {
  readonly port: number;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #target = 0;

  private constructor(server: Server, port: number) {
    this.#server = server;
    this.port = port;
    server.on("connection", (socket) => this.#forward(socket));
  }

  static async open(): Promise<Forwarder> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = server.address();
    return new Forwarder(
      server,
      typeof address === "object" && address !== null ? address.port : 0,
    );
  }

  /** New connections go there; old ones end. */
  leadTo(port: number): void {
    this.#target = port;
    for (const socket of this.#sockets) socket.destroy();
  }

  close(): void {
    this.#server.close();
    this.leadTo(0);
  }

  #forward(inner: Socket): void {
    if (this.#target === 0) {
      inner.destroy();
      return;
    }
    const outer = connect(this.#target, "127.0.0.1");
    for (const [from, to] of [
      [inner, outer],
      [outer, inner],
    ] as const) {
      this.#sockets.add(from);
      from.setNoDelay(true);
      from.pipe(to);
      from.on("error", () => from.destroy());
      from.on("close", () => {
        this.#sockets.delete(from);
        to.destroy();
      });
    }
  }
}
