import { createA2aConnector } from "../../agents/a2a/index.ts";
import { describeConnectorContract } from "./connector-suite.ts";
import { a2aHarness } from "./rigs/a2a-rig.ts";

describeConnectorContract(a2aHarness(createA2aConnector, "1.0"));
describeConnectorContract(a2aHarness(createA2aConnector, "0.3"));
