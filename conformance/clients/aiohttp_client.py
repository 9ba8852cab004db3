"""The PyPI package `aiohttp`: aiohttp_client.py http://127.0.0.1:8080"""

import asyncio

import aiohttp

from dialogue import run


class Socket:
    def __init__(self, session, socket):
        self.session = session
        self.socket = socket

    async def send_text(self, text):
        await self.socket.send_str(text)

    async def send_bytes(self, data):
        await self.socket.send_bytes(data)

    async def receive(self):
        message = await self.socket.receive()
        return message.data if message.type in (aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY) else None

    async def close(self):
        await self.socket.close()
        await self.session.close()


async def connect(url):
    session = aiohttp.ClientSession()
    return Socket(session, await session.ws_connect(url, max_msg_size=0, compress=15))


asyncio.run(run(connect))
