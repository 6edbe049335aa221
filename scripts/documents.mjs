// Writes the documents that are made from the rules of the configuration; see src/documents.
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { confManual } from "../build/src/documents/conf-manual.js";
import { confSchema } from "../build/src/documents/conf-schema.js";

const root = fileURLToPath(new URL("..", import.meta.url));
writeFileSync(`${root}man/cluster.conf.5`, confManual());
writeFileSync(`${root}conf/cluster.rng`, confSchema());
