//! Sorting more than fits in memory: sorted runs on disk, merged.
//!
//! Own, because the one crate for it builds with a Markdown test generator of 2019. Must never hold more than
//! one run in memory.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek, Write};

/// Bytes of one run: all that a sorter holds in memory, however much it is given.
const RUN_BYTES: usize = 16 * 1024 * 1024;
/// Runs on disk before they are merged into one: each is an open file.
const RUNS_MAX: usize = 64;
/// What an item costs beyond its bytes.
const ITEM_BYTES: usize = 96;

/// Something to sort: by its key; equal keys keep the order in which they were pushed.
type Item = (Vec<u8>, u64, Vec<u8>);

/// Takes items in any order, gives them back sorted.
pub(crate) struct Sorter {
    run_bytes: usize,
    run: Vec<Item>,
    bytes: usize,
    count: u64,
    spilled: Vec<File>,
}

impl Default for Sorter {
    fn default() -> Self {
        Sorter::with_run_bytes(RUN_BYTES)
    }
}

impl Sorter {
    /// A sorter that goes to disk whenever it holds more than so many bytes.
    pub(crate) fn with_run_bytes(run_bytes: usize) -> Sorter {
        Sorter { run_bytes, run: Vec::new(), bytes: 0, count: 0, spilled: Vec::new() }
    }

    /// Takes an item.
    pub(crate) fn push(&mut self, key: Vec<u8>, value: Vec<u8>) -> io::Result<()> {
        self.bytes += key.len() + value.len() + ITEM_BYTES;
        self.run.push((key, self.count, value));
        self.count += 1;
        if self.bytes > self.run_bytes {
            self.spill()?;
        }
        Ok(())
    }

    fn spill(&mut self) -> io::Result<()> {
        self.run.sort_unstable();
        let mut file = BufWriter::new(tempfile::tempfile()?);
        for item in self.run.drain(..) {
            write(&mut file, &item)?;
        }
        self.spilled.push(rewound(file)?);
        self.bytes = 0;
        if self.spilled.len() >= RUNS_MAX { self.merge() } else { Ok(()) }
    }

    /// Makes one run of all those on disk.
    fn merge(&mut self) -> io::Result<()> {
        let mut sorted = Sorted::new(std::mem::take(&mut self.spilled), Vec::new())?;
        let mut file = BufWriter::new(tempfile::tempfile()?);
        while let Some(item) = sorted.next_item()? {
            write(&mut file, &item)?;
        }
        self.spilled.push(rewound(file)?);
        Ok(())
    }

    /// All values, sorted.
    pub(crate) fn finish(mut self) -> io::Result<Sorted> {
        self.run.sort_unstable_by(|a, b| b.cmp(a));
        Sorted::new(self.spilled, self.run)
    }
}

fn write(file: &mut BufWriter<File>, (key, place, value): &Item) -> io::Result<()> {
    for part in [key, value] {
        file.write_all(&(part.len() as u64).to_le_bytes())?;
        file.write_all(part)?;
    }
    file.write_all(&place.to_le_bytes())
}

fn rewound(file: BufWriter<File>) -> io::Result<File> {
    let mut file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
    file.rewind()?;
    Ok(file)
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
    /// Over runs on disk and one in memory, that one last first.
    fn new(spilled: Vec<File>, last: Vec<Item>) -> io::Result<Sorted> {
        let mut runs: Vec<BufReader<File>> = spilled.into_iter().map(BufReader::new).collect();
        let mut heads = BinaryHeap::new();
        for (run, file) in runs.iter_mut().enumerate() {
            if let Some(item) = read(file)? {
                heads.push(Reverse((item, run)));
            }
        }
        Ok(Sorted { last, runs, heads })
    }

    /// The next value, with its key.
    pub(crate) fn next(&mut self) -> io::Result<Option<(Vec<u8>, Vec<u8>)>> {
        Ok(self.next_item()?.map(|(key, _, value)| (key, value)))
    }

    fn next_item(&mut self) -> io::Result<Option<Item>> {
        let from_disk = match (self.heads.peek(), self.last.last()) {
            (Some(Reverse((head, _))), Some(item)) => head < item,
            (head, _) => head.is_some(),
        };
        if !from_disk {
            return Ok(self.last.pop());
        }
        let Some(Reverse((item, run))) = self.heads.pop() else { return Ok(None) };
        if let Some(file) = self.runs.get_mut(run)
            && let Some(item) = read(file)?
        {
            self.heads.push(Reverse((item, run)));
        }
        Ok(Some(item))
    }
}

#[cfg(test)]
mod tests {
    use super::Sorter;
    use wayline_core::ids::stable_hash;

    /// Keys with many repetitions, values that tell the order of pushing.
    fn items(count: u64) -> Vec<(Vec<u8>, Vec<u8>)> {
        (0..count)
            .map(|n| {
                let key = stable_hash(&[&n.to_le_bytes()]) % (count / 4 + 1);
                (key.to_be_bytes().to_vec(), n.to_be_bytes().to_vec())
            })
            .collect()
    }

    fn sorted(run_bytes: usize, items: &[(Vec<u8>, Vec<u8>)]) -> Vec<(Vec<u8>, Vec<u8>)> {
        let mut sorter = Sorter::with_run_bytes(run_bytes);
        for (key, value) in items {
            sorter.push(key.clone(), value.clone()).expect("room on the disk");
        }
        let mut sorted = sorter.finish().expect("readable runs");
        let mut out = Vec::new();
        while let Some(item) = sorted.next().expect("a readable item") {
            out.push(item);
        }
        out
    }

    #[test]
    fn however_often_it_spills_the_order_is_that_of_a_stable_sort() {
        for count in [0, 1, 2, 70, 999] {
            let items = items(count);
            let mut expected = items.clone();
            expected.sort_by(|a, b| a.0.cmp(&b.0));
            // Never, now and then, after each item: the last merges runs several times.
            for run_bytes in [usize::MAX, 5_000, 0] {
                assert_eq!(sorted(run_bytes, &items), expected, "{count} items, {run_bytes} bytes");
            }
        }
    }

    #[test]
    fn empty_keys_and_values_and_long_ones_come_back_whole() {
        let items = [
            (vec![1], Vec::new()),
            (Vec::new(), vec![7; 100_000]),
            (Vec::new(), Vec::new()),
            (vec![0], vec![1]),
        ];
        let order = [1, 2, 3, 0].map(|place: usize| items[place].clone());
        assert_eq!(sorted(0, &items), order);
        assert_eq!(sorted(usize::MAX, &items), order);
    }

    #[test]
    fn only_one_run_is_in_memory_and_few_files_are_open() {
        let mut sorter = Sorter::with_run_bytes(1_000);
        for (key, value) in items(20_000) {
            sorter.push(key, value).expect("room on the disk");
            assert!(sorter.run.len() <= 10 && sorter.spilled.len() < super::RUNS_MAX);
        }
    }
}
