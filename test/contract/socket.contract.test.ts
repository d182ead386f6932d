import { createSocketConnector } from "../../agents/socket/index.ts";
import { describeConnectorContract } from "./connector-suite.ts";
import { socketHarness } from "./rigs/socket-rig.ts";

describeConnectorContract(socketHarness(createSocketConnector));
