//! Encoding and parts of 5,574 real texts, and the alphabet against Unicode's own table.

use crate::shared_data::{read, rows, shared};
use wayline_core::text::{Encoding, GSM_DEFAULT, GSM_EXTENSION, measure, parts, septets, split};

#[test]
fn every_text_of_the_corpus_is_measured_alike() {
    let Some(corpus) = shared("realdata/SMSSpamCollection.gz") else { return };
    let Some(expected) = shared("realdata/expected/a7_uci_sms_spam.csv.gz") else { return };
    let corpus = read(&corpus);
    // A line is `label<TAB>text`; only '\n' ends it, and the file opens with a byte order mark,
    // which belongs to the first label.
    let lines: Vec<&str> = corpus.split_terminator('\n').collect();
    let expected = rows(&expected);
    assert_eq!((lines.len(), expected.len()), (5_574, 5_574));
    let mut differing = Vec::new();
    for (line, row) in lines.iter().zip(&expected) {
        let (_, text) = line.split_once('\t').expect("a tab after the label");
        let text = text.strip_suffix('\r').unwrap_or(text);
        let found = measure(text);
        let shown = [found.encoding.to_string(), found.units.to_string(), found.parts.to_string()];
        if shown != row[1..4] {
            differing.push(format!("line {}: {shown:?}, expected {:?}", row[0], &row[1..4]));
        }
        assert_eq!(parts(text), (found.encoding, found.parts));
        assert_eq!(split(text).len(), found.parts);
    }
    assert!(
        differing.is_empty(),
        "{} of {} differ:\n{}",
        differing.len(),
        expected.len(),
        differing.join("\n")
    );
    println!("A7: {0}/{0} equal", expected.len());
}

#[test]
fn the_alphabet_is_unicodes_table_with_the_capital_cedilla() {
    let Some(table) = shared("realdata/vectors/GSM0338.TXT") else { return };
    let table = read(&table);
    let mut seen = 0;
    for line in table.lines().filter(|line| line.starts_with("0x")) {
        let mut fields = line.split('\t').map(|field| field.trim().trim_start_matches("0x"));
        let code = u32::from_str_radix(fields.next().expect("a code"), 16).expect("hex");
        let unicode = u32::from_str_radix(fields.next().expect("a character"), 16).expect("hex");
        let unicode = char::from_u32(unicode).expect("a character");
        seen += 1;
        match code {
            0x09 => {
                assert_eq!((GSM_DEFAULT[9], unicode), ('Ç', 'ç'));
                assert_eq!((septets('Ç'), septets('ç')), (1, 0));
            }
            0x1B => {
                assert_eq!((septets(unicode), septets('\u{1B}')), (0, 0), "no-break space, escape")
            }
            0x00..=0x7F => {
                assert_eq!(GSM_DEFAULT[code as usize], unicode, "code {code:#04x}");
                assert_eq!(septets(unicode), 1);
            }
            _ => {
                assert!(
                    GSM_EXTENSION.contains(&((code & 0xFF) as u8, unicode)),
                    "code {code:#06x}"
                );
                assert_eq!(septets(unicode), 2);
            }
        }
    }
    assert_eq!(seen, 138);
    let known = ('\0'..=char::MAX).filter(|&c| septets(c) > 0).count();
    assert_eq!(known, 137, "128 codes without the escape, and 10 behind it");
    assert_eq!(measure("\u{1B}").encoding, Encoding::Ucs2);
}
