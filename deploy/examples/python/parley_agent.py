#!/usr/bin/env python3
"""An agent that dials in to Parley, with nothing but Python's standard library (3.9 or newer).

    PARLEY_URL=https://parley.example.org PARLEY_TOKEN=... python3 parley_agent.py

The protocol is that of deploy/schemas/dial-in.v1.asyncapi.json. Copy this file and change `answer` at its end: it gets one turn and
writes its reply; many run at once. A turn that people stop is cancelled like any task. Replies survive lost connections.
"""
import asyncio, base64, collections, hashlib, json, os, random, ssl, struct, sys, traceback, uuid
from urllib.parse import urlsplit

MAX_UNACKNOWLEDGED = 256  # events of one turn under way without an acknowledgement
CHUNK_BYTES = 600_000  # of a file; a multiple of 3, so that pieces of base64 can be joined
MAX_DELTA_CHARS = 65_536  # of text in one event; at most 12 bytes each in JSON
MAX_FRAME_BYTES = 1_048_576
LAST_WORDS = {4000: "protocol error", 4001: "replaced", 4002: "unauthenticated", 4003: "revoked", 4009: "frame too large"}


class Closed(Exception):
    def __init__(self, code, reason=""):
        super().__init__(f"{code} {reason}")
        self.code, self.reason = code, reason


class WebSocket:
    """The client's half of RFC 6455: text frames out, whole text messages in."""

    @classmethod
    async def connect(cls, url):
        self, parts = cls(), urlsplit(url)
        secure = parts.scheme in ("https", "wss")
        port = parts.port or (443 if secure else 80)
        context = ssl.create_default_context() if secure else None
        self.reader, self.writer = await asyncio.open_connection(parts.hostname, port, ssl=context)
        key = base64.b64encode(os.urandom(16)).decode()
        self.writer.write((f"GET {parts.path.rstrip('/')}/api/agents/connect HTTP/1.1\r\nHost: {parts.netloc}\r\nConnection: Upgrade\r\n"
                           f"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n").encode())
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        accept = base64.b64encode(hashlib.sha1((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()).decode()
        if " 101 " not in head.split("\r\n")[0] or accept not in head:
            self.writer.close()
            raise ConnectionError(head.split("\r\n")[0])
        return self

    def send(self, text, opcode=1):
        data = text if isinstance(text, bytes) else text.encode()
        size, mask = len(data), os.urandom(4)
        length = bytes([128 | size]) if size < 126 else struct.pack(">BH", 254, size) if size < 65536 else struct.pack(">BQ", 255, size)
        masked = int.from_bytes(data, "big") ^ int.from_bytes((mask * (size // 4 + 1))[:size], "big")
        self.writer.write(bytes([128 | opcode]) + length + mask + masked.to_bytes(size, "big"))

    async def receive(self):
        message = b""
        while True:
            first, second = await self.reader.readexactly(2)
            size = second & 127
            if size == 126:
                (size,) = struct.unpack(">H", await self.reader.readexactly(2))
            elif size == 127:
                (size,) = struct.unpack(">Q", await self.reader.readexactly(8))
            data, opcode = await self.reader.readexactly(size), first & 15
            if opcode == 8:
                raise Closed(struct.unpack(">H", data[:2])[0] if size >= 2 else 1005, data[2:].decode("utf-8", "replace"))
            if opcode == 9:
                self.send(data, 10)
            elif opcode in (0, 1):
                message += data
                if first & 128:
                    return message.decode()


class Reply:
    """What one turn answers: numbered events, kept so that they can be said again after a drop."""

    def __init__(self, agent, turn):
        self.agent, self.turn_id, self.attempt = agent, turn["turnId"], turn["attempt"]
        self.entries, self.sent, self.acknowledged = [], 0, 0
        self.calls, self.task, self.room, self.failed = {}, None, asyncio.Event(), False

    async def text(self, markdown):
        for start in range(0, len(markdown), MAX_DELTA_CHARS):
            await self.say({"type": "text_delta", "markdown": markdown[start : start + MAX_DELTA_CHARS]})

    async def status(self, text):
        await self.part({"type": "status", "text": text})

    async def part(self, part):
        await self.say({"type": "part", "part": part})

    async def file(self, name, media_type, data):
        await self.say({"type": "file", "name": name, "mediaType": media_type, "bytes": data, "artifactId": str(uuid.uuid4())})

    async def tool(self, name, **tool_input):
        """The result of a tool of the turn; raises RuntimeError when it was refused."""
        frame = await self.call({"type": "tool_call", "name": name, "input": tool_input})
        result = frame["result"]
        if not frame["ok"] or (isinstance(result, dict) and "error" in result):
            raise RuntimeError(json.dumps(result))
        return result

    async def ask(self, part, binding=None):
        """Asks people by an approval_request or input_request, and waits: {"state": "decided", "effect": "allow", ...}."""
        return (await self.call({"type": "request", "part": part, "binding": binding}))["outcome"]

    async def say(self, event):
        if event["type"] != "file":
            check_size(event)
        self.entries.append(event)
        self.pump()
        while len(self.entries) - self.acknowledged > MAX_UNACKNOWLEDGED:
            self.room.clear()
            await self.room.wait()

    async def call(self, frame):
        frame = {**frame, "turnId": self.turn_id, "callId": str(uuid.uuid4())}
        check_size(frame)
        done = asyncio.get_running_loop().create_future()
        self.calls[frame["callId"]] = (frame, done)
        self.agent.send(frame)
        return await done

    def settle(self, call_id, set_result):
        _frame, done = self.calls.pop(call_id, (None, None))
        if done and not done.done():
            set_result(done)

    def acknowledge(self, n):
        self.acknowledged = max(self.acknowledged, n)
        self.room.set()
        self.pump()

    def go_on(self, received):
        """After a drop: Parley has everything up to `received` and is told the rest again."""
        self.sent = self.acknowledged = received
        for frame, _done in self.calls.values():
            self.agent.send(frame)
        self.acknowledge(received)

    def start_again(self, attempt):
        """Parley has lost the turn: everything is said again, as part of a new attempt."""
        self.attempt = attempt
        self.go_on(0)

    def pump(self):
        while self.agent.socket and self.sent < len(self.entries) and self.sent - self.acknowledged < MAX_UNACKNOWLEDGED:
            self.sent += 1
            for frame in self.frames_of(self.entries[self.sent - 1], self.sent):
                self.agent.send({"turnId": self.turn_id, "attempt": self.attempt, **frame})

    @staticmethod
    def frames_of(event, n):
        if event["type"] != "file":
            yield {"type": "event", "n": n, "event": event}
            return
        data, last = event["bytes"], {"n": n, "name": event["name"], "mediaType": event["mediaType"]}
        for start in range(0, max(len(data), 1), CHUNK_BYTES):
            piece = base64.b64encode(data[start:start + CHUNK_BYTES]).decode()
            chunk = {"type": "artifact_chunk", "artifactId": event["artifactId"], "base64": piece}
            yield {**chunk, "last": last} if start + CHUNK_BYTES >= len(data) else chunk


def check_size(said):
    """Parley closes the connection for a frame over its limit, and with it every turn on it."""
    size = len(json.dumps(said))
    if size > MAX_FRAME_BYTES - 1_024:
        raise ValueError(f"{size} bytes do not fit a frame of 1 MiB; files go by reply.file")


class Agent:
    def __init__(self, url, token, handler):
        self.url, self.token, self.handler = url, token, handler
        self.socket, self.live, self.finished = None, {}, collections.OrderedDict()

    async def run(self):
        """Answers turns until Parley says that this process is not wanted any more; dials in again after every drop."""
        attempts = 0
        while True:
            pause = min(30, 0.5 * 2 ** min(attempts, 6)) * random.uniform(0.5, 1)
            try:
                attempts += 1
                socket = await asyncio.wait_for(WebSocket.connect(self.url), 15)
                try:
                    async for frame in self.frames(socket):
                        attempts = 0 if frame["type"] == "welcome" else attempts
                        self.take(frame)
                finally:
                    self.socket = None
                    socket.writer.close()
            except Closed as closed:
                if closed.code in LAST_WORDS:
                    raise SystemExit(f"Parley ended this agent: {LAST_WORDS[closed.code]}. {closed.reason}")
                pause = random.uniform(0, 0.25) if closed.code == 1012 else pause
            except (OSError, EOFError, asyncio.TimeoutError) as problem:
                print(f"No connection to Parley ({problem!r}); again in {pause:.1f} s.", file=sys.stderr)
            await asyncio.sleep(pause)

    async def frames(self, socket):
        turns = [{"turnId": reply.turn_id, "attempt": reply.attempt, "sent": len(reply.entries)} for reply in self.live.values()]
        hello = {"type": "hello", "protocol": 1, "token": self.token, "client": {"name": "python", "version": "1"}}
        socket.send(json.dumps({**hello, "capabilities": {"tools": True}, "turns": turns}))
        silence = 15.0
        while True:
            frame = json.loads(await asyncio.wait_for(socket.receive(), silence))
            if frame["type"] == "welcome":
                self.socket, silence = socket, frame["heartbeatMs"] / 1000 * 2.5
            yield frame

    def send(self, frame):
        if self.socket:
            self.socket.send(json.dumps(frame))

    def take(self, frame):
        kind, reply = frame["type"], self.live.get(frame.get("turnId"))
        if kind == "ping":
            self.send({"type": "pong", "at": frame["at"]})
        elif kind == "welcome":
            states = {turn["turnId"]: turn for turn in frame["turns"]}
            for reply in list(self.live.values()):
                state = states.get(reply.turn_id, {"state": "ended"})
                reply.go_on(state["received"]) if state["state"] == "continue" else self.leave(reply)
        elif kind == "turn_start":
            self.start(frame["turn"])
        elif kind == "error":
            print(f"Parley refused something: {frame['message']} ({frame['code']})", file=sys.stderr)
            if reply and "callId" in frame:
                reply.settle(frame["callId"], lambda done: done.set_exception(RuntimeError(frame["message"])))
        elif reply and kind in ("turn_cancel", "turn_end"):
            self.leave(reply)
        elif reply and kind == "event_ack":
            reply.acknowledge(frame["n"])
        elif reply and kind in ("tool_result", "request_result"):
            reply.settle(frame["callId"], lambda done: done.set_result(frame))

    def start(self, turn):
        known = self.live.get(turn["turnId"]) or self.finished.pop(turn["turnId"], None)
        reply = known or Reply(self, turn)
        self.live[turn["turnId"]] = reply
        self.send({"type": "turn_accept", "turnId": turn["turnId"], "attempt": turn["attempt"]})
        if known:  # given again after a crash of Parley: the same reply is said again, and nothing is done twice
            known.start_again(turn["attempt"])
        else:
            reply.task = asyncio.ensure_future(self.work(turn, reply))

    async def work(self, turn, reply):
        try:
            await self.handler(turn, reply)
            await reply.say({"type": "done"})
        except Exception:  # what went wrong stays here; people are told that it did
            traceback.print_exc()
            reply.failed = True
            await reply.part({"type": "error", "code": "agent_failed", "message": "The agent failed while it worked on this."})
            await reply.say({"type": "done", "stopReason": "failed"})

    def leave(self, reply):
        del self.live[reply.turn_id]
        is_answered = bool(reply.entries) and reply.entries[-1]["type"] == "done" and not reply.failed
        if is_answered:
            self.finished[reply.turn_id] = reply
            while len(self.finished) > 256:
                self.finished.popitem(last=False)
        elif reply.task:
            reply.task.cancel()


async def answer(turn, reply):
    """Change this: `turn` is that of deploy/schemas/turn-request.v1.schema.json."""
    for word in turn["trigger"]["text"].split():
        await reply.text(word + " ")
        await asyncio.sleep(0.02)


if __name__ == "__main__":
    asyncio.run(Agent(os.environ["PARLEY_URL"], os.environ["PARLEY_TOKEN"], answer).run())
