// Puts each program of clusterd into one file below build/programs, so that a start reads a few
// files instead of hundreds. tsc has compiled and checked what is taken together here.
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const root = fileURLToPath(new URL("..", import.meta.url));
/** By the path below build/programs; programs find each other by `../FOLDER/FILE.js`. */
const programs = {
  "cli/main": "cli/main",
  "conf-tool/main": "conf-tool/main",
  "daemon/main": "daemon/main",
  "guard/main": "guard/main",
  "network/route-thread": "io/network/route-thread",
  "ring-thread/ring-thread": "ring-thread/ring-thread",
  "tree-tool/main": "tree-tool/main",
};

const banner =
  'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);';

await build({
  absWorkingDir: root,
  entryPoints: Object.entries(programs).map(([out, from]) => ({ in: `build/src/${from}.js`, out })),
  outdir: "build/programs",
  bundle: true,
  platform: "node",
  format: "esm",
  target: "node20",
  // Optional, and native.
  external: ["koffi"],
  // Packages that are CommonJS modules load modules of Node with `require`.
  banner: { js: banner },
  sourcemap: true,
  sourcesContent: false,
  logLevel: "warning",
});
