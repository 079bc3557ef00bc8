//! The few forms of DER (X.690) that a signature is made of.

/// A value with its tag and length.
pub(crate) fn tagged(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut value = vec![tag];
    let length = content.len();
    match u8::try_from(length) {
        Ok(short) if short < 0x80 => value.push(short),
        _ => {
            let bytes = length.to_be_bytes();
            let used = bytes.iter().skip_while(|byte| **byte == 0);
            value.push(0x80 | u8::try_from(used.clone().count()).unwrap_or(8));
            value.extend(used);
        }
    }
    value.extend_from_slice(content);
    value
}

pub(crate) fn sequence(parts: &[&[u8]]) -> Vec<u8> {
    tagged(0x30, &parts.concat())
}

/// A set, in the order that DER asks for.
pub(crate) fn set(parts: &[&[u8]]) -> Vec<u8> {
    let mut sorted = parts.to_vec();
    sorted.sort_unstable();
    tagged(0x31, &sorted.concat())
}

/// An explicit tag of the context.
pub(crate) fn explicit(number: u8, content: &[u8]) -> Vec<u8> {
    tagged(0xa0 | number, content)
}

pub(crate) fn octets(content: &[u8]) -> Vec<u8> {
    tagged(0x04, content)
}

pub(crate) fn integer(number: u8) -> Vec<u8> {
    tagged(0x02, &[number])
}

/// An algorithm without parameters, written with NULL as RSA and SHA-256 are.
pub(crate) fn algorithm(oid: &[u8]) -> Vec<u8> {
    sequence(&[&tagged(0x06, oid), &[0x05, 0x00]])
}

pub(crate) fn oid(body: &[u8]) -> Vec<u8> {
    tagged(0x06, body)
}

/// A tag, the content and the whole of its value, and what follows.
pub(crate) type Taken<'a> = (u8, &'a [u8], &'a [u8], &'a [u8]);

/// Takes the value that `bytes` begin with.
pub(crate) fn take(bytes: &[u8]) -> Option<Taken<'_>> {
    let (tag, first) = (*bytes.first()?, *bytes.get(1)?);
    let (length, at) = if first < 0x80 {
        (usize::from(first), 2)
    } else {
        let count = usize::from(first & 0x7f);
        let number = bytes.get(2..2_usize.checked_add(count)?).filter(|_| count <= 4)?;
        (number.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte)), 2 + count)
    };
    let end = at.checked_add(length)?;
    Some((tag, bytes.get(at..end)?, bytes.get(..end)?, bytes.get(end..)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_as_short_as_they_can_be() {
        assert_eq!(tagged(4, &[0; 127])[..2], [4, 127]);
        assert_eq!(tagged(4, &[0; 128])[..3], [4, 0x81, 128]);
        assert_eq!(tagged(4, &[0; 300])[..4], [4, 0x82, 1, 44]);
        for length in [0, 1, 127, 128, 300, 70_000] {
            let value = tagged(0x30, &vec![7; length]);
            let followed = [value.clone(), vec![9]].concat();
            let (tag, content, whole, rest) = take(&followed).unwrap();
            assert_eq!((tag, content.len(), whole, rest), (0x30, length, value.as_slice(), &[9_u8][..]));
        }
        assert!(take(&[0x30, 0x82, 0xff]).is_none() && take(&[0x30, 5, 1]).is_none());
    }
}
