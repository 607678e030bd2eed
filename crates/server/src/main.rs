//! tmp
mod replay;
mod run;
use wayline_pipeline::definitions::Definitions;
struct P;
impl replay::Progress for P {
    fn read(&mut self, _: u64) {}
    fn ran(&mut self, _: u64, _: u64) {}
}
fn main() {
    let args: Vec<String> = std::env::args().collect();
    let get = |n: &str| args.iter().position(|a| a == n).map(|i| args[i + 1].clone());
    let dir = get("--workspace").unwrap();
    let mut files: Vec<(String, Vec<u8>)> = vec![];
    for sub in ["", "journeys", "segments"] {
        if let Ok(rd) = std::fs::read_dir(format!("{dir}/{sub}")) {
            for e in rd {
                let p = e.unwrap().path();
                if p.extension().is_some_and(|x| x == "yaml") {
                    let n = if sub.is_empty() {
                        p.file_name().unwrap().to_str().unwrap().to_owned()
                    } else {
                        format!("{sub}/{}", p.file_name().unwrap().to_str().unwrap())
                    };
                    if n != "world.yaml" {
                        files.push((n, std::fs::read(&p).unwrap()));
                    }
                }
            }
        }
    }
    let loaded = wayline_core::journey::workspace::load(
        files.iter().map(|(n, b)| (n.as_str(), b.as_slice())),
    )
    .unwrap_or_else(|p| {
        for x in p {
            eprintln!("{x}");
        }
        std::process::exit(1)
    });
    let definitions = Definitions {
        workspace: loaded.workspace.clone(),
        segments: loaded.segment_definitions().cloned().collect(),
        journeys: loaded.journey_definitions().cloned().collect(),
    };
    let r = replay::Replay {
        definitions,
        inputs: args
            .iter()
            .enumerate()
            .filter(|(_, a)| *a == "--input")
            .map(|(i, _)| args[i + 1].clone().into())
            .collect(),
        until: get("--until").map(|t| wayline_core::time::Timestamp::parse(&t).unwrap()),
        seed: 1,
        world: get("--world").map(Into::into),
        out: get("--out").unwrap().into(),
        sqlite: get("--store").map(|s| s.strip_prefix("sqlite:").unwrap().into()),
        decisions: args.contains(&"--decisions".to_owned()),
        show: args.contains(&"--show".to_owned()),
    };
    if let Err(e) = replay::replay(&r, &mut P) {
        eprintln!("{e}");
        std::process::exit(1)
    }
}
