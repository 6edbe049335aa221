/**
 * Sends messages to the service supervisor: to the UNIX datagram socket that it names in the
 * environment. Node has no such sockets, so koffi opens one, or else the program systemd-notify is
 * run for each message.
 * Source: sd_notify(3), systemd-notify(1), unix(7).
 * NOTIFY1  Messages keep their order; if the socket is full, a message is sent again later.
 */
import { execFile } from "node:child_process";
import { accept, type Result, refuse } from "../../model/outcome.ts";
import { findTool, toolEnvironment } from "../processes/system-command.ts";
import { datagramSocket, type SystemCalls, tryAgain } from "../system-calls.ts";

export type NotifySocketOptions = {
  /** The value of NOTIFY_SOCKET: a path, or a name after `@`. */
  readonly address: string;
  readonly calls: SystemCalls | null;
  /** Called once, when the first message was lost. */
  readonly onProblem: (text: string) => void;
};

const unixDomain = 1;
const againMs = 50;
const pathBytesMax = 107;
const toolWithinMs = 5000;

type Send = (message: string) => Promise<"sent" | "full" | { readonly problem: string }>;

export class NotifySocket {
  readonly #send: Send;
  readonly #onProblem: (text: string) => void;
  readonly #waiting: string[] = [];
  #busy = false;
  #reported = false;

  private constructor(send: Send, onProblem: (text: string) => void) {
    this.#send = send;
    this.#onProblem = onProblem;
  }

  /** Refuses, with the reason, if messages cannot be sent to that address. */
  static async open(options: NotifySocketOptions): Promise<Result<NotifySocket, string>> {
    const { address, calls, onProblem } = options;
    if (!/^[/@]./.test(address)) return refuse(`${address} is neither a path nor an abstract name`);
    if (Buffer.byteLength(address) > pathBytesMax) return refuse(`${address} is too long`);
    const send = calls === null ? await byTool(address) : byCalls(calls, address);
    return send.ok ? accept(new NotifySocket(send.value, onProblem)) : send;
  }

  /** Sends lines `NAME=value`. */
  say(...lines: readonly string[]): void {
    this.#waiting.push(lines.join("\n"));
    if (!this.#busy) void this.#flush();
  }

  async #flush(): Promise<void> {
    this.#busy = true;
    for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
      const result = await this.#send(next);
      if (result === "full") {
        await new Promise((resolve) => setTimeout(resolve, againMs).unref());
        continue;
      }
      this.#waiting.shift();
      if (result === "sent" || this.#reported) continue;
      this.#reported = true;
      this.#onProblem(result.problem);
    }
    this.#busy = false;
  }
}

function byCalls(calls: SystemCalls, address: string): Result<Send, string> {
  const opened = calls.openSocket({ domain: unixDomain, type: datagramSocket, protocol: 0 });
  if (!opened.ok) return refuse(`no UNIX socket (errno ${opened.problem})`);
  const target = unixAddress(address);
  return accept(async (message) => {
    const sent = calls.sendTo(opened.value, Buffer.from(message), target);
    if (sent.ok) return "sent";
    return sent.problem === tryAgain ? "full" : { problem: `${address}: errno ${sent.problem}` };
  });
}

/** The struct sockaddr_un for sendto(2); an abstract name begins with a zero byte. */
function unixAddress(address: string): Uint8Array {
  const family = new Uint8Array(Uint16Array.of(unixDomain).buffer);
  const name = address.startsWith("@") ? `\0${address.slice(1)}` : address;
  return Buffer.concat([family, Buffer.from(name)]);
}

async function byTool(address: string): Promise<Result<Send, string>> {
  const tool = await findTool("systemd-notify");
  if (tool === null) return refuse("neither koffi nor systemd-notify is installed");
  const env = { ...toolEnvironment, NOTIFY_SOCKET: address };
  return accept(
    (message) =>
      new Promise((resolve) => {
        execFile(tool, message.split("\n"), { env, timeout: toolWithinMs }, (error) =>
          resolve(error === null ? "sent" : { problem: `systemd-notify: ${error.message}` }),
        );
      }),
  );
}
