import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { lockFolder } from "../../../src/ledger/connection/folder-lock.ts";
import { type Child, runFile } from "../../support/child.ts";
import { temporaryFolder } from "./temporary-folder.ts";

const HOLDER = new URL("lock-holder.ts", import.meta.url);

test("a second process is refused and told who holds the folder", async () => {
  const folder = temporaryFolder();
  const first = await runFile(HOLDER, folder);
  expect(await first.firstLine()).toBe("held");
  const second = await runFile(HOLDER, folder);
  expect(await second.firstLine()).toMatch(new RegExp(`^LEDGER_LOCKED: The process ${first.pid} \\(on .*: stop it`));
});

test("kill -9 leaves no lock behind", async () => {
  const folder = temporaryFolder();
  const first = await runFile(HOLDER, folder);
  expect(await first.firstLine()).toBe("held");
  await first.kill9();
  const second = await runFile(HOLDER, folder);
  expect(await second.firstLine()).toBe("held");
});

test("of ten processes that start at once exactly one wins, also right after a kill -9", async () => {
  const folder = temporaryFolder();
  for (let round = 0; round < 3; round += 1) {
    const children = await Promise.all(Array.from({ length: 10 }, () => runFile(HOLDER, folder)));
    const answers = await Promise.all(children.map((child) => child.firstLine()));
    const winners = children.filter((_, index) => answers[index] === "held");
    expect(winners).toHaveLength(1);
    expect(answers.filter((answer) => answer.startsWith("LEDGER_LOCKED"))).toHaveLength(9);
    await Promise.all(winners.map((winner: Child) => winner.kill9()));
  }
}, 60_000);

test("a name that a dead holder left does not lock, even when its process id lives again", () => {
  const folder = temporaryFolder();
  const left = { pid: process.pid, host: "elsewhere", since: new Date().toISOString() };
  writeFileSync(join(folder, "parley.lock.json"), JSON.stringify(left));
  expect(() => lockFolder(folder).release()).not.toThrow();
});

test("the same process cannot hold it twice, and may again after letting go", () => {
  const folder = temporaryFolder();
  const lock = lockFolder(folder);
  expect(() => lockFolder(folder)).toThrow(`LEDGER_LOCKED: The process ${process.pid}`);
  lock.release();
  lock.release();
  expect(() => lockFolder(folder).release()).not.toThrow();
});

test("a refused second opener in the same process does not take the lock from the first", async () => {
  const folder = temporaryFolder();
  const lock = lockFolder(folder);
  expect(() => lockFolder(folder)).toThrow("LEDGER_LOCKED");
  const other = await runFile(HOLDER, folder);
  expect(await other.firstLine()).toMatch(/^LEDGER_LOCKED/);
  lock.release();
});

test("a folder that cannot be one is refused with the reason", () => {
  const file = join(temporaryFolder(), "file");
  writeFileSync(file, "");
  expect(() => lockFolder(file)).toThrow(/LEDGER_CONFIG_REFUSED: the data folder .* cannot be locked/);
});
