#!/usr/bin/env python3
"""Requests and bytes that each command sends to S3 and receives from it: Heirloom, restic and rustic, as a Markdown table.

    benches/scenarios/requests.py WORK CORPUS=FOLDER[,FOLDER...] ...

WORK is a folder for everything that is made; it should lie in memory and needs twice the largest corpus. Each corpus is
a folder to back up; further folders are its states on later days, which are backed up at the same path. Needs the
programs (HEIRLOOM, RESTIC and RUSTIC name them, if they are not in the path; one that is missing is left out), age-keygen,
and moto_server (MOTO_SERVER, if it is not in the path): a real S3 interface that keeps everything in memory. Before it
lies a proxy that counts requests by method and the bytes of both directions, heads included.
Every tool has a server of its own. Commands run with the cache that the commands before them left, unless they say "empty cache".
"""

import asyncio
import collections
import os
import re
import shutil
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path

BUCKET = "requests"


class Counter:
    """What went through since it was asked last."""

    def __init__(self):
        self.lock = threading.Lock()
        self.clear()

    def clear(self):
        self.methods = collections.Counter()
        self.sent = self.received = 0

    def take(self):
        with self.lock:
            taken = (self.methods, self.sent, self.received)
            self.clear()
            return taken


class Proxy:
    """Passes on what clients of HTTP/1.1 say, and counts it."""

    def __init__(self, server_port):
        self.counter, self.server_port, self.port = Counter(), server_port, None
        self.requests = open(os.environ["REQUESTS_LOG"], "a") if "REQUESTS_LOG" in os.environ else None
        ready = threading.Event()
        threading.Thread(target=lambda: asyncio.run(self.run(ready)), daemon=True).start()
        ready.wait()

    async def run(self, ready):
        server = await asyncio.start_server(self.serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        ready.set()
        await server.serve_forever()

    async def serve(self, reader, writer):
        there, back = await asyncio.open_connection("127.0.0.1", self.server_port, limit=1 << 20)
        tasks = [asyncio.create_task(self.answers(there, writer)), asyncio.create_task(self.ask(reader, back))]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            await asyncio.wait(tasks, timeout=1)
        finally:
            for task in tasks:
                task.cancel()
            for end in (back, writer):
                end.close()

    async def answers(self, there, writer):
        while data := await there.read(1 << 16):
            with self.counter.lock:
                self.counter.received += len(data)
            writer.write(data)
            await writer.drain()

    async def ask(self, reader, back):
        async def carry(size):
            while size:
                data = await reader.read(min(size, 1 << 16))
                if not data:
                    raise ConnectionError
                size -= len(data)
                self.send(back, data)
                await back.drain()

        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                self.count(head)
                self.send(back, head)
                length = re.search(rb"(?im)^content-length:\s*(\d+)", head)
                if re.search(rb"(?im)^transfer-encoding:\s*chunked", head):
                    size = 1
                    while size:
                        line = await reader.readuntil(b"\r\n")
                        size = int(line.split(b";")[0], 16)
                        self.send(back, line)
                        await carry(size + 2)
                elif length:
                    await carry(int(length[1]))
                await back.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass

    def count(self, head):
        line = head.split(b"\r\n", 1)[0].decode()
        method, path, _ = line.split(" ")
        path, _, query = path.partition("?")
        is_list = method == "GET" and path.strip("/") == BUCKET
        with self.counter.lock:
            self.counter.methods["LIST" if is_list else method] += 1
        if self.requests:
            ranges = re.search(rb"(?im)^range:\s*([^\r]*)", head)
            print(method, path, query, ranges[1].decode() if ranges else "", file=self.requests, flush=True)

    def send(self, back, data):
        with self.counter.lock:
            self.counter.sent += len(data)
        back.write(data)


class Server:
    def __init__(self, work):
        program = os.environ.get("MOTO_SERVER") or shutil.which("moto_server") or sys.exit("no moto_server")
        with subprocess.Popen(["python3", "-c", "import socket; s = socket.socket(); s.bind(('127.0.0.1', 0)); print(s.getsockname()[1])"],
                              stdout=subprocess.PIPE, text=True) as free:
            self.port = int(free.stdout.read())
        log = open(work / "moto.log", "w")
        self.process = subprocess.Popen([program, "-H", "127.0.0.1", "-p", str(self.port)], stdout=log, stderr=log)
        signed = "AWS4-HMAC-SHA256 Credential=any/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0"
        for _ in range(100):
            time.sleep(0.2)
            try:
                made = urllib.request.Request(f"http://127.0.0.1:{self.port}/{BUCKET}", method="PUT", headers={"Authorization": signed})
                urllib.request.urlopen(made).read()
                return
            except OSError:
                continue
        sys.exit("moto_server does not answer")

    def stop(self):
        self.process.terminate()
        self.process.wait()


def program(name):
    return os.environ.get(name.upper()) or shutil.which(name)


def tools(work, port):
    """Of each tool: environment, its cache, and its commands."""
    aws = {"AWS_ACCESS_KEY_ID": "AKIAHEIRLOOMTEST0001", "AWS_SECRET_ACCESS_KEY": "any", "AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": "us-east-1"}
    cache, identity, phone, target = work / "cache", work / "identity", work / "phone", work / "target"
    heirloom, restic, rustic = program("heirloom"), program("restic"), program("rustic")
    heirloom_env = aws | {
        "HEIRLOOM_REPOSITORY": f"s3://{BUCKET}/heirloom?endpoint=http://127.0.0.1:{port}&region=us-east-1",
        "HEIRLOOM_IDENTITY_FILE": str(identity), "HEIRLOOM_CACHE_DIR": str(cache)}
    restic_env = aws | {"RESTIC_REPOSITORY": f"s3:http://127.0.0.1:{port}/{BUCKET}/restic", "RESTIC_PASSWORD": "bench", "RESTIC_CACHE_DIR": str(cache)}
    rustic_env = {
        "RUSTIC_REPOSITORY": "opendal:s3", "RUSTIC_PASSWORD": "bench", "RUSTIC_CACHE_DIR": str(cache), "RUSTIC_NO_PROGRESS": "true", "RUSTIC_LOG_LEVEL": "warn",
        "OPENDAL_BUCKET": BUCKET, "OPENDAL_ROOT": "/rustic", "OPENDAL_ENDPOINT": f"http://127.0.0.1:{port}", "OPENDAL_REGION": "us-east-1",
        "OPENDAL_ACCESS_KEY_ID": "AKIAHEIRLOOMTEST0001", "OPENDAL_SECRET_ACCESS_KEY": "any"}
    return {
        "Heirloom": (heirloom, heirloom_env, {
            "init": f"age-keygen -o {identity} 2>/dev/null && HEIRLOOM_IDENTITY_FILE= {heirloom} -q init --recovery-key none --recipient $(age-keygen -y {identity})",
            "snapshot": f"{heirloom} -q snapshot {phone}", "list": f"{heirloom} snapshots",
            "restore": f"{heirloom} -q restore latest --target {target}", "check": f"{heirloom} -q check",
            "check, all data read": f"{heirloom} -q check --read-data",
            "forget + prune": f"{heirloom} -q forget --keep-last 1 --max-drop 100% --prune"}),
        "restic": (restic, restic_env, {
            "init": f"{restic} -q init", "snapshot": f"{restic} -q backup {phone}", "list": f"{restic} snapshots",
            "restore": f"{restic} -q restore latest --target {target}", "check": f"{restic} -q check",
            "check, all data read": f"{restic} -q check --read-data", "forget + prune": f"{restic} -q forget --keep-last 1 --prune"}),
        "rustic": (rustic, rustic_env, {
            "init": f"{rustic} init", "snapshot": f"{rustic} backup {phone}", "list": f"{rustic} snapshots",
            "restore": f"{rustic} restore latest:{phone} {target}", "check": f"{rustic} check",
            "check, all data read": f"{rustic} check --read-data",
            "forget + prune": f"{rustic} forget --keep-last 1 --prune --instant-delete"}),
    }


def day(work, folder):
    """Puts a day's state at the path that is backed up, without touching files that have not changed."""
    subprocess.run(["rsync", "-aH", "--delete", f"{folder}/", f"{work}/phone/"], check=True)


def measure(work, name, states):
    """One tool and one corpus: rows of (command, methods, sent, received)."""
    rows = []
    server = Server(work)
    proxy = Proxy(server.port)
    path, env, commands = tools(work, proxy.port)[name]
    for left in ("cache", "phone", "target"):
        shutil.rmtree(work / left, ignore_errors=True)
    (work / "identity").unlink(missing_ok=True)

    def run(what, command=None, empty_cache=False):
        print(f"{name}: {what}", file=sys.stderr, flush=True)
        if proxy.requests:
            print(f"== {name}: {what}", file=proxy.requests)
        if empty_cache:
            shutil.rmtree(work / "cache", ignore_errors=True)
        proxy.counter.take()
        done = subprocess.run(["sh", "-c", commands[command or what]], env=os.environ | env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if done.returncode:
            sys.exit(f"{name}: {what} failed: {done.stdout}")
        rows.append((what, *proxy.counter.take()))

    try:
        run("init")
        day(work, states[0])
        run("first snapshot", "snapshot")
        run("unchanged snapshot", "snapshot")
        run("unchanged again", "snapshot")
        for number, state in enumerate(states[1:], 2):
            day(work, state)
            run(f"day {number}", "snapshot")
        run("list")
        run("list, empty cache", "list", True)
        run("unchanged, empty cache", "snapshot", True)
        run("restore, empty cache", "restore", True)
        run("check")
        run("check, all data read")
        run("forget + prune")
    finally:
        server.stop()
    return rows


def shown(row):
    if row is None:
        return "-"
    _, methods, sent, received = row
    kinds = ", ".join(f"{count} {method}" for method, count in sorted(methods.items(), key=lambda one: (-one[1], one[0])))
    return f"{sum(methods.values())} ({kinds})", f"{sent / 1e6:.3g} / {received / 1e6:.3g}"


def main():
    work = Path(sys.argv[1]).resolve()
    work.mkdir(parents=True, exist_ok=True)
    names = [name for name, (path, _, _) in tools(work, 0).items() if path]
    print("| corpus | command | " + " | ".join(f"{name}: requests | MB sent / received" for name in names) + " |")
    print("|---|---|" + "---|---:|" * len(names))
    for argument in sys.argv[2:]:
        corpus, folders = argument.split("=", 1)
        found = {name: {row[0]: row for row in measure(work, name, folders.split(","))} for name in names}
        for number, what in enumerate(found[names[0]]):
            cells = (cell for name in names for cell in shown(found[name].get(what)))
            print(f"| {corpus if number == 0 else ''} | {what} | " + " | ".join(cells) + " |", flush=True)
    for left in ("cache", "phone", "target"):
        shutil.rmtree(work / left, ignore_errors=True)


if __name__ == "__main__":
    main()
