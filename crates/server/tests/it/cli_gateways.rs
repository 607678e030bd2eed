//! `wayline gateways`: from a file to a gateway that is listed, tried, paused and removed.

use crate::cli_apply::with;
use crate::gateways::workspace;
use crate::live::Live;

const FILE: &str = "\
id = \"main\"
kind = \"twilio\"
parts_per_second = 5
settings = { account_sid = \"AC1\", base_url = \"http://127.0.0.1:9\" }
secrets = { auth_token = { file = \"token.txt\" } }
";

#[test]
fn a_gateway_from_its_file_to_its_end() {
    let (live, folder) = (Live::start(), tempfile::tempdir().expect("a folder"));
    live.apply_files("cafe", &workspace("cafe"));
    let file = folder.path().join("main.toml");
    std::fs::write(&file, FILE).expect("write");
    let path = file.to_str().expect("a path");
    let mine = ["--workspace", "cafe"];
    let missing = with(&live, ["gateways", "put", path, "--workspace", "cafe"]);
    assert!(missing.code == 1 && missing.err.contains("token.txt"), "{}", missing.err);
    std::fs::write(folder.path().join("token.txt"), "hunter2\n").expect("write");
    let made = with(&live, ["gateways", "put", path, "--workspace", "cafe"]);
    assert_eq!(
        (made.code, made.out.trim()),
        (0, "cafe/main is active, revision 1"),
        "{}",
        made.err
    );
    let list = with(&live, ["gateways", "list", "cafe"]);
    assert_eq!(list.code, 0, "{}", list.err);
    assert!(list.lines()[0].starts_with("id    kind    standing  up"), "{}", list.out);
    assert!(list.lines()[1].starts_with("main  twilio  active    yes  0/20"), "{}", list.out);
    let show = with(&live, ["gateways", "show", "main", "--workspace", "cafe"]);
    assert!(show.out.contains("\"auth_token\"") && !show.out.contains("hunter2"), "{}", show.out);
    let check = with(&live, ["gateways", "check", "main", "--workspace", "cafe"]);
    assert!(check.code == 1 && check.out.starts_with("wrong: "), "{}", check.out);
    let to = ["--to", "+12125550123", "--sender", "main", "--text", "Hi"];
    let test = ["gateways", "test", "main"].into_iter().chain(mine).chain(to);
    let test = with(&live, test.collect::<Vec<_>>());
    assert!(test.code == 1 && test.out.starts_with("retry; it said "), "{}", test.out);
    for (word, standing) in [("pause", "paused"), ("resume", "active"), ("drain", "draining")] {
        let said = with(&live, ["gateways", word, "main", "--workspace", "cafe"]);
        assert!(said.code == 0 && said.out.contains(standing), "{} {}", said.out, said.err);
    }
    let gone = with(&live, ["gateways", "delete", "main", "--workspace", "cafe"]);
    assert_eq!(gone.code, 0, "{}", gone.err);
    let none = with(&live, ["gateways", "list", "cafe"]);
    assert!(none.out.contains("no gateways"), "{}", none.out);
    let kinds = with(&live, ["gateways", "kinds"]);
    assert!(kinds.out.contains("secret auth_token, required: "), "{}", kinds.out);
    assert!(!live.log().contains("hunter2"));
}
