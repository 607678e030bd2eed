//! Sorting more than fits in memory: sorted runs on disk, merged.
//!
//! Own, because the one crate for it builds with a Markdown test generator of 2019. Must never hold more than
//! one run in memory.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek, Write};

/// Bytes of one run.
const RUN_BYTES: usize = 128 * 1024 * 1024;

/// Something to sort: by its key; equal keys keep the order in which they were pushed.
type Item = (Vec<u8>, u64, Vec<u8>);

/// Takes items in any order, gives them back sorted.
#[derive(Default)]
pub(crate) struct Sorter {
    run: Vec<Item>,
    bytes: usize,
    count: u64,
    spilled: Vec<File>,
}

impl Sorter {
    /// Takes an item.
    pub(crate) fn push(&mut self, key: Vec<u8>, value: Vec<u8>) -> io::Result<()> {
        self.bytes += key.len() + value.len() + 64;
        self.run.push((key, self.count, value));
        self.count += 1;
        if self.bytes > RUN_BYTES {
            self.spill()?;
        }
        Ok(())
    }

    fn spill(&mut self) -> io::Result<()> {
        self.run.sort_unstable();
        let mut file = BufWriter::new(tempfile::tempfile()?);
        for (key, place, value) in self.run.drain(..) {
            for part in [&key, &value] {
                file.write_all(&(part.len() as u64).to_le_bytes())?;
                file.write_all(part)?;
            }
            file.write_all(&place.to_le_bytes())?;
        }
        let mut file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.rewind()?;
        self.spilled.push(file);
        self.bytes = 0;
        Ok(())
    }

    /// All values, sorted.
    pub(crate) fn finish(mut self) -> io::Result<Sorted> {
        self.run.sort_unstable_by(|a, b| b.cmp(a));
        let mut runs: Vec<BufReader<File>> = self.spilled.into_iter().map(BufReader::new).collect();
        let mut heads = BinaryHeap::new();
        for (run, file) in runs.iter_mut().enumerate() {
            if let Some(item) = read(file)? {
                heads.push(Reverse((item, run)));
            }
        }
        Ok(Sorted { last: self.run, runs, heads })
    }
}

fn read(file: &mut BufReader<File>) -> io::Result<Option<Item>> {
    let mut length = [0; 8];
    match file.read_exact(&mut length) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        other => other?,
    }
    let mut part = |length: [u8; 8]| -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; u64::from_le_bytes(length) as usize];
        file.read_exact(&mut bytes)?;
        Ok(bytes)
    };
    let key = part(length)?;
    let value_length = part(8_u64.to_le_bytes())?;
    let mut length = [0; 8];
    length.copy_from_slice(&value_length);
    let value = part(length)?;
    let place = part(8_u64.to_le_bytes())?;
    length.copy_from_slice(&place);
    Ok(Some((key, u64::from_le_bytes(length), value)))
}

/// Values in order.
pub(crate) struct Sorted {
    /// The run that never went to disk, last first.
    last: Vec<Item>,
    runs: Vec<BufReader<File>>,
    heads: BinaryHeap<Reverse<(Item, usize)>>,
}

impl Sorted {
    /// The next value, with its key.
    pub(crate) fn next(&mut self) -> io::Result<Option<(Vec<u8>, Vec<u8>)>> {
        let from_disk = match (self.heads.peek(), self.last.last()) {
            (Some(Reverse((head, _))), Some(item)) => head < item,
            (head, _) => head.is_some(),
        };
        if !from_disk {
            return Ok(self.last.pop().map(|(key, _, value)| (key, value)));
        }
        let Some(Reverse(((key, _, value), run))) = self.heads.pop() else { return Ok(None) };
        if let Some(file) = self.runs.get_mut(run)
            && let Some(item) = read(file)?
        {
            self.heads.push(Reverse((item, run)));
        }
        Ok(Some((key, value)))
    }
}
