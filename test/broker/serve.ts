/**
 * One stand-in broker in this process: port, identity, lock of the directory, signals.
 */
import { randomUUID } from "node:crypto";
import { closeSync, mkdirSync, readFileSync, renameSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { AccessControl } from "./access-control.ts";
import { AmqpFront } from "./amqp-front.ts";
import { BrokerHooks } from "./broker-hooks.ts";
import type { BrokerOptions } from "./broker-options.ts";
import { serveControl } from "./control-orders.ts";
import { HaBroker } from "./ha-broker.ts";
import { WorkerPool } from "./worker-pool.ts";

/** Runs until a signal; `onListening` is called when clients can connect. */
export function serve(settings: BrokerOptions, onListening: () => void): void {
  const log = (text: string) => logLine(`[HA] ${text}`);
  if (settings.directory !== null && !lockDirectory(settings.directory)) {
    fail(`data directory ${settings.directory} is locked by another broker`);
  }
  for (const name of settings.disregarded) log(`option ${name} has no effect here`);
  const access = loadAccess(settings);
  const hooks = new BrokerHooks(settings.catchupRate);
  const broker = new HaBroker({
    settings,
    systemId: systemIdentity(settings.directory),
    access,
    hooks,
    workers: new WorkerPool(settings.workerThreads, log),
    log,
    onFatal: fail,
    onState: (state) => showState(settings.directory, state),
  });
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, () => process.exit(0));
  if (settings.control !== null) serveControl(settings.control, broker);
  const server = new AmqpFront(broker, log).server();
  server.on("error", (error) => fail(`can't listen on port ${settings.port}: ${error.message}`));
  server.listen({ port: settings.port, ...(settings.host === "" ? {} : { host: settings.host }) });
  server.on("listening", () => {
    if (settings.pidFile !== null) writeFileSync(settings.pidFile, `${process.pid}\n`);
    if (settings.closeFd !== null && settings.closeFd > 2) closeIfOpen(settings.closeFd);
    log(`listening on port ${settings.port} as ${broker.systemId}, ${broker.state}`);
    broker.start();
    onListening();
  });
}

/** Written at once: a line before a kill must be in the file. */
function logLine(text: string): void {
  writeSync(1, `${new Date().toISOString()} ${text}\n`);
}

function fail(text: string, code = 1): never {
  logLine(`[Broker] critical ${text}`);
  process.exit(code);
}

function loadAccess(settings: BrokerOptions): AccessControl {
  try {
    const access = AccessControl.load(settings);
    return access.ok ? access.value : fail(access.problem);
  } catch (error) {
    return fail(`can't read accounts or ACL file: ${String(error)}`);
  }
}

/** For whoever watches from outside without asking: `ha-state` holds the process and its state. */
function showState(directory: string | null, state: string): void {
  if (directory === null) return;
  const file = join(directory, "ha-state");
  writeFileSync(`${file}.new`, `${process.pid} ${state}\n`);
  renameSync(`${file}.new`, file);
}

/** New at every start, or kept in the directory. */
function systemIdentity(directory: string | null): string {
  const fresh = randomUUID();
  if (directory === null) return fresh;
  const file = join(directory, "systemId");
  const kept = readIfThere(file).trim();
  if (kept !== "") return kept;
  writeFileSync(file, `${fresh}\n`);
  return fresh;
}

/** The lock names a process and its start time, so that a killed broker's lock does not count. */
function lockDirectory(directory: string): boolean {
  mkdirSync(directory, { recursive: true });
  const file = join(directory, "lock");
  const [pid = "", startedAt = ""] = readIfThere(file).trim().split(" ");
  if (pid !== "" && pid !== String(process.pid) && startTime(pid) === startedAt) return false;
  writeFileSync(file, `${process.pid} ${startTime(String(process.pid))}\n`);
  return true;
}

/** Clock ticks since boot at which the process began; empty when it is gone or a zombie. */
function startTime(pid: string): string {
  const stat = readIfThere(`/proc/${pid}/stat`);
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return fields[0] === "Z" ? "" : (fields[19] ?? "");
}

function readIfThere(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}

function closeIfOpen(fd: number): void {
  try {
    closeSync(fd);
  } catch {
    // Not inherited: then there is nothing to close.
  }
}
