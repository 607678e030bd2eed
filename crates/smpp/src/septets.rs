//! Seven-bit characters packed into octets, as phones do it and some carriers want it
//! (3GPP TS 23.038, 6.1.2.1).
//!
//! Most carriers take one character per octet; then nothing here is needed. Must never know an
//! alphabet: a septet is a number below 128.

/// Bits to skip after a header of so many octets, so that the text begins on a septet.
#[must_use]
pub fn fill_bits(header_octets: usize) -> usize {
    (7 - (header_octets * 8) % 7) % 7
}

/// One septet per octet to packed octets, after `fill` unused bits. Seven spare bits at the end
/// would read as an `@`; a carriage return stands there instead.
#[must_use]
pub fn pack(septets: &[u8], fill: usize) -> Vec<u8> {
    let used = fill + septets.len() * 7;
    let padding = (used % 8 == 1 && !septets.is_empty()).then_some(0x0D);
    let mut octets = vec![0u8; used.div_ceil(8)];
    for (i, septet) in septets.iter().copied().chain(padding).enumerate() {
        let at = fill + i * 7;
        let bits = u16::from(septet & 0x7F) << (at % 8);
        let [high, low] = bits.to_be_bytes();
        if let Some(octet) = octets.get_mut(at / 8) {
            *octet |= low;
        }
        if let Some(octet) = octets.get_mut(at / 8 + 1) {
            *octet |= high;
        }
    }
    octets
}

/// Packed octets to one septet per octet, leaving out `fill` bits at the start.
#[must_use]
pub fn unpack(octets: &[u8], fill: usize) -> Vec<u8> {
    let bits = (octets.len() * 8).saturating_sub(fill);
    let mut septets: Vec<u8> = (0..bits / 7)
        .map(|i| {
            let at = fill + i * 7;
            let low = octets.get(at / 8).copied().unwrap_or(0);
            let high = octets.get(at / 8 + 1).copied().unwrap_or(0);
            // Masked to seven bits, so it fits.
            ((u16::from_be_bytes([high, low]) >> (at % 8)) & 0x7F) as u8
        })
        .collect();
    // Nothing says whether the last seven bits are a character or the end; both paddings are
    // likelier than a text that ends so.
    if bits.is_multiple_of(7) && matches!(septets.last(), Some(0x0D | 0x00)) {
        septets.pop();
    }
    septets
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_known_example() {
        // "hellohello" of many a tutorial.
        let octets = [0xE8, 0x32, 0x9B, 0xFD, 0x46, 0x97, 0xD9, 0xEC, 0x37];
        assert_eq!(pack(b"hellohello", 0), octets);
        assert_eq!(unpack(&octets, 0), b"hellohello");
        assert_eq!(pack(b"", 0), []);
        assert_eq!(pack(&[0x31; 7], 0).last(), Some(&0x1A), "a carriage return, no @");
        assert_eq!((fill_bits(0), fill_bits(6), fill_bits(7)), (0, 1, 0));
    }

    proptest! {
        #[test]
        fn unpacking_undoes_packing(
            septets in prop::collection::vec(1u8..128, 0..200), fill in 0usize..7,
        ) {
            prop_assume!(septets.last() != Some(&0x0D));
            prop_assert_eq!(unpack(&pack(&septets, fill), fill), septets);
        }

        #[test]
        fn nothing_panics(octets in prop::collection::vec(any::<u8>(), 0..300), fill in 0usize..2000) {
            let _ = unpack(&octets, fill);
        }
    }
}
