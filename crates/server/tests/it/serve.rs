//! The live program as a whole: it starts, stops, and keeps what it was given.

use crate::live::Live;
use crate::program::repository;
use serde_json::json;

#[test]
fn what_was_acknowledged_is_there_after_a_power_cut() {
    let mut live = Live::start();
    live.apply("juniper", &repository("examples/shop"));
    let key = live.key("juniper", &["write"]);
    let body =
        json!({ "userId": "u-1", "traits": { "email": "one@example.com" }, "messageId": "i-1" });
    assert_eq!(live.request("POST", "/v1/identify", &key, &body).expect(200)["accepted"], 1);
    live.kill();
    live.run();
    let again = live.request("POST", "/v1/identify", &key, &body).expect(200);
    assert_eq!(again["duplicates"], 1, "{again}");
}
