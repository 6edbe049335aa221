/**
 * A stand-in for systemctl and systemd where the latter does not run: loads units with their
 * drop-ins, starts them outside of the caller's cgroup and environment, watches them, restarts as
 * they say. As much of it as a cluster uses, and strict where a caller could be careless: a drop-in
 * counts only after `daemon-reload`.
 *
 *   systemctl daemon-reload | start UNIT | stop UNIT | reset-failed UNIT | show --property=P… UNIT
 *
 * State is in /run/stand-in/UNIT: `loaded` (JSON), `state`, `result`, `pid`, `stopping`.
 */
import { spawn, spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = "/run/stand-in";
const folders = ["/etc/systemd/system", "/lib/systemd/system", "/usr/lib/systemd/system"];
const dropIns = "/run/systemd/system";

/** Settings by name, `Section.Key`; a list, since some add up. */
type Loaded = Record<string, string[]>;

function parse(text: string, into: Loaded): void {
  let section = "";
  for (const raw of text.split("\n")) {
    const line = raw.trim();
    if (line === "" || line.startsWith("#") || line.startsWith(";")) continue;
    const head = /^\[(.*)\]$/.exec(line)?.[1];
    if (head !== undefined) section = head;
    else {
      const [key = "", ...rest] = line.split("=");
      const name = `${section}.${key.trim()}`;
      const value = rest.join("=").trim();
      into[name] = value === "" ? [] : [...(into[name] ?? []), value];
    }
  }
}

function load(unit: string, withDropIns: boolean): Loaded | null {
  const file = folders.map((folder) => join(folder, unit)).find((path) => existsSync(path));
  if (file === undefined) return null;
  const loaded: Loaded = {};
  parse(readFileSync(file, "utf8"), loaded);
  const more = join(dropIns, `${unit}.d`);
  if (withDropIns && existsSync(more)) {
    for (const name of readdirSync(more).sort()) {
      if (name.endsWith(".conf")) parse(readFileSync(join(more, name), "utf8"), loaded);
    }
  }
  return loaded;
}

function keep(unit: string, name: string, text: string): void {
  mkdirSync(join(root, unit), { recursive: true });
  writeFileSync(join(root, unit, name), text);
}

function kept(unit: string, name: string): string {
  const path = join(root, unit, name);
  return existsSync(path) ? readFileSync(path, "utf8") : "";
}

function loadedUnit(unit: string): Loaded | null {
  const text = kept(unit, "loaded");
  if (text !== "") return JSON.parse(text);
  const loaded = load(unit, false);
  if (loaded !== null) keep(unit, "loaded", JSON.stringify(loaded));
  return loaded;
}

function reload(): void {
  const dropped = existsSync(dropIns)
    ? readdirSync(dropIns).flatMap((name) => (name.endsWith(".d") ? [name.slice(0, -2)] : []))
    : [];
  const known = existsSync(root) ? readdirSync(root) : [];
  for (const unit of new Set([...dropped, ...known])) {
    const loaded = load(unit, true);
    if (loaded !== null) keep(unit, "loaded", JSON.stringify(loaded));
  }
}

function words(text: string): string[] {
  return [...text.matchAll(/"((?:[^"\\]|\\.)*)"|(\S+)/g)].map(([, quoted, bare]) =>
    (quoted ?? bare ?? "").replaceAll(/\\(.)/g, "$1").replaceAll("%%", "%"),
  );
}

function environmentOf(loaded: Loaded): Record<string, string> {
  const found: Record<string, string> = { PATH: "/usr/sbin:/usr/bin:/sbin:/bin" };
  const add = (assignment: string): void => {
    const [name = "", ...rest] = assignment.split("=");
    found[name] = rest.join("=");
  };
  for (const line of loaded["Service.Environment"] ?? []) words(line).forEach(add);
  for (const file of loaded["Service.EnvironmentFile"] ?? []) {
    const path = file.replace(/^-/, "");
    if (!existsSync(path)) continue;
    const lines = readFileSync(path, "utf8").split("\n");
    for (const line of lines.filter((one) => /^\w+=/.test(one))) words(line).forEach(add);
  }
  return found;
}

function command(line: string, environment: Record<string, string>): string[] {
  return words(line).flatMap((word) => {
    const whole = /^\$(\w+)$/.exec(word)?.[1];
    if (whole !== undefined) return words(environment[whole] ?? "");
    return [word.replaceAll(/\$\{(\w+)\}/g, (_, name: string) => environment[name] ?? "")];
  });
}

function fail(text: string, status: number): never {
  process.stderr.write(`${text}\n`);
  process.exit(status);
}

async function start(unit: string): Promise<void> {
  const loaded = loadedUnit(unit);
  if (loaded === null) fail(`Failed to start ${unit}: Unit ${unit} not found.`, 5);
  for (const path of loaded["Unit.AssertPathExists"] ?? []) {
    if (!existsSync(path.replaceAll("%%", "%"))) {
      fail(`Assertion failed on job for ${unit}.`, 1);
    }
  }
  if (kept(unit, "state") === "active") return;
  rmSync(join(root, unit, "stopping"), { force: true });
  keep(unit, "state", "activating");
  const watcher = spawn(process.execPath, [fileURLToPath(import.meta.url), "watch", unit], {
    detached: true,
    stdio: "ignore",
    env: {},
  });
  watcher.unref();
  while (kept(unit, "state") === "activating") await turn();
  if (kept(unit, "state") === "active") return;
  fail(`Job for ${unit} failed. See "systemctl status ${unit}" for details.`, 1);
}

/** What systemd does itself: no part of the caller's session, cgroup and environment. */
async function watch(unit: string): Promise<void> {
  enterCgroup("");
  for (;;) {
    const loaded = loadedUnit(unit) ?? {};
    const environment = environmentOf(loaded);
    for (const line of loaded["Service.ExecStartPre"] ?? []) {
      const [program = "", ...rest] = command(line, environment);
      if (spawnSync(program, rest, { env: environment }).status !== 0) return end(unit, "failed");
    }
    const argv = command(loaded["Service.ExecStart"]?.at(-1) ?? "", environment);
    enterCgroup(unit);
    const child = spawn(argv[0] ?? "", argv.slice(1), { env: environment, stdio: "ignore" });
    enterCgroup("");
    const ended = new Promise<string>((resolve) => {
      child.on("error", () => resolve("failed"));
      child.on("exit", (code, signal) => resolve(code === 0 ? "inactive" : (signal ?? "failed")));
    });
    if (child.pid !== undefined) {
      keep(unit, "pid", String(child.pid));
      keep(unit, "state", "active");
    }
    const how = await ended;
    const stopping = existsSync(join(root, unit, "stopping"));
    if (!stopping && loaded["Service.Restart"]?.at(-1) === "always") continue;
    return end(unit, how === "inactive" || stopping ? "inactive" : "failed");
  }
}

function end(unit: string, state: string): void {
  keep(unit, "result", state === "failed" ? "exit-code" : "success");
  keep(unit, "state", state);
}

/** The cgroup of the unit, or the one at the top, where there are any. */
function enterCgroup(unit: string): void {
  const slice = "/sys/fs/cgroup/system.slice";
  const folder = unit === "" ? "/sys/fs/cgroup" : join(slice, unit);
  try {
    // One by one: Node's recursive mkdir tries for ever where no cgroup can be made.
    for (const one of [slice, folder]) if (!existsSync(one)) mkdirSync(one);
    writeFileSync(join(folder, "cgroup.procs"), String(process.pid));
  } catch {
    return;
  }
}

async function stop(unit: string): Promise<void> {
  if (loadedUnit(unit) === null) fail(`Failed to stop ${unit}: Unit ${unit} not loaded.`, 5);
  if (kept(unit, "state") !== "active") return;
  keep(unit, "stopping", "");
  process.kill(Number(kept(unit, "pid")), "SIGTERM");
  while (kept(unit, "state") === "active") await turn();
}

function show(unit: string, properties: readonly string[]): void {
  const loaded = loadedUnit(unit);
  const state = kept(unit, "state");
  const enabled = existsSync(`/etc/systemd/system/multi-user.target.wants/${unit}`);
  const values: Record<string, string> = {
    LoadState: loaded === null ? "not-found" : "loaded",
    ActiveState: state === "" ? "inactive" : state,
    SubState: state === "active" ? "running" : state === "" ? "dead" : state,
    Result: kept(unit, "result") || "success",
    UnitFileState: loaded === null ? "" : enabled ? "enabled" : "disabled",
  };
  for (const name of properties) process.stdout.write(`${name}=${values[name] ?? ""}\n`);
}

function turn(): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, 10);
  });
}

const [verb = "", ...rest] = process.argv.slice(2);
const unit = rest.findLast((word) => !word.startsWith("--")) ?? "";
const properties = rest.flatMap((word) => /^--property=(.*)$/.exec(word)?.[1] ?? []);
if (verb === "daemon-reload") reload();
else if (verb === "start") await start(unit);
else if (verb === "watch") await watch(unit);
else if (verb === "stop") await stop(unit);
else if (verb === "show") show(unit, properties);
else if (verb === "reset-failed") {
  if (existsSync(join(root, unit, "state"))) unlinkSync(join(root, unit, "state"));
} else fail(`Unknown command verb ${verb}.`, 1);
