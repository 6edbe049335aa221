/**
 * Load on one address: sends numbered messages without pause, resends what was not acknowledged
 * after every reconnection, at the end receives all and says what was lost, duplicated, reordered.
 * As a program: `load.js HOST:PORT [--queue NAME] [--seconds N] [--rate N] [--window N]`; ends on
 * SIGTERM and SIGINT too; prints the report as JSON, exit 1 when anything acknowledged was lost.
 * `--progress` prints the number of acknowledged messages ten times per second until then.
 * `--ledger FILE` writes what was acknowledged there and leaves the receiving to receive.js.
 * `--durable` asks for a queue and messages that a store keeps.
 * `--patience MS`: a connection that is not made, or brings nothing, for so long is given up.
 * `--gaps MS` prints a JSON line for each longer time without an acknowledgement (`Gap`).
 *
 * Messages are told apart by application properties: replication may change everything else.
 */
import { randomUUID } from "node:crypto";
import { openSync, writeSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import type { Connection, Delivery, EventContext, Sender } from "rhea";
import { formatNumbered, type Verdict } from "./load-verdict.ts";
import { abandon, openConnection, QmfClient, QmfException } from "./qmf-client.ts";
import { ReceiveRun } from "./receive.ts";

export type LoadOptions = {
  readonly host: string;
  readonly port: number;
  readonly queue?: string;
  /** Messages per second; 0: as fast as they are acknowledged. */
  readonly rate?: number;
  /** Messages that may be unacknowledged at a time. */
  readonly window?: number;
  /** A connection without an acknowledgement for this long is given up. */
  readonly stallMs?: number;
  /** So is one that is not made in this time. */
  readonly connectMs?: number;
  /** The longest time from one attempt to connect to the next one. */
  readonly retryMaxMs?: number;
  /** Told of every time between two acknowledgements. */
  readonly onGap?: (gap: Gap) => void;
  /** File that gets a line for each acknowledged message, for a receiver of its own. */
  readonly ledger?: string;
  /** Asks the broker to store the queue and its messages. */
  readonly durable?: boolean;
};

/** Nothing was acknowledged between two instants; wall clock. */
export type Gap = { readonly fromMs: number; readonly toMs: number };

export type LoadReport = Verdict & {
  readonly sent: number;
  readonly acknowledged: number;
  /** Longest time between two acknowledgements, the end of sending included. */
  readonly longestGapMs: number;
};

const reconnectMinMs = 10;
const usual = {
  ...{ queue: "load", rate: 1000, window: 200, durable: false },
  ...{ stallMs: 1000, connectMs: 500, retryMaxMs: 100, onGap: () => undefined },
};
const paceMs = 5;

export class LoadRun {
  readonly #options: Required<Omit<LoadOptions, "ledger">>;
  readonly #ledger: number | null;
  readonly #run = randomUUID();
  readonly #unacknowledged = new Set<number>();
  readonly #acknowledged = new Set<number>();
  #sent = 0;
  #startedAtMs = 0;
  #lastAckMs = 0;
  #longestGapMs = 0;
  #queueKnown = false;
  #stopping = false;
  #sending: Promise<void> | null = null;

  constructor(options: LoadOptions) {
    const { ledger, ...rest } = options;
    this.#ledger = ledger === undefined ? null : openSync(ledger, "a");
    this.#options = { ...usual, ...rest };
  }

  get sent(): number {
    return this.#sent;
  }

  get acknowledged(): number {
    return this.#acknowledged.size;
  }

  get longestGapMs(): number {
    return this.#longestGapMs;
  }

  start(): void {
    this.#sending = this.#sendUntilStopped();
  }

  /** Ends the sending and leaves everything where it is. */
  async stop(): Promise<void> {
    this.#stopping = true;
    await this.#sending;
    this.#noteGap();
  }

  /** Ends the sending, receives everything and reports. */
  async finish(): Promise<LoadReport> {
    await this.stop();
    const { host, port, queue } = this.#options;
    const receiver = new ReceiveRun({ host, port, queue, run: this.#run });
    const acknowledged = [...this.#acknowledged].map((id) => ({ run: this.#run, id }));
    return {
      sent: this.#sent,
      acknowledged: acknowledged.length,
      longestGapMs: Math.round(this.#longestGapMs),
      ...(await receiver.finish(acknowledged)),
    };
  }

  /** One connection after the other, the next one soon. */
  async #sendUntilStopped(): Promise<void> {
    let pauseMs = reconnectMinMs;
    while (!this.#stopping) {
      const connection = await this.#connect();
      if (connection === null) {
        await delay(pauseMs);
        pauseMs = Math.min(2 * pauseMs, this.#options.retryMaxMs);
        continue;
      }
      pauseMs = reconnectMinMs;
      await this.#sendOver(connection);
      abandon(connection);
    }
  }

  /** A connection to a primary that has the queue, or null. */
  async #connect(): Promise<Connection | null> {
    const { host, port, queue, connectMs } = this.#options;
    const target = { host, port, timeoutMs: connectMs };
    if (this.#queueKnown) return openConnection(target).catch(() => null);
    const client = await QmfClient.open({ ...target, admin: false }).catch(() => null);
    if (client === null) return null;
    const created = await client
      .createQueue(queue, { "qpid.replicate": "all", durable: this.#options.durable })
      .then(() => true)
      .catch((error: unknown) => error instanceof QmfException);
    client.close();
    this.#queueKnown = created;
    return created ? openConnection(target).catch(() => null) : null;
  }

  /** Resolves when the connection is of no more use, or sending is to stop. */
  #sendOver(connection: Connection): Promise<void> {
    const sender = connection.open_sender(this.#options.queue);
    const resend = [...this.#unacknowledged].sort((a, b) => a - b);
    const inFlight = new Map<Delivery, number>();
    const outcome = ({ delivery }: EventContext, accepted: boolean) => {
      const id = delivery === undefined ? undefined : inFlight.get(delivery);
      if (delivery === undefined || id === undefined) return;
      inFlight.delete(delivery);
      if (accepted) this.#onAck(id);
      else resend.push(id);
    };
    connection.on("accepted", (context) => outcome(context, true));
    for (const event of ["released", "rejected", "modified"]) {
      connection.on(event, (context) => outcome(context, false));
    }
    return new Promise((resolve) => {
      const openedAtMs = performance.now();
      const pace = setInterval(() => {
        const silentMs = performance.now() - Math.max(openedAtMs, this.#lastAckMs);
        const waits = inFlight.size > 0 || !sender.sendable();
        const stalled = waits && silentMs > this.#options.stallMs;
        if (this.#stopping || stalled) end();
        else this.#sendDue(sender, inFlight, resend);
      }, paceMs);
      const end = () => {
        clearInterval(pace);
        resolve();
      };
      for (const event of ["disconnected", "connection_close", "sender_close", "error"]) {
        connection.on(event, end);
      }
      connection.on("sender_error", () => {
        this.#queueKnown = false;
        end();
      });
    });
  }

  #sendDue(sender: Sender, inFlight: Map<Delivery, number>, resend: number[]): void {
    const { rate, window, durable } = this.#options;
    if (this.#startedAtMs === 0) this.#startedAtMs = performance.now();
    const elapsedMs = performance.now() - this.#startedAtMs;
    const due = rate === 0 ? Number.POSITIVE_INFINITY : (elapsedMs * rate) / 1000;
    while (inFlight.size < window && sender.is_open() && sender.sendable()) {
      const again = resend.shift();
      if (again === undefined && this.#sent >= due) return;
      const id = again ?? this.#nextId();
      const properties = { id, run: this.#run };
      const message = { durable, application_properties: properties, body: `message ${id}` };
      inFlight.set(sender.send(message), id);
    }
  }

  #nextId(): number {
    this.#sent += 1;
    this.#unacknowledged.add(this.#sent);
    return this.#sent;
  }

  #onAck(id: number): void {
    this.#unacknowledged.delete(id);
    this.#acknowledged.add(id);
    if (this.#ledger !== null) writeSync(this.#ledger, formatNumbered({ run: this.#run, id }));
    this.#noteGap();
    this.#lastAckMs = performance.now();
  }

  #noteGap(): void {
    if (this.#lastAckMs === 0) return;
    const [fromMs, toMs] = [this.#lastAckMs, performance.now()];
    this.#longestGapMs = Math.max(this.#longestGapMs, toMs - fromMs);
    const { timeOrigin } = performance;
    this.#options.onGap({ fromMs: timeOrigin + fromMs, toMs: timeOrigin + toMs });
  }
}

function impatient(ms: number) {
  return { stallMs: ms, connectMs: ms, retryMaxMs: Math.min(ms, 20) };
}

function printGap(gap: Gap, leastMs: number): void {
  if (gap.toMs - gap.fromMs >= leastMs) process.stdout.write(`${JSON.stringify(gap)}\n`);
}

async function main(argv: readonly string[]): Promise<number> {
  const [address = "", ...rest] = argv;
  const [host = "127.0.0.1", port = "5672"] = address.split(":");
  const option = (name: string) => {
    const at = rest.indexOf(`--${name}`);
    return at < 0 ? undefined : rest[at + 1];
  };
  const [ledger, patience, gaps] = [option("ledger"), option("patience"), option("gaps")];
  const number = (name: string, absent: number) => Number(option(name) ?? absent);
  const run = new LoadRun({
    host,
    port: Number(port),
    queue: option("queue") ?? "load",
    rate: number("rate", 1000),
    window: number("window", 200),
    durable: rest.includes("--durable"),
    ...(patience === undefined ? {} : impatient(Number(patience))),
    ...(gaps === undefined ? {} : { onGap: (gap: Gap) => printGap(gap, Number(gaps)) }),
    ...(ledger === undefined ? {} : { ledger }),
  });
  const limit = option("seconds");
  const stop = new Promise<void>((resolve) => {
    process.once("SIGTERM", resolve);
    process.once("SIGINT", resolve);
    if (limit !== undefined) setTimeout(resolve, Number(limit) * 1000);
  });
  run.start();
  const print = () => process.stdout.write(`${run.acknowledged}\n`);
  const progress = rest.includes("--progress") ? setInterval(print, 100) : undefined;
  await stop;
  clearInterval(progress);
  if (ledger !== undefined) {
    await run.stop();
    const { sent, acknowledged, longestGapMs } = run;
    process.stdout.write(`${JSON.stringify({ sent, acknowledged, longestGapMs })}\n`);
    return 0;
  }
  const report = await run.finish();
  process.stdout.write(`${JSON.stringify(report)}\n`);
  return report.lost === 0 ? 0 : 1;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  process.exit(await main(process.argv.slice(2)));
}
