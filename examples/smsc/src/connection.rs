//! The socket of one SMPP connection: reads, writes, waits.
//!
//! Must never write octets whose journal lines are not in the file yet.

use crate::account::Errand;
use crate::clock;
use crate::session::Session;
use crate::shared::Shared;
use bytes::BytesMut;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

/// How much is read at once.
const CHUNK: usize = 1 << 16;
/// How long the last octets of a closing connection may take.
const FAREWELL: Duration = Duration::from_secs(1);

/// Serves one connection until either side ends it.
pub(crate) async fn serve<S>(shared: Arc<Shared>, stream: S, mut stop: watch::Receiver<bool>)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let (errands, mut errand) = mpsc::unbounded_channel();
    let connection = shared.connected(errands.clone());
    let mut session = Session::new(Arc::clone(&shared), connection, errands);
    let (mut reader, mut writer) = tokio::io::split(stream);
    let mut inbox = BytesMut::with_capacity(CHUNK);
    while !session.is_closing() {
        let due = session.next_due().filter(|_| session.has_room());
        inbox.reserve(CHUNK);
        tokio::select! {
            read = reader.read_buf(&mut inbox), if session.has_room() => match read {
                Ok(1..) => session.read(&mut inbox, clock::now()),
                _ => break,
            },
            written = writer.write_buf(&mut session.out), if !session.out.is_empty() => {
                if written.is_err() {
                    break;
                }
                // A full outbox may have left whole PDUs unread.
                session.read(&mut inbox, clock::now());
            }
            Some(first) = errand.recv() => drain(&mut session, first, &mut errand),
            () = until(due) => {}
            _ = stop.changed() => break,
        }
        session.pump(clock::now());
        if !write_journal(&shared, &mut session) {
            break;
        }
        shared.changed.notify_waiters();
    }
    if session.is_closing() {
        let farewell = async {
            writer.write_all_buf(&mut session.out).await?;
            writer.shutdown().await
        };
        // A peer that does not read is cut all the same.
        let _ = tokio::time::timeout(FAREWELL, farewell).await;
    }
    // Errands that came too late go to another receiver.
    errand.close();
    while let Ok(late) = errand.try_recv() {
        session.errand(late);
    }
    session.end(clock::now());
}

/// Does all errands that wait.
fn drain(session: &mut Session, first: Errand, errands: &mut mpsc::UnboundedReceiver<Errand>) {
    session.errand(first);
    while let Ok(next) = errands.try_recv() {
        session.errand(next);
    }
}

/// Whether all lines are in the file. A carrier without its journal would lie to the test: it stops.
fn write_journal(shared: &Shared, session: &mut Session) -> bool {
    if session.journal.is_empty() {
        return true;
    }
    let written = shared.journal.append(&session.journal);
    session.journal.clear();
    if let Err(error) = &written {
        eprintln!(
            "wayline-smsc: the journal cannot be written ({error}): free the disk, start again"
        );
    }
    written.is_ok()
}

async fn until(due: Option<Instant>) {
    match due {
        Some(at) => clock::sleep_until(at).await,
        None => std::future::pending().await,
    }
}
