"""The known answers of docs/format-vectors.md."""
import re, struct

import msgpack
import nacl.bindings as sodium

from age_reader import check
from heirloom_format import HEADER, MIB, ML_KEM_768, PACK, SESSION, SNAPSHOT, Keys, blake3, derive, keyed



def check_vectors(page):
    """Compares every answer of docs/format-vectors.md with what this program computes from its inputs."""
    with open(page, encoding="utf-8") as file:
        expected = dict(re.findall(r"^\| (.+?) \| `([0-9a-f]+)` \|$", file.read(), re.M))
    run = lambda start, count: bytes(range(start, start + count))
    keys, session, salt = Keys(run(0, 32), run(0x20, 16)), run(0x40, 16), run(0x60, 32)
    seal = sodium.crypto_aead_xchacha20poly1305_ietf_encrypt
    header = lambda kind: b"HEIRLOOM" + bytes([1, kind, 1]) + bytes(5)
    name = "sessions/" + session.hex()
    nonce = run(0, 24)
    gear = derive("heirloom v1 chunker table", keys.material, 2048)
    mlkem_shared, mlkem = ML_KEM_768._encaps_internal(keys.mlkem_public, run(0, 32))
    encapsulation = mlkem + sodium.crypto_scalarmult_base(run(32, 32))
    pack_key = keys.pack_key(encapsulation, salt)
    pack_header = header(PACK) + encapsulation + salt
    snapshot_key = derive("heirloom v1 snapshot key", keys.session_key(encapsulation) + salt)
    frame = lambda i: seal(b"heirloom", keys.repository + b"\1\1", struct.pack("<I", i) + bytes(20), pack_key)
    bundle = {"version": 1, "role": "owner", "repository": run(0x20, 16), "root": run(0, 32), "pack_bytes": 16 * MIB}
    trailer_key = derive("heirloom v1 trailer key", keys.index + salt)
    signature = sodium.crypto_sign(b"heirloom v1 snapshot" + keys.repository + session + b"record", keys.signing)[:64]
    actual = {
        "content id of `heirloom`": keyed(keys.content_id, b"heirloom"),
        "node id of `heirloom`": keyed(keys.tree_id, b"heirloom"),
        "content id of nothing": keyed(keys.content_id, b""),
        "gear[0], as `u64` in hexadecimal": gear[:8][::-1],
        "gear[255], as `u64` in hexadecimal": gear[-8:][::-1],
        "split value of level 0, key `home 00 me`, as `u32` in hexadecimal": keyed(keys.split, b"\0home\0me")[:4][::-1],
        "sealed object of kind 4, whole":
            header(SESSION) + nonce + seal(b"body", keys.aad(SESSION, name), nonce, keys.index),
        "public key of the signing key": keys.signer,
        "signature": signature,
        "hash of the 1216 bytes of the X-Wing public key": blake3(keys.mlkem_public + keys.x25519_public).digest(),
        "encapsulated key": encapsulation,
        "session key": keys.session_key(encapsulation),
        "pack key": pack_key,
        "frame 0": frame(0),
        "frame 258": frame(258),
        "trailer": seal(b"table", keys.repository + b"\2\1" + pack_header, bytes(24), trailer_key),
        "sealed body of the snapshot":
            seal(b"body", keys.aad(SNAPSHOT, "snapshots/" + session.hex()), bytes(24), snapshot_key),
        "key bundle": msgpack.packb(bundle),
    }
    check(actual.keys() == expected.keys(), f"vectors known to one side only: {actual.keys() ^ expected.keys()}")
    for key, value in actual.items():
        check(value.hex() == expected[key], f"vector {key!r}: {value.hex()}")
    # The direction that a reader needs.
    of = lambda key: bytes.fromhex(expected[key])
    check(ML_KEM_768.decaps(keys.mlkem_secret, mlkem) == mlkem_shared, "decapsulation")
    check(keys.open_sealed(SESSION, name, of("sealed object of kind 4, whole")[HEADER:]) == b"body", "sealed object")
    check(keys.open_frame(pack_key, 258, of("frame 258"), "frame") == b"heirloom", "frame")
    check(keys.open_trailer(pack_header, of("trailer"), "trailer") == b"table", "trailer")
    sealed = of("sealed body of the snapshot")
    check(keys.open_snapshot("snapshots/" + session.hex(), encapsulation, salt, sealed) == b"body", "snapshot")
    envelope = {"record": b"record", "signer": keys.signer, "signature": of("signature")}
    check(keys.verified_record(b"heirloom v1 snapshot", session, envelope, "vector") == b"record", "record")
    return {"vectors": len(expected)}
