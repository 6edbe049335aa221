/** What clusterd remembers of the addresses that it puts up, over lives, boots and damage. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Test, test } from "tap";
import { AddressClaims } from "../../src/io/files/address-claims.ts";
import { VirtualClaims } from "../sim/virtual-network.ts";
import { claimsContract } from "./address-claims.contract.ts";
import { pumpedMachine } from "./pumped-time.ts";

function directory(t: Test): string {
  const path = mkdtempSync(join(tmpdir(), "clusterd-claims-"));
  t.teardown(() => rmSync(path, { recursive: true }));
  return path;
}

async function open(path: string): Promise<AddressClaims> {
  const opened = await AddressClaims.open(path);
  if (!opened.ok) throw new Error(opened.problem);
  return opened.value;
}

claimsContract("real", (t) => open(directory(t)));
claimsContract("virtual", (t) => {
  const { host, process } = pumpedMachine(t);
  return new VirtualClaims(host, process);
});

test("CLAIM1: a claim outlives the process, also when nobody says goodbye", async (t) => {
  const path = directory(t);
  const first = await open(path);
  t.equal(first.has("10.0.0.5"), false);
  t.match(await first.claim("10.0.0.5"), { ok: true });
  t.match(await first.claim("FD00:0:0::5"), { ok: true });
  const next = await open(path);
  t.same(next.all, ["10.0.0.5", "fd00::5"]);
  t.equal(next.has("fd00::0:5"), true, "however it is written");
});

test("what was released is nobody's, and is claimed again without another write", async (t) => {
  const path = directory(t);
  const claims = await open(path);
  await claims.claim("10.0.0.5");
  claims.release("10.0.0.5");
  t.equal(claims.has("10.0.0.5"), false);
  rmSync(path, { recursive: true });
  t.match(await claims.claim("10.0.0.5"), { ok: true }, "it is in the file still");
  t.match(await claims.claim("10.0.0.6"), { ok: false }, "this one is not");
  t.equal(claims.has("10.0.0.5"), true);
  mkdirSync(path);
});

test("claims at once are all in the file", async (t) => {
  const path = directory(t);
  const claims = await open(path);
  const wanted = Array.from({ length: 30 }, (_, at) => `10.0.1.${at}`);
  await Promise.all(wanted.map((address) => claims.claim(address)));
  t.same([...(await open(path)).all].sort(), [...wanted].sort());
});

test("CLAIM2: what another boot or another network had is not here", async (t) => {
  const path = directory(t);
  await (await open(path)).claim("10.0.0.5");
  const file = join(path, "addresses.json");
  const text = readFileSync(file, "utf8");
  writeFileSync(file, text.replace(/"machine":"[^ ]*/, '"machine":"another-boot'));
  t.same((await open(path)).all, []);
  writeFileSync(file, text.replace(/net:\[\d+\]/, "net:[1]"));
  t.same((await open(path)).all, []);
});

test("CLAIM3: a damaged file is refused", async (t) => {
  const path = directory(t);
  const file = join(path, "addresses.json");
  const whole = { machine: "m", addresses: ["10.0.0.5"] };
  const damaged = ["", "{", "[]", { ...whole, addresses: ["x"] }, { addresses: [] }];
  for (const one of damaged) {
    writeFileSync(file, typeof one === "string" ? one : JSON.stringify(one));
    t.match(await AddressClaims.open(path), { ok: false, problem: /damaged/ });
  }
});
