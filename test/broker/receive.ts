/**
 * The receiver that judges a load, independent of whoever sends it: takes everything that comes to
 * a queue, through all reconnections, and says at the end what was lost, duplicated, reordered.
 * As a program: `receive.js HOST:PORT --ledger FILE [--queue NAME]`; receives until SIGTERM or
 * SIGINT, then empties the queue and prints the report as JSON, exit 1 when anything acknowledged
 * was lost. The ledger names what was acknowledged, a line `RUN ID` each, as load.js writes it.
 * `--drain` waits for no signal: nothing is sent any more.
 */
import { existsSync, readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import type { Connection, Message } from "rhea";
import { ArrivalRecord, type Numbered, parseLedger, type Verdict } from "./load-verdict.ts";
import { abandon, openConnection } from "./qmf-client.ts";
import { asMap, asText } from "./qmf-values.ts";
import { QueueReader } from "./queue-reader.ts";

export type ReceiveOptions = {
  readonly host: string;
  readonly port: number;
  readonly queue?: string;
  /** Only of this run; without it of all. */
  readonly run?: string;
};

const connectTimeoutMs = 2000;
const pauseMs = 20;
type QueueEnd = "empty" | "unreachable";
/**
 * For so long what is missing is looked for again. A dead connection of a former receiver may hold
 * it until the broker has noticed; a broker that cannot be reached may still come.
 */
const patienceMs: Readonly<Record<QueueEnd, number>> = { empty: 3000, unreachable: 60_000 };

export class ReceiveRun {
  readonly #options: ReceiveOptions;
  readonly #arrivals = new ArrivalRecord();
  #stopping = false;
  #receiving: Promise<void> | null = null;

  constructor(options: ReceiveOptions) {
    this.#options = options;
  }

  get received(): number {
    return this.#arrivals.received;
  }

  /** Receives from now on, whatever becomes of the brokers. */
  start(): void {
    this.#receiving = this.#receiveUntil(() => this.#stopping);
  }

  /** Call when nothing is sent any more: empties the queue and compares. */
  async finish(acknowledged: readonly Numbered[]): Promise<Verdict> {
    this.#stopping = true;
    await this.#receiving;
    const since = { empty: 0, unreachable: 0 };
    await this.#receiveUntil((queue) => {
      if (acknowledged.every((message) => this.#arrivals.has(message))) return true;
      if (since[queue] === 0) since[queue] = performance.now();
      return performance.now() - since[queue] > patienceMs[queue];
    });
    return this.#arrivals.judge(acknowledged);
  }

  /** The question is asked whenever there is nothing to take. */
  async #receiveUntil(isOver: (queue: QueueEnd) => boolean): Promise<void> {
    let over = false;
    while (!over) {
      const connection = await this.#connect();
      if (connection === null) {
        over = isOver("unreachable");
        if (!over) await delay(pauseMs);
        continue;
      }
      const reader = new QueueReader({
        connection,
        queue: this.#options.queue ?? "load",
        take: (message) => this.#take(message),
      });
      while (!over && (await reader.drain())) {
        over = isOver("empty");
        if (!over) await delay(pauseMs);
      }
      if (!over) over = isOver("unreachable");
      if (reader.ended) abandon(connection);
      else connection.close();
      if (!over) await delay(pauseMs);
    }
  }

  #connect(): Promise<Connection | null> {
    const { host, port } = this.#options;
    return openConnection({ host, port, timeoutMs: connectTimeoutMs }).catch(() => null);
  }

  #take(message: Message): void {
    const properties = asMap(message.application_properties);
    const [run, id] = [asText(properties["run"]), Number(properties["id"])];
    if (Number.isNaN(id) || (this.#options.run ?? run) !== run) return;
    this.#arrivals.note({ run, id });
  }
}

async function main(argv: readonly string[]): Promise<number> {
  const [address = "", ...rest] = argv;
  const [host = "127.0.0.1", port = "5672"] = address.split(":");
  const option = (name: string) => {
    const at = rest.indexOf(`--${name}`);
    return at < 0 ? undefined : rest[at + 1];
  };
  const ledger = option("ledger") ?? "";
  const run = new ReceiveRun({ host, port: Number(port), queue: option("queue") ?? "load" });
  const stop = new Promise<void>((resolve) => {
    process.once("SIGTERM", resolve);
    process.once("SIGINT", resolve);
  });
  run.start();
  if (!rest.includes("--drain")) await stop;
  const acknowledged = existsSync(ledger) ? parseLedger(readFileSync(ledger, "utf8")) : [];
  const verdict = await run.finish(acknowledged);
  const report = { acknowledged: acknowledged.length, ...verdict };
  process.stdout.write(`${JSON.stringify(report)}\n`);
  return verdict.lost === 0 ? 0 : 1;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  process.exit(await main(process.argv.slice(2)));
}
