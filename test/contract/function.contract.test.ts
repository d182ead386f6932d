import { createFunctionConnector } from "../../agents/function/index.ts";
import { describeConnectorContract } from "./connector-suite.ts";
import { functionHarness } from "./rigs/function-rig.ts";

describeConnectorContract(functionHarness(createFunctionConnector));
