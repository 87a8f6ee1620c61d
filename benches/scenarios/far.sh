#!/usr/bin/env bash
# Looking into a large database in a repository on a store far away: requests, bytes and seconds, each command with an empty cache.
#
#   benches/scenarios/far.sh HEIRLOOM DATABASE WORK [MILLISECONDS]
#
# HEIRLOOM is the program, DATABASE a msgstore.db, WORK a folder for everything that is made (twice the database, should lie in
# memory), MILLISECONDS how far away the store is, 50 if not given. The store is a WebDAV server on this machine (rclone), and a
# proxy before it holds every piece of data back for half of that time in each direction.
set -euo pipefail

heirloom=$(realpath "$1") database=$(realpath "$2") work=$3 distance=${4:-50}
mkdir -p "$work/phone" "$work/store"
work=$(realpath "$work")
cp "$database" "$work/phone/msgstore.db"
printf 'pass\n' >"$work/password"
export HEIRLOOM_PASSWORD_FILE=$work/password

children=()
trap 'kill "${children[@]}" 2>/dev/null || true' EXIT
rclone serve webdav "$work/store" --addr 127.0.0.1:18080 >"$work/server.log" 2>&1 &
children+=($!)
python3 - "$distance" <<'PY' &
import asyncio, sys

HALF = float(sys.argv[1]) / 2000

async def carry(reader, writer):
    loop, queue = asyncio.get_running_loop(), asyncio.Queue()
    async def deliver():
        while True:
            due, data = await queue.get()
            await asyncio.sleep(max(0, due - loop.time()))
            if not data:
                writer.close()
                return
            writer.write(data)
            await writer.drain()
    task = asyncio.create_task(deliver())
    while True:
        data = await reader.read(1 << 16)
        await queue.put((loop.time() + HALF, data))
        if not data:
            break
    await task

async def serve(reader, writer):
    # A connection costs a round trip, too.
    await asyncio.sleep(2 * HALF)
    there, back = await asyncio.open_connection("127.0.0.1", 18080)
    await asyncio.gather(carry(reader, back), carry(there, writer), return_exceptions=True)

async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", 18081)
    async with server:
        await server.serve_forever()

asyncio.run(main())
PY
children+=($!)
sleep 1

near=webdav+http://127.0.0.1:18080/ far=webdav+http://127.0.0.1:18081/
export HEIRLOOM_CACHE_DIR=$work/cache
"$heirloom" -q -r "$near" init --recovery-key none
"$heirloom" -q -r "$near" snapshot "$work/phone"

measure() {
  rm -rf "$work/cache"
  echo "== $*"
  command time -f '%e s, %U user, %M KB' "$heirloom" -r "$far" -v "$@" >"$work/out" 2>"$work/errors" || true
  tail -n 2 "$work/out" | grep '^store:' || true
  tail -n 1 "$work/errors"
}
measure chats list
chat=$("$heirloom" -r "$near" chats list --json | python3 -c '
import json, sys
found = [json.loads(line) for line in sys.stdin]
found = [one for one in found if one["id"] == "chats.conversation"]
print(max(found, key=lambda one: one["messages"] or 0)["conversation"])')
measure chats show "$chat" --tail 50
measure chats search "no such words anywhere"
