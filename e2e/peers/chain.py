"""The account's chain, replayed from genesis as section 4 says: a list of signed links that is only ever extended.

A link that does not fit is refused with a word of vectors/README.md, which are not of the protocol.
"""

from collections import namedtuple

import preimages
from cipher import HpkeReceiver, XWingKey, signed_by
from hpke import hkdf
from owner import DEVICE_FIELDS, EPOCH, SIGNED_LINK
from wire import ZERO32, H, Refused, array, choice, decode, encode, lp, many, octets, only, suite, text, uint

LINK_MOST = 64 * 1024
DEVICES_MOST = 32
PINS_MOST = 64
HELD_MOST = 30 * 24 * 60 * 60 * 1000
# How many links may stand before one of this kind: the last are for taking a device out, and for the kit.
ROOM, ROOM_TO_LEAVE, ROOM_FOR_KIT = 3968, 4064, 4096

KIT = array("Recovery", signing=octets(32), kem=octets(1216))
KITS = many(KIT, 1)
WRAPS = many(array("Wrap", device=octets(32), hash=octets(32)), DEVICES_MOST + 1)


def boolean(value):
    if type(value) is not bool:
        raise Refused("malformed", "a boolean")
    return value


PINS = many(array("Pin", name=text(512), key=octets(32)), PINS_MOST)
NEED = array("Need", second=boolean, held=uint)
POLICY = array(
    "Policy", organisations=PINS, writers=PINS, adding=NEED, revoking=NEED, pinning=NEED, recovering=uint
)
ACT = choice(
    _1=array(
        "Add", tag=only(1), device=DEVICE_FIELDS, transcript=octets(32), reverse=octets(64), at=uint, held=uint
    ),
    _2=array("Leave", tag=only(2), devices=many(octets(32), DEVICES_MOST), epoch=EPOCH),
    _3=array("Begin", tag=only(3), epoch=EPOCH),
    _4=array("Rules", tag=only(4), policy=POLICY, at=uint, held=uint),
    _5=array("Replace", tag=only(5), kits=KITS, wraps=WRAPS),
)
SECOND = array("Second", device=octets(32), signature=octets(64))
BODY = choice(
    _1=array("Genesis", tag=only(1), random=octets(32), device=DEVICE_FIELDS, epoch=EPOCH, kits=KITS),
    _2=array("ByDevice", tag=only(2), act=ACT, seconds=many(SECOND, 1)),
    _3=array("ByKit", tag=only(3), device=DEVICE_FIELDS, reverse=octets(64), epoch=EPOCH, kits=KITS),
)
LINK = array("Link", suite=suite, seq=uint, previous=octets(32), body=BODY, signer=octets(32))

Head = namedtuple("Head", "seq hash")
Rules = namedtuple("Rules", "adding revoking pinning recovering")


def id_of(keys):
    """The id of a device, and of a kit."""
    return H(preimages.device_id(keys.signing, keys.kem))


def plain(value):
    """What a shape read, as the arrays that it was read from."""
    return [plain(each) for each in value] if isinstance(value, (list, tuple)) else value


def until(act):
    """*at + held*; what no time can say is the last that there is."""
    return min(act.at + act.held, 2**64 - 1)


class Chain:
    """What the links so far say. `push` takes the next one, or refuses it and changes nothing."""

    def __init__(self):
        self.account = None
        self.head = None
        self.devices = {}  # those that belong, by id
        self.known = set()  # every id and every signing key that was ever a device's
        self.epochs = []
        self.kit = None
        self.rules = Rules(NEED([False, 0]), NEED([False, 0]), NEED([False, 0]), 0)  # in force, where a link has no time
        self.waiting = None  # (rules that are less strict, when they are in force)
        self.dated = 0  # the latest time that a link carries
        self.free = {}  # when each device is held back no longer
        self.effective = {}  # (name of a pin, when it takes effect), by its list and key
        self.newest = None
        self.brought = []  # the wraps of the newest link: (for whom, hash)

    def push(self, raw):
        signed = decode(raw, SIGNED_LINK, LINK_MOST + 128)
        link = decode(signed.link, LINK, LINK_MOST)
        place = Head(0, ZERO32) if self.head is None else Head(self.head.seq + 1, self.head.hash)
        if (link.seq, link.previous) != place:
            raise Refused("not-next", "not the link that follows")
        if (link.body.tag == 1) != (self.head is None):
            raise Refused("malformed", "a genesis link, and no other, comes first")
        if self.head is not None and self.head.seq + 1 >= self._room(link.body):
            raise Refused("full", "a chain with as many links as it may have")
        take = {1: self._genesis, 2: self._by_device, 3: self._by_kit}[link.body.tag]
        done = take(link, signed, place)
        done()
        self.head, self.newest = Head(link.seq, H(preimages.link_hash(signed.link))), link
        said = link.body.act if link.body.tag == 2 else link.body
        wraps = said.epoch.wraps if hasattr(said, "epoch") else getattr(said, "wraps", [])
        self.brought = [tuple(each) for each in wraps]

    # Each of these checks a link, and returns what is to be done if it is taken.

    def _genesis(self, link, signed, _place):
        body = link.body
        if link.signer != id_of(body.device):
            raise Refused("malformed", "another signer of a genesis link")
        self._signature(body.device.signing, signed)
        kit = self._only(body.kits)
        self._epoch(body.epoch, {link.signer}, kit)

        def done():
            self.account = H(preimages.account_id(signed.link))
            self._belongs(body.device)
            self._begins(body.epoch, kit)

        return done

    def _by_device(self, link, signed, place):
        act = link.body.act
        signer = self.devices.get(link.signer)
        if signer is None:
            raise Refused("not-a-member", "a signer that does not belong")
        self._signature(signer.signing, signed)
        take = {1: self._add, 2: self._leave, 3: self._begin, 4: self._policy, 5: self._replace}[act.tag]
        done = take(act, link, place)
        self._seconds(link, place)

        def dated():
            if act.tag in (1, 4):
                self._settle(act.at)
            done()

        return dated

    def _by_kit(self, link, signed, place):
        body = link.body
        if self.kit is None:
            raise Refused("not-a-member", "there is no kit")
        self._signature(self.kit.signing, signed)
        if link.signer != id_of(body.device):
            raise Refused("malformed", "the signer is the device that begins anew")
        self._joins(body.device, body.reverse, place, id_of(self.kit), ZERO32)
        kit = self._only(body.kits)
        if kit is not None and id_of(kit) == id_of(self.kit):
            raise Refused("malformed", "a kit that replaces itself")
        self._epoch(body.epoch, {link.signer}, kit)

        def done():
            self.devices = {}
            self._belongs(body.device)
            self._begins(body.epoch, kit)

        return done

    def _add(self, act, link, place):
        self._joins(act.device, act.reverse, place, link.signer, act.transcript)
        if len(self.devices) >= DEVICES_MOST:
            raise Refused("full", "devices")
        self._held(act.held, self._rules_for(act).adding.held)
        return lambda: self._belongs(act.device, until(act) if act.held else 0)

    def _leave(self, act, link, _place):
        if not act.devices or act.devices != sorted(set(act.devices)):
            raise Refused("malformed", "the order of those who leave")
        if link.signer in act.devices:
            raise Refused("malformed", "the signer leaves")
        if not set(act.devices) <= set(self.devices):
            raise Refused("not-a-member", "a stranger leaves")
        self._epoch(act.epoch, set(self.devices) - set(act.devices), self.kit)

        def done():
            for each in act.devices:
                del self.devices[each]
            self._begins(act.epoch, self.kit)

        return done

    def _begin(self, act, _link, _place):
        self._epoch(act.epoch, set(self.devices), self.kit)
        return lambda: self._begins(act.epoch, self.kit)

    def _policy(self, act, _link, _place):
        before = self._rules_for(act)
        self._held(act.held, before.pinning.held)
        policy = act.policy
        times = (policy.adding.held, policy.pinning.held, policy.recovering)
        if max(times) > HELD_MOST or policy.revoking.held != 0:
            raise Refused("malformed", "a time of holding in the rules")
        for pins in (policy.organisations, policy.writers):
            if any(not pin.name for pin in pins) or len({pin.key for pin in pins}) != len(pins):
                raise Refused("malformed", "pins without a name or with one key")

        def done():
            there, self.effective = self.effective, {}
            for kind, pins in (("organisation", policy.organisations), ("writer", policy.writers)):
                for pin in pins:
                    _, since = there.get((kind, pin.key), (None, until(act)))
                    self.effective[kind, pin.key] = (pin.name, since)
            signed = Rules(policy.adding, policy.revoking, policy.pinning, policy.recovering)
            strict = Rules(
                *(NEED([a.second or b.second, max(a.held, b.held)]) for a, b in zip(before[:3], signed[:3])),
                max(before.recovering, signed.recovering),
            )
            if before.pinning.held == 0 or strict == signed:
                self.rules, self.waiting = signed, None
            else:
                waits = self.waiting is not None and self.waiting[0] == signed
                self.rules, self.waiting = strict, (signed, self.waiting[1] if waits else until(act))

        return done

    def _replace(self, act, _link, _place):
        kit = self._only(act.kits)
        if [wrap.device for wrap in act.wraps] != ([] if kit is None else [id_of(kit)]):
            raise Refused("epoch", "not those that the link needs")

        def done():
            self.kit = kit

        return done

    # What several kinds of links have in common.

    @staticmethod
    def _signature(key, signed):
        if not signed_by(key, signed.signature, preimages.link_signature(signed.link)):
            raise Refused("signature", "of a link")

    @staticmethod
    def _only(kits):
        return kits[0] if kits else None

    def _joins(self, device, reverse, place, adder, transcript):
        if self.known & {id_of(device), device.signing}:
            raise Refused("known", "a device that was in the chain before")
        over = preimages.reverse_signature(self.account, *place, *device, adder, transcript)
        if not signed_by(device.signing, reverse, over):
            raise Refused("reverse", "the signature of a device that joins")

    def _epoch(self, epoch, devices, kit):
        if epoch.number != len(self.epochs) + 1 or epoch.account_key in [each.account_key for each in self.epochs]:
            raise Refused("epoch", "the number, or the key, of an epoch")
        if bool(epoch.older_seed) != bool(self.epochs):
            raise Refused("epoch", "an older seed")
        wanted = sorted([*devices, *([id_of(kit)] if kit else [])])
        if [wrap.device for wrap in epoch.wraps] != wanted:
            raise Refused("epoch", "not those that the link needs")

    @staticmethod
    def _room(body):
        if body.tag == 3:
            return ROOM_FOR_KIT
        return ROOM_TO_LEAVE if body.tag == 2 and body.act.tag == 2 else ROOM

    def _rules_for(self, act):
        """The rules that are in force for a link: for one that carries a time, those that waited until then."""
        if self.waiting and act.tag in (1, 4) and act.at >= self.waiting[1]:
            return self.waiting[0]
        return self.rules

    def _settle(self, at):
        self.dated = max(self.dated, at)
        if self.waiting and at >= self.waiting[1]:
            self.rules, self.waiting = self.waiting[0], None

    @staticmethod
    def _held(held, least):
        if not least <= held <= HELD_MOST:
            raise Refused("policy", "a time of holding")

    def _seconds(self, link, place):
        """Where the rules ask for a second signature, and somebody could give it."""
        act, seconds = link.body.act, link.body.seconds
        under = {1: "adding", 2: "revoking", 4: "pinning", 5: "pinning"}.get(act.tag)
        asked = under is not None and getattr(self._rules_for(act), under).second
        others = set(self.devices) - {link.signer}
        free = {each for each in others if self.free[each] <= (act.at if act.tag in (1, 4) else self.dated)}
        enough = 2 if act.tag == 2 else 1
        must = asked and len(free) >= enough
        if act.tag in (1, 4):
            may, could = must, free
        else:
            may, could = asked and len(others) >= enough, others
        if act.tag == 2 and free - set(act.devices):
            could = others - set(act.devices)
        if (must and not seconds) or (seconds and not may):
            raise Refused("policy", "a second signature is missing, or not asked for")
        over = preimages.second_signature(self.account, *place, encode(plain(act)))
        for each in seconds:
            if each.device not in could:
                raise Refused("policy", "a second signature of a device that cannot give it")
            if not signed_by(self.devices[each.device].signing, each.signature, over):
                raise Refused("signature", "of the second device")

    def _belongs(self, device, free=0):
        self.devices[id_of(device)], self.free[id_of(device)] = device, free
        self.known |= {id_of(device), device.signing}

    def _begins(self, epoch, kit):
        self.epochs.append(epoch)
        self.kit = kit


# Seeds: what a device adopts, and from where.


def account_key(seed):
    return XWingKey(hkdf(b"", lp("account/kem-key"), seed, 32))


def adopt(kem_seed, whom, epoch, committed, wrap):
    """The seed in a wrap: if the link commits to the wrap, and the account key of the epoch follows from the seed."""
    if (whom, H(preimages.wrap_hash(wrap))) not in committed:
        raise Refused("record-tampered", "a wrap that the link does not name")
    info = preimages.seed_wrap_info(whom, epoch.number, epoch.account_key)
    return _that_of(epoch, HpkeReceiver(XWingKey(kem_seed), wrap[:1120], info).open(wrap[1120:], b""))


def older_seed(chain, number, seed):
    """The seed of the epoch before epoch `number`, whose seed is known."""
    later, earlier = chain.epochs[number - 1], chain.epochs[number - 2]
    info = preimages.older_seed_info(chain.account, number, later.account_key)
    return _that_of(earlier, HpkeReceiver(account_key(seed), later.older_seed[:1120], info).open(later.older_seed[1120:], b""))


def _that_of(epoch, seed):
    if account_key(seed).public != epoch.account_key:
        raise Refused("record-tampered", "a seed that is not that of the epoch")
    return seed
