import { test } from "tap";

type Counts = { readonly passed: number; readonly failed: number; readonly skipped: number };
type Report = { read(line: string): void; counts(exitCode: number): Counts };

/** The script is no part of the build, so its place is known only when the test runs. */
async function readStream(
  stream: string,
  exitCode: number,
  files = 3,
): Promise<Counts & { printed: string }> {
  const script = new URL("../../../scripts/tap-report.mjs", import.meta.url).href;
  const { TapReport }: { TapReport: new (print: (text: string) => void, files: number) => Report } =
    await import(script);
  const printed: string[] = [];
  const report = new TapReport((text) => printed.push(text), files);
  for (const line of stream.split("\n")) report.read(line);
  return { ...report.counts(exitCode), printed: printed.join("\n") };
}

test("assertions are counted, the results of tests and files are not", async (t) => {
  const stream = [
    "TAP version 14",
    "# Subtest: build/test/a.test.js",
    "    # Subtest: outer",
    "        ok 1 - fine",
    "        # Subtest: inner",
    "            not ok 1 - numbers",
    "              ---",
    "              diff: |",
    "                -1",
    "              ...",
    "            ok 2 - later # SKIP needs root",
    "            1..2",
    "        not ok 2 - inner # time=1.5ms",
    "          ---",
    "          at: here",
    "          ...",
    "        ok 3 - inner",
    "    not ok 1 - outer # time=2ms",
    "    ok 2 - wanted # TODO some day",
    "not ok 1 - build/test/a.test.js # time=3ms",
    "  ---",
    "  exitCode: 1",
    "  ...",
    "# { total: 5, pass: 2, fail: 1, todo: 1, skip: 1 }",
  ].join("\n");
  const { printed, ...counts } = await readStream(stream, 1);
  t.same(counts, { passed: 2, failed: 1, skipped: 2 });
  t.equal(
    printed,
    [
      "[0/3] now build/test/a.test.js",
      "FAILED build/test/a.test.js > outer > inner > numbers",
      "    diff: |",
      "      -1",
      "skipped build/test/a.test.js > outer > inner > later: needs root",
      "todo build/test/a.test.js > wanted: some day",
      "[1/3] failed build/test/a.test.js (0.0 s)",
    ].join("\n"),
  );
});

test("a file that is killed, hangs or has no test is one failure each", async (t) => {
  const stream = [
    "# Subtest: build/test/b.test.js",
    "    # Subtest: kills",
    "        ok 1 - should be equal",
    "        1..1",
    "    ok 1 - kills # time=10.8ms",
    "not ok 1 - build/test/b.test.js # time=22.4ms",
    "  ---",
    "  signal: SIGKILL",
    "  ...",
    "# Subtest: build/test/c.test.js",
    "    1..0 # no tests found",
    "not ok 2 - build/test/c.test.js # time=20.6ms",
    "not ok 3 - timeout!",
    "  ---",
    "  expired: build/test/d.test.js",
    "  ...",
  ].join("\n");
  const { printed, ...counts } = await readStream(stream, 1);
  t.same(counts, { passed: 1, failed: 3, skipped: 0 });
  t.match(printed, /FAILED build\/test\/b.test.js\n {4}signal: SIGKILL\n\[1\/3\] failed/);
  t.match(printed, /; now build\/test\/c.test.js\nFAILED build\/test\/c/);
  t.match(printed, /FAILED timeout!\n {4}expired: build\/test\/d.test.js\n/);
});

test("a run that fails without a word, or says nothing at all, has failed", async (t) => {
  const good = "# Subtest: a\n    ok 1 - x\nok 1 - a # time=900ms";
  t.match(await readStream(good, 0, 1), {
    passed: 1,
    failed: 0,
    printed: "[0/1] now a\n[1/1] ok a (0.9 s)",
  });
  t.match(await readStream(good, 1), { passed: 1, failed: 1 });
  t.match(await readStream("TAP version 14\n1..0", 0), { passed: 0, failed: 1 });
});
