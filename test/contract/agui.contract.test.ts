import { createAguiConnector } from "../../agents/agui/index.ts";
import { describeConnectorContract } from "./connector-suite.ts";
import { aguiHarness } from "./rigs/agui-rig.ts";

describeConnectorContract(aguiHarness(createAguiConnector));
