//! The store: whole, of this release, not ahead of the clock.
//!
//! Must never open it as a server does: it may be served at this moment.

use super::{Line, failed, ok, warning};
use crate::run::Stopwatch;
use crate::serve::store_in;
use std::path::Path;
use wayline_core::time::{Span, Timestamp};
use wayline_store::{StoreFacts, check_of, facts_of};

/// How far a store may be ahead of a clock that is a little wrong.
const AHEAD: Span = Span::minutes(1);

/// Looks at the store of a data folder.
pub(super) fn look(data: &Path, quick: bool, now: Timestamp, speed: u32) -> Vec<Line> {
    let path = store_in(data);
    if !path.exists() {
        return vec![ok(
            "store",
            format!("there is none yet; `wayline serve` makes {}", path.display()),
        )];
    }
    let facts = match facts_of(&path) {
        Ok(facts) => facts,
        Err(error) => return vec![failed("store", &error)],
    };
    let mut lines = vec![schema(&facts), clock(&facts, now, speed)];
    if quick {
        lines.push(warning("store", "not read as a whole; leave out --quick to do that"));
        return lines;
    }
    let watch = Stopwatch::start();
    lines.push(match check_of(&path) {
        Ok(()) => {
            let seconds = watch.elapsed().as_secs_f64();
            ok("store", format!("{} is whole, read in {seconds:.1} s", path.display()))
        }
        Err(error) => failed("store", &error),
    });
    lines
}

fn schema(facts: &StoreFacts) -> Line {
    let StoreFacts { schema, supported, run, .. } = facts;
    if schema < supported {
        let what =
            format!("{schema}; the next start brings it to {supported}: make a backup before");
        warning("schema", what)
    } else {
        ok("schema", format!("{schema}, that of this release; its last start was number {run}"))
    }
}

fn clock(facts: &StoreFacts, now: Timestamp, speed: u32) -> Line {
    let Some(last) = facts.last_instant else {
        return ok("clock", format!("{now}; nothing was decided yet"));
    };
    // A fast clock goes on where the store is.
    if last > now + AHEAD && speed == 1 {
        let what = format!(
            "{now} here, and the store is at {last}: what is in it waits until then. Set the machine's clock, or start a new store if this one was run faster"
        );
        return warning("clock", what);
    }
    ok("clock", format!("{now}; the store is at {last}"))
}

#[cfg(test)]
mod tests {
    use super::super::Level;
    use super::*;

    #[test]
    fn an_older_schema_and_a_store_ahead_are_told() {
        let now = Timestamp(1_800_000_000_000);
        let facts = |schema, ahead| StoreFacts {
            schema,
            supported: 3,
            run: 1,
            last_instant: Some(now + Span::minutes(ahead)),
        };
        assert_eq!(schema(&facts(3, 0)).level, Level::Ok);
        assert_eq!(schema(&facts(2, 0)).level, Level::Warning);
        assert_eq!(clock(&facts(3, 0), now, 1).level, Level::Ok);
        assert_eq!(clock(&facts(3, 5), now, 1).level, Level::Warning);
        assert_eq!(clock(&facts(3, 5), now, 600).level, Level::Ok);
    }
}
