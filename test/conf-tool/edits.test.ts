/** What each edit changes in files of different layouts, as golden lists of changed lines. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { test } from "tap";
import { editRules } from "../../src/conf-tool/edit-table.ts";
import { listings } from "../../src/conf-tool/listings.ts";
import { sameAsGolden } from "../cli/golden-file.ts";
import { lineChanges } from "./line-changes.ts";
import { MemoryFiles } from "./memory-files.ts";

const golden = (name: string) =>
  readFileSync(fileURLToPath(new URL(`../../../test/golden/${name}`, import.meta.url)), "utf8");

/** Tabs, and elements that do not begin their line. */
const ipmi = golden("real-style/two-node-ipmi.conf");
const manual = golden("qpid-manual-cluster.conf");

/** Each call begins with the file as it is; the transcript has its changes and what it says. */
async function transcript(conf: string, calls: readonly string[]): Promise<string> {
  let text = "";
  for (const call of calls) {
    const files = new MemoryFiles(conf);
    const { out, err, exit } = await files.ccs(...call.split(" "));
    text += `$ ccs-ts ${call}\n${lineChanges(conf, files.conf ?? "")}${out}${err}`;
    text += exit === 0 ? "\n" : `exit ${exit}\n\n`;
  }
  return text;
}

test("each edit of a file with tabs and full lines changes only what it is about", async (t) => {
  const calls = [
    "--addnode 10.1.0.13 --setcman",
    "--addnode 10.1.0.13",
    "--addnode 10.1.0.12",
    "--addnode 10.1.0.13 --nodeid 2 --setcman",
    "--rmnode 10.1.0.12 --setcman",
    "--rmnode 10.1.0.21",
    '--addfencedev apc agent=fence_apc ipaddr=10.1.1.9 passwd=a<b&"c',
    "--addfencedev apc ipaddr=10.1.1.9",
    "--rmfencedev ipmi-1",
    "--addmethod 2 10.1.0.11",
    "--addmethod 1 10.1.0.11",
    "--addmethod 2 10.1.0.11 --addfenceinst ipmi-2 10.1.0.11 2 port=4 --rmmethod 1 10.1.0.11",
    "--addfenceinst ipmi-3 10.1.0.11 1",
    "--addfenceinst ipmi-1 10.1.0.11 3",
    "--rmfenceinst ipmi-1 10.1.0.11 1",
    "--addunfenceinst ipmi-1 10.1.0.11 action=on",
    "--rmunfenceinst ipmi-1 10.1.0.11",
    "--addfencedev scsi agent=fence_scsi --addfenceinst scsi 10.1.0.11 1 devices=/dev/sda",
    "--addfencedev scsi agent=fence_scsi --addfenceinst scsi 10.1.0.11 1 --nounfence",
    "--addfailoverdomain db restricted ordered --addfailoverdomainnode db 10.1.0.11 1",
    "--addfailoverdomain db sorted",
    "--rmfailoverdomain web-domain",
    "--addfailoverdomainnode web-domain 10.1.0.12 7",
    "--addfailoverdomainnode web-domain 10.1.0.12 101",
    "--rmfailoverdomainnode web-domain 10.1.0.12",
    "--addresource script name=db file=/etc/init.d/db",
    "--addresource script name=httpd file=/etc/init.d/db",
    "--rmresource script name=httpd",
    "--addservice db domain=web-domain recovery=restart",
    "--addservice web",
    "--rmservice web",
    "--addvm mail use_virsh=1 path=/etc/libvirt/qemu",
    "--rmvm mail",
    "--addsubservice web fs:script ref=httpd",
    "--addsubservice web fs[1]:script ref=httpd",
    "--addsubservice www ip ref=10.1.0.100",
    "--rmsubservice web script",
    "--rmsubservice web script[0]",
    "--setcman two_node=1 expected_votes=1 port=5409",
    "--setfencedaemon post_join_delay=25",
    "--settotem token=20000",
    "--settotem tokne=20000",
    "--setlogging debug=on",
    "--setrm status_poll_interval=5",
    "--setdlm log_debug=1",
    "--setmulticast 239.1.2.3 ttl=2",
    "--setmulticast",
    "--addlogging name=fenced debug=on",
    "--rmlogging name=fenced",
    "--setuidgid uid=qpidd",
    "--rmuidgid uid=qpidd",
    "--setversion 100",
    "--setversion soon",
    "--incversion",
  ];
  const used = new Set(calls.flatMap((call) => call.match(/(?<=--)[a-z]+/g) ?? []));
  const unused = Object.keys(editRules).filter((name) => !used.has(name));
  t.same(unused, ["createcluster"], "every edit is tried");
  sameAsGolden(t, "ccs/two-node-ipmi.txt", await transcript(ipmi, calls));
});

test("comments and stray text of the manual's example stay where they are", async (t) => {
  const calls = [
    "--addnode node4.example.com",
    "--addservice test-group --addsubservice test-group script name=q file=/etc/init.d/q",
    "--addresource ip address=20.0.20.201",
    "--rmservice node1-qpidd-service",
    "--setcman expected_votes=3",
    "--addmethod power node1.example.com",
  ];
  sameAsGolden(t, "ccs/manual.txt", await transcript(manual, calls));
});

test("line ends of DOS, quotes, inline elements and comments behind them are kept", async (t) => {
  const conf = [
    "\ufeff<cluster config_version = '7' name='c'>",
    "    <clusternodes><clusternode name='n1' nodeid='1'/></clusternodes> <!-- one -->",
    "    <rm>  <!-- nothing yet --></rm>",
    "    <fence_daemon",
    "        post_join_delay='3'",
    "        post_fail_delay='0'/>",
    "</cluster>",
    "",
  ].join("\r\n");
  const calls = [
    "--addnode n2",
    "--addmethod m n1",
    "--addservice s",
    "--setfencedaemon post_join_delay=20 post_fail_delay=0 override_time=5",
    "--setfencedaemon post_fail_delay=0",
    "--settotem",
  ];
  sameAsGolden(t, "ccs/dos.txt", await transcript(conf, calls));
});

test("a new cluster is made step by step, as the guides do it", async (t) => {
  const files = new MemoryFiles();
  let said = "";
  for (const call of [
    "--createcluster opennebula",
    "--setcman two_node=1 expected_votes=1",
    "--addnode one1",
    "--addnode one2",
    "--addfailoverdomain on ordered restricted",
    "--addfailoverdomainnode on one1 1",
    "--addfailoverdomainnode on one2 2",
    "--addresource ip address=10.10.11.12 sleeptime=10 monitor_link=1",
    "--addservice one domain=on autostart=1",
    "--addsubservice one ip ref=10.10.11.12",
  ]) {
    const { err, exit } = await files.ccs(...call.split(" "));
    said += `$ ccs-ts ${call}\n${err}${exit === 0 ? "" : `exit ${exit}\n`}`;
  }
  sameAsGolden(t, "ccs/guide.txt", `${said}\n${files.conf}`);
});

test("the listings have the layout of ccs", async (t) => {
  const calls = [...Object.keys(listings).map((name) => `--${name}`), "--getversion"];
  sameAsGolden(t, "ccs/listings.txt", await transcript(ipmi, calls));
});
