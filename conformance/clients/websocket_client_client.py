"""The PyPI package `websocket-client`: websocket_client_client.py http://127.0.0.1:8080"""

import asyncio

import websocket

from dialogue import run


class Socket:
    """The package blocks, so each call has a thread."""

    def __init__(self, socket):
        self.socket = socket

    async def send_text(self, text):
        await asyncio.to_thread(self.socket.send, text)

    async def send_bytes(self, data):
        await asyncio.to_thread(self.socket.send_binary, data)

    async def receive(self):
        opcode, data = await asyncio.to_thread(self.socket.recv_data)
        if opcode == websocket.ABNF.OPCODE_TEXT:
            return data.decode()
        return data if opcode == websocket.ABNF.OPCODE_BINARY else None

    async def close(self):
        await asyncio.to_thread(self.socket.close)


async def connect(url):
    return Socket(await asyncio.to_thread(websocket.create_connection, url, timeout=10))


asyncio.run(run(connect))
