//! What commands that speak to a server say when there is none, or another one.

use crate::program::{finish, wayline};
use std::io::{Read, Write};
use std::net::TcpListener;

/// Every command that asks a server, at this address.
fn asked(server: &str) -> Vec<(&'static str, crate::program::Said)> {
    let commands: [&[&str]; 4] = [
        &["stats", "shop"],
        &["tail", "shop"],
        &["keys", "list", "--operator"],
        &["export", "shop", "never-made"],
    ];
    let run = |arguments: &&'static [&'static str]| {
        let mut command = wayline(arguments.iter());
        command.env("WAYLINE_SERVER", server).env("WAYLINE_KEY", "wl_1_verysecret");
        (arguments[0], finish(command))
    };
    commands.iter().map(run).collect()
}

#[test]
fn where_nobody_answers_it_is_said_how_to_start_one() {
    // A port that was free a moment ago.
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let server = format!("http://{}", listener.local_addr().expect("its address"));
    drop(listener);
    for (command, said) in asked(&server) {
        assert_eq!((said.code, said.out.as_str()), (1, ""), "{command}");
        let start = format!("error: nothing answers at {server}; `wayline serve` starts a server");
        assert!(said.err.starts_with(&start), "{command}: {}", said.err);
        assert!(said.err.contains("because: ") && !said.err.contains("verysecret"), "{}", said.err);
    }
}

#[test]
fn another_program_is_not_taken_for_wayline() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let server = format!("http://{}", listener.local_addr().expect("its address"));
    let other = std::thread::spawn(move || {
        for stream in listener.incoming().take(4) {
            let mut stream = stream.expect("a connection");
            let _ = stream.read(&mut [0; 4_096]);
            let page =
                "HTTP/1.1 404 Not Found\r\nContent-Length: 6\r\nConnection: close\r\n\r\n<html>";
            let _ = stream.write_all(page.as_bytes());
        }
    });
    for (command, said) in asked(&server) {
        assert_eq!((said.code, said.out.as_str()), (1, ""), "{command}");
        assert!(said.err.contains("404") && said.err.contains("is it a wayline"), "{}", said.err);
        assert!(!said.err.contains("verysecret"), "{}", said.err);
    }
    other.join().expect("all of them asked");
}

#[test]
fn an_address_or_a_key_without_sense_is_told() {
    for (_, said) in asked("127.0.0.1:8321") {
        assert!(said.code == 1 && said.err.contains("http://127.0.0.1:8321"), "{}", said.err);
    }
    let help = wayline(["stats", "--help"]).env("WAYLINE_KEY", "wl_1_verysecret").output();
    let help = String::from_utf8(help.expect("run wayline").stdout).expect("text");
    assert!(help.contains("WAYLINE_KEY") && !help.contains("verysecret"), "{help}");
}
