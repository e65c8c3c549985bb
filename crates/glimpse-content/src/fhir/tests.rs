use crate::view::{Block, Chart, ContentView, Field, Fields, Message, Table, Words};
use crate::{Kind, Source, keys};

fn show(json: &str) -> ContentView {
    crate::view(&Source { content_type: "application/fhir+json", title: "x.json", bytes: json.as_bytes() })
}

fn only_fields(view: &ContentView) -> &Fields {
    let [Block::Fields(fields)] = view.blocks.as_slice() else { panic!("{view:?}") };
    fields
}

fn charts(view: &ContentView) -> Vec<&Chart> {
    view.blocks.iter().filter_map(|block| if let Block::Chart(chart) = block { Some(chart) } else { None }).collect()
}

fn table(view: &ContentView) -> &Table {
    view.blocks
        .iter()
        .find_map(|block| if let Block::Table(table) = block { Some(table) } else { None })
        .expect("a table")
}

fn data(text: &str) -> Words {
    Words::Data(text.to_owned())
}

fn label(name: &str) -> Words {
    Words::key(keys::field(name).expect(name))
}

fn values<'f>(fields: &'f Fields, name: &str) -> &'f [Words] {
    &fields.rows.iter().find(|row| row.label == label(name)).expect(name).values
}

/// Every string in the serialised view: what a reader can find on the screen.
fn screen(view: &ContentView) -> String {
    serde_json::to_string(view).unwrap()
}

#[test]
fn a_patient_has_a_face() {
    let view = show(
        r#"{"resourceType":"Patient","id":"p1","meta":{"versionId":"3"},
        "text":{"status":"generated","div":"<div xmlns='http://www.w3.org/1999/xhtml'><script>alert(1)</script>Ada</div>"},
        "identifier":[{"system":"urn:oid:1.2","value":"A123456789"}],
        "active":true,"gender":"female","birthDate":"1961-03-14",
        "name":[{"use":"official","family":"Berg","given":["Ada","Maria"]},{"use":"maiden","family":"Lund"}],
        "telecom":[{"system":"phone","value":"+49 30 5550 1234","use":"mobile"}],
        "extension":[{"url":"http://hl7.org/fhir/StructureDefinition/patient-birthPlace","valueAddress":{"city":"Lübeck"}}],
        "contact":[{"relationship":[{"text":"Daughter"}],"name":{"family":"Berg","given":["Ida"]}}]}"#,
    );
    assert_eq!(view.kind, Kind::Fhir);
    let fields = only_fields(&view);
    assert_eq!(fields.heading, Words::key(keys::resource("Patient").unwrap()));
    assert_eq!(fields.lead, Some(data("Ada Maria Berg")));
    assert_eq!(values(fields, "name"), [data("Ada Maria Berg"), data("Lund")]);
    assert_eq!(values(fields, "gender"), [Words::key(keys::code("female").unwrap())]);
    assert!(matches!(values(fields, "birthDate"), [Words::Time(moment)] if moment.text == "1961-03-14"));
    let place = fields.rows.iter().find(|row| row.label == data("Patient birth place")).expect("the extension");
    assert_eq!(place.values, [data("Lübeck")]);
    let contact: Vec<(usize, &[Words])> = fields
        .rows
        .iter()
        .skip_while(|row| row.label != label("contact"))
        .take(3)
        .map(|row| (row.depth, row.values.as_slice()))
        .collect();
    assert_eq!(contact, [(0, &[][..]), (1, &[data("Daughter")][..]), (1, &[data("Ida Berg")][..])]);
    let technical: Vec<&Field> = fields.rows.iter().filter(|row| row.technical).collect();
    assert!(technical.iter().all(|row| row.label != label("identifier")), "a person's own numbers are not hidden");
    assert!(!screen(&view).contains("<script"));
}

#[test]
fn blood_pressures_are_one_chart_of_two_series() {
    let at = |day: u8, high: u8, low: u8| {
        format!(
            r#"{{"resource":{{"resourceType":"Observation","status":"final","code":{{"coding":[{{"system":"http://loinc.org","code":"85354-9","display":"Blood pressure"}}]}},
            "effectiveDateTime":"2026-11-{day:02}T07:30:00+01:00","component":[
            {{"code":{{"coding":[{{"system":"http://loinc.org","code":"8480-6","display":"Systolic"}}]}},"valueQuantity":{{"value":{high},"unit":"mmHg"}},
              "interpretation":[{{"coding":[{{"code":"H"}}]}}],"referenceRange":[{{"low":{{"value":90}},"high":{{"value":129,"unit":"mmHg"}}}}]}},
            {{"code":{{"coding":[{{"system":"http://loinc.org","code":"8462-4","display":"Diastolic"}}]}},"valueQuantity":{{"value":{low},"unit":"mmHg"}}}}]}}}}"#
        )
    };
    let view = show(&format!(
        r#"{{"resourceType":"Bundle","type":"collection","entry":[{},{}]}}"#,
        at(1, 131, 84),
        at(2, 138, 88)
    ));
    let charts = charts(&view);
    assert_eq!(charts.len(), 1);
    assert_eq!((charts[0].series.len(), charts[0].min, charts[0].max), (2, 84.0, 138.0));
    let table = table(&view);
    assert_eq!(table.total_rows, 4);
    assert!(table.rows[0].contains(&Words::key(keys::code("flag-H").unwrap())));
    assert!(table.rows[0].contains(&data("90 – 129 mmHg")));
    assert!(view.blocks.iter().any(|block| matches!(block, Block::Fields(fields) if fields.folded)));
}

#[test]
fn values_that_are_no_numbers_stay_in_the_table() {
    let observation = |value: &str| {
        format!(
            r#"{{"resource":{{"resourceType":"Observation","code":{{"text":"Test"}},"effectiveDateTime":"2026-11-01",{value}}}}}"#
        )
    };
    let entries = [
        r#""valueQuantity":{"value":3,"comparator":"<","unit":"mg/L"}"#,
        r#""valueString":"clear <b>yellow</b>""#,
        r#""valueCodeableConcept":{"text":"negative"}"#,
        r#""valueBoolean":true"#,
        r#""valueInteger":1e999"#,
        r#""dataAbsentReason":{"text":"Not measured"}"#,
        r#""valueQuantity":{"unit":"mg"}"#,
    ];
    let bundle = entries.map(observation).join(",");
    let view = show(&format!(r#"{{"resourceType":"Bundle","entry":[{bundle}]}}"#));
    assert!(charts(&view).is_empty());
    let said: Vec<&Words> = table(&view).rows.iter().map(|row| &row[2]).collect();
    let expected = [
        data("< 3"),
        data("clear <b>yellow</b>"),
        data("negative"),
        Words::key(keys::YES),
        data("1e999"),
        data("Not measured"),
        data("–"),
    ];
    assert_eq!(said, expected.iter().collect::<Vec<_>>());
}

#[test]
fn a_recording_is_drawn() {
    let view = show(
        r#"{"resourceType":"Observation","status":"final","code":{"text":"ECG"},"effectiveDateTime":"2026-11-01T08:00:00Z",
        "valueSampledData":{"origin":{"value":2048,"unit":"mV"},"period":2.5,"factor":2,"dimensions":2,"data":"1 10 E 20 3 L 4 40"}}"#,
    );
    let charts = charts(&view);
    assert_eq!(charts.len(), 1);
    let points: Vec<Vec<(i64, f64)>> = charts[0]
        .series
        .iter()
        .map(|series| series.points.iter().map(|point| (point.x - charts[0].from, point.y)).collect())
        .collect();
    assert_eq!(points, [vec![(0, 2050.0), (5, 2054.0), (7, 2056.0)], vec![(0, 2068.0), (2, 2088.0), (7, 2128.0)]]);
    assert!(screen(&view).contains(keys::RECORDING));
}

#[test]
fn a_prescription_reads_like_one() {
    let view = show(
        r#"{"resourceType":"MedicationRequest","status":"active","intent":"order",
        "medicationCodeableConcept":{"coding":[{"system":"http://www.whocc.no/atc","code":"C09AA05","display":"Ramipril"}],"text":"Ramipril 5 mg tablets"},
        "subject":{"reference":"Patient/1","display":"Ada Berg"},"authoredOn":"2026-10-02",
        "dosageInstruction":[{"text":"One tablet in the morning","timing":{"repeat":{"frequency":1,"period":1,"periodUnit":"d"}},
          "doseAndRate":[{"doseQuantity":{"value":1,"unit":"tablet"}}]}],
        "dispenseRequest":{"numberOfRepeatsAllowed":2,"quantity":{"value":100,"unit":"tablets"}}}"#,
    );
    let fields = only_fields(&view);
    assert_eq!(fields.lead, Some(data("Ramipril 5 mg tablets (ATC C09AA05)")));
    assert_eq!(fields.rows[0].label, label("dosageInstruction"));
    assert_eq!(values(fields, "subject"), [data("Ada Berg")]);
    let screen = screen(&view);
    assert!(
        screen.contains("One tablet in the morning") && screen.contains(keys::TIMING) && screen.contains("100 tablets")
    );
}

#[test]
fn unknown_types_and_elements_are_shown_in_full() {
    let view = show(
        r#"{"resourceType":"SpaceMission","crewSize":3,"_crewSize":{"extension":[{"url":"http://x/certainty","valueCode":"low"}]},
        "stages":[{"fuel":"kerosene","burnTime":{"value":160,"unit":"s"}},{"fuel":"hydrogen"}],
        "contained":[{"resourceType":"Patient","id":"c","name":[{"family":"Inner"}]}],"launched":null}"#,
    );
    let fields = only_fields(&view);
    assert_eq!(fields.heading, data("Space mission"));
    let screen = screen(&view);
    for text in ["Crew size", "kerosene", "160 s", "hydrogen", "Inner", "Certainty", "Launched"] {
        assert!(screen.contains(text), "{text}");
    }
}

#[test]
fn bundles_in_bundles_entries_without_resources_and_lists_are_walked() {
    let inner = r#"{"resourceType":"Bundle","type":"document","entry":[{"resource":{"resourceType":"Condition","code":{"text":"Asthma"}}}]}"#;
    let view = show(&format!(
        r#"{{"resourceType":"Bundle","type":"batch-response","timestamp":"2026-11-01T10:00:00Z","entry":[{{"resource":{inner}}},{{"response":{{"status":"404 Not Found"}}}},{{"resource":{{"resourceType":"Goal","description":{{"text":"Walk"}}}}}}]}}"#
    ));
    let leads: Vec<Option<Words>> = view
        .blocks
        .iter()
        .filter_map(|block| if let Block::Fields(fields) = block { Some(fields.lead.clone()) } else { None })
        .collect();
    assert_eq!(leads, [None, Some(data("Asthma")), None, Some(data("Walk"))]);
    assert!(screen(&view).contains("404 Not Found"));
    let list = crate::view(&Source {
        content_type: "application/fhir+ndjson",
        title: "",
        bytes: b"{\"resourceType\":\"Patient\"}\n{\"resourceType\":\"Patient\"}",
    });
    assert_eq!(list.blocks.len(), 3);
}

#[test]
fn huge_bundles_are_cut_with_a_word() {
    let entry = r#"{"resource":{"resourceType":"Condition","code":{"text":"x"},"a":1,"b":2,"c":3,"d":4,"e":5,"f":6,"g":7,"h":8,"i":9,"j":10,"k":11,"l":12,"m":13,"n":14,"o":15,"p":16,"q":17,"r":18,"s":19,"t":20,"u":21,"v":22}}"#;
    let view = show(&format!(r#"{{"resourceType":"Bundle","entry":[{}]}}"#, vec![entry; 1000].join(",")));
    let notices: Vec<&str> = view.notices.iter().map(|notice| notice.key).collect();
    assert_eq!(notices, [keys::NOTICE_RESOURCES_CUT, keys::NOTICE_FIELDS_CUT]);
    assert_eq!(
        view.notices[0],
        Message::new(keys::NOTICE_RESOURCES_CUT)
            .with("shown", crate::limits::RESOURCES_SHOWN)
            .with("total", 1000_usize)
    );
}

#[test]
fn what_was_entered_in_error_is_said_and_not_drawn() {
    let at = |day: u8, status: &str, value: u16| {
        format!(
            r#"{{"resource":{{"resourceType":"Observation","status":"{status}","code":{{"text":"Weight"}},"effectiveDateTime":"2026-11-{day:02}",
            "valueQuantity":{{"value":{value},"unit":"kg"}}}}}}"#
        )
    };
    let bundle = |status: &str| {
        let entries = [at(1, "final", 71), at(2, status, 710), at(3, "final", 72)].join(",");
        show(&format!(r#"{{"resourceType":"Bundle","entry":[{entries}]}}"#))
    };
    let wrong = bundle("entered-in-error");
    assert_eq!(wrong.notices, [Message::new(keys::NOTICE_ENTERED_IN_ERROR).with("count", 1_usize)]);
    assert_eq!((charts(&wrong)[0].max, table(&wrong).total_rows), (72.0, 3));
    assert!(screen(&wrong).contains("710"), "it stays in the table");
    // The same value without the mark is drawn.
    assert_eq!(charts(&bundle("final"))[0].max, 710.0);
}

#[test]
fn names_and_places_that_do_not_belong_are_shown() {
    let underscores = "_".repeat(1_000_000);
    let view = show(&format!(r#"{{"resourceType":"Patient","{underscores}":"odd"}}"#));
    assert!(screen(&view).contains("odd"));
    let view = show(r#"{"resourceType":"Bundle","entry":{"resource":{"resourceType":"Patient","name":"misplaced"}}}"#);
    assert!(screen(&view).contains("misplaced"));
    let view = show(r#"{"resourceType":"Bundle","entry":[7,null,["loose"],{"fullUrl":"urn:x"}]}"#);
    assert!(screen(&view).contains("urn:x"));
}
