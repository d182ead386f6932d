import { createSlackAdapter } from "../../adapters/slack/index.ts";
import { slackHarness } from "./adapter-suite/rigs/slack-rig.ts";
import { describeAdapterContract } from "./adapter-suite/suite.ts";

for (const transport of ["http", "socket"] as const)
  describeAdapterContract(slackHarness({ create: createSlackAdapter, transport }));
