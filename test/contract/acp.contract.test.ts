import { createAcpConnector } from "../../agents/acp/index.ts";
import { describeConnectorContract } from "./connector-suite.ts";
import { acpHarness } from "./rigs/acp-rig.ts";

describeConnectorContract(acpHarness(createAcpConnector));
