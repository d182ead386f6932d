import { AgentCard } from "@a2a-js/sdk";
import type { OutsideTarget } from "../../contracts/outside-tasks.ts";

export const A2A_PREFIX = "/a2a";
const VERSION = "1.0.0";

/** Path of what speaks for an agent or room; its card is below it. */
export function pathOf(target: OutsideTarget): string {
  return "agent" in target
    ? `${A2A_PREFIX}/agents/${encodeURIComponent(target.agent.handle)}`
    : `${A2A_PREFIX}/rooms/${encodeURIComponent(target.room.name)}`;
}

/** The address of a target's card. */
export function cardUrlOf(target: OutsideTarget, baseUrl: string): string {
  return `${baseUrl}${pathOf(target)}/.well-known/agent-card.json`;
}

function describe(target: OutsideTarget): { readonly name: string; readonly description: string; readonly id: string } {
  if ("agent" in target) {
    const { handle, name, description } = target.agent;
    return { id: handle, name, description: description || `${name}, an agent of this Parley.` };
  }
  const { name, topic } = target.room;
  const description = `The room ${name}${topic === "" ? "" : ` (${topic})`}: what is said here is read by people and agents; name an agent with @ to ask it.`;
  return { id: name, name: `#${name}`, description };
}

/** The card of an agent or room as A2A 1.0 wants it. */
export function cardOf(target: OutsideTarget, baseUrl: string): unknown {
  const { id, name, description } = describe(target);
  const url = `${baseUrl}${pathOf(target)}`;
  return AgentCard.toJSON({
    name,
    description,
    version: VERSION,
    supportedInterfaces: ["1.0", "0.3"].map((protocolVersion) => ({
      url,
      protocolBinding: "JSONRPC",
      tenant: "",
      protocolVersion,
    })),
    provider: { organization: "Parley", url: baseUrl },
    capabilities: { streaming: true, pushNotifications: true, extensions: [] },
    securitySchemes: {
      bearer: {
        scheme: {
          $case: "httpAuthSecurityScheme",
          value: { description: "A token of the API with the scope talk", scheme: "bearer", bearerFormat: "" },
        },
      },
    },
    securityRequirements: [{ schemes: { bearer: { list: [] } } }],
    defaultInputModes: ["text/plain", "application/json", "application/octet-stream"],
    defaultOutputModes: ["text/markdown", "application/json", "application/octet-stream"],
    skills: [
      {
        id,
        name,
        description,
        tags: ["chat"],
        examples: [],
        inputModes: [],
        outputModes: [],
        securityRequirements: [],
      },
    ],
    signatures: [],
  });
}

/** The same card for clients of version 0.3, which say of no version that they speak it. */
export function oldCardOf(target: OutsideTarget, baseUrl: string): unknown {
  const { id, name, description } = describe(target);
  return {
    protocolVersion: "0.3.0",
    name,
    description,
    version: VERSION,
    url: `${baseUrl}${pathOf(target)}`,
    preferredTransport: "JSONRPC",
    provider: { organization: "Parley", url: baseUrl },
    capabilities: { streaming: true, pushNotifications: true },
    securitySchemes: { bearer: { type: "http", scheme: "bearer" } },
    security: [{ bearer: [] }],
    defaultInputModes: ["text/plain", "application/json", "application/octet-stream"],
    defaultOutputModes: ["text/markdown", "application/json", "application/octet-stream"],
    skills: [{ id, name, description, tags: ["chat"] }],
  };
}
