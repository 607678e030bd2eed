//! Placeholder until its commit.
/// Minutes of the day.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
pub struct LocalTime(pub u16);
/// Half-open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QuietWindow {
    /// From.
    pub from: LocalTime,
    /// To.
    pub to: LocalTime,
}
