import { describeConnectorContract } from "./connector-suite.ts";
import { callbackHarness } from "./rigs/callback-rig.ts";

describeConnectorContract(callbackHarness());
