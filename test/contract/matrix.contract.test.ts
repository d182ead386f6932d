import { createMatrixAdapter } from "../../adapters/matrix/index.ts";
import { matrixHarness } from "./adapter-suite/rigs/matrix-rig.ts";
import { describeAdapterContract } from "./adapter-suite/suite.ts";

for (const mode of ["bot", "encrypted", "service"] as const)
  describeAdapterContract(matrixHarness({ create: createMatrixAdapter, mode }));
