import { randomBytes } from "node:crypto";
import {
  EncryptedPerson,
  MatrixApi,
  MatrixPerson,
  PushRouter,
  type Synapse,
  startSynapse,
} from "../../../support/matrix/index.ts";

/** Application services that one homeserver knows; each rig has one for itself, and twins have two. */
const SERVICES = 160;

/** One application service of the homeserver's. */
export interface Service {
  readonly name: string;
  readonly senderLocalpart: string;
  readonly puppetPrefix: string;
  readonly asToken: string;
  readonly hsToken: string;
}

/** What all rigs of a harness share: one homeserver, and the way from it to the application services. */
export interface MatrixStage {
  readonly synapse: Synapse;
  readonly router: PushRouter;
  person(name: string): Promise<MatrixPerson>;
  /** One whose client encrypts; it takes a while to start, so that all rigs have the same of each name. */
  encrypting(name: string): Promise<EncryptedPerson>;
  /** One that no other rig has. */
  service(): Service;
  stop(): Promise<void>;
}

export async function startMatrixStage(withServices: boolean): Promise<MatrixStage> {
  const router = await PushRouter.start();
  const services = Array.from({ length: withServices ? SERVICES : 0 }, (_, index) => serviceOf(index));
  const synapse = await startSynapse({
    applicationServices: services.map((service) => registrationOf(service, router.addressOf(service.name))),
  });
  const free = [...services];
  const encrypting = new Map<string, Promise<EncryptedPerson>>();
  const account = (name: string) =>
    synapse.register({ localpart: `${name.toLowerCase()}-${randomBytes(4).toString("hex")}`, displayName: name });
  return {
    synapse,
    router,
    person: async (name) => new MatrixPerson(synapse.url, await account(name)),
    encrypting: (name) => {
      const known = encrypting.get(name) ?? account(name).then((made) => EncryptedPerson.start(synapse.url, made));
      encrypting.set(name, known);
      return known;
    },
    service: () => {
      const service = free.shift();
      if (service === undefined) throw new Error(`more than ${SERVICES} application services are wanted`);
      return service;
    },
    stop: async () => {
      for (const person of encrypting.values()) (await person).stop();
      await synapse.stop();
      await router.stop();
    },
  };
}

/** Calls as one of the service's accounts, past every proxy; the account is made when there is none. */
export async function puppetOf(stage: MatrixStage, service: Service, localpart: string): Promise<MatrixPerson> {
  const { synapse } = stage;
  const api = new MatrixApi(synapse.url, service.asToken);
  await api
    .call("POST", "/_matrix/client/v3/register", {
      body: { type: "m.login.application_service", username: localpart, inhibit_login: true },
    })
    .catch((error: unknown) => {
      if (!String(error).includes("M_USER_IN_USE")) throw error;
    });
  const userId = `@${localpart}:${synapse.serverName}`;
  const account = { userId, password: "", accessToken: service.asToken, deviceId: "" };
  return new MatrixPerson(synapse.url, account, { puppet: true });
}

function serviceOf(index: number): Service {
  const name = `as${index}`;
  return {
    name,
    senderLocalpart: `${name}.parley`,
    puppetPrefix: `${name}.agent_`,
    asToken: randomBytes(16).toString("hex"),
    hsToken: randomBytes(16).toString("hex"),
  };
}

/** A registration file, in JSON, which is YAML too. */
function registrationOf(service: Service, url: string): string {
  return JSON.stringify({
    id: service.name,
    url,
    as_token: service.asToken,
    hs_token: service.hsToken,
    sender_localpart: service.senderLocalpart,
    rate_limited: false,
    namespaces: {
      users: [{ exclusive: true, regex: `@${service.puppetPrefix.replaceAll(".", "\\.")}.*` }],
      aliases: [],
      rooms: [],
    },
  });
}
