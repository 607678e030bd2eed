//! Real data sets, converted once, and the cases that were computed independently.
//!
//! As examples/judge.py, but as tests that say which lines differ.

use crate::program::repository;
use crate::shared_data::{rows, shared, skipped};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

/// A data set, and where its file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DataSet {
    Cart,
    Appointments,
    Winback,
    Retail,
}

impl DataSet {
    /// Its name in convert.py, and its file.
    fn names(self) -> (&'static str, &'static str) {
        match self {
            DataSet::Cart => ("retailrocket", "retailrocket_odd.csv.gz"),
            DataSet::Appointments => ("medical", "medical_appointments_10pct.csv.gz"),
            DataSet::Winback => ("cdnow", "cdnow_sample.txt.gz"),
            DataSet::Retail => ("onlineretail", "online_retail_mod10.csv.gz"),
        }
    }

    /// Its end, where what is due after it does not count.
    pub(crate) fn until(self) -> Option<&'static str> {
        match self {
            DataSet::Cart | DataSet::Appointments => None,
            DataSet::Winback => Some("1998-06-30T12:00:00Z"),
            DataSet::Retail => Some("2011-12-09T12:50:00Z"),
        }
    }

    /// The input of a replay, or nothing (said loudly) where the data or Python is absent.
    pub(crate) fn input(self) -> Option<PathBuf> {
        static CONVERTED: Mutex<Vec<DataSet>> = Mutex::new(Vec::new());
        let (name, file) = self.names();
        let data = shared(&format!("realdata/{file}"))?;
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("real-data");
        let input = folder.join(format!("{name}.ndjson"));
        let mut converted = CONVERTED.lock().expect("nobody failed while converting");
        if !converted.contains(&self) {
            fs::create_dir_all(&folder).expect("make a folder");
            // Other processes may convert the same: each finishes its own file, then puts it in place.
            let own = folder.join(format!("{name}.{}.ndjson", std::process::id()));
            if !convert(name, &data, &own) {
                return None;
            }
            fs::rename(&own, &input).expect("put it in place");
            converted.push(self);
        }
        Some(input)
    }
}

fn convert(name: &str, data: &Path, to: &Path) -> bool {
    let script = repository("examples/convert.py");
    let done = Command::new("python3").arg(script).arg(name).arg(data).arg(to).output();
    let Ok(done) = done else {
        skipped("python3 not found; it converts the data sets");
        return false;
    };
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    true
}

/// The lines that were computed independently, with their header first, or nothing where they are absent.
pub(crate) fn expected(file: &str) -> Option<Vec<Vec<String>>> {
    Some(rows(&shared(&format!("realdata/expected/{file}"))?))
}
