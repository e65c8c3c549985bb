"""A device: shows a code, pairs with the viewer at the other end of the pipe, and lends it one record.

Lines in are hex, each a message; lines out are `name hex` or `name text`.
"""

import os
import secrets
import sys

import glimpse as g


def read():
    return bytes.fromhex(sys.stdin.readline().strip())


def say(name, value):
    print(name, value.hex() if isinstance(value, bytes) else value, flush=True)


WORDS = open(sys.argv[1]).read().split()
NOW = 1_700_000_000_000

nameplate, secret = "417", "".join(secrets.choice("0123456789") for _ in range(6))
code = nameplate + secret + str(g.damm(nameplate + secret))
mailbox = read()
signing_seed, kem_seed, account, head = (os.urandom(32) for _ in range(4))
identity = g.encode([
    account, g.signing_key(signing_seed), g.xwing_public(kem_seed), [0, head], 1, "Peer", os.urandom(32)])
offer = g.encode([
    g.SUITE, g.VIEW, mailbox, os.urandom(32), os.urandom(32), g.sha256(g.labelled("pairing/identity", identity)),
    NOW + 120_000])
say("code", code)
say("offer", offer)

hello = read()
kind, core, element = g.decode(hello)
assert kind == 1
of_offer, kem, viewer_signing, origin, _, _, _, words_commitment = g.decode(core)
assert of_offer == g.sha256(g.labelled("pairing/offer", offer))
side = g.pake(g.DEVICE, g.password(nameplate, secret, offer), nameplate, offer, core)
answer = g.encode([2, side.start()])
say("answer", answer)

keys = g.PairingKeys(side.finish(element), nameplate, offer, hello, answer)
kind, confirm_a, words_nonce, sealed = g.decode(read())
assert kind == 3 and confirm_a == keys.confirm_a(words_nonce, sealed)
assert words_commitment == g.sha256(g.labelled("pairing/words-nonce", words_nonce))
credential, case, reason, signature = g.decode(keys.open("seal-a", sealed))
g.verify(viewer_signing, keys.introduction_preimage(credential, case, reason), signature)
sealed = keys.seal("seal-b", identity)
say("confirm-b", g.encode([4, keys.confirm_b(confirm_a, sealed), sealed]))
say("words", g.two_words(keys.words_bits(words_nonce), WORDS))

content = b"Dear reader, this was sealed by somebody else."
unit, share, salt, server_share = os.urandom(16), os.urandom(32), os.urandom(32), os.urandom(32)
terms = g.encode([
    g.SUITE, keys.session, account, viewer_signing, [[1, unit]], 1, 100, 30, NOW, NOW + 600_000, [0, head], 1, bytes(32), 0])
meta = ["From a peer", "text", "text/plain", "", [], len(content), 0, "", NOW]
enc, shared = g.xwing_encapsulate(kem)
context = g.Hpke(shared, keys.transcript, keys.psk, keys.session)
ciphertext = context.seal(terms, g.encode([[[unit, share, meta, 0, 0]]]))
signature = g.sign(signing_seed, keys.grant_preimage(kem, terms, enc, ciphertext))
say("grant", g.encode([5, [terms, enc, ciphertext, signature]]))

key, commit = g.committed(salt, "session/unit-key", g.lp(share, server_share))
terms_hash = g.terms_hash(terms)
chunk, = g.seal_stream(key, g.unit_aad(keys.session, unit, salt, terms_hash), content)
envelope = g.encode([g.SUITE, keys.session, unit, salt, terms_hash, commit, g.padded(len(content))])
request, signature = g.decode(read())
g.verify(viewer_signing, g.labelled("session/open", request), signature)
assert g.decode(request)[1:3] == [keys.session, unit] and g.decode(request)[5:] == [1, bytes(32)]
receipt = g.encode([g.SUITE, keys.session, 0, bytes(32), NOW, [2, request, signature]])
say("opened", g.encode([envelope, server_share, [receipt]]))
say("chunk", chunk)
