//! The program: starts the carrier from the command line and says where it listens.
//!
//! Must never do more than that: all behaviour is in the library.

use clap::Parser;
use std::error::Error;
use std::io::Write as _;
use std::process::ExitCode;
use tokio::signal::unix::{SignalKind, signal};
use wayline_smsc::{Carrier, Settings};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// A carrier on loopback: SMPP 3.4 and a Twilio-shaped endpoint, for tests, demonstrations and benchmarks
#[derive(Debug, Parser)]
#[command(name = "wayline-smsc", version)]
struct Arguments {
    #[command(flatten)]
    settings: Settings,
    /// Threads; one is enough for tens of thousands of submits per second
    #[arg(long, default_value_t = 1)]
    threads: usize,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let mut text = error.to_string();
            let mut source = error.source();
            while let Some(cause) = source {
                text.push_str(&format!(": {cause}"));
                source = cause.source();
            }
            eprintln!("wayline-smsc: {text}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: Arguments) -> Result<(), Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(arguments.threads.max(1))
        .enable_all()
        .build()?;
    runtime.block_on(async {
        eprintln!("seed {}", arguments.settings.seed);
        let carrier = Carrier::start(arguments.settings).await?;
        println!("smpp {} http {}", carrier.smpp_addr(), carrier.http_addr());
        std::io::stdout().flush()?;
        let mut terminated = signal(SignalKind::terminate())?;
        tokio::select! {
            interrupted = tokio::signal::ctrl_c() => interrupted?,
            _ = terminated.recv() => {}
        }
        carrier.stop().await;
        Ok(())
    })
}
