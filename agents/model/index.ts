export { findPrograms, ModelConfig, type ModelConfigInput } from "./config.ts";
export { createModelConnector, type ModelConnectorOptions } from "./connector.ts";
export { PROVIDER_VARIABLES } from "./endpoint.ts";
export { createModelWriter, type WriterPrompt } from "./writer.ts";
