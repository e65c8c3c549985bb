use glimpse_wire::Hash;

use super::*;

fn said(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

#[test]
fn a_reader_may_say_anything() {
    assert_eq!(stretches(&said(&["cut", "2", "1", "5", "7", "9"])), Ok((2, vec![1..5, 7..9])));
    assert_eq!(stretches(&said(&["refused", "ragged"])), Err("withhold-ragged"));
    for wrong in [
        &[][..],
        &["cut"],
        &["cut", "x"],
        &["cut", "1", "2"],
        &["cut", "1", "-1", "2"],
        &["cut", "99999999999", "1", "2"],
        &["refused"],
        &["refused", "<b>"],
        &["fields", "all"],
    ] {
        assert_eq!(stretches(&said(wrong)), Err("withhold-malformed"), "{wrong:?}");
    }
}

#[test]
fn t061_a_choice_stays_with_its_version_until_the_fields_of_another_one_were_seen() {
    let record = RecordId([1; 16]);
    let (first, second) = (Hash([1; 32]), Hash([2; 32]));
    let fields = |h1: Hash, pointers: &[&str]| Found::Fields {
        pointers: said(pointers),
        more: false,
        blank: FieldChoice::new(record, h1),
        changed: false,
    };
    let mut state = State::default();
    let show = |state: &mut State, found: Found| {
        let found = state.withholding.found(record, found);
        let changed = matches!(found, Found::Fields { changed: true, .. });
        state.withholding.asked = Some(Asked { record, found });
        changed
    };
    let kept = |state: &State| state.withholding.of(&[record]).get(&record).cloned();
    assert!(!show(&mut state, fields(first, &["/a", "/b", "/c"])));
    state.withhold(record, "/a".to_owned(), true);
    state.withhold(record, "/b".to_owned(), true);
    state.withhold(record, "/elsewhere".to_owned(), true);
    let chosen = kept(&state).unwrap();
    assert_eq!((chosen.h1(), chosen.pointers().len()), (first, 2), "only what stands on the screen");
    // Control: the same version again changes nothing.
    assert!(!show(&mut state, fields(first, &["/a", "/b", "/c"])));
    assert_eq!(kept(&state), Some(chosen.clone()));

    // Another version came, and nobody has seen its fields: what was chosen stays, and keeps it from being lent.
    state.withholding.stale.insert(record);
    assert_eq!((kept(&state), state.withholding.changed(&[record])), (Some(chosen), Some(record)));
    // They are seen: what has the same name goes on, in the new version.
    assert!(show(&mut state, fields(second, &["/b", "/c", "/d"])));
    let chosen = kept(&state).unwrap();
    assert_eq!((chosen.h1(), chosen.pointers()), (second, &BTreeSet::from(["/b".to_owned()])));
    assert_eq!(state.withholding.changed(&[record]), None);
    // Where there are none, the screen says that.
    show(&mut state, Found::Refused("withhold-no-fields"));
    assert_eq!(kept(&state), None);
}

#[test]
fn what_lies_in_a_withheld_field_is_withheld() {
    let chosen = BTreeSet::from(["/name".to_owned()]);
    let shown = |pointer: &str| {
        let field = field(pointer, &chosen);
        (field.withheld, field.inside)
    };
    assert_eq!(shown("/name"), (true, false));
    assert_eq!(shown("/name/*/family"), (true, true));
    assert_eq!(shown("/name2"), (false, false));
    assert_eq!(field("/a~1b/*/c~0d", &chosen).steps, ["a/b", "", "c~d"]);
}
