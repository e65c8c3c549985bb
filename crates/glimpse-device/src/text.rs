//! What people type.

/// As a person types them: in any case, with any spaces or a dash.
pub(crate) fn same_words(right: &str, picked: &str) -> bool {
    let normal = |text: &str| {
        let words = text.split(|character: char| !character.is_alphabetic()).filter(|word| !word.is_empty());
        words.map(str::to_lowercase).collect::<Vec<_>>()
    };
    normal(right) == normal(picked)
}
