//! What a replay sent, for people who sit at a terminal.
//!
//! Must never be read by programs: `summary.json` is for them.

use super::summary::Summary;
use std::collections::BTreeMap;
use std::path::Path;

/// Texts shown as examples.
const EXAMPLES: usize = 6;

/// Prints a table of what happened, and some of the texts.
pub(crate) fn print(summary: &Summary, out: &Path) {
    let mut rows: BTreeMap<(&str, &str), BTreeMap<&str, u64>> = BTreeMap::new();
    for count in &summary.messages {
        let row = rows.entry((&count.journey, &count.step)).or_default();
        *row.entry(count.outcome).or_insert(0) += count.messages;
    }
    println!("{:<20} {:<20} {:>8} {:>8} {:>8}", "journey", "step", "sent", "held", "dropped");
    for ((journey, step), outcomes) in &rows {
        let of = |outcome: &str| outcomes.get(outcome).copied().unwrap_or(0);
        println!(
            "{journey:<20} {step:<20} {:>8} {:>8} {:>8}",
            of("sent"),
            of("held"),
            of("dropped") + of("failed") + of("unknown"),
        );
    }
    if let Ok(texts) = examples(&out.join("messages.csv")) {
        println!("\nSome of the texts:");
        for text in texts {
            println!("  {text}");
        }
    }
    println!(
        "\n{} inputs in {} s ({} a second): {} taken, {} repeated, {} refused. Everything is in {}",
        summary.inputs,
        summary.wall_seconds,
        summary.inputs_per_second,
        summary.taken,
        summary.duplicates,
        summary.refused,
        out.display(),
    );
}

/// The first text of each of the first steps.
fn examples(path: &Path) -> Result<Vec<String>, csv::Error> {
    let mut texts: BTreeMap<(String, String), String> = BTreeMap::new();
    let mut reader = csv::Reader::from_path(path)?;
    for row in reader.records() {
        let row = row?;
        let field = |index: usize| row.get(index).unwrap_or_default().to_owned();
        if field(8) == "sent" {
            texts
                .entry((field(2), field(4)))
                .or_insert_with(|| format!("{} to {}: {}", field(0), field(7), field(11)));
        }
        if texts.len() >= EXAMPLES {
            break;
        }
    }
    Ok(texts.into_values().collect())
}
