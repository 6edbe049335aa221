/** The classic format, on cases of the kind that was recorded with it. */
import { test } from "tap";
import { accept } from "../../src/model/outcome.ts";
import { classicRgTest } from "./classic.ts";

async function classic(words: string, files: Readonly<Record<string, string>>): Promise<string> {
  let out = "";
  await classicRgTest(words.split(" "), {
    out: (text) => {
      out += text;
    },
    err: () => {},
    read: (path) => Promise.resolve(accept(`<cluster><rm>${files[path] ?? ""}</rm></cluster>`)),
  });
  return out;
}

const client = (name: string, options: string) =>
  `<nfsclient name="${name}" target="${name}.example.com" options="${options}"/>`;

function exported(options: string): string {
  return (
    `<resources><service name="files"/><nfsexport name="exports"/>` +
    `<fs name="home" mountpoint="/home" device="/dev/vg/home"/><ip address="10.1.1.1"/>` +
    `${client("a", options)}${client("b", "ro")}</resources>` +
    `<service ref="files"><ip ref="10.1.1.1"/><fs ref="home"><nfsexport ref="exports">` +
    `<nfsclient ref="a"/><nfsclient ref="b"/></nfsexport></fs></service>`
  );
}

test("nothing but an inline service", async (t) => {
  t.equal(
    await classic("test a", { a: `<service name="alone" domain="d"/>` }),
    "=== Resources List ===\nResource type: service [INLINE]\nInstances: 1/1\n" +
      "Agent: service.sh\nAttributes:\n  name = alone [ primary unique required ]\n" +
      '  domain = d\n\n=== Resource Tree ===\nservice {\n  name = "alone";\n' +
      '  domain = "d";\n}\n',
  );
});

test("values come through several levels, what has none leaves only its indentation", async (t) => {
  const out = await classic("test a", { a: exported("rw") });
  t.equal(
    out.slice(out.indexOf("=== Resource Tree")),
    `=== Resource Tree ===
service {
  name = "files";
  fs {
    name = "home";
    mountpoint = "/home";
    device = "/dev/vg/home";
        nfsexport {
      name = "exports";
      device = "/dev/vg/home";
      path = "/home";
            nfsclient {
        name = "a";
        target = "a.example.com";
        path = "/home";
                options = "rw";
      }
      nfsclient {
        name = "b";
        target = "b.example.com";
        path = "/home";
                options = "ro";
      }
    }
  }
  ip {
    address = "10.1.1.1";
    monitor_link = "1";
      }
}
`,
  );
  t.match(out, /Resource type: fs\nInstances: 1\/1\nAgent: fs.sh\n/);
  t.match(out, /\n {2}nfslock \[ inherit\("service%nfslock"\) \]\n/);
});

test("resource case 11: a type further up is not looked for by the classic rules", async (t) => {
  const script = `<script name="x" file="/x"/>`;
  const fs = `<fs name="f" mountpoint="/f" device="/d">${script}</fs>`;
  const inside = `<service name="s">${fs}</service>`;
  const out = await classic("test a", { a: inside });
  t.match(out, /file = "\/x";\n {10}\}\n/);
  t.notMatch(out, /service_name = /);
});

test("resource case 27: the calls of start and stop, with typed and nested children", async (t) => {
  const start = ["service:files", "fs:home", "nfsexport:exports", "nfsclient:a", "nfsclient:b"];
  const all = [...start, "ip:10.1.1.1"];
  t.same((await classic("noop a start service files", { a: exported("rw") })).split("\n"), [
    "Starting files...",
    ...all.map((one) => `[start] ${one}`),
    "Start of files complete",
    "",
  ]);
  const stop = ["ip:10.1.1.1", ...start.toReversed()];
  t.same((await classic("noop a stop service files", { a: exported("rw") })).split("\n"), [
    "Stopping files...",
    ...stop.map((one) => `[stop] ${one}`),
    "Stop of files complete",
    "",
  ]);
});

test("a changed shared resource is marked in the lists and where it occurs", async (t) => {
  const out = await classic("delta a b", { a: exported("rw"), b: exported("ro") });
  const lines = out.split("\n").map((line) => line.trim());
  const marked = lines.filter((line) => line.includes("NEED") || line.startsWith("==="));
  t.same(marked, [
    "=== Old Resource List ===",
    "Resource type: nfsclient [NEEDSTOP]",
    "=== New Resource List ===",
    "Resource type: nfsclient [NEEDSTART]",
    "=== Old Resource Tree ===",
    "nfsclient [ NEEDSTOP ] {",
    "=== New Resource Tree ===",
    "nfsclient [ NEEDSTART ] {",
  ]);
});

test("a resource that moves from inline to a reference is the same", async (t) => {
  const inline = `<service name="s"><ip address="10.1.1.1"/></service>`;
  const referred =
    `<resources><service name="s"/><ip address="10.1.1.1"/></resources>` +
    `<service ref="s"><ip ref="10.1.1.1"/></service>`;
  t.notMatch(await classic("delta a b", { a: inline, b: referred }), /NEED/);
});
