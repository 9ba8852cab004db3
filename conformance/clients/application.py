"""The Socket.IO application as a process: as application.mjs has it.

    python CLIENT.py http://127.0.0.1:3000        without what needs servers of its own
    python CLIENT.py -- PROGRAM [ARGUMENT…]       all; `--port N`, and at times `--parser msgpack`, come last
"""

import socket
import subprocess
import sys

COMMAND = sys.argv[sys.argv.index("--") + 1 :] if "--" in sys.argv else None


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Application:
    def __init__(self, *more):
        self.child = None
        if COMMAND is None:
            self.url = sys.argv[1]
            return
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.command = [*COMMAND, *more, "--port", str(port)]
        self.start()

    def start(self):
        self.child = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        for line in self.child.stdout:
            if "listening" in line:
                return
        raise RuntimeError("the server ended before it said where it listens")

    def stop(self):
        if self.child is not None:
            self.child.kill()
            self.child.wait()
            self.child.stdout.close()
            self.child = None
