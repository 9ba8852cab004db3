"""The PyPI package `websockets`: websockets_client.py http://127.0.0.1:8080"""

import asyncio
import sys

from websockets.asyncio.client import connect as open_socket
from websockets.exceptions import ConnectionClosed

from dialogue import door, run


class Socket:
    def __init__(self, socket):
        self.socket = socket

    async def send_text(self, text):
        await self.socket.send(text)

    send_bytes = send_text

    async def receive(self):
        try:
            return await self.socket.recv()
        except ConnectionClosed:
            return None

    async def close(self):
        await self.socket.close()
        assert self.socket.close_code == 1000, self.socket.close_code


async def connect(url):
    return Socket(await open_socket(url, max_size=None, proxy=None))


async def compression():
    socket = await open_socket(door(sys.argv[1], "/echo"), proxy=None)
    names = [extension.name for extension in socket.protocol.extensions]
    assert names == ["permessage-deflate"], names
    await socket.close()


async def protocol_ping():
    socket = await open_socket(door(sys.argv[1], "/chat"), proxy=None)
    await asyncio.wait_for(await socket.ping(b"abc"), 5)
    await socket.close()


asyncio.run(run(connect, [("permessage-deflate is agreed to", compression), ("a protocol ping gets its pong", protocol_ping)]))
