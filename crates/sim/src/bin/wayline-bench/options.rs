//! What to measure, from the command line.

use std::path::PathBuf;

pub(crate) const USAGE: &str = "wayline-bench [--contacts N] [--seconds N] [--batches 1,10,100] [--store DIR] [--reuse] \
    [--only uniform|zipf|dispatch|replay] [--quick] [--label DATE [--name NAME] [--commit HASH]] [--out DIR]";

/// What to measure.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    /// Contacts in the store before the first event.
    pub(crate) contacts: u64,
    /// Measured seconds of a cell; its ceiling takes half as long again.
    pub(crate) seconds: u64,
    pub(crate) batches: Vec<usize>,
    /// Where the files go: the disk that is measured.
    pub(crate) store: PathBuf,
    /// Whether a preloaded file of an earlier run may be used, and is kept.
    pub(crate) is_reused: bool,
    /// Only this part.
    pub(crate) only: Option<String>,
    /// Bookings replayed.
    pub(crate) bookings: u64,
    /// Date of the results file; `None`: none is written.
    pub(crate) label: Option<String>,
    pub(crate) name: String,
    pub(crate) commit: String,
    /// Folder of the results file.
    pub(crate) out: PathBuf,
}

impl Options {
    pub(crate) fn parse(arguments: impl Iterator<Item = String>) -> Result<Options, String> {
        let mut options = Options {
            contacts: 1_000_000,
            seconds: 10,
            batches: vec![1, 10, 100, 250, 1_000],
            store: std::env::temp_dir(),
            is_reused: false,
            only: None,
            bookings: 100_000,
            label: None,
            name: "bench".to_owned(),
            commit: "unknown".to_owned(),
            out: PathBuf::from("bench/results"),
        };
        let mut arguments = arguments;
        while let Some(name) = arguments.next() {
            match name.as_str() {
                "--quick" => {
                    (options.contacts, options.seconds, options.bookings) = (20_000, 1, 5_000);
                    continue;
                }
                "--reuse" => {
                    options.is_reused = true;
                    continue;
                }
                _ => {}
            }
            let value = arguments.next().ok_or_else(|| format!("{name} needs a value; {USAGE}"))?;
            options.set(&name, value)?;
        }
        Ok(options)
    }

    fn set(&mut self, name: &str, value: String) -> Result<(), String> {
        let number = |text: &str| {
            let number = text.parse::<u64>().ok().filter(|number| *number > 0);
            number.ok_or_else(|| format!("{name} {text} is not a number above 0; {USAGE}"))
        };
        match name {
            "--contacts" => self.contacts = number(&value)?,
            "--seconds" => self.seconds = number(&value)?,
            "--bookings" => self.bookings = number(&value)?,
            "--batches" => {
                let sizes = value.split(',').map(|size| number(size).map(|size| size as usize));
                self.batches = sizes.collect::<Result<_, _>>()?;
            }
            "--store" => self.store = PathBuf::from(value),
            "--only" => self.only = Some(value),
            "--label" => self.label = Some(value),
            "--name" => self.name = value,
            "--commit" => self.commit = value,
            "--out" => self.out = PathBuf::from(value),
            _ => return Err(format!("{name} is not an option; {USAGE}")),
        }
        Ok(())
    }

    /// Whether a part is to be measured.
    pub(crate) fn wants(&self, part: &str) -> bool {
        self.only.as_deref().is_none_or(|only| only == part)
    }
}
