//! What is known of resource types: which elements make the line on top, and which come first.
//!
//! A name that ends in `[x]` is a choice of types: `value[x]` is `valueQuantity`, `valueString` and so on.

/// The elements of which the first that is there becomes the line on top.
pub(super) fn lead(resource: &str) -> &'static [&'static str] {
    find(resource).map_or(&["code", "title", "name", "description", "type"], |layout| layout.lead)
}

/// The elements that come first, in this order; the others follow as they stand.
pub(super) fn order(resource: &str) -> &'static [&'static str] {
    find(resource).map_or(&["status"], |layout| layout.order)
}

/// Elements that serve programs: shown last, for a page to fold away.
pub(super) fn is_technical(resource: &str, field: &str) -> bool {
    match field {
        "id" | "meta" | "implicitRules" | "language" => true,
        // A person knows these numbers and is asked for them.
        "identifier" => {
            !matches!(resource, "Patient" | "Coverage" | "Practitioner" | "Organization" | "Person" | "RelatedPerson")
        }
        _ => field.starts_with('_'),
    }
}

struct Layout {
    resource: &'static str,
    lead: &'static [&'static str],
    order: &'static [&'static str],
}

fn find(resource: &str) -> Option<&'static Layout> {
    LAYOUTS.iter().find(|layout| layout.resource == resource)
}

const LAYOUTS: &[Layout] = &[
    Layout {
        resource: "Patient",
        lead: &["name"],
        order: &[
            "name",
            "birthDate",
            "gender",
            "deceased[x]",
            "address",
            "telecom",
            "maritalStatus",
            "contact",
            "communication",
            "generalPractitioner",
        ],
    },
    Layout {
        resource: "Observation",
        lead: &["code"],
        order: &[
            "value[x]",
            "dataAbsentReason",
            "interpretation",
            "referenceRange",
            "effective[x]",
            "component",
            "status",
            "category",
            "bodySite",
            "method",
            "note",
        ],
    },
    Layout {
        resource: "Condition",
        lead: &["code"],
        order: &[
            "clinicalStatus",
            "verificationStatus",
            "severity",
            "onset[x]",
            "abatement[x]",
            "bodySite",
            "recordedDate",
            "note",
        ],
    },
    Layout {
        resource: "AllergyIntolerance",
        lead: &["code"],
        order: &[
            "criticality",
            "clinicalStatus",
            "verificationStatus",
            "type",
            "category",
            "reaction",
            "onset[x]",
            "lastOccurrence",
            "note",
            "recordedDate",
        ],
    },
    Layout {
        resource: "MedicationRequest",
        lead: &["medication[x]"],
        order: &[
            "doNotPerform",
            "dosageInstruction",
            "status",
            "reasonCode",
            "reasonReference",
            "authoredOn",
            "requester",
            "dispenseRequest",
            "substitution",
            "note",
            "intent",
        ],
    },
    Layout {
        resource: "MedicationStatement",
        lead: &["medication[x]"],
        order: &["dosage", "status", "effective[x]", "reasonCode", "reasonReference", "dateAsserted", "note"],
    },
    Layout {
        resource: "MedicationAdministration",
        lead: &["medication[x]"],
        order: &["dosage", "status", "effective[x]", "performer", "note"],
    },
    Layout {
        resource: "MedicationDispense",
        lead: &["medication[x]"],
        order: &["dosageInstruction", "quantity", "daysSupply", "whenHandedOver", "status", "note"],
    },
    Layout { resource: "Medication", lead: &["code"], order: &["form", "ingredient", "manufacturer", "status"] },
    Layout {
        resource: "Immunization",
        lead: &["vaccineCode"],
        order: &[
            "occurrence[x]",
            "status",
            "protocolApplied",
            "lotNumber",
            "manufacturer",
            "site",
            "route",
            "doseQuantity",
            "performer",
            "location",
            "note",
        ],
    },
    Layout {
        resource: "Procedure",
        lead: &["code"],
        order: &["performed[x]", "status", "reasonCode", "bodySite", "performer", "outcome", "location", "note"],
    },
    Layout {
        resource: "Encounter",
        lead: &["type", "serviceType", "class"],
        order: &[
            "period",
            "status",
            "class",
            "reasonCode",
            "participant",
            "diagnosis",
            "location",
            "serviceProvider",
            "hospitalization",
        ],
    },
    Layout {
        resource: "DiagnosticReport",
        lead: &["code"],
        order: &[
            "conclusion",
            "conclusionCode",
            "status",
            "effective[x]",
            "issued",
            "category",
            "performer",
            "result",
            "presentedForm",
        ],
    },
    Layout {
        resource: "DocumentReference",
        lead: &["description", "type"],
        order: &["type", "date", "author", "status", "category", "content", "context"],
    },
    Layout {
        resource: "Composition",
        lead: &["title", "type"],
        order: &["type", "date", "author", "status", "section"],
    },
    Layout {
        resource: "Practitioner",
        lead: &["name"],
        order: &["name", "qualification", "telecom", "address", "identifier"],
    },
    Layout {
        resource: "PractitionerRole",
        lead: &["practitioner", "code"],
        order: &["practitioner", "organization", "code", "specialty", "telecom"],
    },
    Layout { resource: "RelatedPerson", lead: &["name"], order: &["name", "relationship", "telecom", "address"] },
    Layout { resource: "Organization", lead: &["name"], order: &["name", "type", "telecom", "address", "identifier"] },
    Layout { resource: "Location", lead: &["name"], order: &["name", "type", "telecom", "address"] },
    Layout {
        resource: "CarePlan",
        lead: &["title", "category"],
        order: &["description", "status", "intent", "period", "addresses", "goal", "activity", "author", "note"],
    },
    Layout { resource: "CareTeam", lead: &["name", "category"], order: &["status", "period", "participant", "note"] },
    Layout {
        resource: "Goal",
        lead: &["description"],
        order: &["lifecycleStatus", "achievementStatus", "start[x]", "target", "note"],
    },
    Layout {
        resource: "Coverage",
        lead: &["type", "payor"],
        order: &["payor", "subscriberId", "status", "period", "class", "subscriber", "beneficiary", "relationship"],
    },
    Layout {
        resource: "FamilyMemberHistory",
        lead: &["relationship"],
        order: &["condition", "born[x]", "deceased[x]", "status", "note"],
    },
    Layout {
        resource: "ServiceRequest",
        lead: &["code"],
        order: &[
            "doNotPerform",
            "status",
            "intent",
            "priority",
            "occurrence[x]",
            "reasonCode",
            "authoredOn",
            "requester",
            "note",
        ],
    },
    Layout {
        resource: "Appointment",
        lead: &["description", "serviceType"],
        order: &["start", "end", "status", "participant", "patientInstruction"],
    },
    Layout {
        resource: "Device",
        lead: &["deviceName", "type"],
        order: &["type", "manufacturer", "modelNumber", "serialNumber", "status"],
    },
    Layout { resource: "OperationOutcome", lead: &[], order: &["issue"] },
    Layout { resource: "Binary", lead: &["contentType"], order: &["contentType"] },
];
