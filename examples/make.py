#!/usr/bin/env python3
"""Makes the sample record of this folder, the same bytes every time.

    python3 make.py            everything but the photo, with the standard library alone
    python3 make.py --photo    the photo too; needs numpy and Pillow (made with numpy 2 and Pillow 13)

Mara Lind, her family, her practice and her numbers do not exist. Telephone numbers are from the range that is kept free
for films (Ofcom, 020 7946 0xxx).
"""

import json
import math
import random
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path

HERE = Path(__file__).parent
MONDAY = datetime(2026, 11, 9, tzinfo=timezone.utc)
PATIENT = {"reference": "Patient/mara-lind", "display": "Mara Lind"}


def write_json(name, value):
    (HERE / name).write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def stamp(time):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")


# --- A watch's week -----------------------------------------------------------------------------------------------------

# Hours of sleep as (bedtime on the evening before, hours asleep, minutes to fall asleep, times awake), Monday to Sunday.
NIGHTS = [(22.9, 7.1, 14, 1), (23.2, 6.6, 20, 2), (22.6, 7.5, 11, 1), (0.4, 5.3, 32, 4), (22.8, 7.2, 12, 1), (23.9, 7.0, 9, 1), (23.4, 8.1, 10, 0)]
# Walks and runs as (start hour, hours, beats above rest, steps an hour).
MOVES = [
    [(7.6, 0.5, 28, 3900), (12.5, 0.6, 24, 3200), (17.8, 0.5, 26, 3700)],
    [(7.6, 0.5, 27, 3800), (18.5, 0.75, 72, 8600)],
    [(7.6, 0.5, 29, 4000), (12.4, 0.7, 25, 3400), (17.9, 0.5, 26, 3600)],
    [(8.1, 0.4, 30, 3500), (18.0, 0.4, 27, 3300)],
    [(7.6, 0.5, 28, 3900), (18.4, 0.8, 75, 8800)],
    [(10.2, 2.6, 38, 4700)],
    [(11.0, 1.2, 26, 3300), (16.0, 0.8, 24, 3000)],
]


def asleep(day, hour):
    """True while she sleeps; hours of a day run from 0 to 24."""
    for index in (day, day + 1):
        if index < 7:
            bed, hours, falling, _ = NIGHTS[index]
            start = (bed - 24 if bed > 12 else bed) + falling / 60 + (24 if index == day + 1 else 0)
            if start <= hour < start + hours:
                return True
    return False


def moving(day, hour):
    return next((move for move in MOVES[day] if move[0] <= hour < move[0] + move[1]), None)


def heart_rate():
    rng = random.Random("heart")
    rows, level, drift = ["time,Heart rate (bpm)"], 58.0, 0.0
    for minute in range(0, 7 * 24 * 60, 5):
        day, hour = minute // 1440, minute % 1440 / 60
        # The watch charges while she showers.
        if 6.9 <= hour < 7.4:
            continue
        drift = 0.93 * drift + rng.gauss(0, 1.1)
        if asleep(day, hour):
            target = 53 + 3 * math.sin(minute / 14) + (4 if day == 3 else 0)
        else:
            move = moving(day, hour)
            target = 68 + 4 * math.sin((hour - 9) / 3.1) + (move[2] if move else 0) + (5 if 13 <= hour < 14.5 else 0)
        level += (target - level) * (0.55 if target > level else 0.35)
        rows.append(f"{stamp(MONDAY + timedelta(minutes=minute))},{round(level + drift + rng.gauss(0, 1.6))}")
    (HERE / "heart-rate.csv").write_text("\n".join(rows) + "\n")


def point(index, schema, version, body, created):
    return {
        "header": {
            "id": f"5f0c2a10-0000-4000-8000-{index:012x}",
            "creation_date_time": stamp(created),
            "schema_id": {"namespace": "omh", "name": schema, "version": version},
            "acquisition_provenance": {"source_name": "Wristwatch", "modality": "sensed"},
        },
        "body": body,
    }


def interval(start, end):
    return {"time_interval": {"start_date_time": stamp(start), "end_date_time": stamp(end)}}


def steps():
    rng, points = random.Random("steps"), []
    for day in range(7):
        for hour in range(24):
            inside = [minute for minute in range(60) if (move := moving(day, hour + minute / 60))]
            walked = sum(moving(day, hour + minute / 60)[3] / 60 for minute in inside)
            about = 0 if asleep(day, hour + 0.5) else rng.randint(60, 420)
            count = round(walked * rng.uniform(0.93, 1.05)) + about
            if count:
                start = MONDAY + timedelta(days=day, hours=hour)
                body = {"step_count": {"value": count, "unit": "steps"}, "effective_time_frame": interval(start, start + timedelta(hours=1))}
                points.append(point(0x1000 + len(points), "step-count", "3.0", body, start + timedelta(hours=1)))
    write_json("steps.json", points)


def sleep():
    points = []
    for day, (bed, hours, falling, awake) in enumerate(NIGHTS):
        start = MONDAY + timedelta(days=day, hours=bed - 24 if bed > 12 else bed)
        end = start + timedelta(hours=hours, minutes=falling + 6 * awake)
        body = {
            "effective_time_frame": interval(start, end),
            "total_sleep_time": {"value": hours, "unit": "h"},
            "latency_to_sleep_onset": {"value": falling, "unit": "min"},
            "number_of_awakenings": awake,
            "is_main_sleep": True,
        }
        points.append(point(0x2000 + day, "sleep-episode", "1.1", body, end))
    write_json("sleep.json", points)


# --- From the practice --------------------------------------------------------------------------------------------------


def concept(system, code, display, text=None):
    value = {"coding": [{"system": system, "code": code, "display": display}]}
    return value | {"text": text} if text else value


LOINC, SNOMED, UCUM, TERMS = "http://loinc.org", "http://snomed.info/sct", "http://unitsofmeasure.org", "http://terminology.hl7.org/CodeSystem/"


def patient():
    write_json("patient.json", {
        "resourceType": "Patient",
        "id": "mara-lind",
        "meta": {"versionId": "4", "lastUpdated": "2026-09-02T09:12:00Z"},
        "text": {"status": "generated", "div": "<div xmlns=\"http://www.w3.org/1999/xhtml\"><p><b>Mara Lind</b>, born 14 March 1961</p></div>"},
        "identifier": [{"use": "official", "type": {"text": "Health service number"}, "system": "https://brightwell.example/health-number", "value": "943 476 5919"}],
        "active": True,
        "name": [{"use": "official", "family": "Lind", "given": ["Mara", "Elise"]}, {"use": "maiden", "family": "Hartwell", "given": ["Mara"]}],
        "telecom": [{"system": "phone", "value": "020 7946 0142", "use": "mobile"}, {"system": "email", "value": "mara.lind@example.org"}],
        "gender": "female",
        "birthDate": "1961-03-14",
        "address": [{"use": "home", "line": ["14 Harbour Row"], "city": "Brightwell", "postalCode": "BW4 2LN", "country": "United Kingdom"}],
        "maritalStatus": concept(TERMS + "v3-MaritalStatus", "M", "Married"),
        "contact": [{"relationship": [{"text": "Daughter"}], "name": {"family": "Lind", "given": ["Jonna"]}, "telecom": [{"system": "phone", "value": "020 7946 0188"}]}],
        "communication": [{"language": concept("urn:ietf:bcp:47", "en", "English"), "preferred": True}, {"language": concept("urn:ietf:bcp:47", "sv", "Swedish")}],
        "generalPractitioner": [{"reference": "Practitioner/okafor", "display": "Dr Ngozi Okafor, Quayside Practice"}],
    })


def observation(number, code, day, value=None, unit=None, low=None, high=None, components=None, flag=None, category="laboratory"):
    resource = {
        "resourceType": "Observation",
        "id": f"obs-{number}",
        "status": "final",
        "category": [concept(TERMS + "observation-category", category, category.replace("-", " ").capitalize())],
        "code": concept(LOINC, *code),
        "subject": PATIENT,
        "effectiveDateTime": day,
        "performer": [{"display": "Quayside Practice"}],
    }

    def part(into, value, unit, low, high, flag):
        into["valueQuantity"] = {"value": value, "unit": unit, "system": UCUM, "code": unit}
        bounds = {side: {"value": limit, "unit": unit} for side, limit in (("low", low), ("high", high)) if limit is not None}
        if bounds:
            into["referenceRange"] = [bounds]
        if flag:
            names = {"H": "High", "L": "Low", "N": "Normal"}
            into["interpretation"] = [concept(TERMS + "v3-ObservationInterpretation", flag, names[flag])]

    if components:
        resource["component"] = []
        for code, *rest in components:
            inner = {"code": concept(LOINC, *code)}
            part(inner, *rest)
            resource["component"].append(inner)
    else:
        part(resource, value, unit, low, high, flag)
    return resource


def labs():
    glucose, hba1c = ("14771-0", "Fasting glucose"), ("59261-8", "HbA1c")
    ldl, potassium, creatinine = ("69419-0", "LDL cholesterol"), ("2823-3", "Potassium"), ("14682-9", "Creatinine")
    pressure, high, low = ("85354-9", "Blood pressure panel", "Blood pressure"), ("8480-6", "Systolic blood pressure"), ("8462-4", "Diastolic blood pressure")
    days = ["2025-11-18", "2026-02-24", "2026-05-19", "2026-08-26", "2026-11-12"]
    rows = [
        (glucose, [5.9, 6.3, 6.1, 5.8, 5.6], "mmol/L", 3.9, 6.0),
        (hba1c, [41, 43, 42, 40, 39], "mmol/mol", None, 42),
        (ldl, [4.1, 3.6, 3.0, 2.8, 2.7], "mmol/L", None, 3.0),
        (potassium, [4.2, 4.4, 4.5, 4.3, 4.4], "mmol/L", 3.5, 5.1),
        (creatinine, [71, 74, 73, 70, 72], "umol/L", 45, 84),
    ]
    pressures = [(148, 92), (142, 88), (135, 84), (131, 82), (127, 79)]
    entries = []
    for index, day in enumerate(days):
        for code, values, unit, bottom, top in rows:
            flag = "H" if top is not None and values[index] > top else "N"
            entries.append(observation(len(entries) + 1, code, f"{day}T08:15:00Z", values[index], unit, bottom, top, flag=flag))
        systolic, diastolic = pressures[index]
        parts = [(high, systolic, "mmHg", 90, 139, "H" if systolic > 139 else "N"), (low, diastolic, "mmHg", 60, 89, "H" if diastolic > 89 else "N")]
        entries.append(observation(len(entries) + 1, pressure, f"{day}T08:05:00Z", components=parts, category="vital-signs"))
    write_json("lab-results.json", {
        "resourceType": "Bundle",
        "type": "collection",
        "timestamp": "2026-11-13T16:40:00Z",
        "entry": [{"fullUrl": f"https://quayside.example/fhir/Observation/{entry['id']}", "resource": entry} for entry in entries],
    })


def single_resources():
    write_json("allergy.json", {
        "resourceType": "AllergyIntolerance",
        "id": "allergy-penicillin",
        "clinicalStatus": concept(TERMS + "allergyintolerance-clinical", "active", "Active"),
        "verificationStatus": concept(TERMS + "allergyintolerance-verification", "confirmed", "Confirmed"),
        "type": "allergy",
        "category": ["medication"],
        "criticality": "high",
        "code": concept(SNOMED, "91936005", "Allergy to penicillin", "Penicillin"),
        "patient": PATIENT,
        "onsetDateTime": "1987",
        "recordedDate": "2011-06-20",
        "recorder": {"display": "Dr Ngozi Okafor"},
        "reaction": [{
            "manifestation": [concept(SNOMED, "126485001", "Urticaria", "Hives"), concept(SNOMED, "41291007", "Angioedema", "Swelling of the face")],
            "severity": "severe",
            "onset": "1987-05-02",
        }],
        "note": [{"text": "Carries an adrenaline pen. Cefuroxime was tolerated in 2014."}],
    })
    write_json("prescription.json", {
        "resourceType": "MedicationRequest",
        "id": "rx-ramipril",
        "status": "active",
        "intent": "order",
        "medicationCodeableConcept": concept("http://www.whocc.no/atc", "C09AA05", "Ramipril", "Ramipril 5 mg capsules"),
        "subject": PATIENT,
        "authoredOn": "2026-08-27",
        "requester": {"reference": "Practitioner/okafor", "display": "Dr Ngozi Okafor"},
        "reasonCode": [concept(SNOMED, "38341003", "Hypertensive disorder", "High blood pressure")],
        "dosageInstruction": [{
            "text": "One capsule in the morning, with water",
            "timing": {"repeat": {"frequency": 1, "period": 1, "periodUnit": "d"}},
            "route": concept(SNOMED, "26643006", "Oral route", "By mouth"),
            "doseAndRate": [{"doseQuantity": {"value": 1, "unit": "capsule"}}],
        }],
        "dispenseRequest": {
            "validityPeriod": {"start": "2026-08-27", "end": "2027-02-27"},
            "numberOfRepeatsAllowed": 5,
            "quantity": {"value": 28, "unit": "capsules"},
            "expectedSupplyDuration": {"value": 28, "unit": "days", "system": UCUM, "code": "d"},
        },
        "substitution": {"allowedBoolean": True},
        "note": [{"text": "Check potassium and creatinine once a year."}],
    })
    write_json("vaccination.json", {
        "resourceType": "Immunization",
        "id": "imm-flu-2026",
        "status": "completed",
        "vaccineCode": concept(SNOMED, "1181000221105", "Influenza virus antigen only vaccine product", "Influenza, season 2026/27"),
        "patient": PATIENT,
        "occurrenceDateTime": "2026-10-06T10:20:00Z",
        "primarySource": True,
        "lotNumber": "FX26-1187",
        "expirationDate": "2027-06-30",
        "site": concept(TERMS + "v3-ActSite", "LA", "left arm", "Left upper arm"),
        "route": concept(TERMS + "v3-RouteOfAdministration", "IM", "Injection, intramuscular", "Into the muscle"),
        "doseQuantity": {"value": 0.5, "unit": "mL", "system": UCUM, "code": "mL"},
        "performer": [{"actor": {"display": "Nurse Tom Reyes, Quayside Practice"}}],
        "protocolApplied": [{"targetDisease": [concept(SNOMED, "6142004", "Influenza")], "doseNumberPositiveInt": 1}],
    })


# --- Papers -------------------------------------------------------------------------------------------------------------


def expenses():
    rng = random.Random("money")
    shops = {
        "Groceries": [("Corner Market", 9, 62), ("Harbour Bakery", 3, 11), ("Saturday market", 12, 38)],
        "Transport": [("City Buses", 2.4, 2.4), ("Rail", 14.5, 38)],
        "Pharmacy": [("Quay Pharmacy", 4.5, 23)],
        "Home": [("Brightwell Hardware", 6, 71), ("Energy supplier", 96, 124)],
        "Going out": [("Café Lantern", 4.2, 18), ("Harbour Cinema", 11.5, 23)],
    }
    rows, day = ["Date,Category,Where,Amount (GBP),Paid by"], datetime(2026, 10, 1)
    while day.month < 12 and day < datetime(2026, 11, 16):
        for _ in range(rng.choice([0, 1, 1, 2, 3])):
            category = rng.choices(list(shops), [9, 4, 1, 1.5, 3])[0]
            where, least, most = rng.choice(shops[category])
            where = f'"{where}, ticket office"' if where == "Rail" else where
            rows.append(f"{day:%Y-%m-%d},{category},{where},{rng.uniform(least, most):.2f},{rng.choice(['Card', 'Card', 'Cash'])}")
        day += timedelta(days=1)
    (HERE / "expenses.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")


def note():
    (HERE / "note.txt").write_text(
        "For the appointment on Thursday\n\n"
        "- Bring: list of medicines, the pressure readings of the last two weeks, the hospital letter\n"
        "- Ask: is the cough from the ramipril? It began in September, mostly at night\n"
        "- Ask: may I go back to running on the hill, or stay on the flat until December?\n"
        "- Jonna can drive me, if it is before ten\n\n"
        "Bad night on Wednesday (see the watch): neighbours, not the heart.\n",
        encoding="utf-8",
    )


LETTER = [
    ("B", 15, "Brightwell General Hospital"),
    ("R", 10, "Department of Cardiology, 2 Infirmary Lane, Brightwell BW1 1AA, telephone 020 7946 0100"),
    ("", 0, ""),
    ("R", 11, "16 October 2026"),
    ("", 0, ""),
    ("R", 11, "Dr Ngozi Okafor"),
    ("R", 11, "Quayside Practice, 3 Quay Street, Brightwell BW4 1QS"),
    ("", 0, ""),
    ("B", 11, "Mara Lind, born 14 March 1961, 14 Harbour Row, Brightwell"),
    ("", 0, ""),
    ("R", 11, "Dear Dr Okafor,"),
    ("", 0, ""),
    ("R", 11, "Thank you for sending Mrs Lind, whom I saw on 14 October because of palpitations in the evening."),
    ("", 0, ""),
    ("B", 11, "Findings"),
    ("R", 11, "Blood pressure 132/83 mmHg, pulse 66 and regular. Heart sounds normal, no oedema."),
    ("R", 11, "ECG: sinus rhythm, normal intervals. Echocardiogram: normal size and function of both ventricles,"),
    ("R", 11, "no significant valve disease. Recording over 72 hours: 214 single extra beats, no runs, no pauses."),
    ("", 0, ""),
    ("B", 11, "Assessment"),
    ("R", 11, "Harmless extra beats. The treatment of her blood pressure is working well."),
    ("", 0, ""),
    ("B", 11, "Plan"),
    ("R", 11, "1. Continue ramipril 5 mg in the morning. Consider changing it if the dry cough stays."),
    ("R", 11, "2. Running is fine. She should come back at once in case of fainting or pain in the chest."),
    ("R", 11, "3. Please check potassium and creatinine in November. No further appointment with us is needed."),
    ("", 0, ""),
    ("R", 11, "Yours sincerely,"),
    ("", 0, ""),
    ("", 0, ""),
    ("R", 11, "Dr Samuel Adeyemi, consultant cardiologist"),
    ("", 0, ""),
    ("R", 9, "This letter is part of the sample data of Glimpse. The people and places in it are made up."),
]


def letter():
    lines, y = [], 780
    for font, size, text in LETTER:
        if text:
            escaped = text.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")
            lines.append(f"BT /{'F2' if font == 'B' else 'F1'} {size} Tf 62 {y} Td ({escaped}) Tj ET")
        y -= 16 if size != 15 else 20
    # A rule under the letterhead.
    lines.append("0.6 w 62 738 m 533 738 l S")
    stream = "\n".join(lines).encode("latin-1")
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R /Lang (en-GB) /ViewerPreferences << /DisplayDocTitle true >> >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << /Font << /F1 5 0 R /F2 6 0 R >> >> >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica-Bold /Encoding /WinAnsiEncoding >>",
        b"<< /Title (Letter from the cardiologist) /Author (Brightwell General Hospital) /CreationDate (D:20261016101500Z) >>",
    ]
    out, offsets = bytearray(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n"), []
    for number, body in enumerate(objects, 1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    out += b"trailer\n<< /Size %d /Root 1 0 R /Info 7 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, start)
    (HERE / "letter.pdf").write_bytes(out)


# --- The photo: the harbour bay at dawn ---------------------------------------------------------------------------------


def photo(width=1280, height=854):
    import numpy as np
    from PIL import Image, ImageFilter

    rng = np.random.default_rng(1961)
    horizon = int(height * 0.60)
    xs = np.arange(width)

    def ridge(base, size, roughness, seed):
        """A skyline: noise over octaves, as heights in pixels from the top."""
        local, line = np.random.default_rng(seed), np.zeros(width)
        for octave in range(8):
            count = 3 * 2**octave + 2
            line += np.interp(xs, np.linspace(0, width, count), local.normal(size=count)) * roughness**octave
        return base - size * (line - line.min()) / np.ptp(line)

    def blend(top, bottom, rows):
        t = np.clip(rows, 0, 1)[..., None]
        return np.asarray(top) * (1 - t) + np.asarray(bottom) * t

    yy, xx = np.mgrid[0:height, 0:width].astype(float)
    sky = blend((70, 96, 142), (246, 196, 148), (yy / horizon) ** 1.25)
    sun_x, sun_y = width * 0.64, horizon * 0.80
    distance = np.hypot(xx - sun_x, (yy - sun_y) * 1.15)
    sky += 118 * np.exp(-distance / 95)[..., None] * (1.0, 0.80, 0.48) + 62 * np.exp(-distance / 330)[..., None] * (1.0, 0.62, 0.32)
    # Thin streaks of cloud, lit from below.
    cloud = np.zeros((height, width))
    for octave in range(6):
        shape = (4 * 2**octave, 2 * 2**octave)
        layer = Image.fromarray(rng.random(shape).astype("float32")).resize((width, height), Image.BICUBIC)
        cloud += np.asarray(layer) * 0.55**octave
    cloud = (cloud - cloud.min()) / np.ptp(cloud)
    veil = np.clip((cloud - 0.52) * 3.2, 0, 1) * np.clip(1 - yy / horizon, 0, 1) ** 0.4 * 0.55
    sky = sky * (1 - veil[..., None]) + np.asarray((255, 206, 178)) * veil[..., None]

    sky = np.clip(sky, 0, 255)
    disc = np.clip(22 - distance, 0, 1)[..., None]
    picture = sky * (1 - disc) + np.asarray((255, 250, 232)) * disc
    layers = [(horizon - 4, 150, 0.44, 7, (150, 148, 172)), (horizon - 2, 104, 0.47, 11, (104, 110, 138)), (horizon, 66, 0.52, 23, (62, 72, 92)), (horizon, 34, 0.60, 31, (33, 42, 50))]
    for base, size, roughness, seed, colour in layers:
        line = ridge(base, size, roughness, seed)
        cover = np.clip(yy - line[None, :] + 0.5, 0, 1)
        # Mist lies in the valleys and glows towards the sun.
        mist = np.clip((yy - line[None, :]) / max(size * 1.25, 1), 0, 1) ** 1.4 * 0.62
        glow = np.exp(-np.abs(xx - sun_x) / 420)
        haze = np.stack([196 + 48 * glow, 178 + 22 * glow, 172 - 8 * glow], axis=-1)
        shaded = np.asarray(colour) * (1 - mist[..., None]) + haze * mist[..., None]
        picture = picture * (1 - cover[..., None]) + shaded * cover[..., None]

    # Water mirrors what stands above it, broken by ripples that grow towards the shore.
    depth = (np.arange(horizon, height) - horizon)[:, None].astype(float)
    near = depth / (height - horizon)
    phase = rng.uniform(0, 2 * np.pi, 14)
    ripple = sum(
        np.sin(xx[horizon:] * (0.004 + 0.003 * k) * (2.4 - 1.5 * near) + depth * (0.30 + 0.13 * k) / (0.22 + near) + phase[k]) / (1 + 0.35 * k)
        for k in range(14)
    )
    rows = np.clip(horizon - 1 - depth * 0.92 + ripple * (0.6 + 5.5 * near), 0, horizon - 1)
    columns = np.clip(xx[horizon:] + ripple * (1 + 5 * near), 0, width - 1)
    mirror = picture[rows.astype(int), columns.astype(int)]
    dark = (0.90 - 0.34 * near)[..., None]
    water = mirror * dark + np.asarray((24, 40, 62)) * (1 - dark)
    glint = np.exp(-np.abs(xx[horizon:] - sun_x) / (26 + 120 * near)) * np.clip(ripple - 0.9, 0, 1.6)
    water += (glint * (0.8 - 0.45 * near))[..., None] * (150, 112, 70)
    picture = np.concatenate([picture[:horizon], water])

    # A jetty post line and a moored boat keep the eye near.
    image = Image.fromarray(np.clip(picture, 0, 255).astype("uint8"))
    from PIL import ImageDraw

    draw = ImageDraw.Draw(image)
    for index in range(7):
        t = index / 6
        x, top, wide = 150 + 240 * (1 - t), horizon + 14 + 150 * t**1.6, 3 + 8 * t
        long = 20 + 62 * t
        draw.rectangle([x - wide / 2, top, x + wide / 2, top + long], fill=(28, 30, 36))
        draw.rectangle([x - wide / 2, top + long, x + wide / 2, top + long * 1.9], fill=(40, 46, 58))
    bx, by = width * 0.80, horizon + 96
    draw.polygon([(bx - 62, by - 13), (bx + 66, by - 17), (bx + 48, by + 9), (bx - 48, by + 9)], fill=(30, 30, 37))
    draw.polygon([(bx - 48, by + 9), (bx + 48, by + 9), (bx + 40, by + 21), (bx - 40, by + 21)], fill=(48, 50, 62))
    draw.line([(bx - 6, by - 14), (bx - 6, by - 108)], fill=(26, 27, 33), width=3)
    draw.line([(bx - 6, by - 104), (bx + 60, by - 18)], fill=(42, 42, 48), width=1)
    draw.line([(bx - 6, by + 18), (bx - 4, by + 84)], fill=(52, 54, 66), width=2)
    soft = np.asarray(image.filter(ImageFilter.GaussianBlur(0.8))).astype(float)

    # The lens darkens corners; the sensor adds grain.
    radius = np.hypot((xx - width / 2) / width, (yy - height / 2) / height)
    soft *= (1 - 0.42 * np.clip(radius - 0.28, 0, 1) ** 1.4)[..., None]
    soft += rng.normal(0, 2.0, (height, width))[..., None] + rng.normal(0, 0.7, (height, width, 3))
    Image.fromarray(np.clip(soft, 0, 255).astype("uint8")).save(HERE / "photo.jpg", quality=80, optimize=True, progressive=True, subsampling=2)


def plan():
    """What the practice's own program gives: JSON of no standard form."""
    write_json("plan.json", {
        "plan": "Cardiac rehabilitation, phase II",
        "for": "Mara Lind",
        "practice": {"name": "Quayside Practice", "telephone": "020 7946 0153", "contact": ["Dr Samuel Adeyemi", "Tom Reyes"]},
        "weeks": [
            {
                "week": 1,
                "goal": {"minutes": 90, "heart_rate": {"from": 95, "to": 115}},
                "sessions": [
                    {"day": "Tuesday", "what": "bicycle", "minutes": 30, "supervised": True},
                    {"day": "Thursday", "what": "walking", "minutes": 30, "supervised": True},
                    {"day": "Saturday", "what": "walking", "minutes": 30, "supervised": False},
                ],
            },
            {
                "week": 2,
                "goal": {"minutes": 110, "heart_rate": {"from": 95, "to": 120}},
                "sessions": [
                    {"day": "Tuesday", "what": "bicycle", "minutes": 35, "supervised": True},
                    {"day": "Thursday", "what": "rowing", "minutes": 35, "supervised": True},
                    {"day": "Saturday", "what": "swimming", "minutes": 40, "supervised": False},
                ],
            },
        ],
        "stop_when": ["pain in the chest", "dizziness", "pulse above 140"],
        "reviewed": None,
    })


def ecg():
    """Ten seconds of one lead in the European Data Format: a file that a browser does not show."""
    rate, seconds = 250, 10
    def padded(text, width):
        return text.ljust(width)[:width].encode("ascii")
    whole = [("0", 8), ("X X X Mara_Lind", 80), ("Startdate 12-NOV-2026 X X X", 80), ("12.11.26", 8), ("09.30.00", 8)]
    whole += [("512", 8), ("", 44), (str(seconds), 8), ("1", 8), ("1", 4)]
    signal = [("ECG II", 16), ("made up", 80), ("uV", 8), ("-3276", 8), ("3276", 8), ("-32760", 8), ("32760", 8), ("", 80), (str(rate), 8), ("", 32)]
    head = b"".join(padded(text, width) for text, width in whole + signal)
    rng = random.Random(2)
    samples = []
    for index in range(rate * seconds):
        beat = index / rate * 66 / 60 % 1
        waves = [(0.18, 0.025, 110), (0.265, 0.009, -120), (0.29, 0.011, 1050), (0.315, 0.010, -240), (0.52, 0.045, 260)]
        value = sum(high * math.exp(-((beat - at) / wide) ** 2) for at, wide, high in waves) + rng.gauss(0, 6)
        samples.append(int(value * 10).to_bytes(2, "little", signed=True))
    (HERE / "ecg.edf").write_bytes(head + b"".join(samples))


if __name__ == "__main__":
    heart_rate()
    steps()
    sleep()
    patient()
    labs()
    single_resources()
    expenses()
    plan()
    note()
    ecg()
    letter()
    if "--photo" in sys.argv:
        photo()
