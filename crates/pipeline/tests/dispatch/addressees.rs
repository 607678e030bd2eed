//! Whose a text is: several workspaces with one sender, and a sender that nobody has.

use crate::desk::Scripted;
use crate::line::{Line, PERSON, SENDER};
use wayline_core::consent::ConsentState;
use wayline_core::time::Span;
use wayline_pipeline::gateway::Inbound;
use wayline_pipeline::unclaimed::UNCLAIMED_MAX;
use wayline_store::batch::Kept;

#[test]
fn of_several_workspaces_with_one_sender_one_replies_and_a_start_concerns_who_is_known() {
    pollster::block_on(async {
        let replies = "auto_replies: {stop: Bye., start: Hello.}\n";
        let mut line = Line::open().await;
        let gateway = Scripted::new(9);
        line.desk.gateway("carrier", &gateway);
        let stranger = line.desk.workspace("shop", &format!("{SENDER}{replies}")).await;
        let known = line.desk.workspace("spa", &format!("{SENDER}{replies}")).await;
        line.known_to(known).await;
        assert_eq!(line.desk.turn().await.len(), 1);
        line.desk.later(Span::seconds(5));
        let stop = line.says("STOP").await;
        let told = line.desk.turn().await;
        assert_eq!(told.iter().map(|it| it.workspace).collect::<Vec<_>>(), [known]);
        assert_eq!(line.consents(stranger).await, [Some(ConsentState::OptedOut)]);
        assert_eq!(line.consents(known).await, [Some(ConsentState::OptedOut)]);
        line.breaks().await;
        line.again(&stop).await;
        assert!(line.desk.turn().await.is_empty());
        // A third one, that has never heard of the number.
        let third = line.desk.workspace("gym", &format!("{SENDER}{replies}")).await;
        line.says("START").await;
        line.desk.later(Span::seconds(5));
        assert_eq!(line.desk.turn().await.len(), 1);
        assert_eq!(line.consents(known).await, [Some(ConsentState::OptedIn)]);
        assert_eq!(line.consents(third).await, []);
    });
}

#[test]
fn a_start_by_somebody_whom_none_of_several_workspaces_knows_is_kept_for_the_operator() {
    pollster::block_on(async {
        let mut line = Line::open().await;
        let other = line.desk.workspace("spa", SENDER).await;
        line.says("START").await;
        assert_eq!(line.consents(line.workspace).await, []);
        assert_eq!(line.consents(other).await, []);
        assert_eq!(line.kept(Kept::Unclaimed).await, 1);
        assert!(line.desk.pipeline.take_set_aside()[0].contains("none of its workspaces knows"));
    });
}

#[test]
fn a_text_to_a_sender_nobody_has_is_kept_once_and_only_so_many() {
    pollster::block_on(async {
        let mut line = Line::open().await;
        let stop = line.delivery("999", "STOP", None);
        let stop = line.tell(stop).await;
        line.dies().await;
        line.again(&stop).await;
        let rows = line.desk.store.texts_of(Kept::Unclaimed, "carrier", None, 10).await;
        let rows = rows.expect("a read");
        let [row] = rows.as_slice() else { panic!("{rows:?}") };
        let kept: Inbound = serde_json::from_str(&row.body).expect("a text");
        assert_eq!((kept.from.as_str(), kept.text.as_str()), (PERSON, "STOP"));
        assert_eq!(kept.destination.number(), "999");
        assert!(line.desk.pipeline.take_set_aside()[0].contains("999"));
        for n in 0..UNCLAIMED_MAX {
            line.desk.later(Span(1));
            let next = line.delivery("999", &n.to_string(), None);
            line.tell(next).await;
        }
        assert_eq!(line.kept(Kept::Unclaimed).await, UNCLAIMED_MAX);
        let rows = line.desk.store.texts_of(Kept::Unclaimed, "carrier", None, 1).await;
        assert!(rows.expect("a read")[0].body.contains("\"0\""), "the oldest went");
    });
}

#[test]
fn of_two_workspaces_with_one_sender_the_one_that_took_a_text_keeps_it() {
    pollster::block_on(async {
        let mut line = Line::open().await;
        let gateway = Scripted::new(9);
        line.desk.gateway("carrier", &gateway);
        let other = line.desk.workspace("spa", SENDER).await;
        let text = line.says("hello").await;
        assert_eq!(line.said().await, ["hello"]);
        // The other one writes to the person before the text is told again.
        line.known_to(other).await;
        assert_eq!(line.desk.turn().await.len(), 1);
        line.breaks().await;
        line.again(&text).await;
        assert_eq!(line.said().await, ["hello"]);
        line.says("and now").await;
        assert_eq!(line.said().await, ["hello"], "that is for the other one");
        line.workspace = other;
        assert_eq!(line.said().await, ["and now"]);
    });
}
