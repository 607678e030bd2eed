//! Message ids: one carrier gives hexadecimal in its answer and decimal in its receipt, the next
//! pads with zeros, the third changes case.
//!
//! Must never match by guess alone: the caller says by [`IdBase`] what its carrier does.

/// What a carrier does to its ids between answer and receipt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum IdBase {
    /// Nothing, apart from case and leading zeros.
    #[default]
    Same,
    /// The answer was hexadecimal, the receipt is decimal.
    ResponseHex,
    /// The answer was decimal, the receipt is hexadecimal.
    ReceiptHex,
    /// Not known: each reading is a candidate, as it stands first. Two messages may then share
    /// a candidate, so check the person's address too.
    Any,
}

/// The one form in which ids are compared: small letters, no leading zeros. Store the id of an
/// answer in this form.
#[must_use]
pub fn canonical(id: &str) -> String {
    let id = id.trim_matches(|c: char| c.is_whitespace() || c == '\0').to_ascii_lowercase();
    let short = id.trim_start_matches('0');
    if short.is_empty() && !id.is_empty() { "0".to_owned() } else { short.to_owned() }
}

/// The ids to look for, the likeliest first, each once. An id that cannot be converted stays as
/// it is.
pub(super) fn candidates<'a>(named: impl Iterator<Item = &'a str>, base: IdBase) -> Vec<String> {
    let mut list: Vec<String> = Vec::new();
    let mut add = |id: String| {
        if !id.is_empty() && !list.contains(&id) {
            list.push(id);
        }
    };
    for id in named.map(canonical) {
        // No sign, no underscore: only digits are a number.
        let digits = |radix| id.chars().all(|c| c.is_digit(radix));
        let number = |radix| u128::from_str_radix(&id, radix).ok().filter(|_| digits(radix));
        let to_hex = || number(10).map(|id| format!("{id:x}"));
        let to_decimal = || number(16).map(|id| id.to_string());
        match base {
            IdBase::Same => add(id),
            IdBase::ResponseHex => add(to_hex().unwrap_or(id)),
            IdBase::ReceiptHex => add(to_decimal().unwrap_or(id)),
            IdBase::Any => {
                let more = [to_decimal(), to_hex()];
                add(id);
                more.into_iter().flatten().for_each(&mut add);
            }
        }
    }
    list
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_form_for_comparing() {
        assert_eq!(canonical("00ABc"), "abc");
        assert_eq!(canonical("000"), "0");
        assert_eq!(canonical(" 12\0"), "12");
        assert_eq!(canonical(""), "");
    }

    #[test]
    fn case_5_of_section_3_leading_zeros_and_both_bases() {
        let of = |id: &str, base| candidates([id].into_iter(), base);
        assert_eq!(of("0010", IdBase::Same), ["10"]);
        assert_eq!(of("0010", IdBase::ResponseHex), ["a"]);
        assert_eq!(of("0010", IdBase::ReceiptHex), ["16"]);
        assert_eq!(of("0010", IdBase::Any), ["10", "16", "a"]);
        assert_eq!(of("0A", IdBase::Any), ["a", "10"]);
        assert_eq!(of("0A", IdBase::ResponseHex), ["a"], "no decimal number: as it is");
        assert_eq!(of("4-x", IdBase::Any), ["4-x"]);
        assert_eq!(of("+5", IdBase::ResponseHex), ["+5"]);
        let long = "f".repeat(40);
        assert_eq!(of(&long, IdBase::Any).concat(), long);
        assert!(of("", IdBase::Any).is_empty());
        assert_eq!(candidates(["1", "01", "2"].into_iter(), IdBase::Same), ["1", "2"]);
    }
}
