import { ParleyError } from "../errors/parley-error.ts";

/** One thing that is wrong with the configuration: where, what, and what to do about it. */
export interface ConfigFault {
  /** Where the value came from: `PARLEY_PORT`, `--port`, `parley.config.ts: web.port`. */
  readonly path: string;
  readonly problem: string;
  readonly fix: string;
}

class ConfigFaults extends Error {
  readonly faults: readonly ConfigFault[];

  constructor(faults: readonly ConfigFault[]) {
    super(`${faults.length} faults`);
    this.faults = faults;
  }
}

/** Guarantees one CONFIG_INVALID error whose detail lists every fault with its path and its fix. */
export function configError(faults: readonly ConfigFault[]): ParleyError {
  return new ParleyError("CONFIG_INVALID", { detail: faultReport(faults), cause: new ConfigFaults(faults) });
}

/** The faults inside an error of `loadConfig`; empty for any other error. */
export function configFaults(error: unknown): readonly ConfigFault[] {
  return error instanceof ParleyError && error.cause instanceof ConfigFaults ? error.cause.faults : [];
}

function faultReport(faults: readonly ConfigFault[]): string {
  const head =
    faults.length === 1 ? "The configuration has 1 fault:" : `The configuration has ${faults.length} faults:`;
  return [head, ...faults.map((fault) => `  ${fault.path}: ${fault.problem}\n    fix: ${fault.fix}`)].join("\n");
}
