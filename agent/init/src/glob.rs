//! The patterns of `modalias`: `*` for anything, `?` for one character, `[a-z]` for one of them (fnmatch(3)).

/// Whether `pattern` covers all of `text`. A pattern never takes more steps than its length times that of the text.
pub(crate) fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    // Where to go on after the last `*`, should what follows it not fit.
    let mut star: Option<(usize, usize)> = None;
    let (mut p, mut t) = (0, 0);
    while t < text.len() {
        let one = one(pattern.get(p..).unwrap_or_default(), text.get(t).copied().unwrap_or_default());
        if pattern.get(p) == Some(&'*') {
            star = Some((p + 1, t));
            p += 1;
        } else if let Some(length) = one {
            p += length;
            t += 1;
        } else if let Some((after, from)) = star {
            star = Some((after, from + 1));
            (p, t) = (after, from + 1);
        } else {
            return false;
        }
    }
    pattern.get(p..).unwrap_or_default().iter().all(|c| *c == '*')
}

/// How long the part of the pattern is that covers this character.
fn one(pattern: &[char], c: char) -> Option<usize> {
    match pattern.first()? {
        '?' => Some(1),
        '[' => {
            let end = pattern.iter().position(|p| *p == ']')?;
            let set = pattern.get(1..end)?;
            let range = |window: &[char]| matches!(window, [from, '-', to] if (*from..=*to).contains(&c));
            (set.contains(&c) || set.windows(3).any(range)).then_some(end + 1)
        }
        first => (*first == c).then_some(1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_of_devices() {
        let virtio = "virtio:d00000002v00001AF4";
        for (pattern, text, fits) in [
            ("virtio:d00000002v*", virtio, true),
            ("virtio:d00000001v*", virtio, false),
            ("pci:v*d*sv*sd*bc01sc08i02*", "pci:v00001B36d00000010sv00001AF4sd00001100bc01sc08i02", true),
            ("acpi*:PNP0C0[AB]:*", "acpi:PNP0C0A:", true),
            ("usb:v*p*d*dc*dsc*dp*ic08isc06ip50in*", "usb:v46F4p0001", false),
            ("a?c", "abc", true),
            ("[a-f]x", "gx", false),
            ("", "", true),
            ("*", "", true),
            ("[", "[", false),
        ] {
            assert_eq!(matches(pattern, text), fits, "{pattern} {text}");
        }
    }
}
