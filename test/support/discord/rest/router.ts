import type { Handler } from "./call.ts";

interface Route {
  readonly name: string;
  readonly method: string;
  readonly segments: readonly string[];
  readonly handler: Handler;
}

export interface Match {
  /** `POST /channels/:channel/messages`. */
  readonly name: string;
  readonly handler: Handler;
  readonly params: Readonly<Record<string, string>>;
}

/** Finds the route of a path; literal segments win over named ones. */
export class Router {
  readonly #routes: readonly Route[];

  constructor(handlers: Readonly<Record<string, Handler>>) {
    this.#routes = Object.entries(handlers)
      .map(([name, handler]) => {
        const [method = "", path = ""] = name.split(" ");
        return { name, method, segments: path.split("/").slice(1), handler };
      })
      .toSorted((one, other) => namedIn(one) - namedIn(other));
  }

  find(method: string, path: string): Match | undefined {
    const segments = path.split("/").slice(1);
    for (const route of this.#routes) {
      if (route.method !== method || route.segments.length !== segments.length) continue;
      const params = paramsOf(route.segments, segments);
      if (params !== undefined) return { name: route.name, handler: route.handler, params };
    }
    return undefined;
  }
}

function namedIn(route: Route): number {
  return route.segments.filter((segment) => segment.startsWith(":")).length;
}

function paramsOf(pattern: readonly string[], segments: readonly string[]): Record<string, string> | undefined {
  const params: Record<string, string> = {};
  for (const [index, expected] of pattern.entries()) {
    const given = segments[index] ?? "";
    if (expected.startsWith(":")) params[expected.slice(1)] = decoded(given);
    else if (expected !== given) return undefined;
  }
  return params;
}

function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}
