//! (laid out in this release, filled next)
