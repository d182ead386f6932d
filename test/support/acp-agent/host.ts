import { fileURLToPath } from "node:url";
import { AcpConfig, createAcpConnector } from "../../../agents/acp/index.ts";
import { collect } from "../agents/collect.ts";
import { turnIo, turnRequest } from "../agents/turn-fixtures.ts";

/** A process that stands where Parley does: `host.ts <control port> <folder>` runs one turn, until it is killed. */
const [port = "0", cwd = "/"] = process.argv.slice(2);
const agent = fileURLToPath(new URL("main.ts", import.meta.url));
const config = AcpConfig.parse({ kind: "acp", command: process.execPath, args: [agent, port], cwd });
await collect(createAcpConnector(config).invoke(turnRequest(), turnIo()));
