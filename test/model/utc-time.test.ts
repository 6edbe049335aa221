import fc from "fast-check";
import { test } from "tap";
import { formatUtc } from "../../src/model/utc-time.ts";

const expected = (ms: number) => `${new Date(ms).toISOString().slice(0, 19).replace("T", " ")}Z`;

test("an instant is written as the system writes it", (t) => {
  const days = ["1970-01-01", "2000-02-29", "2100-02-28", "2100-03-01", "2026-12-31"];
  const known = days.map((day) => Date.parse(`${day}T23:59:59.999Z`));
  for (const ms of known) t.equal(formatUtc(ms), expected(ms));
  fc.assert(
    fc.property(fc.nat(250_000_000), fc.nat(999), (seconds, rest) => {
      const ms = seconds * 1_000_000 + rest;
      return formatUtc(ms) === expected(ms);
    }),
  );
  t.end();
});
