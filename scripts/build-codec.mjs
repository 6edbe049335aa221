// Generates the frame codec from ring.proto and puts it beside the sources and into the build.
import { execFileSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, statSync } from "node:fs";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const proto = `${root}src/membership/ring.proto`;
const codec = `${root}src/membership/ring-codec.js`;
const types = `${root}src/membership/ring-codec.d.ts`;
const fresh = existsSync(codec) && statSync(codec).mtimeMs > statSync(proto).mtimeMs;
if (!fresh) {
  const flags = "-t static-module -w esm --no-verify --no-delimited --no-typeurl --no-service -d";
  const bin = `${root}node_modules/.bin/pbjs`;
  execFileSync(bin, [...flags.split(" "), "-o", codec, proto], { stdio: "inherit" });
}
mkdirSync(`${root}build/src/membership`, { recursive: true });
copyFileSync(codec, `${root}build/src/membership/ring-codec.js`);
if (!existsSync(types)) throw new Error(`${types} was not generated`);
