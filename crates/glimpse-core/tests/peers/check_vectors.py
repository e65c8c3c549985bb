"""Computes every file of vectors/ again, from what it says was drawn at random, and compares."""

import json
import sys
from pathlib import Path

from cryptography.hazmat.primitives import hpke as pyca

import glimpse as g

FOLDER = Path(sys.argv[1])
WORDS = Path(sys.argv[2]).read_text().splitlines()
CHECKED = 0


class File:
    """A vector file whose values are looked up by name; hex becomes bytes."""

    def __init__(self, name, values=None):
        self.name = name
        self.values = json.loads((FOLDER / (name + ".json")).read_text()) if values is None else values

    def __getitem__(self, field):
        return bytes.fromhex(self.values[field])

    def text(self, field):
        return self.values[field]

    def each(self, field):
        return [File(f"{self.name} {field} {i}", value) for i, value in enumerate(self.values[field])]

    def same(self, field, computed):
        global CHECKED
        there = self[field] if isinstance(computed, bytes) else self.values[field]
        assert there == computed, f"{self.name}: {field} is {there!r}, computed {computed!r}"
        CHECKED += 1


def pyca_opens(seed, wrapped, info):
    """Through the HPKE of pyca/cryptography, which has nothing of ours."""
    private = g.XWingKey(seed)
    suite = pyca.Suite(pyca.KEM.MLKEM768_X25519, pyca.KDF.HKDF_SHA256, pyca.AEAD.CHACHA20_POLY1305)
    key = pyca.MLKEM768X25519PrivateKey(private.mlkem, private.x25519)
    return suite.decrypt(wrapped, key, info)


def small():
    preimages = {entry.text("name"): entry for entry in File("preimages").each("preimages")}
    one, two = b"\x11" * 32, b"\x22" * 32
    record, r, session, unit, salt = b"\x33" * 16, b"\x44" * 32, b"\x55" * 16, b"\x66" * 16, b"\x77" * 32
    account_id = b"\x88" * 32
    label, sha = g.labelled, g.sha256
    expected = {
        'lp("l", "ab", "c")': g.lp("l", "ab", "c"),
        'lp("l", "", number 258)': g.lp("l", "", g.n8(258)),
        'unlabelled lp("417", "203918")': g.lp("417", "203918"),
        "device id": sha(label("account/device-id", one, "kem key")),
        "writer id": sha(label("account/writer-id", one)),
        "account id": sha(label("account/id", "link")),
        "link hash": sha(label("chain/link", "link")),
        "link signature": label("chain/link-signature", "link"),
        "wrap hash": sha(label("chain/wrap", "wrap")),
        "seed wrap info": label("chain/seed-wrap", one, g.n8(1), "account key"),
        "older seed info": label("chain/older-seed", account_id, g.n8(2), "account key"),
        "reverse signature": label(
            "chain/reverse", account_id, g.n8(7), two, one, "kem key", "serial", one, one),
        "second signature": label("chain/second", account_id, g.n8(7), two, sha(label("chain/act", "act"))),
        "request signature": label(
            "account/request", "https://glimpse.example", "POST", "/v1/shares", one, account_id, one, g.n8(258)),
        "serial": label("account/serial", "SN-1"),
        "name aad": sha(label("account/name", account_id, one, g.n8(2))),
        "linking aad": g.linking_nonce_aad(one, 258)[1],
        "invitation": label(
            "linking/invitation", one, one, account_id, g.n8(7), two, two, "serial", g.n8(258), g.n8(1), b"\x44" * 32),
        "log leaf": label("record/log-leaf", record, g.n8(2), one, b"\x01"),
        "checkpoint hash": sha(label("record/checkpoint-hash", "checkpoint")),
        "record signature": label("record/signature", one, g.n8(7), two),
        "share wrap info": label("record/share-wrap", one),
        "server share of a record": label("share/record", record, g.n8(2), one, r),
        "server share of a unit": label("share/unit", session, unit, salt, r),
        "offer hash": sha(label("pairing/offer", "offer")),
        "identity commitment": sha(label("pairing/identity", "identity")),
        "words commitment": sha(label("pairing/words-nonce", one)),
        "stretch salt": sha(label("pairing/stretch", "offer")),
        "idA": g.side_id(g.VIEWER, g.VIEW, "417", b"offer", b"core"),
        "idB": g.side_id(g.DEVICE, g.VIEW, "417", b"offer", b"core"),
        "transcript": sha(label("pairing/transcript", b"\x01", "417", "offer", "hello", "answer")),
        "session id": sha(label("pairing/session-id", one))[:16],
        "cA": label("pairing/confirm-a", one, two, "sealed"),
        "cB": label("pairing/confirm-b", one, two, "sealed"),
        "introduction": label("pairing/introduction", one, "credential", "case", "reason"),
        "presentation": label("agent/presentation", one, two, "credential", "case", "reason"),
        "asked": sha(label("agent/asked", one, "introduction", "abandon", "zoo")),
        "note info": label("agent/note", one, session),
        "audit key hash": sha(label("organisation/audit-key", "kem key")),
        "enrolment": label("agent/enrolment", one, session, two, "passkey"),
        "viewer KEM key hash": sha(label("session/viewer-kem", "kem key")),
        "grant sealed hash": sha(label("session/grant-sealed", "enc", "ciphertext")),
        "grant signature": label("session/grant", one, two, "terms", one),
        "terms hash": g.terms_hash("terms"),
        "unit aad": g.unit_aad(session, unit, salt, one),
        "receipt hash": g.receipt_hash("receipt"),
        "live aad, device, 258": g.live_nonce_aad(session, g.DEVICE, 258)[1],
    }
    kinds = {
        "Head": "chain/head-statement", "Card": "account/card", "Deletion": "record/deletion",
        "AccountDeletion": "account/deletion", "SignIn": "account/sign-in", "Open": "session/open",
        "End": "session/end", "Countersign": "session/countersign", "WriterMint": "share/writer-mint",
        "Recovery": "recovery/request", "Veto": "recovery/veto", "Checkpoint": "record/checkpoint", "Decision": "record/decision",
        "Stop": "session/stop", "OrganisationCard": "organisation/card", "Credential": "organisation/credential",
        "Revocations": "organisation/revocations", "AgentInvitation": "organisation/invitation",
        "OrganisationRequest": "organisation/request", "AgentSignIn": "agent/sign-in", "Outcome": "agent/outcome",
        "Destroyed": "session/destroyed"}
    expected.update({f"statement signature, {kind}": label(name, "statement") for kind, name in kinds.items()})
    assert set(expected) == set(preimages), set(expected) ^ set(preimages)
    for name, computed in expected.items():
        entry = preimages[name]
        entry.same("hash" if "hash" in entry.values else "preimage", computed)

    sizes = File("sizes")
    for entry in sizes.each("contents"):
        size = g.padded(entry.values["content"])
        chunks = -(-size // g.CHUNK)
        entry.same("padded", size)
        entry.same("chunks", chunks)
        entry.same("sealed", size + 16 * chunks)
    for entry in sizes.each("padme"):
        entry.same("padme", g.padme(entry.values["length"]))

    for entry in File("codes").each("codes"):
        typed = "".join(str(int(char)) for char in entry.text("typed") if char.isdecimal())
        typed = typed[:-1] if "minutes" in entry.text("typed") else typed
        lengths = (12, 39) if entry.values["purpose"] == g.LINK else (6,)
        nameplate, _ = g.code_parts(typed, *lengths)
        entry.same("nameplate", nameplate)
        entry.same("shown", g.grouped(typed))

    words = File("words")
    words.same("list_sha256", g.sha256(("\n".join(WORDS) + "\n").encode()))
    for entry in words.each("examples"):
        entry.same("words", g.two_words(entry["bits"], WORDS))


def field_times(a, b):
    product = 0
    for bit in range(8):
        if b >> bit & 1:
            product ^= a << bit
    for bit in range(14, 7, -1):
        if product >> bit & 1:
            product ^= 0x11B << (bit - 8)
    return product


def digits(data, width):
    bits = "".join(f"{byte:08b}" for byte in data)
    bits += "0" * (-len(bits) % width)
    return [int(bits[i:i + width], 2) for i in range(0, len(bits), width)]


def recovery():
    f = File("recovery")
    f.same("kit_signing_seed", g.hkdf(None, g.labelled("recovery/signing-key"), f["kit_secret"], 32))
    f.same("kit_kem_seed", g.hkdf(None, g.labelled("recovery/kem-key"), f["kit_secret"], 32))
    f.same("kit_signing_key", g.signing_key(f["kit_signing_seed"]))
    f.same("kit_kem_key", g.xwing_public(f["kit_kem_seed"]))
    f.same("kit_id", g.sha256(g.labelled("account/device-id", f["kit_signing_key"], f["kit_kem_key"])))
    f.same("kit_words", g.two_words(f["kit_id"][:3], WORDS))
    threshold, degree = f.text("threshold"), f.text("threshold") - 1
    for share in f.each("shares"):
        x, value = share.text("index"), b""
        for place, byte in enumerate(f["kit_secret"]):
            total, power = byte, 1
            for coefficient in f["coefficients"][place * degree:(place + 1) * degree]:
                power = field_times(power, x)
                total ^= field_times(coefficient, power)
            value += bytes([total])
        share.same("value", value)
        covered = bytes([1, threshold, f.text("count"), x]) + f["kit_id"][:4] + value
        share.same("bytes", covered + g.sha256(g.labelled("recovery/share-check", covered))[:4])
        letters = "".join("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"[digit] for digit in digits(share["bytes"], 5))
        share.same("letters", "GLIMPSE-KIT-1:" + letters)
        share.same("words", " ".join(WORDS[digit] for digit in digits(share["bytes"], 11)))


def account():
    f = File("account")
    f.same("device_signing_key", g.signing_key(f["device_signing_seed"]))
    f.same("device_kem_key", g.xwing_public(f["device_kem_seed"]))
    f.same("device_id", g.sha256(g.labelled("account/device-id", f["device_signing_key"], f["device_kem_key"])))
    f.same("account_key_seed", g.hkdf(None, g.labelled("account/kem-key"), f["account_seed"], 32))
    f.same("account_key", g.xwing_public(f["account_key_seed"]))
    f.same("seed_wrap_info", g.labelled("chain/seed-wrap", f["device_id"], g.n8(1), f["account_key"]))
    wrap = f["seed_wrap"]
    f.same("seed_wrap_shared_secret", g.xwing_decapsulate(f["device_kem_seed"], wrap[:1120]))
    context = g.Hpke(f["seed_wrap_shared_secret"], f["seed_wrap_info"])
    f.same("seed_wrap_key", context.key)
    f.same("seed_wrap_nonce", context.nonce)
    assert context.open(b"", wrap[1120:]) == f["account_seed"]
    assert pyca_opens(f["device_kem_seed"], wrap, f["seed_wrap_info"]) == f["account_seed"]
    f.same("seed_wrap_hash", g.sha256(g.labelled("chain/wrap", wrap)))
    f.same("link", g.encode([
        g.SUITE, 0, bytes(32),
        [1, f["genesis_random"], [f["device_signing_key"], f["device_kem_key"], b""],
         [1, f["account_key"], [[f["device_id"], f["seed_wrap_hash"]]], b""], []],
        f["device_id"]]))
    f.same("link_signature", g.sign(f["device_signing_seed"], g.labelled("chain/link-signature", f["link"])))
    f.same("link_hash", g.sha256(g.labelled("chain/link", f["link"])))
    f.same("account_id", g.sha256(g.labelled("account/id", f["link"])))
    return f


def checkpoints(founder):
    f = File("checkpoints")
    f.same("root_of_none", g.sha256(b""))
    leaves, roots = [], []
    for change in f.each("changes"):
        leaves.append(g.labelled(
            "record/log-leaf", change["record"], g.n8(change.text("version")), change["h1"], bytes([change.text("kind")])))
        roots.append(g.merkle(leaves))
        change.same("leaf", leaves[-1])
        change.same("root", roots[-1])
    previous = bytes(32)
    for number, checkpoint in enumerate(f.each("checkpoints"), 1):
        count = checkpoint.text("count")
        checkpoint.same("previous", previous)
        checkpoint.same("statement", g.encode([
            g.SUITE, founder["account_id"], number, previous, [0, founder["link_hash"]], count, roots[count - 1],
            1_700_000_000_000, founder["device_id"]]))
        checkpoint.same("signature", g.sign(
            founder["device_signing_seed"], g.labelled("record/checkpoint", checkpoint["statement"])))
        previous = g.sha256(g.labelled("record/checkpoint-hash", checkpoint["statement"]))
        checkpoint.same("hash", previous)


def decision(founder):
    """What is signed, over the version of record-writer.json, and that nothing else passes for it."""
    f, written = File("decision"), File("record-writer")
    header = g.decode(written["header"])
    about = [g.SUITE, founder["account_id"], header[2], header[3], written["h1"], written["writer_id"]]
    for name, value in zip(("account", "record", "version", "h1", "writer_id"), about[1:], strict=True):
        f.same(name, value)
    head = [0, founder["link_hash"]]
    f.same("statement", g.encode([*about, f.text("at"), head, founder["device_id"]]))
    f.same("signature", g.sign(founder["device_signing_seed"], g.labelled("record/decision", f["statement"])))
    f.same("signed", g.encode([f["statement"], f["signature"]]))
    for kind, name in ((2, "leaf_written"), (5, "leaf_approved")):
        f.same(name, g.labelled("record/log-leaf", header[2], g.n8(header[3]), written["h1"], bytes([kind])))

    def holds(signed):
        statement, signature = g.decode(signed)
        said = g.decode(statement)
        if said[:6] != about or said[7:] != [head, founder["device_id"]]:
            return False
        try:
            g.verify(founder["device_signing_key"], g.labelled("record/decision", statement), signature)
        except Exception:  # whatever the library calls a signature that is none
            return False
        return True

    global CHECKED
    assert holds(f["signed"])
    faults = sorted((FOLDER / "reject").glob("decision-*.json"))
    assert len(faults) == 10
    for path in faults:
        assert not holds(File("reject/" + path.stem)["bytes"]), path.stem
        CHECKED += 1


def record(name, founder):
    f = File(name)
    header = g.decode(f["header"])
    f.same("h0", g.h0(header))
    f.same("share_wrap_info", g.labelled("record/share-wrap", f["h0"]))
    wrapped = f["wrapped"]
    f.same("share_wrap_shared_secret", g.xwing_decapsulate(f["account_key_seed"], wrapped[:1120]))
    assert g.Hpke(f["share_wrap_shared_secret"], f["share_wrap_info"]).open(b"", wrapped[1120:]) == f["client_share"]
    assert pyca_opens(f["account_key_seed"], wrapped, f["share_wrap_info"]) == f["client_share"]
    key, commit = g.committed(f["salt"], "record/meta-key", f["client_share"])
    f.same("meta_key", key)
    f.same("commit_meta", commit)
    f.same("sealed_meta", b"".join(g.seal_stream(key, f["h0"], f["meta"])))
    both = g.lp(f["client_share"], f["server_share"])
    key, commit = g.committed(f["salt"], "record/content-key", both)
    f.same("content_key", key)
    f.same("commit_content", commit)
    if "chunk" in f.values:
        content = f["content"]
        chunks = g.seal_stream(key, f["h0"], content)
        f.same("chunk", b"".join(chunks))
    else:
        content = bytes(n * 7 % 251 for n in range(f.values["content_length"]))
        chunks = g.seal_stream(key, f["h0"], content)
        for entry, chunk in zip(f.each("chunks"), chunks, strict=True):
            entry.same("length", len(chunk))
            entry.same("sha256", g.sha256(chunk))
            entry.same("leaf", g.sha256(b"\x00" + chunk))
    meta = g.decode(f["meta"])
    assert (meta[0], meta[5]) == ("Letter", len(content)) and header[9] == g.padded(len(content))
    f.same("content_root", g.merkle(chunks))
    writer = f["writer_signing_key"] if "writer_signing_key" in f.values else b""
    head = [0, founder["link_hash"]]
    envelope = [
        header, 1, wrapped, f["commit_meta"], f["sealed_meta"], f["commit_content"], f["content_root"], head, writer]
    f.same("h1", g.h1(envelope))
    seed = f["writer_signing_seed"] if writer else founder["device_signing_seed"]
    author = g.sha256(g.labelled("account/writer-id", writer)) if writer else founder["device_id"]
    assert (header[1], header[6]) == (founder["account_id"], author)
    f.same("signature", g.sign(seed, g.labelled("record/signature", f["h1"], g.n8(0), head[1])))
    f.same("envelope", g.encode(envelope + [f["signature"]]))


def with_scalar(side, scalar):
    """python-spake2 with the scalar that the file says was drawn."""
    group = side.params.group
    side.xy_scalar = int.from_bytes(scalar, "little") % group.order()
    side.xy_elem = group.Base.scalarmult(side.xy_scalar)
    side._started = True
    side.compute_outbound_message()
    return side.side + side.outbound_message


def pairing(founder):
    f = File("pairing")
    nameplate = f.text("nameplate")
    identity = [
        founder["account_id"], founder["device_signing_key"], founder["device_kem_key"], [0, founder["link_hash"]], 1,
        "Ada", f["identity_blind"]]
    f.same("identity", g.encode(identity))
    offer = g.decode(f["offer"])
    assert offer[4:6] == [f["device_nonce"], g.sha256(g.labelled("pairing/identity", f["identity"]))]
    f.same("stretch_salt", g.sha256(g.labelled("pairing/stretch", f["offer"])))
    f.same("password", g.password(nameplate, f.text("secret"), f["offer"]))
    kem, signing = g.xwing_public(f["viewer_kem_seed"]), g.signing_key(f["viewer_signing_seed"])
    claims = g.decode(f["hello_core"])[3:6]
    f.same("hello_core", g.encode([
        g.sha256(g.labelled("pairing/offer", f["offer"])), kem, signing, *claims, f["viewer_nonce"],
        g.sha256(g.labelled("pairing/words-nonce", f["words_nonce"]))]))
    f.same("id_a", g.side_id(g.VIEWER, g.VIEW, nameplate, f["offer"], f["hello_core"]))
    f.same("id_b", g.side_id(g.DEVICE, g.VIEW, nameplate, f["offer"], f["hello_core"]))
    a = g.pake(g.VIEWER, f["password"], nameplate, f["offer"], f["hello_core"])
    b = g.pake(g.DEVICE, f["password"], nameplate, f["offer"], f["hello_core"])
    f.same("pake_a", with_scalar(a, f["viewer_scalar"]))
    f.same("pake_b", with_scalar(b, f["device_scalar"]))
    f.same("hello", g.encode([1, f["hello_core"], f["pake_a"]]))
    f.same("answer", g.encode([2, f["pake_b"]]))
    f.same("pake_output", a.finish(f["pake_b"]))
    f.same("pake_output", b.finish(f["pake_a"]))
    keys = g.PairingKeys(f["pake_output"], nameplate, f["offer"], f["hello"], f["answer"])
    f.same("transcript", keys.transcript)
    f.same("prk", keys.prk)
    for name in ("confirm-a", "confirm-b", "seal-a", "seal-b"):
        f.same("key_" + name.replace("-", "_"), keys.key(name))
    introduction = g.encode([b"", "", "", g.sign(f["viewer_signing_seed"], keys.introduction_preimage())])
    f.same("introduction", introduction)
    sealed = keys.seal("seal-a", introduction)
    confirm_a = keys.confirm_a(f["words_nonce"], sealed)
    f.same("confirm_a", g.encode([3, confirm_a, f["words_nonce"], sealed]))
    sealed = keys.seal("seal-b", f["identity"])
    f.same("confirm_b", g.encode([4, keys.confirm_b(confirm_a, sealed), sealed]))
    f.same("words_bits", keys.words_bits(f["words_nonce"]))
    f.same("words", g.two_words(f["words_bits"], WORDS))
    f.same("session", keys.session)
    f.same("psk", keys.psk)
    return f, keys


def agent(founder, pair):
    """What an agent's pairing adds to one with the user's own screen, and a second grant in one session."""
    f = File("agent")
    nameplate, purpose, offer = f.text("nameplate"), f.text("purpose"), f["offer"]
    (_, core, message_a), (_, message_b) = g.decode(f["hello"]), g.decode(f["answer"])
    side = g.pake(g.VIEWER, g.password(nameplate, f.text("secret"), offer), nameplate, offer, core, purpose)
    assert with_scalar(side, pair["viewer_scalar"]) == message_a
    keys = g.PairingKeys(side.finish(message_b), nameplate, offer, f["hello"], f["answer"], purpose)
    f.same("transcript", keys.transcript)
    organisation, agent_key = (g.signing_key(f[name + "_signing_seed"]) for name in ("organisation", "agent"))
    credential = g.decode(f["credential"])
    assert credential[:2] == [g.SUITE, organisation] and credential[4:6] == [agent_key, 1]
    f.same("credential_signature", g.sign(
        f["organisation_signing_seed"], g.labelled("organisation/credential", f["credential"])))
    said = (f.text("case"), f.text("reason"))
    f.same("presentation", g.labelled(
        "agent/presentation", keys.transcript, g.signing_key(f["viewer_signing_seed"]), f["credential"], *said))
    f.same("presentation_signature", g.sign(f["agent_signing_seed"], f["presentation"]))
    f.same("presented", g.encode([[f["credential"], f["credential_signature"]], f["presentation_signature"]]))
    introduction = keys.introduction_preimage(f["presented"], *said)
    f.same("introduction", g.encode([f["presented"], *said, g.sign(f["viewer_signing_seed"], introduction)]))
    sealed = keys.seal("seal-a", f["introduction"])
    nonce = pair["words_nonce"]
    f.same("confirm_a", g.encode([3, keys.confirm_a(nonce, sealed), nonce, sealed]))
    f.same("words", g.two_words(keys.words_bits(nonce), WORDS))
    f.same("asked", g.sha256(g.labelled(
        "agent/asked", keys.transcript, f["introduction"], *f.text("words").split(" "))))
    kem = g.xwing_public(f["viewer_kem_seed"])
    for seq, name in enumerate(("grant", "later_grant"), 1):
        _, (terms, enc, ciphertext, signature) = g.decode(f[name])
        there = g.decode(terms)
        assert (there[1], there[11], there[12]) == (keys.session, seq, f["asked"]), there
        context = g.Hpke(g.xwing_decapsulate(f["viewer_kem_seed"], enc), keys.transcript, keys.psk, keys.session)
        assert context.seal(terms, g.encode([[]])) == ciphertext, name
        g.verify(founder["device_signing_key"], keys.grant_preimage(kem, terms, enc, ciphertext), signature)


def session(founder, pair, keys):
    f = File("session")
    f.same("transcript", keys.transcript)
    f.same("session", keys.session)
    f.same("psk", keys.psk)
    kem = g.xwing_public(f["viewer_kem_seed"])
    terms = g.decode(f["terms"])
    assert terms[:5] == [
        g.SUITE, keys.session, founder["account_id"], g.signing_key(pair["viewer_signing_seed"]), [[1, f["unit"]]]]
    f.same("grant_shared_secret", g.xwing_decapsulate(f["viewer_kem_seed"], f["grant_enc"]))
    context = g.Hpke(f["grant_shared_secret"], keys.transcript, keys.psk, keys.session)
    f.same("grant_key", context.key)
    f.same("grant_nonce", context.nonce)
    f.same("grant_sealed", context.seal(f["terms"], f["grant_body"]))
    body = g.decode(f["grant_body"])
    assert body[0][0][:2] == [f["unit"], f["unit_client_share"]]
    preimage = keys.grant_preimage(kem, f["terms"], f["grant_enc"], f["grant_sealed"])
    f.same("grant_signature", g.sign(founder["device_signing_seed"], preimage))
    f.same("grant", g.encode([5, [f["terms"], f["grant_enc"], f["grant_sealed"], f["grant_signature"]]]))
    f.same("grant_submission", g.encode([
        g.decode(pair["offer"])[2], keys.transcript, g.sha256(g.labelled("session/viewer-kem", kem)), f["terms"],
        g.sha256(g.labelled("session/grant-sealed", f["grant_enc"], f["grant_sealed"])), f["grant_signature"]]))
    key, commit = g.committed(
        f["unit_salt"], "session/unit-key", g.lp(f["unit_client_share"], f["unit_server_share"]))
    f.same("unit_key", key)
    f.same("unit_commit", commit)
    terms_hash = g.terms_hash(f["terms"])
    f.same("unit_aad", g.unit_aad(keys.session, f["unit"], f["unit_salt"], terms_hash))
    f.same("unit_chunk", b"".join(g.seal_stream(key, f["unit_aad"], f["unit_content"])))
    f.same("unit_envelope", g.encode([
        g.SUITE, keys.session, f["unit"], f["unit_salt"], terms_hash, commit, g.padded(len(f["unit_content"]))]))
    live = {
        g.VIEWER: context.export(b"glimpse/v1/live/viewer-to-device"),
        g.DEVICE: context.export(b"glimpse/v1/live/device-to-viewer")}
    f.same("live_key_viewer", live[g.VIEWER])
    f.same("live_key_device", live[g.DEVICE])
    for entry in f.each("live"):
        counter, sender = entry.values["counter"], entry.values["from"]
        nonce, aad = g.live_nonce_aad(keys.session, sender, counter)
        entry.same("aad", aad)
        sealed = g.ChaCha20Poly1305(live[sender]).encrypt(nonce, entry["plaintext"], aad)
        entry.same("message", g.encode([6, counter, sealed]))


def linking(founder):
    f = File("linking")
    digits = f.text("qr").removeprefix("GLIMPSE:LINK:")
    f.same("nameplate", g.code_parts(digits, 12, 39)[0])
    f.same("secret", g.code_parts(digits, 12, 39)[1])
    nameplate = f.text("nameplate")
    f.same("identity", g.encode([
        founder["account_id"], founder["device_signing_key"], founder["device_kem_key"], [0, founder["link_hash"]], 1,
        "", f["identity_blind"]]))
    offer = g.decode(f["offer"])
    assert offer[1] == g.LINK
    assert offer[4:6] == [f["device_nonce"], g.sha256(g.labelled("pairing/identity", f["identity"]))]
    f.same("password", g.password(nameplate, f.text("secret"), f["offer"]))
    kem, signing = g.xwing_public(f["viewer_kem_seed"]), g.signing_key(f["viewer_signing_seed"])
    f.same("hello_core", g.encode([
        g.sha256(g.labelled("pairing/offer", f["offer"])), kem, signing, "", "", "glimpse on Linux", f["viewer_nonce"],
        g.sha256(g.labelled("pairing/words-nonce", f["words_nonce"]))]))
    a, b = (g.pake(side, f["password"], nameplate, f["offer"], f["hello_core"], g.LINK) for side in (g.VIEWER, g.DEVICE))
    pake_a, pake_b = with_scalar(a, f["viewer_scalar"]), with_scalar(b, f["device_scalar"])
    f.same("hello", g.encode([1, f["hello_core"], pake_a]))
    f.same("answer", g.encode([2, pake_b]))
    f.same("pake_output", a.finish(pake_b))
    keys = g.PairingKeys(f["pake_output"], nameplate, f["offer"], f["hello"], f["answer"], g.LINK)
    f.same("transcript", keys.transcript)
    f.same("prk", keys.prk)
    f.same("introduction", g.encode([b"", "", "", g.sign(f["viewer_signing_seed"], keys.introduction_preimage())]))
    sealed = keys.seal("seal-a", f["introduction"])
    confirm_a = keys.confirm_a(f["words_nonce"], sealed)
    f.same("confirm_a", g.encode([3, confirm_a, f["words_nonce"], sealed]))
    sealed = keys.seal("seal-b", f["identity"])
    f.same("confirm_b", g.encode([4, keys.confirm_b(confirm_a, sealed), sealed]))
    f.same("words", g.two_words(keys.words_bits(f["words_nonce"]), WORDS))
    f.same("session", keys.session)
    f.same("psk", keys.psk)

    channel = {
        "adder": g.expand(keys.prk, g.labelled("linking/adder-to-joiner"), 32),
        "joiner": g.expand(keys.prk, g.labelled("linking/joiner-to-adder"), 32)}
    for role, key in channel.items():
        f.same("linking_key_" + role, key)
    account, adder, at, place = founder["account_id"], founder["device_id"], 1_700_000_000_000, [1, founder["link_hash"]]
    joiner = [g.signing_key(f["joiner_signing_seed"]), g.xwing_public(f["joiner_kem_seed"])]
    f.same("joiner_id", g.sha256(g.labelled("account/device-id", *joiner)))
    f.same("serial_key", g.hkdf(None, g.labelled("account/serial-key"), founder["account_seed"], 32))
    f.same("serial_hash", g.mac(f["serial_key"], g.labelled("account/serial", f.text("serial"))))
    serial, server = f["serial_hash"], f["server_signing_key"]
    f.same("invitation", g.labelled(
        "linking/invitation", keys.transcript, f["joiner_id"], account, g.n8(1), place[1], adder, serial, g.n8(at), g.n8(0),
        server))
    f.same("reverse", g.labelled(
        "chain/reverse", account, g.n8(1), place[1], *joiner, serial, adder, keys.transcript))
    reverse = g.sign(f["joiner_signing_seed"], f["reverse"])
    f.same("link", g.encode([
        g.SUITE, 1, place[1], [2, [1, [*joiner, serial], keys.transcript, reverse, at, 0], []], adder]))
    f.same("link_signature", g.sign(founder["device_signing_seed"], g.labelled("chain/link-signature", f["link"])))
    f.same("link_hash", g.sha256(g.labelled("chain/link", f["link"])))
    f.same("sealed_seed", g.encode([1, founder["account_seed"]]))
    f.same("seed_shared_secret", g.xwing_decapsulate(f["joiner_kem_seed"], f["seed_enc"]))
    context = g.Hpke(f["seed_shared_secret"], keys.transcript, keys.psk, keys.session)
    f.same("seed_key", context.key)
    f.same("seed_nonce", context.nonce)
    f.same("seed_ciphertext", context.seal(f["link_hash"], f["sealed_seed"]))
    says = [
        ("joiner", [1, *joiner, f.text("name"), f.text("serial")]),
        ("adder", [
            2, account, place, adder, serial, at, 0, server, g.sign(founder["device_signing_seed"], f["invitation"])]),
        ("joiner", [3, reverse]),
        ("adder", [4, f["link_hash"], f["seed_enc"], f["seed_ciphertext"]]),
        ("joiner", [5])]
    counters = {"adder": 0, "joiner": 0}
    for entry, (role, plaintext) in zip(f.each("messages"), says, strict=True):
        nonce, aad = g.linking_nonce_aad(keys.transcript, counters[role])
        entry.same("from", role)
        entry.same("counter", counters[role])
        entry.same("aad", aad)
        entry.same("plaintext", g.encode(plaintext))
        sealed = g.ChaCha20Poly1305(channel[role]).encrypt(nonce, entry["plaintext"], aad)
        entry.same("message", g.encode([6, counters[role], sealed]))
        counters[role] += 1

    f.same("name_key", g.hkdf(f["name_salt"], g.labelled("account/name-key"), founder["account_seed"], 32))
    f.same("name_aad", g.sha256(g.labelled("account/name", account, f["joiner_id"], g.n8(1))))
    chunks = g.seal_stream(f["name_key"], f["name_aad"], f.text("name").encode())
    f.same("name_sealed", f["name_salt"] + b"".join(chunks))


def receipts():
    f = File("receipts")
    device, viewer = f["device_signing_key"], f["viewer_signing_key"]
    previous, openings = bytes(32), 0
    for seq, entry in enumerate(f.each("receipts")):
        receipt = g.decode(entry["receipt"])
        assert receipt[:4] == [g.SUITE, f["session"], seq, previous], entry.name
        event = receipt[5]
        if event[0] == 1:
            g.verify(device, g.labelled("session/grant", event[2], event[3], event[1], event[4]), event[5])
        elif event[0] == 2:
            g.verify(viewer, g.labelled("session/open", event[1]), event[2])
            openings += 1
        elif event[0] == 4:
            g.verify(viewer, g.labelled("session/end", event[2]), event[3])
        elif event[0] == 5:
            server = f["server_signing_key"]
            assert event[1] == g.encode([g.SUITE, server, f["session"], previous, receipt[4], 1])
            g.verify(server, g.labelled("session/destroyed", event[1]), event[2])
        elif event[0] == 6:
            assert event[1] == previous
            statement = g.encode([g.SUITE, f["session"], event[1], seq - 1])
            g.verify(device, g.labelled("session/countersign", statement), event[2])
        previous = g.receipt_hash(entry["receipt"])
        entry.same("hash", previous)
    f.same("openings", openings)


def malformed():
    """Of the faults, those that a decoder alone must notice."""
    global CHECKED
    for path in sorted((FOLDER / "reject").glob("offer-*.json")):
        f = File("reject/" + path.stem)
        if f.text("error") != "malformed" or "other" in path.stem:
            continue
        try:
            offer = g.decode(f["bytes"])
            assert len(offer) != 7, path.stem
        except ValueError:
            pass
        CHECKED += 1


small()
recovery()
FOUNDER = account()
checkpoints(FOUNDER)
decision(FOUNDER)
for NAME in ("record", "record-chunks", "record-writer"):
    record(NAME, FOUNDER)
PAIR, KEYS = pairing(FOUNDER)
session(FOUNDER, PAIR, KEYS)
agent(FOUNDER, PAIR)
receipts()
linking(FOUNDER)
malformed()
print(CHECKED, "values computed again")
