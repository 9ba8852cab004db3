"""What every client of the native doors does, whoever wrote its WebSocket.

An adapter gives `connect(url)`: an object with send_text, send_bytes, receive (text, bytes, or None at the end) and close.
"""

import asyncio
import json
import sys
import time
import traceback
import uuid

EXPECT_SECONDS = 5
TEST_SECONDS = 30


def door(base, path):
    return base.replace("http", "ws", 1).rstrip("/") + path


class Peer:
    """A connection with a mailbox."""

    def __init__(self, socket):
        self.socket = socket
        self.inbox = []

    async def send(self, message):
        if isinstance(message, bytes):
            await self.socket.send_bytes(message)
        else:
            await self.socket.send_text(message if isinstance(message, str) else json.dumps(message))

    async def next(self):
        data = await asyncio.wait_for(self.socket.receive(), EXPECT_SECONDS)
        if data is None:
            raise AssertionError("the connection closed")
        if isinstance(data, bytes):
            return data
        try:
            return json.loads(data)
        except ValueError:
            return data

    async def expect(self, wanted, **members):
        """The next message of a type with these members, or for which a function says so."""

        def fits(message):
            if callable(wanted):
                return wanted(message)
            return isinstance(message, dict) and all(
                message.get(name) == value for name, value in {"type": wanted, **members}.items()
            )

        for at, message in enumerate(self.inbox):
            if fits(message):
                return self.inbox.pop(at)
        while True:
            try:
                message = await self.next()
            except (asyncio.TimeoutError, TimeoutError):
                raise AssertionError(f"no {wanted} {members} came; there is {str(self.inbox)[:500]}") from None
            if fits(message):
                return message
            self.inbox.append(message)

    async def enter(self, name, *rooms):
        self.welcome = await self.expect("welcome")
        self.client_id = self.welcome["clientId"]
        await self.send({"type": "auth", "userName": name})
        self.user_id = (await self.expect("authenticated"))["userId"]
        for room in rooms:
            await self.send({"type": "join", "room": room, "id": f"join {room}"})
            await self.expect("ack", messageId=f"join {room}")
        return self

    async def close(self):
        await self.socket.close()


def equal(found, wanted):
    assert found == wanted, f"{str(found)[:300]!r} is not {str(wanted)[:300]!r}"


def is_text(message):
    return not isinstance(message, bytes)


def is_bytes(message):
    return isinstance(message, bytes)


def tests(base, connect):
    """The tests, as (name, coroutine function)."""

    async def peer(path):
        return Peer(await connect(door(base, path)))

    async def welcome_and_auth():
        ada = await peer("/chat")
        first = await ada.next()
        equal(first["type"], "welcome")
        await ada.send({"type": "auth", "token": None, "userId": "admin", "userName": "Ada"})
        answer = await ada.expect("authenticated")
        equal((answer["userId"], answer["userName"]), (f"guest-{first['clientId']}", "Ada"))
        await ada.close()

    async def two_talk():
        room = f"room-{uuid.uuid4()}"
        ada = await (await peer("/chat")).enter("Ada", room)
        bob = await (await peer("/chat")).enter("Bob", room)
        equal((await ada.expect("userJoined"))["user"], bob.client_id)
        await ada.send({"type": "chat", "room": room, "text": "Grüße, 世界 🎺", "id": 7})
        for one in (ada, bob):
            said = await one.expect("chat")
            equal((said["text"], said["from"], said["userName"], said["room"]), ("Grüße, 世界 🎺", ada.client_id, "Ada", room))
        await ada.expect("ack", messageId=7)
        await bob.send({"type": "leave", "room": room})
        equal((await ada.expect("userLeft"))["user"], bob.client_id)
        await ada.close()
        await bob.close()

    async def private():
        ada = await (await peer("/chat")).enter("Ada")
        bob = await (await peer("/chat")).enter("Bob")
        for to in (bob.client_id, bob.user_id):
            await ada.send({"type": "private", "to": to, "text": "psst"})
            got = await bob.expect("private")
            equal((got["from"], got["userName"], got["text"]), (ada.client_id, "Ada", "psst"))
        await ada.send({"type": "private", "to": "nobody", "text": "psst"})
        equal((await ada.expect("error"))["message"], "Client nobody not found")
        await ada.close()
        await bob.close()

    async def answers():
        ada = await (await peer("/chat")).enter("Ada")
        await ada.send({"type": "chat", "room": f"room-{uuid.uuid4()}", "text": "x", "id": "7"})
        equal((await ada.expect("nack", messageId="7"))["code"], "forbidden")
        timestamp = int(time.time() * 1000)
        await ada.send({"type": "ping", "timestamp": timestamp})
        await ada.expect("pong", timestamp=timestamp)
        await ada.send("{")
        error = await ada.expect("error")
        equal(error["code"], "invalid_json")
        assert error["message"].startswith("Invalid message format"), error
        await ada.send({"type": "ping", "timestamp": 1})
        await ada.expect("pong", timestamp=1)
        await ada.close()

    async def echo():
        one = await peer("/echo")
        for text in ("hello", "Grüße, 世界 🎺", "Compression is offered. " * 40_000):
            await one.send(text)
            equal(await one.expect(is_text), text)
        data = bytes((at * 2654435761 >> 7) & 255 for at in range(1_000_000))
        await one.send(data)
        equal(await one.expect(is_bytes), data)
        await one.close()

    async def binary():
        peers = [await (await peer("/binary")).enter("x") for _ in range(3)]
        data = b"\xee" + bytes(range(256)) * 400
        await peers[0].send(data)
        for other in peers[1:]:
            equal(await other.expect(lambda message: is_bytes(message) and message[0] == 0xEE), data)
        await peers[0].send({"type": "ping", "timestamp": 5})
        await peers[0].expect("pong", timestamp=5)
        assert not any(is_bytes(message) for message in peers[0].inbox), "it came back to its sender"
        for one in peers:
            await one.close()

    return [
        ("welcome comes first, auth gives the name", welcome_and_auth),
        ("two clients talk in a room", two_talk),
        ("private messages find a clientId and a userId, and nobody else", private),
        ("nack, ping and bad JSON", answers),
        ("echo: text, a megabyte of bytes, and what compresses", echo),
        ("binary goes to everyone else on the door", binary),
    ]


async def run(connect, more=()):
    """Runs the tests, prints a line each, and ends with the count."""
    passed = failed = 0
    base = sys.argv[1]
    for name, test in [*tests(base, connect), *more]:
        try:
            await asyncio.wait_for(test(), TEST_SECONDS)
            passed += 1
            print(f"ok {passed + failed} - {name}", flush=True)
        except Exception:  # whatever it was, the next test still runs
            failed += 1
            print(f"not ok {passed + failed} - {name}\n  # " + traceback.format_exc().replace("\n", "\n  # "), flush=True)
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed else 0)
