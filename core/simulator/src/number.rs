//! Whole numbers out of decimal text, as traces write them. It must not know what they count.

/// The most digits of a whole number: more seconds than there ever were.
const MAX_DIGITS: usize = 12;

/// The whole part of a decimal number that is not negative: `3613033.7` is 3,613,033. `None` for anything else.
pub(crate) fn whole(text: &str) -> Option<u64> {
    let text = text.trim();
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let fits = !whole.is_empty() && whole.len() <= MAX_DIGITS && digits(whole) && digits(fraction);
    fits.then(|| whole.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fractions_are_cut_and_the_rest_is_refused() {
        for (text, wanted) in [
            ("0", Some(0)),
            (" 12.0 ", Some(12)),
            ("7.999", Some(7)),
            ("7.", Some(7)),
            ("999999999999", Some(999_999_999_999)),
            ("1000000000000", None),
            ("-1", None),
            ("1e3", None),
            (".5", None),
            ("1.2.3", None),
            ("", None),
        ] {
            assert_eq!(whole(text), wanted, "{text:?}");
        }
    }
}
