import { createWebAdapter } from "../../adapters/web/index.ts";
import { webHarness } from "./adapter-suite/rigs/web-rig.ts";
import { describeAdapterContract } from "./adapter-suite/suite.ts";

for (const backend of ["pglite", "postgres"] as const)
  describeAdapterContract(webHarness({ create: createWebAdapter, backend }));
