/** The judge of loads, held against a slower one. */
import fc from "fast-check";
import { test } from "tap";
import { ArrivalRecord, formatNumbered, parseLedger } from "./load-verdict.ts";

const numbered = fc.record({ run: fc.constantFrom("A", "B"), id: fc.nat({ max: 20 }) });

test("a verdict agrees with a slow count", async (t) => {
  fc.assert(
    fc.property(fc.array(numbered), fc.array(numbered), (acknowledged, arrived) => {
      const record = new ArrivalRecord();
      for (const message of arrived) record.note(message);
      const verdict = record.judge(acknowledged);
      const same = (a: (typeof arrived)[0], b: (typeof arrived)[0]) =>
        a.run === b.run && a.id === b.id;
      const firsts = arrived.filter((one, at) => arrived.findIndex((two) => same(one, two)) === at);
      const late = firsts.filter((one, at) =>
        firsts.slice(0, at).some((two) => two.run === one.run && two.id > one.id),
      );
      const lost = acknowledged.filter((one) => !arrived.some((two) => same(one, two)));
      return (
        verdict.received === arrived.length &&
        verdict.duplicated === arrived.length - firsts.length &&
        verdict.reordered === late.length &&
        verdict.lost === lost.length
      );
    }),
  );
  t.pass("with any arrivals");
});

test("a ledger is read to its last complete line", async (t) => {
  const lines = [
    { run: "A", id: 1 },
    { run: "A", id: 12 },
  ];
  const text = lines.map(formatNumbered).join("");
  t.same(parseLedger(text), lines);
  t.same(parseLedger(`${text}A 1`), lines, "the writer died while it wrote");
});
