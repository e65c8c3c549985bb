//! Names from schemas as words a person reads.

/// `stepCount`, `step_count` and `step-count` to `Step count`; abbreviations stay.
pub(crate) fn humanise(name: &str) -> String {
    let mut out = String::with_capacity(name.len().saturating_add(8));
    let mut chars = name.chars().peekable();
    let mut previous = ' ';
    while let Some(char) = chars.next() {
        let next_is_small = chars.peek().is_some_and(|next| next.is_lowercase());
        if char == '_' || char == '-' {
            out.push(' ');
        } else if out.is_empty() {
            out.extend(char.to_uppercase());
        } else if char.is_uppercase() && (previous.is_lowercase() || previous.is_ascii_digit() || next_is_small) {
            out.push(' ');
            if next_is_small {
                out.extend(char.to_lowercase());
            } else {
                out.push(char);
            }
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
            ("ÄpfelBaum", "Äpfel baum"),
            ("a", "A"),
        ] {
            assert_eq!(humanise(name), words);
        }
    }
}
