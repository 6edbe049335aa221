/**
 * Ends TCP connections of this machine with ss(8), resolves the hosts at their other ends, and
 * finds out whether they answer.
 * Source: ss(8), option -K; the kernel needs CONFIG_INET_DIAG_DESTROY (SOCK_DESTROY, Linux 4.5).
 */
import { lookup } from "node:dns/promises";
import { connect, isIPv6 } from "node:net";
import { accept, type Result, refuse } from "../../model/outcome.ts";
import type { ConnectionFilter, TcpConnections } from "../network-ports.ts";
import { findTool, type RunTool, runTool } from "../processes/system-command.ts";

/** Those that still wait for the other end; `ss` adds the states that are named one by one. */
const states = ["established", "syn-sent", "syn-recv", "fin-wait-1", "close-wait"].flatMap(
  (state) => ["state", state],
);

export class SsConnections implements TcpConnections {
  readonly #run: RunTool;

  constructor(run: RunTool = runTool) {
    this.#run = run;
  }

  async resolve(host: string): Promise<readonly string[]> {
    try {
      const found = await lookup(host, { all: true });
      return found.map(({ address }) => address);
    } catch {
      return [];
    }
  }

  async answers({ addresses, ports }: ConnectionFilter, withinMs: number): Promise<boolean> {
    const places = addresses.flatMap((host) => ports.map((port) => ({ host, port })));
    const found = await Promise.all(places.map((place) => accepts(place, withinMs)));
    return found.includes(true);
  }

  async end(filter: ConnectionFilter): Promise<Result<number, string>> {
    const program = await findTool("ss");
    if (program === null) return refuse("ss(8) of the package iproute2 is not installed");
    const listed = ["-H", "-n", "-t", ...states, expressionOf(filter)];
    const ended = await this.#run(program, ["-K", ...listed]);
    if (!ended.ok) return refuse(ended.problem.cause);
    // It passes over what it cannot end without a word.
    const left = await this.#run(program, listed);
    if (!left.ok) return refuse(left.problem.cause);
    const remaining = linesOf(left.value);
    if (remaining > 0) {
      return refuse(
        `${remaining} of its connections remain: ending them takes CAP_NET_ADMIN and a kernel ` +
          "with CONFIG_INET_DIAG_DESTROY",
      );
    }
    return accept(linesOf(ended.value));
  }
}

function accepts(
  place: { readonly host: string; readonly port: number },
  withinMs: number,
): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(place);
    const settle = (accepted: boolean): void => {
      clearTimeout(limit);
      socket.destroy();
      resolve(accepted);
    };
    const limit = setTimeout(() => settle(false), withinMs);
    socket.once("connect", () => settle(true));
    socket.once("error", () => settle(false));
  });
}

function expressionOf({ addresses, ports }: ConnectionFilter): string {
  const hosts = addresses.map((one) => `dst ${isIPv6(one) ? `[${one}]` : one}`);
  const ends = ports.flatMap((port) => [`sport = :${port}`, `dport = :${port}`]);
  return `( ${hosts.join(" or ")} ) and ( ${ends.join(" or ")} )`;
}

function linesOf(text: string): number {
  return text.split("\n").filter((line) => line.trim() !== "").length;
}
