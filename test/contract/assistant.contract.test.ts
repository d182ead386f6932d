import { createAssistantDefinition } from "../../agents/assistant/index.ts";
import { createConnector } from "../../agents/registry.ts";
import { describeConnectorContract } from "./connector-suite.ts";
import { modelHarness } from "./rigs/model-rig.ts";

describeConnectorContract(
  modelHarness("the assistant", (endpoint) =>
    createConnector(createAssistantDefinition({ openai: endpoint }).connector, { source: "builtin" }),
  ),
);
