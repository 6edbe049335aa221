/** Processes are looked at and begun while there is no free descriptor: a few, all used up. */
import { spawn } from "node:child_process";
import { chmodSync, closeSync, openSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { t as suite, type Test, test } from "tap";
import { askFile } from "../../src/io/processes/agent-metadata-run.ts";
import { KernelFiles } from "../../src/io/processes/kernel-files.ts";
import { SystemProcesses } from "../../src/io/processes/process-runner.ts";
import { ServiceCgroups } from "../../src/io/processes/service-cgroups.ts";
import { trackingVariables } from "../../src/io/processes/tracked-processes.ts";
import { parseServiceName } from "../../src/model/ids.ts";
import { createCgroupTree, removeCgroupTree } from "../netns/node-cgroups.ts";
import { until } from "./waiting.ts";

const inside = "CLUSTERD_TEST_FEW_DESCRIPTORS";
const descriptorsMax = 128;
const token = `exhausted-${process.pid}`;
const scope = { token, service: null };

function startService(t: Test): number {
  const web = parseServiceName("web");
  if (web === null) throw new Error("no service");
  const environment = Object.fromEntries(trackingVariables(token, web));
  const child = spawn("sleep", ["1000"], { env: environment, stdio: "ignore", detached: true });
  t.teardown(() => child.kill("SIGKILL"));
  return child.pid ?? 0;
}

/** Returns what gives them back, which happens at the end of the test at the latest. */
function useUp(t: Test): () => void {
  const taken: number[] = [];
  const giveBack = () => {
    for (const fd of taken.splice(0)) closeSync(fd);
  };
  t.teardown(giveBack);
  for (;;) {
    try {
      taken.push(openSync("/dev/null", "r"));
    } catch {
      t.comment(`${taken.length} descriptors were free`);
      return giveBack;
    }
  }
}

function tests(): void {
  test("with a reserve everything is seen and killed", async (t) => {
    const files = new KernelFiles();
    files.reserve(4);
    const processes = new SystemProcesses(null, { files, forker: null });
    const pid = startService(t);
    await until("it runs", async () => (await processes.listTracked(scope)).found.length === 1);
    useUp(t);
    t.match(await processes.listTracked(scope), { found: [{ pid }], unseen: [] });
    t.same(await processes.killTracked(scope), { found: [], unseen: [] });
  });

  test("without one nobody calls it clean", async (t) => {
    const processes = new SystemProcesses(null);
    const pid = startService(t);
    await until("it runs", async () => (await processes.listTracked(scope)).found.length === 1);
    useUp(t);
    const { found, unseen } = await processes.killTracked(scope);
    t.same(found, []);
    t.ok(
      unseen.some((one) => one.startsWith("/proc: EMFILE")),
      unseen.join(", "),
    );
    process.kill(pid, 0);
  });

  test("an agent that cannot be asked now is refused for now, with the cause", async (t) => {
    const file = join(t.testdir({ agent: "#!/bin/sh\necho good\n" }), "agent");
    chmodSync(file, 0o755);
    const giveBack = useUp(t);
    t.match(await askFile(file, "/ocf"), { type: "failed", cause: /EMFILE/ });
    giveBack();
    t.same(await askFile(file, "/ocf"), { type: "printed", text: "good\n" });
  });

  const tree = createCgroupTree();
  const skip = tree === null ? "no cgroup v2 that this user may write" : false;
  test("a cgroup is read and killed with the reserve, too", { skip }, async (t) => {
    const web = parseServiceName("web");
    if (tree === null || web === null) return;
    const files = new KernelFiles();
    files.reserve(4);
    const cgroups = new ServiceCgroups(join(tree, "services"), files);
    t.teardown(() => removeCgroupTree(tree));
    await cgroups.make(web);
    const enter = `echo $$ >${await cgroups.runEntry(web, null)}; exec sleep 1000`;
    const child = spawn("sh", ["-c", enter], { env: { PATH: "/usr/bin:/bin" }, stdio: "ignore" });
    t.teardown(() => child.kill("SIGKILL"));
    await until("it is in", async () => (await cgroups.processes(web)).found.length === 1);
    useUp(t);
    t.match(await cgroups.processes(null), {
      found: [{ pid: child.pid, service: web }],
      unseen: [],
    });
    const blind = await new ServiceCgroups(cgroups.directory).processes(null);
    t.match(blind, { found: [], unseen: [/EMFILE/] });
    await cgroups.kill(web);
    await until("it is empty", async () => (await cgroups.processes(web)).found.length === 0);
  });
}

if (process.env[inside] === "1") {
  tests();
} else {
  const words = [`--nofile=${descriptorsMax}:${descriptorsMax}`, process.execPath];
  const file = fileURLToPath(import.meta.url);
  const environment = { ...process.env, [inside]: "1" };
  const parameters = [...words, "--enable-source-maps", file];
  suite.spawn("prlimit", parameters, { env: environment }, "with few descriptors");
}
