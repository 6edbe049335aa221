/**
 * What a configuration of Pacemaker says → the draft of `<rm>`, fence devices and their use.
 * Source: Pacemaker Explained 2.1; rgmanager(8).
 * Tested in: test/import/import-golden.test.ts
 */
import { clusterProperties } from "./cluster-properties.ts";
import { type ConfDraft, SectionDraft } from "./conf-draft.ts";
import { confElement } from "./conf-element.ts";
import { readQuorumOptions } from "./corosync-conf.ts";
import { type FenceDrafts, fenceElements } from "./fence-elements.ts";
import type { PacemakerConf } from "./pacemaker-conf.ts";
import { ServiceDrafts } from "./service-drafts.ts";
import { unitsOf } from "./service-units.ts";

export type PacemakerDraft = { readonly draft: ConfDraft; readonly fence: FenceDrafts };

/** `nodes`: the names of the nodes of the cluster.conf. */
export function draftOfPacemaker(conf: PacemakerConf, nodes: readonly string[]): PacemakerDraft {
  const cman = new SectionDraft();
  readQuorumOptions(conf.quorum, cman);
  const fenceDaemon = new SectionDraft();
  const rm = new SectionDraft();
  clusterProperties(conf, { cman, fenceDaemon, rm, nodes });
  const services = new ServiceDrafts(conf, nodes);
  const units = unitsOf(conf);
  for (const { at, text } of [...units.remarks, ...conf.remarks]) rm.remark(at, text);
  services.add(units);
  for (const { at, text } of services.remarks()) rm.remark(at, text);
  const { domains, definitions, services: elements } = services;
  const { at } = conf;
  if (domains.length > 0) rm.child(confElement("failoverdomains", at, { children: domains }));
  if (definitions.length > 0) rm.child(confElement("resources", at, { children: definitions }));
  for (const service of elements) rm.child(service);
  const draft = {
    at,
    name: conf.name,
    nodes: conf.nodes,
    nodesExpected: null,
    sections: { cman: cman.section, fence_daemon: fenceDaemon.section, rm: rm.section },
    accounts: [],
    remarks: [],
  };
  return { draft, fence: fenceElements(conf, nodes) };
}
