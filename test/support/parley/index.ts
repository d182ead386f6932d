/** Real Parley processes for tests: ready, killed, stopped at an exact point, or broken on purpose. */
export { createRunFolder, type RunAgents, type RunFolder } from "./run-folder.ts";
export { type ParleyOptions, type ParleyProcess, startParley } from "./start-parley.ts";
export type { Sabotage, StopPoint } from "./stop-point.ts";
