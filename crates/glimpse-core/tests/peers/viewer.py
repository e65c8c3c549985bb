"""A viewer: takes a code and an Offer, pairs with the device at the other end of the pipe, and opens what it lends.

Lines in are hex, each a message or a value; lines out are `name hex` or `name text`.
"""

import os
import sys

import glimpse as g


def read():
    return bytes.fromhex(sys.stdin.readline().strip())


def say(name, value):
    print(name, value.hex() if isinstance(value, bytes) else value, flush=True)


WORDS = open(sys.argv[1]).read().split()

code, offer = read().decode(), read()
nameplate, secret = g.code_parts(code)
suite, purpose, mailbox, server_nonce, device_nonce, commitment, expires = g.decode(offer)
assert (suite, purpose) == (g.SUITE, g.VIEW)

kem_seed, signing_seed, words_nonce = os.urandom(32), os.urandom(32), os.urandom(32)
kem, signing = g.xwing_public(kem_seed), g.signing_key(signing_seed)
core = g.encode([
    g.sha256(g.labelled("pairing/offer", offer)), kem, signing, "https://peer.example", "python", "CPython",
    os.urandom(32), g.sha256(g.labelled("pairing/words-nonce", words_nonce))])
side = g.pake(g.VIEWER, g.password(nameplate, secret, offer), nameplate, offer, core)
hello = g.encode([1, core, side.start()])
say("hello", hello)

answer = read()
keys = g.PairingKeys(side.finish(g.decode(answer)[1]), nameplate, offer, hello, answer)
introduction = g.encode([b"", "", "", g.sign(signing_seed, keys.introduction_preimage())])
sealed = keys.seal("seal-a", introduction)
confirm_a = keys.confirm_a(words_nonce, sealed)
say("confirm-a", g.encode([3, confirm_a, words_nonce, sealed]))

kind, confirm_b, sealed = g.decode(read())
assert kind == 4 and confirm_b == keys.confirm_b(confirm_a, sealed)
identity = keys.open("seal-b", sealed)
assert g.sha256(g.labelled("pairing/identity", identity)) == commitment
account, device_signing, _, head, epoch, name, _ = g.decode(identity)
say("name", name)
say("words", g.two_words(keys.words_bits(words_nonce), WORDS))

kind, (terms, enc, ciphertext, signature) = g.decode(read())
assert kind == 5
g.verify(device_signing, keys.grant_preimage(kem, terms, enc, ciphertext), signature)
context = g.Hpke(g.xwing_decapsulate(kem_seed, enc), keys.transcript, keys.psk, keys.session)
units, = g.decode(context.open(terms, ciphertext))
assert g.decode(terms)[1:4] == [keys.session, account, signing]
(unit, share, meta, origin, withheld), = units
assert g.decode(terms)[13] == withheld == 0
say("title", meta[0])

envelope, server_share, chunk = read(), read(), read()
_, session, of_unit, salt, terms_hash, commit, size = g.decode(envelope)
assert (session, of_unit, terms_hash) == (keys.session, unit, g.terms_hash(terms))
key, expected = g.committed(salt, "session/unit-key", g.lp(share, server_share))
assert commit == expected and size == g.padded(meta[5])
say("content", g.open_stream(key, g.unit_aad(session, unit, salt, terms_hash), [chunk]))

live = {sender: context.export(f"glimpse/v1/live/{name}".encode())
        for sender, name in ((g.VIEWER, "viewer-to-device"), (g.DEVICE, "device-to-viewer"))}
nonce, aad = g.live_nonce_aad(session, g.VIEWER, 0)
say("live", g.encode([6, 0, g.ChaCha20Poly1305(live[g.VIEWER]).encrypt(nonce, g.encode([5, 7]), aad)]))
kind, counter, sealed = g.decode(read())
nonce, aad = g.live_nonce_aad(session, g.DEVICE, counter)
assert g.decode(g.ChaCha20Poly1305(live[g.DEVICE]).decrypt(nonce, sealed, aad)) == [7]
say("done", "yes")
