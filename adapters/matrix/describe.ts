import type { Installation } from "../../src/contracts/adapter-sink.ts";
import { ParleyError } from "../../src/errors/parley-error.ts";
import { clientPath, type HomeserverClient } from "./client.ts";
import type { MatrixConfig } from "./config.ts";
import { asUserId, localpartOf, serverOf } from "./matrix-ids.ts";
import { asString } from "./raw.ts";

type NewInstallation = Omit<Installation, "installationId" | "status">;

/** Asks the homeserver whose tokens are configured. Throws PLATFORM_UNAUTHORIZED when it refuses one. */
export async function describeAccounts(
  config: MatrixConfig,
  clientOf: (accessToken: string) => HomeserverClient,
): Promise<readonly NewInstallation[]> {
  const installations: NewInstallation[] = [];
  if (config.accessToken !== undefined)
    installations.push(await describeBot(config, clientOf(config.accessToken), config.accessToken));
  if (config.appServiceToken !== undefined && config.homeserverToken !== undefined)
    installations.push(
      await describeService(config, clientOf(config.appServiceToken), {
        accessToken: config.appServiceToken,
        homeserverToken: config.homeserverToken,
      }),
    );
  return installations;
}

async function describeBot(
  config: MatrixConfig,
  client: HomeserverClient,
  accessToken: string,
): Promise<NewInstallation> {
  const { userId, deviceId } = await whoAmI(client);
  const profile = await client
    .call({ method: "GET", label: "profile", path: clientPath("profile", userId, "displayname") })
    .catch(() => undefined);
  const botName = asString(profile?.["displayname"]) ?? localpartOf(userId);
  return {
    organizationId: config.organizationId,
    platform: "matrix",
    externalId: userId,
    name: userId,
    settings: {
      homeserverUrl: config.homeserverUrl,
      userId,
      botName,
      encryption: config.encryption,
      ...(deviceId === undefined ? {} : { deviceId }),
    },
    secrets: {
      accessToken,
      ...(config.recoveryKey === undefined ? {} : { recoveryKey: config.recoveryKey }),
      ...(config.storeKey === undefined ? {} : { storeKey: config.storeKey }),
    },
  };
}

async function describeService(
  config: MatrixConfig,
  client: HomeserverClient,
  secrets: { readonly accessToken: string; readonly homeserverToken: string },
): Promise<NewInstallation> {
  const { userId } = await whoAmI(client);
  if (localpartOf(userId) !== config.senderLocalpart)
    throw new ParleyError("CONFIG_INVALID", {
      detail: `the registration's sender is ${localpartOf(userId)}, and ${config.senderLocalpart} is configured`,
    });
  return {
    organizationId: config.organizationId,
    platform: "matrix",
    externalId: userId,
    name: `application service on ${serverOf(userId)}`,
    settings: {
      homeserverUrl: config.homeserverUrl,
      userId,
      botName: localpartOf(userId),
      puppetPrefix: config.puppetPrefix,
    },
    secrets: { ...secrets },
  };
}

async function whoAmI(client: HomeserverClient): Promise<{ userId: string; deviceId: string | undefined }> {
  const answer = await client.call({ method: "GET", label: "whoami", path: clientPath("account", "whoami") });
  const userId = asUserId(answer["user_id"]);
  if (userId === undefined)
    throw new ParleyError("PLATFORM_UNAVAILABLE", {
      detail: "whoami names no user: is that the address of a homeserver?",
    });
  return { userId, deviceId: asString(answer["device_id"]) };
}
