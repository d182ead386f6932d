"""The Python example, made to do what a test tells it: a line on standard input names what to do with every turn that follows."""
import asyncio, json, os, sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../../../../deploy/examples/python"))
from parley_agent import Agent, WebSocket  # noqa: E402

state = {"behaviour": "answer", "open": 0, "sent": 0}


def tell(**words):
    sys.stdout.write(json.dumps(words) + "\n")
    sys.stdout.flush()


class CountingSocket(WebSocket):
    def send(self, text, opcode=1):
        state["sent"] += len(text)
        super().send(text, opcode)
        if state["sent"] // 65_536 != (state["sent"] - len(text)) // 65_536:
            tell(sent=state["sent"])


WebSocket.connect = CountingSocket.connect


async def handle(turn, reply):
    state["open"] += 1
    tell(open=state["open"])
    try:
        await play(state["behaviour"], turn["trigger"]["text"], reply)
    finally:
        state["open"] -= 1
        tell(open=state["open"])


async def play(behaviour, words, reply):
    if behaviour == "answer":
        await reply.text("Hello ")
        await reply.text("there.")
        await reply.part({"type": "tool_call", "toolCallId": "call_1", "name": "lookup", "input": "{}"})
        found = await reply.tool("lookup")
        await reply.part({"type": "tool_result", "toolCallId": "call_1", "name": "lookup", "outcome": "ok", "output": found})
        await reply.text("Done.")
    elif behaviour == "echo":
        for start in range(0, len(words), 4):
            await reply.text(words[start:start + 4])
            await asyncio.sleep(0.003)
    elif behaviour in ("hang", "hang_midway"):
        if behaviour == "hang_midway":
            await reply.text("Half of")
        await asyncio.Event().wait()
    elif behaviour in ("crash", "crash_midway", "crash_quoting"):
        if behaviour == "crash_midway":
            await reply.text("Half of")
        raise RuntimeError(words + os.environ["PARLEY_TOKEN"] if behaviour == "crash_quoting" else "broken")
    elif behaviour == "nonsense":
        await reply.say({"type": words, words: os.environ["PARLEY_TOKEN"]})
    elif behaviour == "endless":
        while True:
            await reply.text("x" * 1000)
    elif behaviour == "flood":
        for _count in range(100_000):
            await reply.part({"type": "text", "markdown": "x"})


async def main():
    agent = Agent(os.environ["PARLEY_URL"], os.environ["PARLEY_TOKEN"], handle)
    running = asyncio.ensure_future(agent.run())
    loop = asyncio.get_running_loop()
    while True:
        line = await loop.run_in_executor(None, sys.stdin.readline)
        if line == "":
            running.cancel()
            return
        state["behaviour"] = line.strip()
        tell(behaviour=line.strip())


asyncio.run(main())
