// `npm test`: builds, lints and runs the tests; prints failures as they come, a line for each test
// file, which says how many are done and which one is next, and a closing line.
// Usage: npm test [-- compiled test files or options of tap]. REWRITE=1 rewrites golden files.
// `npm run test:unit` leaves out what starts daemons, brokers or guards, and long searches.
// The quick tests of a folder run in one process: a start of its own is most of a short file.
// TEST_MINUTES=21: no long file begins after that time; those that were left out are named.
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { TapReport } from "./tap-report.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const startedAt = performance.now();

/** What waits for real processes, or searches for long: folders, and files of other folders. */
const slowFolders = ["broker", "e2e", "fuzz", "netns"];
const slowFiles = [
  "cli/qpid-ha-command",
  "daemon/guard-process",
  "ring-thread/ring-thread",
  "guard/running-guard",
  "guard/guard-watchdog",
  "io/addresses",
  "io/amqp/broker-connections",
  "io/amqp/brokers-contract",
  "io/amqp/damaged-answers",
  "io/amqp/watched-brokers",
  "io/linux-network",
  "sim/cluster",
  "sim/group-runs",
  "sim/quorum-options",
  "sim/ring",
  "sim/ring-links",
  "sim/searches",
];

/**
 * What comes last, so that it is left out where the time is up (TEST_MINUTES): the same parts under
 * rarer conditions, for a minute or two each.
 */
const longFiles = [
  "e2e/unruly-backups",
  "e2e/unruly-promotions",
  "e2e/fence-scripts",
  "e2e/external-agents",
  "e2e/contested-address",
  "e2e/exhausted-descriptors",
  "e2e/lying-member",
  "e2e/long-clean-up",
  "e2e/outage",
  "e2e/ring-story",
  "e2e/partition-cuts",
  "e2e/partition-splits",
  "e2e/hung-checks",
  "e2e/no-processes",
  "e2e/full-disks",
  "e2e/database",
  "e2e/flood",
  "e2e/cloned-node",
];
/** After so many minutes no further long file begins; absent: all run. */
const minutesMax = Number(process.env["TEST_MINUTES"] ?? Number.POSITIVE_INFINITY);

/** So many files run in one process; a folder with more has several. */
const batchMax = 14;

process.exitCode = await main();

async function main() {
  if (!step("build", "npm", ["run", "--silent", "build"])) return close({ passed: 0, failed: 1 });
  const clean = step("lint", "npx", ["biome", "check", "."]);
  if (!testClassIsBuilt() && !step("tap build", "npx", ["tap", "build"])) {
    return close({ passed: 0, failed: 1 });
  }
  const words = process.argv.slice(2);
  const unit = words[0] === "--unit";
  const counts = [await runTests(unit ? words.slice(1) : words, usualTests(unit))];
  const all = !unit && !words.some((word) => word.endsWith(".test.js"));
  if (all) counts.push(...(await runLongTests(words)));
  const sum = (of) => counts.reduce((before, one) => before + (one[of] ?? 0), 0);
  const failed = sum("failed") + (clean ? 0 : 1);
  return close({ passed: sum("passed"), failed, skipped: sum("skipped") });
}

function usualTests(unit) {
  const slow = unit ? [] : slowTests().filter((path) => !longFiles.includes(path));
  return [...quickFolders(), ...slow];
}

/** Two at a time, while there is time. */
async function runLongTests(words) {
  const counts = [];
  for (let at = 0; at < longFiles.length; at += 2) {
    const minutes = (performance.now() - startedAt) / 60_000;
    if (minutes >= minutesMax) {
      const left = longFiles.slice(at).join(", ");
      console.log(`skipped ${left}: TEST_MINUTES=${minutesMax} are over`);
      return [...counts, { passed: 0, failed: 0, skipped: longFiles.length - at }];
    }
    counts.push(await runTests(words, longFiles.slice(at, at + 2)));
  }
  return counts;
}

/** Silent while it succeeds: what a newcomer should read last is the tests. */
function step(name, command, words) {
  const { status, stdout, stderr } = spawnSync(command, words, { cwd: root, encoding: "utf8" });
  if (status === 0) {
    console.log(`ok ${name}`);
    return true;
  }
  console.log(`FAILED ${name}\n${stdout}${stderr}`);
  return false;
}

/**
 * The first run of tap after an install builds its Test class for the plugins of .taprc, but still
 * runs with the old one and fails; `tap build` does that first.
 */
function testClassIsBuilt() {
  const built = `${root}node_modules/@tapjs/test/test-built/dist/esm/index.js`;
  return existsSync(built) && !/@tapjs\/(typescript|mock)/.test(readFileSync(built, "utf8"));
}

/** As paths without ending; what is compiled and has no source any more is not run. */
function allTests() {
  const paths = readdirSync(`${root}test`, { recursive: true }).sort();
  const endings = /\.test\.ts$/;
  return paths.filter((path) => endings.test(path)).map((path) => path.replace(endings, ""));
}

function slowTests() {
  const gone = [...slowFiles, ...longFiles].filter((path) => !allTests().includes(path));
  if (gone.length > 0) throw new Error(`no such test: ${gone.join(", ")}`);
  const isSlow = (path) => slowFolders.includes(path.split("/")[0]) || slowFiles.includes(path);
  return allTests().filter(isSlow);
}

/** Writes for each folder files that import its quick tests, and names them. */
function quickFolders() {
  const slow = slowTests();
  const folders = new Map();
  for (const path of allTests().filter((one) => !slow.includes(one))) {
    const folder = path.includes("/") ? path.split("/")[0] : "top";
    folders.set(folder, [...(folders.get(folder) ?? []), path]);
  }
  const batches = `${root}build/test/unit`;
  rmSync(batches, { recursive: true, force: true });
  mkdirSync(batches);
  return [...folders].flatMap(([folder, paths]) => {
    const count = Math.ceil(paths.length / batchMax);
    return Array.from({ length: count }, (_, index) => {
      const name = count === 1 ? folder : `${folder}-${index + 1}`;
      const own = paths.filter((_path, at) => at % count === index);
      const imports = own.map((path) => `import "../${path}.test.js";\n`);
      writeFileSync(`${batches}/${name}.test.js`, imports.join(""));
      return `unit/${name}`;
    });
  });
}

/** `words` may name files; otherwise those of `tests` are run. */
async function runTests(words, tests) {
  const named = words.filter((word) => word.endsWith(".test.js"));
  const files = named.length > 0 ? [] : tests.map((path) => `build/test/${path}.test.js`);
  const tap = spawn("npx", ["tap", "--reporter=tap", ...words, ...files], {
    cwd: root,
    stdio: ["ignore", "pipe", "inherit"],
  });
  const report = new TapReport((text) => console.log(text), named.length || files.length);
  const ended = new Promise((resolve) => {
    tap.on("close", (code) => resolve(code ?? 1));
  });
  for await (const line of createInterface({ input: tap.stdout })) report.read(line);
  return report.counts(await ended);
}

function close({ passed, failed, skipped = 0 }) {
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
  console.log(`finished in ${seconds} s`);
  console.log(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`);
  return failed === 0 ? 0 : 1;
}
