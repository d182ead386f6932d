import { discordMutants } from "./discord-mutants.ts";
import { inboundMutants } from "./inbound-mutants.ts";
import { lifeMutants } from "./life-mutants.ts";
import { memberMutants } from "./member-mutants.ts";
import type { AdapterMutant } from "./mutant.ts";
import { outboundMutants } from "./outbound-mutants.ts";
import { restartMutants } from "./restart-mutants.ts";

export const ADAPTER_MUTANTS: readonly AdapterMutant[] = [
  ...lifeMutants,
  ...restartMutants,
  ...inboundMutants,
  ...outboundMutants,
  ...discordMutants,
  ...memberMutants,
];
