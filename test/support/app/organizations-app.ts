import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { createApp } from "../../../src/app.ts";
import { loadConfig } from "../../../src/config/load-config.ts";
import type { Logger } from "../../../src/contracts/logger.ts";
import { createTestDatabase } from "../servers/shared-servers.ts";

const quiet = (): void => undefined;
const silent: Logger = { debug: quiet, info: quiet, warn: quiet, error: quiet, child: () => silent };

/** The deployment's own token in these tests. */
export const OPERATOR = "prl_op_uQ7cVn3xK9wRt5Zb2mLd8Hs4Jf6Pg1Ya";
const SECRET_KEY = "k-4fT9wQz7LmX2vB6nR8cJ1hD5sG3pY0aE-tests-only";

/** One process of a deployment with organizations. */
export interface OrganizationsApp {
  readonly url: string;
  /** Calls the API; the operator's token unless told otherwise. */
  call(method: string, path: string, options?: CallOptions): Promise<{ status: number; body: unknown }>;
  /** A link that signs the owner of an organization in. */
  ownerLink(organization?: string): Promise<string>;
}

export interface CallOptions {
  readonly token?: string | null;
  readonly json?: unknown;
  readonly organization?: string;
}

/** A deployment on a real PostgreSQL that several processes may share. */
export interface Deployment {
  readonly databaseUrl: string;
  /** Another configuration than the deployment's is that of a process that was started later. */
  process(config?: string): Promise<OrganizationsApp>;
}

function isJson(answer: Response): boolean {
  return answer.headers.get("content-type")?.startsWith("application/json") === true;
}

/** `config` is what `parley.config.mjs` exports, as text of a module. */
export async function createDeployment(config: string): Promise<Deployment> {
  const databaseUrl = await createTestDatabase();
  return {
    databaseUrl,
    async process(own = config) {
      const folder = await mkdtemp(join(tmpdir(), "parley-organizations-"));
      await writeFile(join(folder, "parley.config.mjs"), own);
      const app = await createApp(
        await loadConfig({
          cwd: folder,
          env: {
            PARLEY_DATA: join(folder, "data"),
            PARLEY_PORT: "0",
            PARLEY_TOKEN: OPERATOR,
            PARLEY_SECRET_KEY: SECRET_KEY,
            DATABASE_URL: databaseUrl,
          },
        }),
        silent,
      );
      onTestFinished(async () => {
        await app.stop("test");
        await rm(folder, { recursive: true, force: true });
      });
      const { url } = await app.start();
      const call: OrganizationsApp["call"] = async (method, path, { token = OPERATOR, json, organization } = {}) => {
        const headers = new Headers();
        if (token !== null) headers.set("authorization", `Bearer ${token}`);
        if (organization !== undefined) headers.set("parley-organization", organization);
        if (json !== undefined) headers.set("content-type", "application/json");
        const answer = await fetch(`${url}${path}`, {
          method,
          headers,
          ...(json === undefined ? {} : { body: JSON.stringify(json) }),
        });
        const text = await answer.text();
        return { status: answer.status, body: isJson(answer) && text !== "" ? JSON.parse(text) : text };
      };
      return {
        url,
        call,
        async ownerLink(organization) {
          const { body } = await call("POST", "/api/sign-in-links", { ...(organization && { organization }) });
          return (body as { link: string }).link; // as the API's schema says
        },
      };
    },
  };
}
