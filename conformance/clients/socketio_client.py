"""The PyPI package `python-socketio`, both its clients, against reference/app.mjs or the same application on ours.

See application.py for how it is called.
"""

import asyncio
import sys
import time
import traceback
import uuid

import socketio
from engineio.payload import Payload

from application import COMMAND, Application

EXPECT_SECONDS = 5
TEST_SECONDS = 40
NUMBERS = 10_000

# Its documentation says so for whoever is sent more than 16 packets between two polls; the reference sends them in one body.
Payload.max_decode_packets = 2 * NUMBERS


class Peer:
    """A client with a mailbox; the blocking one runs in threads, so that both read alike."""

    def __init__(self, kind, transports=None, **options):
        self.blocking = kind is socketio.Client
        self.client = kind(**{"reconnection": False, **options})
        self.transports = transports
        self.loop = asyncio.get_running_loop()
        self.inbox = asyncio.Queue()
        self.unread = []

    async def do(self, name, *values, **named):
        method = getattr(self.client, name)
        if self.blocking:
            return await asyncio.to_thread(method, *values, **named)
        return await method(*values, **named)

    def hear(self, *names, namespace="/", answer=None, pause=0):
        """Puts these events into the mailbox; `answer` makes what they are acknowledged with, after a pause."""

        def handler(name):
            def heard(*values):
                self.loop.call_soon_threadsafe(self.inbox.put_nowait, (name, list(values)))
                return answer(*values) if answer else None

            def heard_late(*values):
                time.sleep(pause)
                return heard(*values)

            async def heard_late_in_a_task(*values):
                await asyncio.sleep(pause)
                return heard(*values)

            if not pause:
                return heard
            return heard_late if self.blocking else heard_late_in_a_task

        for name in names:
            self.client.on(name, handler(name), namespace=namespace)

    async def connect(self, url, namespace="/", **more):
        self.hear("connect", "connect_error", "disconnect", namespace=namespace)
        if self.transports:
            more["transports"] = self.transports
        await self.do("connect", url, namespaces=[namespace], wait_timeout=EXPECT_SECONDS, **more)
        return self

    async def expect(self, name, wanted=lambda *values: True, seconds=EXPECT_SECONDS):
        for at, (found, values) in enumerate(self.unread):
            if found == name and wanted(*values):
                return self.unread.pop(at)[1]
        deadline = time.monotonic() + seconds
        while True:
            try:
                found, values = await asyncio.wait_for(self.inbox.get(), deadline - time.monotonic())
            except (asyncio.TimeoutError, TimeoutError):
                raise AssertionError(f"no {name} within {seconds} s; there is {str(self.unread)[:300]}") from None
            if found == name and wanted(*values):
                return values
            self.unread.append((found, values))

    async def call(self, name, *values, namespace="/", timeout=EXPECT_SECONDS):
        return await self.do("call", name, values, namespace=namespace, timeout=timeout)

    async def emit(self, name, *values, namespace="/"):
        await self.do("emit", name, values, namespace=namespace)

    async def close(self):
        await self.do("disconnect")


def equal(found, wanted):
    assert found == wanted, f"{str(found)[:400]!r} is not {str(wanted)[:400]!r}"


def room():
    return f"room-{uuid.uuid4()}"


class Dialogue:
    """What both clients do over every transport and with either parser."""

    def __init__(self, url, kind, transports, **options):
        self.url = url
        self.make = lambda: Peer(kind, transports, **options)
        self.msgpack = "serializer" in options

    async def enter(self, namespace="/", **more):
        return await self.make().connect(self.url, namespace, **more)

    async def handshake(self):
        peer = await self.enter(auth={"token": "abc", "deep": [1, {"a": None}]}, headers={"x-test": "yes"})
        found = await peer.call("handshake")
        equal([found["auth"], found["header"], found["secure"]], [{"token": "abc", "deep": [1, {"a": None}]}, "yes", False])
        assert found["address"].endswith("127.0.0.1") and abs(time.time() * 1000 - found["issued"]) < 60_000, found
        sid = await asyncio.to_thread(peer.client.get_sid)
        assert len(sid) == 20 and sid != peer.client.eio.sid, sid
        await peer.close()

    async def values(self):
        peer = self.make()
        peer.hear("echo")
        await peer.connect(self.url)
        for values in (
            ["text", "", "é \u2028 🎺", '\\"/'],
            [0, -1, 1.5, 2**53 - 1, 1e-7],
            [True, False, None],
            [[], {}, [[[]]], {"a": {"b": {"c": [1, [2, {"d": None}]]}}}],
            [b"\x00\x07\x0e", b"", {"list": [b"x" * 10, {"deep": bytes(100_000)}]}, "text", b"\xff"],
            [],
        ):
            await peer.emit("echo", *values)
            equal(await peer.expect("echo"), values)
            equal(await peer.call("ask", values), values)
        equal(await peer.call("ask", "x" * 700_000), "x" * 700_000)
        await peer.close()

    async def acknowledgements(self):
        peer = self.make()
        peer.hear("question", answer=lambda value: {"heard": value})
        await peer.connect(self.url)
        equal(await peer.call("ask", 1, "two", [3]), (1, "two", [3]))
        try:
            await peer.call("silence", timeout=0.2)
            raise AssertionError("it was acknowledged")
        except socketio.exceptions.TimeoutError:
            pass
        equal(await peer.call("question", 2_000, {"a": [1]}), {"answer": {"heard": {"a": [1]}}})
        equal(await peer.call("question", 2_000, b"\x01\x02"), {"answer": {"heard": b"\x01\x02"}})
        await peer.close()
        late = self.make()
        late.hear("question", answer=lambda value: value, pause=0.5)
        await late.connect(self.url)
        equal(await late.call("question", 100, "x"), {"error": "timeout"})
        equal(await late.call("question", 3_000, "y"), {"answer": "y"})
        await late.close()

    async def rooms(self):
        peers = [self.make() for _ in range(3)]
        for at, peer in enumerate(peers):
            peer.hear("news")
            peer.hear("question", answer=lambda value, at=at: [at, value])
            await peer.connect(self.url)
        ada, bob, cyd = peers
        red, blue = room(), room()
        equal(await ada.call("join", red), [red])
        equal(await ada.call("join", blue), sorted([red, blue]))
        await bob.call("join", red)
        for how, value in (
            ({"from": "socket", "to": [red]}, "to"),
            ({"from": "namespace", "to": [red, blue]}, "both"),
            ({"from": "namespace", "to": [red], "except": [blue]}, "except"),
            ({"from": "socket", "to": [red], "volatile": True}, "volatile"),
        ):
            equal(await ada.call("send", how, "news", value, b"\x01"), True)
            for peer in peers:
                await peer.call("ask", 1)
        equal([await ada.expect("news") for _ in range(1)], [["both", b"\x01"]])
        equal([(await bob.expect("news"))[0] for _ in range(3)], ["to", "both", "except"])
        equal([name for name, _ in cyd.unread if name == "news"], [])
        survey = await ada.call("survey", {"from": "namespace", "to": [red]}, 3_000, "x")
        equal(survey, {"answers": [[0, "x"], [1, "x"]], "complete": True})
        await bob.call("data", {"score": 1})
        found = await cyd.call("sockets", {"from": "namespace", "to": [red], "except": [blue]})
        equal([(one["rooms"], one["value"]) for one in found], [([red], {"score": 1})])
        for peer in peers:
            await peer.close()

    async def namespaces(self):
        try:
            await self.enter("/guarded", auth={"token": "wrong"})
            raise AssertionError("it was not refused")
        except socketio.exceptions.ConnectionError:
            pass
        refused = self.make()
        try:
            await refused.connect(self.url, "/guarded", auth={"token": "wrong"})
        except socketio.exceptions.ConnectionError:
            pass
        equal(await refused.expect("connect_error"), [{"message": "not authorized", "data": {"code": 401}}])
        allowed = self.make()
        allowed.hear("refused", namespace="/guarded")
        await allowed.connect(self.url, "/guarded", auth={"token": "secret"})
        equal(await allowed.call("ask", 1, namespace="/guarded"), 1)
        await allowed.emit("forbidden", namespace="/guarded")
        equal(await allowed.expect("refused"), ["not this one"])
        await allowed.close()
        unknown = self.make()
        try:
            await unknown.connect(self.url, "/nosuch")
        except socketio.exceptions.ConnectionError:
            pass
        equal(await unknown.expect("connect_error"), [{"message": "Invalid namespace"}])
        dynamic = self.make()
        dynamic.hear("hello", namespace="/dynamic-12")
        await dynamic.connect(self.url, "/dynamic-12")
        equal(await dynamic.expect("hello"), ["/dynamic-12"])
        await dynamic.close()

    async def reasons(self):
        watcher = self.make()
        watcher.hear("gone", namespace="/watch")
        await watcher.connect(self.url, "/watch")

        async def goes(reason, here, act):
            peer = await self.enter()
            sid = await asyncio.to_thread(peer.client.get_sid)
            await act(peer)
            gone = await watcher.expect("gone", lambda what: what["id"] == sid)
            assert gone[0]["reason"] in reason, gone
            equal(await peer.expect("disconnect"), [here])

        reason = socketio.Client.reason
        # It says goodbye and closes at once, so that the goodbye may not arrive.
        # In msgpack it says it with `data: null`, which the reference does not take.
        goodbye = ("client namespace disconnect", "transport close", *(["forced close"] if self.msgpack else []))
        await goes(goodbye, reason.CLIENT_DISCONNECT, lambda peer: peer.close())
        for close in (False, True):
            await goes(("server namespace disconnect",), reason.SERVER_DISCONNECT, lambda peer: peer.emit("bye", close))
        await watcher.close()

    async def numbers(self):
        peer = self.make()
        heard = []
        peer.client.on("number", heard.append)
        await peer.connect(self.url)
        await peer.emit("numbers", NUMBERS, 100, 5)

        def blocking():
            for number in range(NUMBERS):
                peer.client.emit("number", number)

        if peer.blocking:
            await asyncio.to_thread(blocking)
        else:
            for number in range(NUMBERS):
                await peer.client.emit("number", number)
        deadline = time.monotonic() + 25
        # 16 packets a request are the most that it sends, so this may wait behind many.
        equal(await peer.call("counted", timeout=30), {"count": NUMBERS, "inOrder": True})
        while time.monotonic() < deadline and len(heard) < NUMBERS:
            await asyncio.sleep(0.05)
        # The blocking client has a thread for each event, so what it tells us is all and once; the order is its own affair.
        equal(sorted(heard) if peer.blocking else heard, list(range(NUMBERS)))
        await peer.close()


async def comes_back(kind, transports):
    application = await asyncio.to_thread(Application)
    peer = Peer(kind, transports, reconnection=True, reconnection_delay=0.05, reconnection_delay_max=0.2)
    await peer.connect(application.url)
    await peer.expect("connect")
    await asyncio.to_thread(application.stop)
    [reason] = await peer.expect("disconnect")
    assert reason in ("transport close", "transport error"), reason
    await asyncio.to_thread(application.start)
    await peer.expect("connect", seconds=20)
    equal(await peer.call("ask", 7), 7)
    await peer.close()
    await asyncio.to_thread(application.stop)


async def main():
    tests = []
    application = Application()
    packed = Application("--parser", "msgpack") if COMMAND else None
    for kind in (socketio.Client, socketio.AsyncClient):
        ways = [(application, transports, {}) for transports in (None, ["polling"], ["websocket"])]
        if packed:
            ways.append((packed, None, {"serializer": "msgpack"}))
        for server, transports, options in ways:
            dialogue = Dialogue(server.url, kind, transports, **options)
            way = " then ".join(transports or ["polling", "websocket"])
            name = f"{kind.__name__}, {way}{', msgpack' if options else ''}"
            for test in ("handshake", "values", "acknowledgements", "rooms", "namespaces", "reasons", "numbers"):
                tests.append((f"{name}: {test}", getattr(dialogue, test)))
            if packed and not options:
                tests.append((f"{name}: comes back after the server is killed and started again", lambda kind=kind, transports=transports: comes_back(kind, transports)))
    passed = failed = 0
    for name, test in tests:
        try:
            await asyncio.wait_for(test(), TEST_SECONDS)
            passed += 1
            print(f"ok {passed + failed} - {name}", flush=True)
        except Exception:  # whatever it was, the next test still runs
            failed += 1
            print(f"not ok {passed + failed} - {name}\n  # " + traceback.format_exc().replace("\n", "\n  # "), flush=True)
    for server in (application, packed):
        if server:
            server.stop()
    print(f"{passed} passed, {failed} failed")
    sys.stdout.flush()
    return failed


if __name__ == "__main__":
    sys.exit(1 if asyncio.run(main()) else 0)
