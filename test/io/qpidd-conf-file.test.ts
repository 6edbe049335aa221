/** Which file the broker of this machine is configured in. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "tap";
import { ofInitScripts } from "../../src/brokers/own-broker.ts";
import { readOwnQpiddConf } from "../../src/io/qpidd-conf-file.ts";

test("the file that the settings of the init scripts name", async (t) => {
  const directory = t.testdir({ "qpidd.conf": "ha-cluster=yes\n" });
  const [settings, conf] = ["settings", "qpidd.conf"].map((name) => join(directory, name));
  if (settings === undefined || conf === undefined) throw new Error("no paths");
  const files = [join(directory, "absent"), settings];
  writeFileSync(settings, `QPID_CONFIG=${conf}\n`);
  const read = await readOwnQpiddConf(ofInitScripts, files);
  t.same(read, { path: conf, text: { ok: true, value: "ha-cluster=yes\n" } });
  writeFileSync(settings, `QPID_CONFIG=${conf}.absent\n`);
  const absent = await readOwnQpiddConf(ofInitScripts, files);
  t.match(absent, { path: `${conf}.absent`, text: { ok: false, problem: /ENOENT|no such file/i } });
});
