import type { FastifyInstance } from "fastify";
import type { ChatAdapter, Target } from "../../src/contracts/adapter.ts";
import type { AdapterFeatures } from "../../src/contracts/adapter-features.ts";
import type { AdapterSink, Installation, InstallationStore } from "../../src/contracts/adapter-sink.ts";
import { ParleyError } from "../../src/errors/parley-error.ts";

/** What turns replies into posts. */
export type Renderer = Pick<ChatAdapter, "render" | "losses">;

export interface OrganizationAdapter {
  readonly organizationId: string;
  readonly adapter: ChatAdapter;
}

/**
 * One adapter of a platform out of those that each organization has, with tokens of its own.
 *
 * Guarantees that an organization's adapter sees its own installations alone and brings in events of its own alone, and that what goes
 * out goes by the adapter of the organization it is for. A feature is there when all of them have it. Replies are rendered before it is
 * known where they go, so `renderer` must be one that suits all.
 */
export function composeByOrganization(
  parts: readonly [OrganizationAdapter, ...OrganizationAdapter[]],
  renderer: Renderer,
): ChatAdapter {
  const [{ adapter: first }, ...others] = parts;
  const owners = new Map<string, string>();
  const all = parts.map(({ adapter }) => adapter);
  const byOrganization = new Map(parts.map(({ organizationId, adapter }) => [organizationId, adapter]));

  const of = (organizationId: string | undefined): ChatAdapter => {
    const adapter = organizationId === undefined ? undefined : byOrganization.get(organizationId);
    if (adapter === undefined)
      throw new ParleyError("PLATFORM_UNAVAILABLE", {
        detail: `${first.platform} is not connected for the organization ${organizationId ?? "of this installation"}`,
      });
    return adapter;
  };
  const mounts = all.flatMap((adapter) => (adapter.mount === undefined ? [] : [adapter.mount.bind(adapter)]));

  return {
    platform: first.platform,
    limits:
      others.length === 0
        ? first.limits
        : { ...first.limits, orderingHoldMs: Math.max(...all.map(({ limits }) => limits.orderingHoldMs ?? 0)) },
    features: others.length === 0 ? first.features : composeFeatures(all, of, (id) => of(owners.get(id))),
    async start(sink, signal) {
      await Promise.all(
        parts.map(({ organizationId, adapter }) => adapter.start(sinkOf(sink, organizationId, owners), signal)),
      );
    },
    async stop() {
      await Promise.all(all.map((adapter) => adapter.stop()));
    },
    ...(mounts.length > 0 && {
      mount: async (server: FastifyInstance) => {
        for (const mount of mounts) await server.register(async (scope) => await mount(scope));
      },
    }),
    render: (...given) => renderer.render(...given),
    losses: (...given) => renderer.losses(...given),
    send: async (post) => await of(post.target.organizationId).send(post),
    reconcile: async (query) => await of(query.target.organizationId).reconcile(query),
    health: () => all.flatMap((adapter) => adapter.health()),
  };
}

/** The adapter with its HTTP routes below an address of its own, for platforms whose routes have fixed names. */
export function mountedAt(adapter: ChatAdapter, prefix: string): ChatAdapter {
  return {
    platform: adapter.platform,
    limits: adapter.limits,
    features: adapter.features,
    start: async (...given) => await adapter.start(...given),
    stop: async () => await adapter.stop(),
    ...(adapter.mount !== undefined && {
      mount: async (server: FastifyInstance) => {
        await server.register(async (scope) => await adapter.mount?.(scope), { prefix });
      },
    }),
    render: (...given) => adapter.render(...given),
    losses: (...given) => adapter.losses(...given),
    send: async (post) => await adapter.send(post),
    reconcile: async (query) => await adapter.reconcile(query),
    health: () => adapter.health(),
  };
}

/** What an organization's adapter sees of the pipeline: nothing of another organization. */
function sinkOf(sink: AdapterSink, organizationId: string, owners: Map<string, string>): AdapterSink {
  const refuseForeign = (row: { readonly organizationId: string }): void => {
    if (row.organizationId !== organizationId)
      throw new ParleyError("INVARIANT_BROKEN", { detail: "an adapter spoke for another organization than its own" });
  };
  const own = (installation: Installation): Installation => {
    owners.set(installation.installationId, organizationId);
    return installation;
  };
  const installations: InstallationStore = {
    list: async (platform) =>
      (await sink.installations.list(platform)).filter((one) => one.organizationId === organizationId).map(own),
    save: async (installation) => {
      refuseForeign(installation);
      return own(await sink.installations.save(installation));
    },
    setStatus: async (...given) => await sink.installations.setStatus(...given),
  };
  return {
    installations,
    state: sink.state,
    logger: sink.logger,
    ingest: async (envelope, options) => {
      refuseForeign(envelope);
      return await sink.ingest(envelope, options);
    },
    ingestMalformed: async (event) => await sink.ingestMalformed(event),
    ignored: (event) => sink.ignored(event),
    agents: (asked) => sink.agents(asked),
    agentsFor: (person, to) => sink.agentsFor(person, to),
  };
}

/** Those features that all of them have, each carried out by the adapter of the organization that it is for. */
function composeFeatures(
  all: readonly ChatAdapter[],
  of: (organizationId: string) => ChatAdapter,
  ofInstallation: (installationId: string) => ChatAdapter,
): AdapterFeatures {
  const shared = <Value>(read: (features: AdapterFeatures) => Value | undefined): boolean =>
    all.every(({ features }) => read(features) !== undefined);
  const pick = <Value>(
    target: Pick<Target, "organizationId">,
    read: (features: AdapterFeatures) => Value | undefined,
  ): Value => {
    const value = read(of(target.organizationId).features);
    // Cannot happen: only what all of them have is offered.
    if (value === undefined) throw new ParleyError("INVARIANT_BROKEN", { detail: "a feature of an adapter went away" });
    return value;
  };
  return {
    ...(shared((own) => own.preview) && {
      preview: { open: async (options) => await pick(options.target, (own) => own.preview).open(options) },
    }),
    ...(shared((own) => own.react) && {
      react: {
        add: async (target, ...rest) => await pick(target, (own) => own.react).add(target, ...rest),
        remove: async (target, ...rest) => await pick(target, (own) => own.react).remove(target, ...rest),
      },
    }),
    ...(shared((own) => own.delete) && {
      delete: { delete: async (target, ...rest) => await pick(target, (own) => own.delete).delete(target, ...rest) },
    }),
    ...(shared((own) => own.status) && {
      status: { show: async (target, ...rest) => await pick(target, (own) => own.status).show(target, ...rest) },
    }),
    ...(shared((own) => own.respond) && {
      respond: {
        respond: async (target, ...rest) => await pick(target, (own) => own.respond).respond(target, ...rest),
      },
    }),
    ...(shared((own) => own.privately) && {
      privately: { show: async (query) => await pick(query.target, (own) => own.privately).show(query) },
    }),
    ...(shared((own) => own.direct) && {
      direct: { open: async (query) => await pick(query.target, (own) => own.direct).open(query) },
    }),
    ...(shared((own) => own.members) && {
      members: {
        list: async (target, signal) => await pick(target, (own) => own.members).list(target, signal),
        present: async (target, signal) => await pick(target, (own) => own.members).present(target, signal),
        ...(all.every(({ features }) => features.members?.reach !== undefined) && {
          reach: async (target, signal) => {
            const members = pick(target, (own) => own.members);
            // As `members` says where it is absent.
            return (await members.reach?.(target, signal)) ?? { openToMembers: false, complete: false };
          },
        }),
        threadsApart: all.some(({ features }) => features.members?.threadsApart === true),
      },
    }),
    ...(shared((own) => own.history) && {
      history: { read: async (query) => await pick(query.target, (own) => own.history).read(query) },
    }),
    ...(shared((own) => own.access) && {
      access: {
        check: async (query) => await pick(query.target, (own) => own.access).check(query),
        ...(all.every(({ features }) => features.access?.couldRead !== undefined) && {
          couldRead: async (query) =>
            (await pick(query.target, (own) => own.access).couldRead?.(query)) ??
            new Map<string, ReadonlySet<string>>(),
        }),
      },
    }),
    ...(shared((own) => own.media) && {
      media: {
        fetch: async (query) => {
          const { media } = ofInstallation(query.installationId).features;
          if (media === undefined)
            throw new ParleyError("INVARIANT_BROKEN", { detail: "a feature of an adapter went away" });
          return await media.fetch(query);
        },
      },
    }),
  };
}
