export { AguiConfig } from "./config.ts";
export { createAguiConnector } from "./connector.ts";
