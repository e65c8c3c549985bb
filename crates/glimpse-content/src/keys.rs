//! The fixed words of views, as keys of the page's catalogue, with the English text beside each.
//!
//! Everything else on the screen is the record's own. `{name}` is a placeholder: a count, a number, a time, or words.

macro_rules! keys {
    ($( #[doc = $english:literal] $name:ident = $key:literal; )*) => {
        $( #[doc = $english] pub const $name: &str = $key; )*
        const WORDS: &[(&str, &str)] = &[ $( ($key, $english) ),* ];
    };
}

/// The keys of words in FHIR: each is the word behind a prefix. The English text is a list apart, so that a program that
/// only looks keys up does not carry it.
macro_rules! terms {
    ($keys:ident, $english:ident, $prefix:literal, $( $word:literal: $text:literal; )*) => {
        const $keys: Terms = Terms { prefix: $prefix, keys: &[ $( concat!($prefix, $word) ),* ] };
        const $english: &[&str] = &[ $( $text ),* ];
    };
}

struct Terms {
    prefix: &'static str,
    keys: &'static [&'static str],
}

keys! {
    /// This record says that it is “{declared}”, but its content is “{found}”. It is shown as what it is.
    NOTICE_TYPE_DISAGREES = "content-type-disagrees";
    /// This record says that it is “{declared}”, but that could not be read (line {line}). It is shown as text.
    NOTICE_UNREADABLE = "content-unreadable";
    /// This JSON is nested too deeply to be shown as a tree. It is shown as text.
    NOTICE_TOO_DEEP = "content-too-deep";
    /// This record is too large to be shown in full here.
    NOTICE_TOO_LARGE = "content-too-large";
    /// The first {shown} of {total} characters are shown.
    NOTICE_TEXT_CUT = "content-text-cut";
    /// The first {shown} of {total} rows are shown.
    NOTICE_ROWS_CUT = "content-rows-cut";
    /// The table ends at row {row}: what follows could not be read.
    NOTICE_ROW_TOO_LONG = "content-row-too-long";
    /// The first {shown} of {total} columns are shown.
    NOTICE_COLUMNS_CUT = "content-columns-cut";
    /// {count} long values are shortened.
    NOTICE_VALUES_CUT = "content-values-cut";
    /// The first {shown} values of this document are shown.
    NOTICE_NODES_CUT = "content-nodes-cut";
    /// The first {shown} of {total} entries are shown.
    NOTICE_RESOURCES_CUT = "content-resources-cut";
    /// {count} rows have more or fewer values than the heading.
    NOTICE_RAGGED = "content-ragged";
    /// {count} names occur more than once in the same object; all are listed, and other programs may read a different one.
    NOTICE_DUPLICATES = "content-duplicates";
    /// This text is not valid UTF-8. {count} places could not be read and are shown as �.
    NOTICE_NOT_UTF8 = "content-not-utf8";
    /// This text does not say how its letters are encoded. It is read as {charset}; some letters may be wrong.
    NOTICE_CHARSET_GUESSED = "content-charset-guessed";
    /// {count} invisible control characters are made visible.
    NOTICE_CONTROLS = "content-controls";
    /// {count} values could not be placed on the chart; the table has them.
    NOTICE_NOT_CHARTED = "content-not-charted";
    /// Markup is shown as plain text and never run.
    NOTICE_MARKUP = "content-markup";
    /// This record is empty.
    NOTICE_EMPTY = "content-empty";
    /// This kind of file cannot be shown here.
    NOTICE_NOT_SHOWN = "content-not-shown";
    /// {count} entries are marked as entered in error.
    NOTICE_ENTERED_IN_ERROR = "content-entered-in-error";
    /// Some fields are left out because there are too many.
    NOTICE_FIELDS_CUT = "content-fields-cut";

    /// Column {number}
    COLUMN = "content-column";
    /// When
    WHEN = "content-when";
    /// Until
    UNTIL = "content-until";
    /// What
    WHAT = "content-what";
    /// Value
    VALUE = "content-value";
    /// Unit
    UNIT = "content-unit";
    /// Usual range
    RANGE = "content-range";
    /// Assessment
    FLAG = "content-flag";
    /// Notes
    NOTES = "content-notes";
    /// Measurements
    MEASUREMENTS = "content-measurements";
    /// Reading
    UNNAMED_SERIES = "content-unnamed-series";
    /// Yes
    YES = "content-yes";
    /// No
    NO = "content-no";
    /// {label}, extension
    EXTENSION_OF = "content-extension-of";
    /// {label} {number}
    NUMBERED = "content-numbered";
    /// {times} ×, every {period} {unit}
    TIMING = "content-timing";
    /// A recording of {count} values
    RECORDING = "content-recording";
    /// {start} to {end}
    FROM_TO = "content-from-to";
    /// from {start}
    FROM = "content-from";
    /// until {end}
    TO = "content-to";
    /// An attached file of {bytes} bytes that is not opened here
    EMBEDDED = "content-embedded";
    /// {name}: {count} values from {from} to {to}; lowest {min}, highest {max}, average {mean}, latest {last}. Unit: {unit}.
    SUMMARY = "content-summary";
    /// {name}: {count} values from {from} to {to}; lowest {min}, highest {max}, average {mean}, latest {last}.
    SUMMARY_NO_UNIT = "content-summary-no-unit";
    /// Record of an unknown type
    RESOURCE = "content-resource";
    /// Collection of {count} entries
    COLLECTION = "content-collection";

    /// Heart rate
    OMH_HEART_RATE = "content-omh-heart-rate";
    /// Steps
    OMH_STEP_COUNT = "content-omh-step-count";
    /// Sleep
    OMH_SLEEP_DURATION = "content-omh-sleep-duration";
    /// Time asleep
    OMH_TOTAL_SLEEP_TIME = "content-omh-total-sleep-time";
    /// Time until asleep
    OMH_LATENCY_TO_SLEEP_ONSET = "content-omh-latency-to-sleep-onset";
    /// Awakenings
    OMH_NUMBER_OF_AWAKENINGS = "content-omh-number-of-awakenings";
    /// Weight
    OMH_BODY_WEIGHT = "content-omh-body-weight";
    /// Height
    OMH_BODY_HEIGHT = "content-omh-body-height";
    /// Body mass index
    OMH_BODY_MASS_INDEX = "content-omh-body-mass-index";
    /// Body temperature
    OMH_BODY_TEMPERATURE = "content-omh-body-temperature";
    /// Blood glucose
    OMH_BLOOD_GLUCOSE = "content-omh-blood-glucose";
    /// Systolic blood pressure
    OMH_SYSTOLIC = "content-omh-systolic";
    /// Diastolic blood pressure
    OMH_DIASTOLIC = "content-omh-diastolic";
    /// Oxygen saturation
    OMH_OXYGEN_SATURATION = "content-omh-oxygen-saturation";
    /// Respiratory rate
    OMH_RESPIRATORY_RATE = "content-omh-respiratory-rate";
    /// Distance
    OMH_DISTANCE = "content-omh-distance";
    /// Calories burned
    OMH_CALORIES = "content-omh-calories";
}

terms! { RESOURCES, RESOURCES_ENGLISH, "fhir-type-",
    "AllergyIntolerance": "Allergy or intolerance";
    "Appointment": "Appointment";
    "Binary": "Attached file";
    "Bundle": "Collection";
    "CarePlan": "Care plan";
    "CareTeam": "Care team";
    "Claim": "Claim";
    "Communication": "Message";
    "Composition": "Document";
    "Condition": "Health condition";
    "Consent": "Consent";
    "Coverage": "Insurance";
    "Device": "Device";
    "DiagnosticReport": "Report of findings";
    "DocumentReference": "Document";
    "Encounter": "Visit";
    "ExplanationOfBenefit": "Statement of benefits";
    "FamilyMemberHistory": "Family history";
    "Goal": "Goal";
    "Immunization": "Vaccination";
    "Location": "Place";
    "Medication": "Medicine";
    "MedicationAdministration": "Medicine given";
    "MedicationDispense": "Medicine dispensed";
    "MedicationRequest": "Prescription";
    "MedicationStatement": "Medicine in use";
    "Observation": "Measurement";
    "OperationOutcome": "Message from a system";
    "Organization": "Organisation";
    "Patient": "Person";
    "Practitioner": "Health professional";
    "PractitionerRole": "Role of a health professional";
    "Procedure": "Procedure";
    "Provenance": "Origin";
    "QuestionnaireResponse": "Answers to a questionnaire";
    "RelatedPerson": "Related person";
    "ServiceRequest": "Order";
    "Specimen": "Sample";
}

terms! { FIELDS, FIELDS_ENGLISH, "fhir-",
    "abatement": "Ended";
    "achievementStatus": "Progress";
    "active": "In use";
    "activity": "Activity";
    "actor": "Who";
    "address": "Address";
    "addresses": "Deals with";
    "allowed": "Allowed";
    "asNeeded": "As needed";
    "attachment": "File";
    "author": "Author";
    "authoredOn": "Written on";
    "authorizingPrescription": "Prescription";
    "basedOn": "Based on";
    "beneficiary": "Insured person";
    "birthDate": "Date of birth";
    "bodySite": "Part of the body";
    "category": "Category";
    "class": "Class";
    "clinicalStatus": "Status";
    "code": "What";
    "comment": "Comment";
    "communication": "Languages";
    "component": "Part";
    "conclusion": "Conclusion";
    "conclusionCode": "Conclusion";
    "condition": "Condition";
    "contact": "Contact";
    "contained": "Included";
    "content": "Content";
    "contentType": "Type of file";
    "context": "Context";
    "courseOfTherapyType": "Course of treatment";
    "creation": "Made on";
    "criticality": "Risk";
    "custodian": "Kept by";
    "dataAbsentReason": "Why there is no value";
    "date": "Date";
    "dateAsserted": "Stated on";
    "daysSupply": "Days of supply";
    "deceased": "Deceased";
    "derivedFrom": "Derived from";
    "description": "Description";
    "detail": "Detail";
    "device": "Device";
    "diagnosis": "Diagnosis";
    "dispenseRequest": "To be dispensed";
    "display": "Text";
    "doNotPerform": "Must not be done";
    "dosage": "Dosage";
    "dosageInstruction": "Dosage";
    "doseAndRate": "Dose";
    "doseNumber": "Dose number";
    "doseQuantity": "Dose";
    "effective": "When";
    "encounter": "Visit";
    "end": "Until";
    "evidence": "Evidence";
    "expectedSupplyDuration": "Lasts for";
    "expirationDate": "Use before";
    "extension": "Further details";
    "focus": "About";
    "form": "Form";
    "gender": "Gender";
    "generalPractitioner": "General practitioner";
    "goal": "Goal";
    "hospitalization": "Hospital stay";
    "id": "Identifier in the system";
    "identifier": "Identifiers";
    "individual": "Who";
    "ingredient": "Ingredient";
    "intent": "Intent";
    "interpretation": "Assessment";
    "issued": "Issued";
    "item": "Item";
    "language": "Language";
    "lastOccurrence": "Last time";
    "lastUpdated": "Last changed";
    "lifecycleStatus": "Status";
    "location": "Place";
    "lotNumber": "Lot number";
    "managingOrganization": "Managed by";
    "manifestation": "Signs";
    "manufacturer": "Manufacturer";
    "maritalStatus": "Marital status";
    "medication": "Medicine";
    "meta": "About this entry";
    "method": "Method";
    "modifierExtension": "Details that change the meaning";
    "multipleBirth": "Multiple birth";
    "name": "Name";
    "note": "Note";
    "numberOfRepeatsAllowed": "Repeats allowed";
    "occurrence": "When";
    "onset": "Began";
    "organization": "Organisation";
    "outcome": "Outcome";
    "participant": "Participants";
    "partOf": "Part of";
    "patient": "Patient";
    "patientInstruction": "Instruction for the patient";
    "payor": "Insurer";
    "performed": "When";
    "performer": "Performed by";
    "period": "Period";
    "photo": "Photo";
    "policyHolder": "Policy holder";
    "practitioner": "Health professional";
    "preferred": "Preferred";
    "presentedForm": "Full report";
    "primarySource": "First-hand record";
    "priority": "Priority";
    "protocolApplied": "Vaccination schedule";
    "qualification": "Qualification";
    "quantity": "Quantity";
    "rate": "Rate";
    "reaction": "Reaction";
    "reason": "Reason";
    "reasonCode": "Reason";
    "reasonReference": "Reason";
    "recorded": "Recorded on";
    "recordedDate": "Recorded on";
    "recorder": "Recorded by";
    "reference": "Refers to";
    "referenceRange": "Usual range";
    "relationship": "Relationship";
    "requester": "Requested by";
    "result": "Results";
    "role": "Role";
    "route": "Route";
    "section": "Section";
    "serviceProvider": "Provided by";
    "serviceType": "Kind of service";
    "severity": "Severity";
    "site": "Site";
    "size": "Size";
    "source": "Source";
    "specialty": "Speciality";
    "specimen": "Sample";
    "stage": "Stage";
    "start": "From";
    "status": "Status";
    "statusReason": "Reason for the status";
    "subject": "Patient";
    "subscriber": "Subscriber";
    "subscriberId": "Insurance number";
    "substance": "Substance";
    "substitution": "Substitution";
    "supportingInformation": "Further information";
    "target": "Target";
    "targetDisease": "Protects against";
    "telecom": "Contact";
    "text": "In words";
    "timestamp": "Put together on";
    "timing": "Timing";
    "title": "Title";
    "type": "Kind";
    "url": "Web address";
    "use": "Use";
    "vaccineCode": "Vaccine";
    "validityPeriod": "Valid";
    "value": "Value";
    "valueSampledData": "Recording";
    "verificationStatus": "Certainty";
    "versionId": "Version";
    "whenHandedOver": "Handed over";
}

terms! { CODES, CODES_ENGLISH, "fhir-code-",
    "active": "active";
    "amended": "amended";
    "arrived": "arrived";
    "booked": "booked";
    "cancelled": "cancelled";
    "completed": "completed";
    "confirmed": "confirmed";
    "corrected": "corrected";
    "current": "current";
    "draft": "draft";
    "entered-in-error": "entered in error";
    "environment": "environment";
    "female": "female";
    "final": "final";
    "finished": "finished";
    "food": "food";
    "high": "high";
    "inactive": "inactive";
    "in-progress": "in progress";
    "intolerance": "intolerance";
    "allergy": "allergy";
    "low": "low";
    "male": "male";
    "medication": "medicine";
    "mild": "mild";
    "moderate": "moderate";
    "not-done": "not done";
    "on-hold": "on hold";
    "order": "order";
    "other": "other";
    "planned": "planned";
    "plan": "plan";
    "preliminary": "preliminary";
    "registered": "registered";
    "resolved": "resolved";
    "remission": "in remission";
    "routine": "routine";
    "severe": "severe";
    "stopped": "stopped";
    "superseded": "superseded";
    "unconfirmed": "unconfirmed";
    "unable-to-assess": "cannot be assessed";
    "unknown": "unknown";
    "urgent": "urgent";
    "unit-s": "s";
    "unit-min": "min";
    "unit-h": "h";
    "unit-d": "days";
    "unit-wk": "weeks";
    "unit-mo": "months";
    "unit-a": "years";
    "flag-N": "normal";
    "flag-A": "abnormal";
    "flag-H": "high";
    "flag-L": "low";
    "flag-HH": "critically high";
    "flag-LL": "critically low";
}

/// The key for a type of FHIR resource, where it has a name of its own.
#[must_use]
pub fn resource(name: &str) -> Option<&'static str> {
    RESOURCES.find(name)
}

/// The key for the label of a FHIR element.
#[must_use]
pub fn field(name: &str) -> Option<&'static str> {
    FIELDS.find(name)
}

/// The key for a coded value of a status, a gender and the like.
#[must_use]
pub fn code(code: &str) -> Option<&'static str> {
    CODES.find(code)
}

/// Every key with its English text: what a catalogue is checked against.
pub fn all() -> impl Iterator<Item = (&'static str, &'static str)> {
    let lists = [(RESOURCES, RESOURCES_ENGLISH), (FIELDS, FIELDS_ENGLISH), (CODES, CODES_ENGLISH)];
    let terms = lists.into_iter().flat_map(|(terms, english)| terms.keys.iter().copied().zip(english.iter().copied()));
    WORDS.iter().copied().chain(terms).map(|(key, english)| (key, english.trim()))
}

impl Terms {
    fn find(&self, word: &str) -> Option<&'static str> {
        self.keys.iter().find(|key| key.strip_prefix(self.prefix) == Some(word)).copied()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    #[test]
    fn keys_are_unique_and_have_english() {
        let mut seen = HashSet::new();
        for (key, english) in super::all() {
            assert!(seen.insert(key), "{key} twice");
            assert!(!english.is_empty(), "{key} has no English text");
            assert_eq!(english.matches('{').count(), english.matches('}').count(), "{key}");
        }
        assert!(seen.len() > 200);
    }

    #[test]
    fn words_of_fhir_have_their_own_key() {
        assert_eq!(super::resource("Patient"), Some("fhir-type-Patient"));
        assert_eq!(super::field("birthDate"), Some("fhir-birthDate"));
        assert_eq!(super::code("entered-in-error"), Some("fhir-code-entered-in-error"));
        assert_eq!(super::field("type-Patient"), None);
        assert!(super::all().any(|pair| pair == ("fhir-birthDate", "Date of birth")));
    }
}
