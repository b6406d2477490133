"""A WebSocket peer that shares no code with the gateway or with ws (Debian: python3-websockets).

server       echoes, and obeys the commands of web-socket-echo.ts; prints its port
client URL   runs the cases of web-socket-cases.ts against such a server; prints what came as JSON
"""

import asyncio
import json
import ssl
import sys

import websockets


async def serve():
    ended = ""

    async def obey(socket, command, rest):
        if command == "!fragments":
            await socket.send(["frag", "men", "ted"])
        elif command == "!ping":
            pong = await socket.ping(rest)
            await asyncio.wait_for(pong, 10)
            await socket.send("ponged")
        elif command == "!close":
            code, _, reason = rest.partition(" ")
            await socket.close(int(code), reason)
        elif command == "!break":
            socket.transport.abort()
        elif command == "!ended":
            await socket.send(ended)

    async def handle(socket):
        nonlocal ended
        try:
            async for message in socket:
                if isinstance(message, str) and message.startswith("!"):
                    command, _, rest = message.partition(" ")
                    await obey(socket, command, rest)
                else:
                    await socket.send(message)
        except websockets.ConnectionClosed:
            pass
        ended = f"{socket.close_code} {socket.close_reason}"

    server = await websockets.serve(
        handle, "127.0.0.1", 0, subprotocols=["chat.v2"], max_size=None
    )
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.Event().wait()


async def run(url, port):
    context = None
    if url.startswith("wss"):
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE

    def connect(subprotocols=None):
        # The name of the URL, at the gateway's address.
        at = {"host": "127.0.0.1", "port": port}
        return websockets.connect(
            url, ssl=context, subprotocols=subprotocols, max_size=None, **at
        )

    async def ended_as(expected):
        async with connect() as socket:
            for _ in range(500):
                await socket.send("!ended")
                ended = await socket.recv()
                if ended == expected:
                    break
                await asyncio.sleep(0.01)
            return ended

    results = {}
    async with connect(["chat.v1", "chat.v2"]) as socket:
        results["subprotocol"] = socket.subprotocol

        async def echoed(message):
            await socket.send(message)
            return await socket.recv() == message

        results["text"] = [await echoed(text) for text in ("", "grüße ☃ 😀")]
        results["sizes"] = []
        for size in (1, 125, 126, 127, 65535, 65536, 65537, 1_000_000):
            same = await echoed("x" * size) and await echoed(b"\xff" * size)
            results["sizes"].append(same)
        await socket.send(["a", "b", "c"])
        results["fragments sent"] = await socket.recv()
        await socket.send("!fragments")
        results["fragments received"] = await socket.recv()
        await asyncio.wait_for(await socket.ping(b"are you there"), 10)
        await socket.send("!ping hello")
        results["pinged"] = await socket.recv()
        for i in range(8):
            await socket.send(bytes([i]) * 1_000_000)
        came = [await socket.recv() for _ in range(8)]
        results["unread"] = [len(message) for message in came]

    results["closed by the server"] = []
    for code in (1000, 1001, 1011, 3000, 4000, 4999):
        async with connect() as socket:
            await socket.send(f"!close {code} why")
            await socket.wait_closed()
            results["closed by the server"].append(
                f"{socket.close_code} {socket.close_reason}"
            )
    results["closed by the client"] = []
    for code in (1000, 1001, 4000, 4999):
        async with connect() as socket:
            await socket.close(code, "why")
        results["closed by the client"].append(await ended_as(f"{code} why"))
    async with connect() as socket:
        await socket.send("!break")
        await socket.wait_closed()
        results["broken off"] = socket.close_code
    print(json.dumps(results))


if sys.argv[1] == "server":
    asyncio.run(serve())
else:
    asyncio.run(run(sys.argv[2], int(sys.argv[3])))
