/**
 * State and process of a real broker, without asking it: its log tells every change of state, and
 * whoever runs in the node's network when a line comes has written it.
 * Source: qpid-cpp ha/Membership.cpp.
 */
import { openSync, readdirSync, readFileSync, readlinkSync, readSync } from "node:fs";

const change = /Status change: \w+ -> (\w+)/g;
const chunkBytes = 65_536;

export class LoggedBroker {
  readonly #file: string;
  readonly #nodePid: number;
  readonly #chunk = Buffer.alloc(chunkBytes);
  #descriptor: number | null = null;
  #rest = "";
  #pid = "";
  #state = "";

  /** `nodePid`: a process in the node's network. */
  constructor(file: string, nodePid: number) {
    this.#file = file;
    this.#nodePid = nodePid;
  }

  /** Process and state; both empty before the first start. */
  look(): readonly [string, string] {
    const lines = `${this.#rest}${this.#newText()}`.split("\n");
    this.#rest = lines.pop() ?? "";
    const found = [...lines.join("\n").matchAll(change)].at(-1)?.[1];
    if (found !== undefined) {
      this.#pid = brokerOf(this.#nodePid);
      this.#state = found;
    }
    return [this.#pid, this.#state];
  }

  #newText(): string {
    this.#descriptor ??= openedOrNull(this.#file);
    if (this.#descriptor === null) return "";
    let text = "";
    for (let bytes = chunkBytes; bytes === chunkBytes; ) {
      bytes = readSync(this.#descriptor, this.#chunk, 0, chunkBytes, null);
      text += this.#chunk.toString("latin1", 0, bytes);
    }
    return text;
  }
}

function openedOrNull(file: string): number | null {
  try {
    return openSync(file, "r");
  } catch {
    return null;
  }
}

/** The broker in the same network as this process, or nothing. */
function brokerOf(nodePid: number): string {
  const network = networkOf(String(nodePid));
  const found = readdirSync("/proc").filter((pid) => {
    if (!/^[1-9]\d*$/.test(pid)) return false;
    const [program = "", ...words] = commandOf(pid);
    return /qpidd$/.test(program) && words.includes("--config") && networkOf(pid) === network;
  });
  // A daemon's start waits for its child: the younger one is the broker.
  return (
    found
      .map(Number)
      .sort((a, b) => b - a)[0]
      ?.toString() ?? ""
  );
}

function commandOf(pid: string): readonly string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
  } catch {
    return [];
  }
}

function networkOf(pid: string): string {
  try {
    return readlinkSync(`/proc/${pid}/ns/net`);
  } catch {
    return "";
  }
}
