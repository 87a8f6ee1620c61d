"""A small reader of age v1 (age-encryption.org/v1): passphrases, X25519 keys, Ed25519 keys of SSH."""
import base64, hashlib, hmac, re, struct

import nacl.bindings as sodium
from nacl.exceptions import CryptoError

MIB = 1 << 20
TAG = 16


class FormatError(ValueError):
    pass


def check(condition, message):
    if not condition:
        raise FormatError(message)


def hmac_sha256(key, message):
    return hmac.new(key, message, hashlib.sha256).digest()


def hkdf(secret, salt, info):
    return hmac_sha256(hmac_sha256(salt or bytes(32), secret), info + b"\1")


def unbase64(text):
    return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)


def bech32_bytes(text):
    """The payload of AGE-SECRET-KEY-1..., after its checksum was verified."""
    prefix, _, data = text.lower().rpartition("1")
    values = ["qpzry9x8gf2tvdw0s3jn54khce6mua7l".index(c) for c in data]
    checksum = 1
    for value in [ord(c) >> 5 for c in prefix] + [0] + [ord(c) & 31 for c in prefix] + values:
        top = checksum >> 25
        checksum = (checksum & 0x1FFFFFF) << 5 ^ value
        for bit, generator in enumerate((0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)):
            checksum ^= generator if top >> bit & 1 else 0
    check(prefix == "age-secret-key-" and checksum == 1, "identity file: not an age secret key")
    number = 0
    for value in values[:-6]:
        number = number << 5 | value
    return (number >> 5 * len(values[:-6]) % 8).to_bytes(32, "big")


class Credential:
    """What the user has: a passphrase, or age secret keys and SSH keys from an identity file."""

    def __init__(self, passphrase=None, identities=""):
        self.passphrase, self.x25519, self.ssh = passphrase, [], []
        if "-----BEGIN OPENSSH PRIVATE KEY-----" in identities:
            self.ssh.append(ssh_ed25519_key(identities))
        else:
            lines = [line.strip() for line in identities.splitlines()]
            self.x25519 = [bech32_bytes(line) for line in lines if line and not line.startswith("#")]

    def wrap_keys(self, arguments):
        """The keys that may open the file key in a stanza with these arguments."""
        if arguments[0] == "scrypt" and len(arguments) == 3 and self.passphrase is not None:
            check(re.fullmatch("[1-9][0-9]?", arguments[2]) and int(arguments[2]) <= 20, "scrypt work factor over 2^20")
            salt = b"age-encryption.org/v1/scrypt" + unbase64(arguments[1])
            cost = 1 << int(arguments[2])
            yield hashlib.scrypt(self.passphrase, salt=salt, n=cost, r=8, p=1, dklen=32, maxmem=2 * 1024 * cost + MIB)
        for secret in self.x25519 if arguments[0] == "X25519" and len(arguments) == 2 else ():
            share, info = unbase64(arguments[1]), b"age-encryption.org/v1/X25519"
            public = sodium.crypto_scalarmult_base(secret)
            yield hkdf(sodium.crypto_scalarmult(secret, share), share + public, info)
        for wire, secret in self.ssh if arguments[0] == "ssh-ed25519" and len(arguments) == 3 else ():
            share, info = unbase64(arguments[2]), b"age-encryption.org/v1/ssh-ed25519"
            if unbase64(arguments[1]) == hashlib.sha256(wire).digest()[:4]:
                tweaked = sodium.crypto_scalarmult(hkdf(b"", wire, info), sodium.crypto_scalarmult(secret, share))
                yield hkdf(tweaked, share + sodium.crypto_scalarmult_base(secret), info)


def ssh_ed25519_key(text):
    """(public key as SSH writes it, X25519 secret) of an OpenSSH private key without passphrase."""
    blob = base64.b64decode("".join(line for line in text.splitlines() if not line.startswith("-----")))
    at = len(b"openssh-key-v1\0")

    def string():
        nonlocal at
        length = int.from_bytes(blob[at : at + 4], "big")
        at += 4 + length
        return blob[at - length : at]

    check(string() == b"none", "identity file: the SSH key has a passphrase")
    _, _, at = string(), string(), at + 4
    wire, private = string(), string()
    check(wire[4:15] == b"ssh-ed25519", "identity file: not an Ed25519 key")
    public = wire[-32:]
    seed_at = private.index(struct.pack(">I", 64)) + 4
    return wire, sodium.crypto_sign_ed25519_sk_to_curve25519(private[seed_at : seed_at + 32] + public)


def open_age(data, credential, what):
    """The plain text of an age file, or None if the credential is not for it."""
    end = data.find(b"\n---")
    line_end = data.find(b"\n", end + 1)
    check(data.startswith(b"age-encryption.org/v1\n") and 0 < end < line_end, f"{what}: not an age file")
    lines = data[:end].decode("ascii").split("\n")[1:]
    stanzas = []
    for line in lines:
        if line.startswith("-> "):
            stanzas.append((line[3:].split(" "), []))
        else:
            check(stanzas, f"{what}: stanza without beginning")
            stanzas[-1][1].append(line)
    alone = len(stanzas) == 1 or all(arguments[0] != "scrypt" for arguments, _ in stanzas)
    check(alone, f"{what}: has a passphrase and other recipients")
    file_key = None
    for arguments, body in stanzas:
        wrapped = unbase64("".join(body))
        for key in credential.wrap_keys(arguments):
            try:
                file_key = sodium.crypto_aead_chacha20poly1305_ietf_decrypt(wrapped, None, bytes(12), key)
            except CryptoError:
                pass
    if file_key is None:
        return None
    mac = hmac_sha256(hkdf(file_key, b"", b"header"), data[: end + 4])
    check(unbase64(data[end + 5 : line_end].decode("ascii")) == mac, f"{what}: the age header is damaged")
    payload = data[line_end + 1 :]
    key, plain = hkdf(file_key, payload[:16], b"payload"), b""
    chunks = [payload[at : at + 65536 + TAG] for at in range(16, len(payload), 65536 + TAG)]
    for number, chunk in enumerate(chunks):
        nonce = number.to_bytes(11, "big") + bytes([number == len(chunks) - 1])
        try:
            plain += sodium.crypto_aead_chacha20poly1305_ietf_decrypt(chunk, None, nonce, key)
        except CryptoError:
            raise FormatError(f"{what}: the age payload is damaged") from None
    return plain
