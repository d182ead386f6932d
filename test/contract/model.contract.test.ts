import { createModelConnector, ModelConfig } from "../../agents/model/index.ts";
import { describeConnectorContract } from "./connector-suite.ts";
import { modelHarness } from "./rigs/model-rig.ts";

const LOOPBACK = { allowPrivateAddresses: true, allowedCidrs: [] };

for (const provider of ["openai-compatible", "anthropic"] as const) {
  describeConnectorContract(
    modelHarness(`the model connector (${provider})`, (endpoint) =>
      createModelConnector(ModelConfig.parse({ kind: "model", provider, ...endpoint }), { network: LOOPBACK }),
    ),
  );
}
