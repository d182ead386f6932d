import { createMatrixAdapter } from "../../adapters/matrix/index.ts";
import { matrixHarness } from "./adapter-suite/rigs/matrix-rig.ts";
import { describeAdapterContract } from "./adapter-suite/suite.ts";

describeAdapterContract(matrixHarness({ create: createMatrixAdapter, mode: "bot" }));
