import { connectAgent } from "../../agents/client/index.ts";
import { describeConnectorContract } from "./connector-suite.ts";
import { clientHarness, pythonHarness } from "./rigs/dial-in-author-rig.ts";

describeConnectorContract(clientHarness(connectAgent));
describeConnectorContract(pythonHarness());
