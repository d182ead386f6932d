import { describeConnectorContract } from "./connector-suite.ts";
import { n8nHarness } from "./rigs/n8n-rig.ts";

describeConnectorContract(n8nHarness());
