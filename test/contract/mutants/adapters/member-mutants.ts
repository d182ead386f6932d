import type { ChatAdapter } from "../../../../src/contracts/adapter.ts";
import type { MemberProfile, MembersFeature } from "../../../../src/contracts/adapter-features.ts";
import { type AdapterMutant, variantOf } from "./mutant.ts";

/** What is said of members decides who may read what: these lie about it. */
export const memberMutants: readonly AdapterMutant[] = [
  {
    name: "takes everybody for an ordinary member",
    breaks: "AD-FEAT-01",
    onDiscordToo: true,
    breaker: (real) => withMembers(real, (one) => ({ ...one, memberClass: "member" })),
  },
  {
    name: "takes members for administrators",
    breaks: "AD-FEAT-01",
    onDiscordToo: true,
    breaker: (real) => withMembers(real, (one) => (one.self ? one : { ...one, memberClass: "admin" })),
  },
  {
    name: "believes to be in every conversation still",
    breaks: "AD-FEAT-01",
    onDiscordAlone: true,
    breaker: (real) => withFeature(real, { present: async () => true }),
  },
];

function withMembers(real: ChatAdapter, change: (one: MemberProfile) => MemberProfile): ChatAdapter {
  const { members } = real.features;
  if (members === undefined) return real;
  return withFeature(real, { list: async (target, signal) => (await members.list(target, signal)).map(change) });
}

function withFeature(real: ChatAdapter, change: Partial<MembersFeature>): ChatAdapter {
  const { members } = real.features;
  return members === undefined
    ? real
    : variantOf(real, { features: { ...real.features, members: { ...members, ...change } } });
}
