/**
 * The limit on connections to the control socket: when it is reached, the oldest connection without
 * a complete request is closed for the new one.
 * Tested in: test/control/control-server.test.ts
 * CONTROL5  Slow clients, however many, do not keep other clients out. Connections with a complete
 *     request, or with a stream, stay.
 */
import type { IncomingMessage, Server } from "node:http";
import type { Socket } from "node:net";

/**
 * Allows at most `connectionsMax` connections; beyond that, closes the oldest without a request.
 */
export function limitConnections(server: Server, connectionsMax: number): void {
  const open = new Set<Socket>();
  /** The connections without a complete request, oldest first. */
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
    // The body of a GET is not read, so there would be no event at its end.
    if (method === "GET") undecided.delete(socket);
    else request.once("end", () => undecided.delete(socket));
  });
}
