import { resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { ParleyError } from "../../src/errors/parley-error.ts";
import type { AgentFunction } from "../shared/agent-function.ts";
import { describeThrown } from "../shared/describe-fault.ts";

/**
 * Guarantees the default export of a module as an agent function.
 *
 * Throws AGENT_UNAVAILABLE when there is no such file, AGENT_NOT_CONFIGURED when it exports no function, AGENT_CRASHED when it throws while loading.
 */
export async function loadAgentModule(module: string, folder: string): Promise<AgentFunction> {
  const url = module.startsWith("file:") ? new URL(module) : pathToFileURL(resolve(folder, module));
  const loaded = await importModule(url);
  if (!isAgentFunction(loaded.default)) {
    throw new ParleyError("AGENT_NOT_CONFIGURED", {
      detail: `${fileURLToPath(url)} has no function as its default export`,
    });
  }
  return loaded.default;
}

async function importModule(url: URL): Promise<{ readonly default?: unknown }> {
  try {
    // The shape of an imported module is known at run time alone; the caller checks what it uses.
    return (await import(url.href)) as { readonly default?: unknown };
  } catch (thrown) {
    const code = thrown instanceof Error && "code" in thrown ? thrown.code : undefined;
    if (code === "ERR_MODULE_NOT_FOUND") {
      throw new ParleyError("AGENT_UNAVAILABLE", {
        detail: `${fileURLToPath(url)}, or something it imports, does not exist`,
      });
    }
    throw new ParleyError("AGENT_CRASHED", {
      detail: `${fileURLToPath(url)} cannot be loaded: ${describeThrown(thrown)}`,
    });
  }
}

function isAgentFunction(value: unknown): value is AgentFunction {
  return typeof value === "function";
}
