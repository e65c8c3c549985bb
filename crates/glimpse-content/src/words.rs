//! Names from schemas as words a person reads.

/// `stepCount`, `step_count` and `step-count` to `Step count`; abbreviations stay. Schemas name things in ASCII, and other
/// letters stay as they are, so that no table of the world's capitals has to be loaded.
pub(crate) fn humanise(name: &str) -> String {
    let mut out = String::with_capacity(name.len().saturating_add(8));
    let mut chars = name.chars().peekable();
    let mut previous = ' ';
    while let Some(char) = chars.next() {
        let next_is_small = chars.peek().is_some_and(char::is_ascii_lowercase);
        if char == '_' || char == '-' {
            out.push(' ');
        } else if out.is_empty() {
            out.push(char.to_ascii_uppercase());
        } else if char.is_ascii_uppercase()
            && (previous.is_ascii_lowercase() || previous.is_ascii_digit() || next_is_small)
        {
            out.push(' ');
            out.push(if next_is_small { char.to_ascii_lowercase() } else { char });
        } else {
            out.push(char);
        }
        previous = char;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::humanise;

    #[test]
    fn names_become_words() {
        for (name, words) in [
            ("stepCount", "Step count"),
            ("step_count", "Step count"),
            ("MedicationRequest", "Medication request"),
            ("isBMIHigh", "Is BMI high"),
            ("fullURL", "Full URL"),
            ("", ""),
            ("äpfelBaum", "äpfel baum"),
            ("a", "A"),
        ] {
            assert_eq!(humanise(name), words);
        }
    }
}
