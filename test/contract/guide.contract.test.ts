import { createFunctionConnector } from "../../agents/function/index.ts";
import { createGuideAgent } from "../../agents/guide/index.ts";
import { describeConnectorContract } from "./connector-suite.ts";
import { guideHarness } from "./rigs/guide-rig.ts";

describeConnectorContract(guideHarness(createGuideAgent, createFunctionConnector));
