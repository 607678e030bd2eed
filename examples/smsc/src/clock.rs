//! The clock of this program: dates for people and milliseconds for journals.
//!
//! Must never be asked what to do: decisions come from the seed, the clock only says when.
#![allow(clippy::disallowed_methods, reason = "a carrier answers in real time")]

use jiff::Timestamp;
use std::time::Duration;
use tokio::time::Instant;

/// How much later than asked tokio's timers may fire: they count whole milliseconds, rounded up twice.
const ROUGH: Duration = Duration::from_millis(3);

/// Now, as a calendar knows it.
pub(crate) fn today() -> Timestamp {
    Timestamp::now()
}

/// Now, for waiting.
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// Waits until then, to a fraction of a millisecond: a carrier that is 50 ms away must not be 52 ms away. A timer of the
/// operating system is exact and dear, so only the end of a wait takes one.
pub(crate) async fn sleep_until(at: Instant) {
    if let Some(rough) = at.checked_sub(ROUGH)
        && rough > now()
    {
        tokio::time::sleep_until(rough).await;
    }
    // Without such a timer the answer comes a little late.
    if exactly(at).await.is_err() {
        tokio::time::sleep_until(at).await;
    }
}

#[cfg(target_os = "linux")]
async fn exactly(at: Instant) -> std::io::Result<()> {
    use rustix::time::{
        Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
        timerfd_settime,
    };
    use tokio::io::Interest;
    use tokio::io::unix::AsyncFd;

    let left = at.saturating_duration_since(now());
    // To a timer no time at all means never.
    if left.is_zero() {
        return Ok(());
    }
    let timer =
        timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC)?;
    let once = Itimerspec {
        it_interval: Timespec::default(),
        it_value: Timespec::try_from(left).map_err(std::io::Error::other)?,
    };
    timerfd_settime(&timer, TimerfdTimerFlags::empty(), &once)?;
    #[expect(
        deprecated,
        reason = "its successor is unsafe; an owned descriptor keeps what that asks"
    )]
    let timer = AsyncFd::with_interest(timer, Interest::READABLE)?;
    timer.readable().await.map(drop)
}

#[cfg(not(target_os = "linux"))]
async fn exactly(at: Instant) -> std::io::Result<()> {
    tokio::time::sleep_until(at).await;
    Ok(())
}
