/**
 * Who may stay connected when all places are taken: whoever has not said what he wants makes room
 * for the next one, the one who has waited longest first.
 * Knows connections and requests, not what is asked.
 * Tested in: test/control/control-server.test.ts
 * CONTROL5  Slow clients, however many, keep nobody out: a request that came whole, and a stream,
 *     stay.
 */
import type { IncomingMessage, Server } from "node:http";
import type { Socket } from "node:net";

/** At most so many connections; beyond that the oldest is closed that has no request yet. */
export function limitConnections(server: Server, connectionsMax: number): void {
  const open = new Set<Socket>();
  /** Without a whole request, oldest first. */
  const undecided = new Set<Socket>();
  const forget = (socket: Socket): void => {
    open.delete(socket);
    undecided.delete(socket);
  };
  server.on("connection", (socket: Socket) => {
    open.add(socket);
    undecided.add(socket);
    socket.once("close", () => forget(socket));
    if (open.size <= connectionsMax) return;
    const [oldest = socket] = undecided;
    forget(oldest);
    oldest.destroy();
  });
  server.on("request", (request: IncomingMessage) => {
    const { socket, method } = request;
    // Nobody reads the body of a GET, so its end would not be heard of.
    if (method === "GET") undecided.delete(socket);
    else request.once("end", () => undecided.delete(socket));
  });
}
