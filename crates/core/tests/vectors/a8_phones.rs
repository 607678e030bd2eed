//! Validity, region, kind and time zones of 1,231 numbers, against libphonenumber's Python port.

use crate::shared_data::{rows, shared};
use wayline_core::phone::{classify, parse, zones};

#[test]
fn every_number_is_described_alike() {
    let Some(path) = shared("realdata/vectors/a8_phones_stable.csv.gz") else { return };
    let rows = rows(&path);
    assert_eq!(rows.len(), 1_231);
    let mut differing = Vec::new();
    let mut refused = 0;
    for row in &rows {
        let found = classify(&row[0]).expect("a known country code");
        let shown = [
            found.e164.clone(),
            u8::from(found.valid).to_string(),
            found.region.clone().unwrap_or_default(),
            found.kind.to_string(),
            found.zones().join("|"),
        ];
        if shown[..] != row[..] {
            differing.push(format!("{}, expected {}", shown.join(","), row.join(",")));
        }
        assert_eq!(zones(&row[0]), found.zones(), "{}", row[0]);
        // Reading refuses only what has no possible length, which is never a valid number.
        match parse(&row[0], None) {
            Ok(read) => assert_eq!(read, found),
            Err(error) => {
                assert_eq!(row[1], "0", "{error}");
                refused += 1;
            }
        }
    }
    // A newer release of the metadata may move a number: look at each such row, then list it here.
    assert!(differing.is_empty(), "{} rows differ:\n{}", differing.len(), differing.join("\n"));
    println!("A8: {0}/{0} equal, {refused} refused for their length", rows.len());
}
