"""Reads the objects of a repository: sections 1, 2 and 5 to 10 of docs/format.md, in the order of dependence."""
import hashlib, json, os, re, struct
from collections import OrderedDict, namedtuple

import msgpack
import nacl.bindings as sodium
import zstandard
from blake3 import blake3
from kyber_py.ml_kem import ML_KEM_768
from nacl.exceptions import CryptoError

from age_reader import FormatError, check, hmac_sha256, open_age

MIB = 1 << 20
PACK, SEGMENT, SESSION, SNAPSHOT, FENCE, TOMBSTONE, NOTE, CONDEMNED, WAITS = 1, 3, 4, 5, 6, 7, 8, 9, 10
CONTENT, TREE = 1, 2
HEADER, ENCAPSULATION, SALT, TAG = 16, 1120, 32, 16
PACK_HEADER = HEADER + ENCAPSULATION + SALT
FILE, FOLDER, SYMLINK, FIFO, SOCKET, CHARACTER, BLOCK = range(7)
KINDS = ["file", "folder", "symlink", "fifo", "socket", "character device", "block device"]


# ---------------------------------------------------------------------------------------------- section 1: bytes


class Cursor:
    """Reads values from the front of a byte string, never past its end."""

    def __init__(self, data, what):
        self.data, self.at, self.what = data, 0, what

    def take(self, count):
        part = self.data[self.at : self.at + count]
        check(len(part) == count, f"{self.what}: ends too early")
        self.at += count
        return part

    def u8(self):
        return self.take(1)[0]

    def u32(self):
        return int.from_bytes(self.take(4), "little")

    def u64(self):
        return int.from_bytes(self.take(8), "little")

    def varint(self):
        value = 0
        for shift in range(0, 19 * 7, 7):
            byte = self.u8()
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                check(value < 1 << 128, f"{self.what}: number over 128 bits")
                return value
        raise FormatError(f"{self.what}: number of more than 19 bytes")

    def bytes(self):
        return self.take(self.varint())

    def rest(self):
        return self.take(len(self.data) - self.at)

    def more(self):
        return self.at < len(self.data)

    def end(self):
        check(not self.more(), f"{self.what}: has {len(self.data) - self.at} bytes too many")


def signed(zigzag):
    return (zigzag >> 1) ^ -(zigzag & 1)


def padme(length):
    if length < 2:
        return length
    exponent = length.bit_length() - 1
    mask = (1 << (exponent - exponent.bit_length())) - 1
    return (length + mask) & ~mask


def parse_map(data, what):
    try:
        value = msgpack.unpackb(data, raw=False, strict_map_key=True)
    except Exception as error:
        raise FormatError(f"{what}: not MessagePack: {error}") from None
    check(isinstance(value, dict), f"{what}: not a map")
    return value


def padded_map(data, least, what):
    length = int.from_bytes(data[:4], "little")
    check(len(data) == padme(max(least, 4 + length)), f"{what}: padded to a wrong size, {len(data)}")
    check(not any(data[4 + length :]), f"{what}: padding is not zero")
    return parse_map(data[4 : 4 + length], what)


def field(record, key, kind, length=None):
    value = record.get(key)
    check(type(value) is kind and (length is None or len(value) == length), f"field {key!r} is {value!r}")
    return value


# -------------------------------------------------------------------------------------------- section 5: keys


def derive(context, material, length=32):
    return blake3(material, derive_key_context=context).digest(length=length)


def keyed(key, data):
    return blake3(data, key=key).digest()


def unseal(key, nonce, aad, sealed, what):
    try:
        return sodium.crypto_aead_xchacha20poly1305_ietf_decrypt(bytes(sealed), aad, nonce, key)
    except CryptoError:
        raise FormatError(f"{what}: damaged, or under another key") from None


class Keys:
    def __init__(self, root, repository):
        self.repository, self.material = repository, root + repository
        self.content_id, self.tree_id, self.split, self.index = (
            derive(f"heirloom v1 {name} key", self.material)
            for name in ("content id", "tree id", "tree split", "index"))
        seed = derive("heirloom v1 owner signing key", self.material)
        self.signer, self.signing = sodium.crypto_sign_seed_keypair(seed)
        # X-Wing: the decapsulation key expands to the two seeds of ML-KEM and to an X25519 scalar.
        expanded = hashlib.shake_256(derive("heirloom v1 sealing key", self.material)).digest(96)
        self.mlkem_public, self.mlkem_secret = ML_KEM_768.key_derive(expanded[:64])
        self.x25519_secret = expanded[64:]
        self.x25519_public = sodium.crypto_scalarmult_base(self.x25519_secret)
        self.sessions = {}

    def session_key(self, encapsulation):
        """X-Wing decapsulation, then HPKE's key schedule for an empty psk, then its Export."""
        if encapsulation in self.sessions:
            return self.sessions[encapsulation]
        mlkem, x25519 = encapsulation[:1088], encapsulation[1088:]
        shared = hashlib.sha3_256(
            ML_KEM_768.decaps(self.mlkem_secret, mlkem) + sodium.crypto_scalarmult(self.x25519_secret, x25519)
            + x25519 + self.x25519_public + b"\\.//^\\").digest()
        suite = b"HPKE" + struct.pack(">HHH", 0x647A, 1, 0xFFFF)

        def extract(salt, label, value):
            return hmac_sha256(salt or bytes(32), b"HPKE-v1" + suite + label + value)

        def expand(key, label, info):
            return hmac_sha256(key, struct.pack(">H", 32) + b"HPKE-v1" + suite + label + info + b"\1")

        info = b"heirloom v1 session" + self.repository
        context = b"\0" + extract(b"", b"psk_id_hash", b"") + extract(b"", b"info_hash", info)
        exporter = expand(extract(shared, b"secret", b""), b"exp", context)
        key = self.sessions[encapsulation] = expand(exporter, b"sec", b"heirloom v1 session key")
        return key

    def pack_key(self, encapsulation, salt):
        return derive("heirloom v1 pack key", self.session_key(encapsulation) + salt)

    def aad(self, kind, name):
        return self.repository + bytes([kind, 1]) + name.encode()

    def open_sealed(self, kind, name, rest):
        return unseal(self.index, rest[:24], self.aad(kind, name), rest[24:], name)

    def open_frame(self, pack_key, number, sealed, what):
        return unseal(pack_key, struct.pack("<I", number) + bytes(20), self.repository + b"\1\1", sealed, what)

    def open_trailer(self, header, sealed, what):
        key = derive("heirloom v1 trailer key", self.index + header[-SALT:])
        return unseal(key, bytes(24), self.repository + b"\2\1" + header, sealed, what)

    def open_snapshot(self, name, encapsulation, salt, sealed):
        key = derive("heirloom v1 snapshot key", self.session_key(encapsulation) + salt)
        return unseal(key, bytes(24), self.aad(SNAPSHOT, name), sealed, name)

    def verified_record(self, domain, session, envelope, what):
        record, signer = field(envelope, "record", bytes), field(envelope, "signer", bytes, 32)
        check(signer == self.signer, f"{what}: signed by a stranger")
        message = domain + self.repository + session + record
        try:
            sodium.crypto_sign_open(field(envelope, "signature", bytes, 64) + message, signer)
        except CryptoError:
            raise FormatError(f"{what}: the signature is wrong") from None
        return record


# -------------------------------------------------------------- sections 2, 6, 7, 10: objects, packs, snapshots

Frame = namedtuple("Frame", "offset stored plain codec blobs")
Pack = namedtuple("Pack", "id encapsulation salt size kind frames prefixes")


def parse_table(cursor):
    kind, frames, offset = cursor.u8(), [], PACK_HEADER
    check(kind in (CONTENT, TREE), f"{cursor.what}: unknown kind of blobs {kind}")
    for _ in range(cursor.u32()):
        frame = Frame(offset, cursor.u32(), cursor.u32(), cursor.u8(), cursor.u32())
        check(max(frame.stored, frame.plain) <= 17 * MIB and frame.blobs <= MIB, f"{cursor.what}: frame too large")
        check(frame.codec in (0, 1), f"{cursor.what}: unknown codec {frame.codec}")
        offset += frame.stored + TAG
        frames.append(frame)
    blobs = sum(frame.blobs for frame in frames)
    check(blobs <= 4 * MIB, f"{cursor.what}: too many blobs")
    return kind, tuple(frames), cursor.take(16 * blobs)


class Repository:
    def __init__(self, path):
        self.path, self.blobs, self.packs, self.frames, self.checked = path, {}, {}, OrderedDict(), set()
        description = json.loads(self.read("heirloom.json"))
        check(description["format"] == "heirloom", "heirloom.json: not a Heirloom repository")
        check(description["version"] == 1, f"heirloom.json: newer format, version {description['version']}")
        for feature in description["features"]["read"]:
            raise FormatError(f"heirloom.json: needs a feature that this reader does not have: {feature}")
        self.id = bytes.fromhex(description["repository"])
        check(len(self.id) == 16, "heirloom.json: wrong repository id")

    def names(self, folder):
        """The objects in a folder. Whatever cannot be the name of an object, like a temporary file, is none."""
        path = os.path.join(self.path, folder)
        found = sorted(os.listdir(path)) if os.path.isdir(path) else []
        return [f"{folder}/{name}" for name in found if re.fullmatch("[0-9a-z][0-9a-z.-]*", name)]

    def file(self, name):
        path = os.path.join(self.path, name)
        check(os.path.isfile(path), f"{name}: missing")
        check(os.path.getsize(path) <= 64 * MIB, f"{name}: larger than 64 MiB")
        return path

    def read(self, name):
        with open(self.file(name), "rb") as file:
            return file.read()

    def checked_header(self, name, data, kind):
        """The object without its first 16 bytes."""
        check(len(data) >= HEADER and data[:8] == b"HEIRLOOM", f"{name}: not an object of Heirloom")
        check(data[8] <= 1 and data[10] <= 1, f"{name}: newer format, version {data[8]}, suite {data[10]}")
        check(data[8:HEADER] == bytes([1, kind, 1, 0, 0, 0, 0, 0]), f"{name}: wrong header {data[8:HEADER].hex()}")
        return data[HEADER:]

    def sealed(self, name, kind):
        return self.keys.open_sealed(kind, name, self.checked_header(name, self.read(name), kind))

    def unlock(self, credential):
        """Opens the first slot that the credential fits, whatever is wrong with others. Returns its name."""
        problem = FormatError("no key slot opens with this credential")
        for name in self.names("keys"):
            try:
                plain = open_age(self.read(name), credential, name) if len(name) == len("keys/") + 32 else None
                if plain is not None:
                    self.keys = self.keys_of(parse_map(plain, name), name)
                    return name
            except ValueError as error:
                problem = error
        raise problem

    def keys_of(self, bundle, name):
        check(bundle.get("version") == 1, f"{name}: newer format, version {bundle.get('version')}")
        check(bundle.get("repository") == self.id, f"{name}: belongs to another repository")
        check(bundle.get("role") == "owner", f"{name}: unknown role")
        check(MIB <= field(bundle, "pack_bytes", int) <= 48 * MIB, f"{name}: wrong size of packs")
        return Keys(field(bundle, "root", bytes, 32), self.id)

    def check_small_objects(self):
        """Opens every sealed object but the index. Nothing here is needed for a restore, except to know the format."""
        maps = {"sessions": SESSION, "fences": FENCE, "condemned": CONDEMNED}
        names = [(name, kind) for folder, kind in maps.items() for name in self.names(folder)]
        names += [(name, NOTE) for name in self.names("keys") if name.endswith(".note")]
        for name, kind in names:
            kind = WAITS if name.endswith(".waits") else kind
            padded_map(self.sealed(name, kind), 256, name)
        return len(names)

    # Packs.

    def pack_from_trailer(self, name):
        """Reads a whole pack, verifies its name, and returns what its header and trailer say."""
        data = self.read(name)
        check(blake3(data).hexdigest() == name.removeprefix("packs/"), f"{name}: is not what its name says")
        self.checked_header(name, data, PACK)
        check(len(data) == padme(len(data)), f"{name}: {len(data)} bytes is not a padme size")
        length = int.from_bytes(data[-4:], "little")
        check(TAG <= length <= len(data) - 4 - PACK_HEADER, f"{name}: wrong length of the trailer")
        header = data[:PACK_HEADER]
        cursor = Cursor(self.keys.open_trailer(header, data[-4 - length : -4], name), name)
        kind, frames, prefixes = parse_table(cursor)
        check(len(cursor.data) == padme(max(256, cursor.at)), f"{name}: table padded to a wrong size")
        check(not any(cursor.rest()), f"{name}: padding of the table is not zero")
        end = frames[-1].offset + frames[-1].stored + TAG if frames else PACK_HEADER
        check(end <= len(data) - 4 - length, f"{name}: the frames overlap the trailer")
        encapsulation, salt = header[HEADER:-SALT], header[-SALT:]
        self.checked.add(name)
        return Pack(bytes.fromhex(name.removeprefix("packs/")), encapsulation, salt, len(data), kind, frames, prefixes)

    def packs_from_index(self):
        segments, replaced = {}, set()
        for name in self.names("index"):
            session, _, number = name.removeprefix("index/").partition(".")
            cursor, packs = Cursor(self.sealed(name, SEGMENT), name), []
            replaced |= {(cursor.take(16).hex(), str(cursor.u32())) for _ in range(cursor.u32())}
            encapsulations = [cursor.take(ENCAPSULATION) for _ in range(cursor.u32())]
            for _ in range(cursor.u32()):
                pack_id, position, salt, size = cursor.take(32), cursor.u32(), cursor.take(SALT), cursor.u64()
                check(position < len(encapsulations), f"{name}: no encapsulated key {position}")
                packs.append(Pack(pack_id, encapsulations[position], salt, size, *parse_table(cursor)))
            cursor.end()
            segments[session, number] = packs
        return {pack.id: pack for key, packs in segments.items() if key not in replaced for pack in packs}

    def load(self, use_index):
        """Learns where every blob is. Without the index, compares it with the trailers nevertheless."""
        index = self.packs_from_index()
        if use_index:
            self.packs = index
        else:
            self.packs = {pack.id: pack for pack in map(self.pack_from_trailer, self.names("packs"))}
            for pack_id in index.keys() & self.packs.keys():
                check(index[pack_id] == self.packs[pack_id], f"packs/{pack_id.hex()}: the index tells another story")
        for pack in self.packs.values():
            at = 0
            for number, frame in enumerate(pack.frames):
                for slot in range(frame.blobs):
                    place = (pack, number, slot)
                    self.blobs.setdefault((pack.kind, pack.prefixes[at : at + 16]), []).append(place)
                    at += 16
        return len(index)

    def frame(self, pack, number):
        """The blobs of a frame."""
        key = (pack.id, number)
        if key in self.frames:
            self.frames.move_to_end(key)
            return self.frames[key]
        name, frame = f"packs/{pack.id.hex()}", pack.frames[number]
        if name not in self.checked:
            data = self.read(name)
            check(blake3(data).digest() == pack.id, f"{name}: is not what its name says")
            header = self.checked_header(name, data, PACK)[: ENCAPSULATION + SALT]
            check(header == pack.encapsulation + pack.salt and len(data) == pack.size, f"{name}: the index is wrong")
            self.checked.add(name)
        with open(self.file(name), "rb") as file:
            sealed = os.pread(file.fileno(), frame.stored + TAG, frame.offset)
        what = f"{name}, frame {number}"
        plain = self.keys.open_frame(self.keys.pack_key(pack.encapsulation, pack.salt), number, sealed, what)
        if frame.codec == 1:
            # The announced size bounds the output: what a frame of zstd claims about itself is not trusted.
            try:
                plain = zstandard.ZstdDecompressor(max_window_size=1 << 27).stream_reader(plain).read(frame.plain + 1)
            except zstandard.ZstdError as error:
                raise FormatError(f"{what}: {error}") from None
        check(len(plain) == frame.plain, f"{what}: {len(plain)} bytes of plain text, not {frame.plain}")
        cursor = Cursor(plain, what)
        lengths = [cursor.varint() for _ in range(frame.blobs)]
        blobs = [cursor.take(length) for length in lengths]
        cursor.end()
        self.frames[key] = blobs
        if len(self.frames) > 32:
            self.frames.popitem(last=False)
        return blobs

    def blob(self, kind, blob_id):
        """A blob, its whole id recomputed. Two blobs may share a prefix, and a blob may lie in several packs."""
        key = self.keys.content_id if kind == CONTENT else self.keys.tree_id
        for pack, number, slot in self.blobs.get((kind, blob_id[:16]), ()):
            blob = self.frame(pack, number)[slot]
            if keyed(key, blob) == blob_id:
                return blob
        raise FormatError(f"{'content' if kind == CONTENT else 'node'} {blob_id.hex()}: missing")

    # Snapshots.

    def snapshots(self):
        """All snapshots that count, oldest first: neither forgotten nor fenced. Every signature is verified."""
        found, hashes, sequences = {}, {}, {}
        for name in self.names("snapshots"):
            session = name.removeprefix("snapshots/")
            cursor = Cursor(self.checked_header(name, self.read(name), SNAPSHOT), name)
            body = self.keys.open_snapshot(name, cursor.take(ENCAPSULATION), cursor.take(SALT), cursor.rest())
            envelope = padded_map(body, 512, name)
            record = self.keys.verified_record(b"heirloom v1 snapshot", bytes.fromhex(session), envelope, name)
            found[session] = parse_map(record, name)
            check_record(found[session])
            hashes[session] = blake3(record).digest()
            position = (found[session]["client"], found[session]["sequence"])
            sequences.setdefault(position, set()).add(hashes[session])
        for session, record in found.items():
            before = sequences.get((record["client"], record["sequence"] - 1), {record.get("previous")})
            check(record.get("previous") in before, f"snapshots/{session}: the client's snapshot before it differs")
            for head in record["heads"]:
                check(type(head) is list and len(head) == 4, f"snapshots/{session}: a head is not an array of four")
                _, _, other, seen = head
                check(hashes.get(other.hex(), seen) == seen, f"snapshots/{session}: saw another {other.hex()}")
        for name in self.names("tombstones"):
            session = name.removeprefix("tombstones/")
            envelope = padded_map(self.sealed(name, TOMBSTONE), 256, name)
            record = self.keys.verified_record(b"heirloom v1 tombstone", bytes.fromhex(session), envelope, name)
            check(parse_map(record, name).get("snapshot") == bytes.fromhex(session), f"{name}: names another snapshot")
            found.pop(session, None)
        for name in self.names("fences"):
            found.pop(name.removeprefix("fences/").partition(".")[0], None)
        return sorted(found.items(), key=lambda item: (item[1]["time"], item[0]))


def check_record(record):
    types = {"time": int, "started": int, "finished": int, "host": str, "user": str, "paths": list, "tags": list,
             "stats": dict, "program": str, "pinned": bool, "sequence": int, "heads": list}
    for key, kind in types.items():
        field(record, key, kind)
    for key, length in {"root": 32, "client": 16}.items():
        field(record, key, bytes, length)
    for key, length in {"parent": 16, "previous": 32}.items():
        check(record.get(key) is None or field(record, key, bytes, length), key)
    check(record["paths"] == sorted(record["paths"]) and record["tags"] == sorted(record["tags"]), "record: not sorted")
    check(all(type(path) is bytes and path[:1] == b"/" for path in record["paths"]), "record: wrong paths")
    for key in ("entries", "files", "folders", "content_bytes", "new_bytes", "stored_bytes", "problems"):
        field(record["stats"], key, int)


# ------------------------------------------------------------------------------------------- section 8: the tree

NUMBERS = {1, 2, 3, 6, 7, 8, 9, 10, 11, 12, 14, 15, 18, 25}
STRINGS = {4, 5, 13, 16, 17, 19, 20, 21, 22, 23, 24}


def printable(key):
    """A key, path or name as text, reversibly."""
    return key.replace(b"\0", b"/").replace(b"\\", b"\\\\").decode("utf-8", "backslashreplace")


class Transform:
    """What is stored is not the file. Whoever has this name knows how to make it; this program does not."""

    def __init__(self, data, what):
        cursor = Cursor(data, f"{what}, transform")
        name, self.stored_bytes, self.stored_hash = cursor.bytes(), cursor.varint(), cursor.take(32)
        self.decoded_bytes = cursor.varint() if cursor.more() else None
        check(1 <= len(name) <= 64, f"{what}: name of a transform has {len(name)} bytes")
        check((self.decoded_bytes or 0) <= self.stored_bytes, f"{what}: more decoded than stored")
        cursor.end()
        self.name = name.decode("utf-8")

    def __str__(self):
        return f"the transform {self.name}"


class Entry:
    def __init__(self, data, what):
        cursor, last = Cursor(data, what), 0
        self.what, self.kind, self.fields = what, cursor.u8(), {16: [], 17: []}
        check(self.kind < len(KINDS), f"{what}: unknown kind {self.kind}")
        while cursor.more():
            number, wire = divmod(cursor.varint(), 4)
            check(wire in (0, 1), f"{what}: unknown wire {wire}")
            check(number > last or number == last in (16, 17), f"{what}: field {number} after {last}")
            check(number not in (STRINGS, NUMBERS)[wire], f"{what}: field {number} with wire {wire}")
            value, last = cursor.bytes() if wire else cursor.varint(), number
            if number in (16, 17):
                self.fields[number].append(value)
            else:
                self.fields[number] = value
        self.transform = Transform(self.fields[24], what) if 24 in self.fields else None
        self.mode, self.uid, self.gid, self.size, mtime = (self.fields.get(n, 0) for n in (1, 2, 3, 6, 7))
        check(self.mode <= 0o7777, f"{what}: wrong mode")
        self.mtime_ns = signed(mtime)
        self.target = self.fields.get(13, b"")
        self.rdev = (self.fields.get(14, 0), self.fields.get(15, 0))
        self.holes, self.extents = [], []  # both: (offset, bytes)
        cursor, at = Cursor(self.fields.get(19, b""), f"{what}, holes"), 0
        while cursor.more():
            data, hole = cursor.varint(), cursor.varint()
            self.extents.append((at, data))
            self.holes.append((at + data, hole))
            at += data + hole
        check(at <= self.size, f"{what}: holes after its end")
        if self.transform:
            check(self.kind == FILE and not self.holes and 20 in self.fields, f"{what}: cannot have a transform")
        self.extents.append((at, self.size - at))

    def link_group(self):
        """Entries with equal groups are one file; None if the file has one name."""
        several = self.fields.get(12, 0) > 1 and self.kind != FOLDER
        return (self.fields.get(11, 0), self.fields.get(10, 0)) if several else None

    def xattrs(self, repository):
        found = {}
        for value in self.fields[16]:
            cursor = Cursor(value, f"{self.what}, attribute")
            name = cursor.bytes()
            found[name] = cursor.rest()
        for value in self.fields[17]:
            cursor = Cursor(value, f"{self.what}, attribute")
            name, blob_id, length = cursor.bytes(), cursor.take(32), cursor.varint()
            cursor.end()
            found[name] = repository.blob(CONTENT, blob_id)
            check(len(found[name]) == length, f"{self.what}: attribute {name} has a wrong length")
        check(len(found) == len(self.fields[16]) + len(self.fields[17]), f"{self.what}: an attribute occurs twice")
        return found

    def chunks(self, repository):
        """The content without its holes, or what a transform stored of it, in pieces; checks length and hash at the end."""
        present = [number for number in (21, 22, 23) if number in self.fields]
        check(len(present) <= 1, f"{self.what}: several contents")
        whole, length, blobs = blake3(), 0, 0
        if present == [21]:
            pieces = iter([self.fields[21]])
            check(len(self.fields[21]) <= 512, f"{self.what}: inline content too long")
        elif present == [22]:
            pieces = blob_contents(repository, blob_list(self.fields[22], self.what))
        else:
            pieces = blob_contents(repository, list_tree(repository, self.fields[23])) if present else iter(())
        for piece in pieces:
            whole.update(piece)
            length, blobs = length + len(piece), blobs + 1
            yield piece
        if self.transform:
            check(length == self.transform.stored_bytes, f"{self.what}: {length} bytes are stored")
            check(whole.digest() == self.transform.stored_hash, f"{self.what}: what is stored has another hash")
            return
        check(length == sum(size for _, size in self.extents), f"{self.what}: {length} bytes of content")
        expected = self.fields.get(20)
        check((expected is None) == (present in ([], [21]) or blobs == 1), f"{self.what}: hash absent or superfluous")
        check(expected in (None, whole.digest()), f"{self.what}: the content has another hash")

    def verify_stored(self, repository):
        """Of a file with a transform: reads what is stored, and checks all that can be checked without its recipe."""
        for _ in self.chunks(repository):
            pass

    def pieces(self, repository):
        """(offset, bytes) of everything that is not a hole."""
        check(not self.transform, f"{self.what}: only {self.transform} can make it")
        chunks, rest = self.chunks(repository), b""
        for offset, left in self.extents:
            while left:
                rest = rest or next(chunks, b"")
                check(rest, f"{self.what}: the content is too short")
                yield offset, rest[:left]
                taken = min(left, len(rest))
                offset, left, rest = offset + taken, left - taken, rest[taken:]
        check(not rest and next(chunks, None) is None, f"{self.what}: the content is too long")


def blob_list(data, what):
    cursor = Cursor(data, what)
    while cursor.more():
        yield cursor.take(32), cursor.varint()


def blob_contents(repository, references):
    for blob_id, length in references:
        blob = repository.blob(CONTENT, blob_id)
        check(len(blob) == length, f"content {blob_id.hex()}: {len(blob)} bytes, not {length}")
        yield blob


def node(repository, node_id, base, level):
    """A cursor behind the level byte, and the level. The level of a child is one less than its parent's."""
    cursor = Cursor(repository.blob(TREE, node_id), f"node {node_id.hex()}")
    check(len(cursor.data) <= MIB, f"{cursor.what}: larger than 1 MiB")
    own = cursor.u8() - base
    check(0 <= own <= 15 and level in (None, own), f"{cursor.what}: level {own}, expected {level}")
    return cursor, own


def list_tree(repository, node_id, level=None):
    """Generates (content id, length); returns the bytes and the number of blobs."""
    cursor, level = node(repository, node_id, 16, level)
    length = blobs = 0
    for _ in range(cursor.varint()):
        item_id, bytes_below = cursor.take(32), cursor.varint()
        if level == 0:
            yield item_id, bytes_below
            blobs_below = 1
        else:
            blobs_below = cursor.varint()
            below = yield from list_tree(repository, item_id, level - 1)
            check(below == (bytes_below, blobs_below), f"{cursor.what}: wrong sums {below} for {item_id.hex()}")
        length, blobs = length + bytes_below, blobs + blobs_below
    cursor.end()
    return length, blobs


def walk(repository, node_id, level=None, first=None):
    """Generates (key, Entry); returns the number of entries and the sum of their sizes."""
    cursor, level = node(repository, node_id, 0, level)
    key, count, total = None, 0, 0
    for _ in range(cursor.varint()):
        shared, previous = cursor.varint(), key
        check(shared <= len(previous or b""), f"{cursor.what}: shares more than there is")
        key = (previous or b"")[:shared] + cursor.bytes()
        check(len(key) <= 65536, f"{cursor.what}: key over 64 KiB")
        check(key > previous if previous is not None else first in (None, key), f"{cursor.what}: wrong order")
        if level == 0:
            entry = Entry(cursor.bytes(), f"/{printable(key)}")
            yield key, entry
            count, total = count + 1, total + entry.size
        else:
            child, entries, size = cursor.take(32), cursor.varint(), cursor.varint()
            below = yield from walk(repository, child, level - 1, key)
            check(below == (entries, size), f"{cursor.what}: wrong sums {below} for {child.hex()}")
            count, total = count + entries, total + size
    cursor.end()
    return count, total


def entries(repository, record):
    """All (key, Entry) of a snapshot; order and names are checked."""
    last, count = None, 0
    for key, entry in walk(repository, record["root"]):
        check(last is None or key > last, f"{entry.what}: out of order")
        for name in key.split(b"\0") if key else ():
            check(name not in (b"", b".", b"..") and b"/" not in name, f"{entry.what}: not a path")
        last, count = key, count + 1
        yield key, entry
    check(count == record["stats"]["entries"], f"the snapshot has {count} entries, its record says otherwise")
