// `npm test`: builds, lints and runs the tests; prints failures as they come and a closing line.
// Usage: npm test [-- compiled test files or options of tap]. REWRITE=1 rewrites golden files.
import { spawn, spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { TapReport } from "./tap-report.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const startedAt = performance.now();

process.exitCode = await main();

async function main() {
  if (!step("build", "npm", ["run", "--silent", "build"])) return close({ passed: 0, failed: 1 });
  const clean = step("lint", "npx", ["biome", "check", "."]);
  if (!testClassIsBuilt() && !step("tap build", "npx", ["tap", "build"])) {
    return close({ passed: 0, failed: 1 });
  }
  const counts = await runTests(process.argv.slice(2));
  return close({ ...counts, failed: counts.failed + (clean ? 0 : 1) });
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
  return existsSync(built) && !readFileSync(built, "utf8").includes("@tapjs/typescript");
}

async function runTests(words) {
  const tap = spawn("npx", ["tap", "--reporter=tap", ...words], {
    cwd: root,
    stdio: ["ignore", "pipe", "inherit"],
  });
  const report = new TapReport((text) => console.log(text));
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
