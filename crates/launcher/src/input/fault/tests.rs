use super::*;
use crate::input::Input;
use std::path::Path;

/// Three branches and two customers. Customer 1 has two visits, with events 1, 2, 3, 8 and 4, 8. The event of customer
/// 2 has no id.
const BANK: &str = r#"{"id":1,"type":"branch","balance":0},{"id":2,"type":"branch","balance":0},{"id":3,"type":"branch","balance":0},
{"id":1,"type":"customer","events":[{"id":1,"interface":"query","branch":1},{"id":2,"interface":"query","branch":1},
{"id":3,"interface":"query","branch":1},{"id":8,"interface":"query","branch":1}]},
{"id":2,"type":"customer","events":[{"interface":"query","branch":1}]},
{"id":1,"type":"customer","events":[{"id":4,"interface":"query","branch":1},{"id":8,"interface":"query","branch":1}]}"#;

fn parse(faults: &str) -> Result<Vec<PlannedFault>, String> {
    // A fault may stand before what it names.
    let input = Input::parse(Path::new("in.json"), &format!("[{faults},\n{BANK}]"));
    input.map(|input| input.faults).map_err(|error| error.to_string())
}

/// A fault with this action at the beginning of the run.
fn at_once(action: &str) -> String {
    format!(r#"{{"type":"fault","at":"0ms",{action}}}"#)
}

#[test]
fn every_action() {
    let ms = Duration::from_millis;
    for (action, expected) in [
        (r#""hold":{"to":2}"#, FaultAction::Hold(2)),
        (
            r#""delay":{"to":3,"by":"20ms"}"#,
            FaultAction::Delay(LinkSet::To(3), ms(20)),
        ),
        (
            r#""delay":{"branch":"all","by":"1s"}"#,
            FaultAction::Delay(LinkSet::All, ms(1000)),
        ),
        (
            r#""delay":{"by":"1m","between":[3,1]}"#,
            FaultAction::Delay(LinkSet::Between(3, 1), ms(60_000)),
        ),
        (r#""cut":{"branch":2}"#, FaultAction::Cut(LinkSet::Around(2))),
        (r#""cut":{"from":1,"to":3}"#, FaultAction::Cut(LinkSet::OneWay(1, 3))),
        (r#""cut":{"to":3}"#, FaultAction::Cut(LinkSet::To(3))),
        (r#""heal":{"from":3}"#, FaultAction::Heal(LinkSet::From(3))),
        (r#""heal":{"branch":"all"}"#, FaultAction::Heal(LinkSet::All)),
        (r#""pause":{"branch":1}"#, FaultAction::Pause(1)),
        (r#""resume":{"branch":1}"#, FaultAction::Resume(1)),
        (r#""kill":{"branch":1}"#, FaultAction::Kill(1)),
        (r#""restart":{"branch":1}"#, FaultAction::Restart(1)),
    ] {
        let planned = PlannedFault {
            action: expected,
            begins: FaultStart::At(Duration::ZERO),
            ends: FaultEnd::Open,
        };
        assert_eq!(parse(&at_once(action)), Ok(vec![planned]), "{action}");
    }
}

#[test]
fn every_time() {
    let trigger = |visit, done| Trigger {
        visit,
        done,
        customer: 1,
    };
    let ms = Duration::from_millis;
    for (times, begins, ends) in [
        (r#""at":"0s""#, FaultStart::At(ms(0)), FaultEnd::Open),
        (
            r#""at":"1500ms","for":"2s""#,
            FaultStart::At(ms(1500)),
            FaultEnd::In(ms(2000)),
        ),
        (
            r#""after":{"customer":1,"event":2},"until":{"customer":1,"event":4}"#,
            FaultStart::After(trigger(0, 2)),
            FaultEnd::After(trigger(2, 1)),
        ),
        (
            r#""until":{"event":3,"customer":1},"at":"1ms""#,
            FaultStart::At(ms(1)),
            FaultEnd::After(trigger(0, 3)),
        ),
    ] {
        let fault = format!(r#"{{"type":"fault",{times},"kill":{{"branch":2}}}}"#);
        let planned = PlannedFault {
            action: FaultAction::Kill(2),
            begins,
            ends,
        };
        assert_eq!(parse(&fault), Ok(vec![planned]), "{times}");
    }
}

#[test]
fn wrong_actions() {
    let table = [
        (
            r#""hold":{"to":9}"#,
            "fault no. 2, \"hold\": there is no branch 9; add it, or name one of these: 1, 2, 3",
        ),
        (r#""hold":{"to":0}"#, "\"to\" is 0; a branch is a whole number from 1"),
        (r#""hold":{"to":"2"}"#, "\"to\" is \"2\"; a branch"),
        (
            r#""hold":{"branch":2}"#,
            "\"hold\": unknown field \"branch\"; only \"to\" is known here",
        ),
        (r#""hold":{}"#, "fault no. 2, \"hold\": \"to\" is missing"),
        (
            r#""hold":2"#,
            "fault no. 2: \"hold\" is 2; write {\"to\":2}, the branch",
        ),
        (r#""hold":{"to":2,"to":3}"#, "the key \"to\" comes twice"),
        (r#""delay":{"to":2}"#, "fault no. 2, \"delay\": \"by\" is missing"),
        (
            r#""delay":{"to":2,"by":"0ms"}"#,
            "\"by\" is \"0ms\"; write a duration from 1ms to 60s",
        ),
        (r#""delay":{"to":2,"by":"61s"}"#, "\"by\" is \"61s\"; write a duration"),
        (
            r#""delay":{"to":2,"by":20}"#,
            "\"by\" is 20; write it as a text in quotes",
        ),
        (
            r#""delay":{"by":"20ms"}"#,
            "fault no. 2, \"delay\": it names no way; add \"branch\":2",
        ),
        (r#""cut":{}"#, "fault no. 2, \"cut\": it names no way"),
        (
            r#""cut":{"branch":2,"by":"1ms"}"#,
            "\"cut\": unknown field \"by\"; known are branch, between, from, to",
        ),
        (
            r#""cut":{"branch":"some"}"#,
            "\"branch\" is \"some\"; write a branch's number, or \"all\"",
        ),
        (r#""cut":{"to":"all"}"#, "\"to\" is \"all\"; a branch is"),
        (
            r#""cut":{"branch":2,"to":3}"#,
            "it has both \"branch\" and \"to\"; keep one",
        ),
        (
            r#""cut":{"between":[1,3],"branch":2}"#,
            "it has both \"between\" and \"branch\"; keep one",
        ),
        (
            r#""cut":{"between":[1]}"#,
            "\"between\" has to be an array of two branches",
        ),
        (
            r#""cut":{"between":[1,2,3]}"#,
            "\"between\" has to be an array of two branches",
        ),
        (
            r#""cut":{"between":"1-3"}"#,
            "\"between\" has to be an array of two branches",
        ),
        (r#""cut":{"between":[1,7]}"#, "there is no branch 7"),
        (r#""cut":{"between":[2,2]}"#, "nothing goes from branch 2 to itself"),
        (r#""cut":{"from":1,"to":1}"#, "nothing goes from branch 1 to itself"),
        (
            r#""cut":[1,3]"#,
            "fault no. 2: \"cut\" is an array; write the ways, such as",
        ),
        (r#""heal":"all""#, "fault no. 2: \"heal\" is \"all\"; write the ways"),
        (r#""kill":{"branch":"all"}"#, "\"branch\" is \"all\"; a branch is"),
        (r#""kill":true"#, "fault no. 2: \"kill\" is true; write {\"branch\":2}"),
        (
            r#""pause":{"branch":2,"for":"1s"}"#,
            "fault no. 2, \"pause\": unknown field \"for\"; only \"branch\" is known here",
        ),
        (
            r#""kill":{"branch":1},"restart":{"branch":1}"#,
            "it has both \"kill\" and \"restart\"; keep one",
        ),
        (
            r#""stop":{"branch":1}"#,
            "fault no. 2: unknown field \"stop\"; known are type, at",
        ),
        (r#""id":5,"kill":{"branch":1}"#, "fault no. 2: unknown field \"id\""),
        (
            r#""for":"1s""#,
            "fault no. 2: it does nothing; add one of hold, delay, cut",
        ),
        (
            r#""heal":{"branch":2},"for":"1s""#,
            "\"heal\" lasts for no time, so \"for\" has no place here",
        ),
        (
            r#""restart":{"branch":2},"until":{"customer":1,"event":1}"#,
            "so \"until\" has no place here",
        ),
    ];
    for (action, expected) in table {
        let faults = format!("{},\n  {}", at_once(r#""kill":{"branch":3}"#), at_once(action));
        let error = parse(&faults).expect_err(action);
        let placed = error.starts_with("in.json:2:");
        assert!(placed && error.contains(expected), "{action}\n  {error}\n  {expected}");
    }
}

#[test]
fn wrong_times() {
    let table = [
        ("", "fault no. 1: it has no time; add \"at\":\"500ms\""),
        (
            r#""at":"1s","after":{"customer":1,"event":1},"#,
            "both \"at\" and \"after\"",
        ),
        (r#""at":500,"#, "\"at\" is 500; write it as a text in quotes"),
        (
            r#""at":"soon","#,
            "\"at\" is \"soon\"; write a duration from 0ms to 60s",
        ),
        (r#""at":"-1s","#, "\"at\" is \"-1s\"; write a duration"),
        (r#""at":"2m","#, "\"at\" is \"2m\"; write a duration"),
        (r#""after":3,"#, "\"after\" is 3; write {\"customer\":1,\"event\":3}"),
        (
            r#""after":{"customer":1},"#,
            "fault no. 1, \"after\": \"event\" is missing",
        ),
        (
            r#""after":{"event":1},"#,
            "fault no. 1, \"after\": \"customer\" is missing",
        ),
        (
            r#""after":{"customer":1,"event":-1},"#,
            "\"event\" is -1; write a whole number",
        ),
        (
            r#""after":{"customer":1,"event":1,"branch":2},"#,
            "unknown field \"branch\"; known are customer, event",
        ),
        (
            r#""after":{"customer":7,"event":1},"#,
            "fault no. 1, \"after\": there is no customer 7",
        ),
        (
            r#""after":{"customer":1,"event":7},"#,
            "customer 1 has no event 7; name one by its \"id\"",
        ),
        (r#""after":{"customer":2,"event":1},"#, "customer 2 has no event 1"),
        (
            r#""after":{"customer":1,"event":8},"#,
            "customer 1 has more than one event 8; give each its own \"id\"",
        ),
        (
            r#""at":"1s","for":"0s","#,
            "\"for\" is \"0s\"; write a duration from 1ms",
        ),
        (
            r#""at":"1s","for":"1s","until":{"customer":1,"event":1},"#,
            "both \"for\" and \"until\"",
        ),
        (
            r#""after":{"customer":1,"event":2},"until":{"customer":1,"event":2},"#,
            "\"until\" names no later event than \"after\"",
        ),
        (
            r#""after":{"customer":1,"event":4},"until":{"customer":1,"event":3},"#,
            "\"until\" names no later event than \"after\"",
        ),
    ];
    for (times, expected) in table {
        let fault = format!(r#"{{"type":"fault",{times}"kill":{{"branch":1}}}}"#);
        let error = parse(&fault).expect_err(times);
        let placed = error.starts_with("in.json:1:");
        assert!(placed && error.contains(expected), "{times}\n  {error}\n  {expected}");
    }
}

#[test]
fn a_syntax_error_in_a_fault_names_its_entry() {
    let error = parse(r#"{"type":"fault","cut":{"between":[1,,3]}}"#).expect_err("a comma too many");
    assert!(error.contains(": entry no. 1: there is a comma too many"), "{error}");
}

#[test]
fn relays_and_faults_have_bounds() {
    let branches = |count: usize| {
        let branch = |id| format!(r#"{{"id":{id},"type":"branch","balance":0}}"#);
        (1..=count).map(branch).collect::<Vec<_>>().join(",")
    };
    let hold = at_once(r#""hold":{"to":1}"#);
    for (faults, count, expected) in [
        (hold.clone(), network::BRANCHES_MAX, None),
        (
            hold,
            network::BRANCHES_MAX + 1,
            Some(
                "fault no. 1: \"hold\" takes a relay for each way between two branches, so at most 16 branches; here are 17",
            ),
        ),
        (at_once(r#""kill":{"branch":1}"#), 50, None),
        (
            vec![at_once(r#""kill":{"branch":1}"#); FAULTS_MAX + 1].join(","),
            1,
            Some("fault no. 1001: more than 1000 faults"),
        ),
    ] {
        let text = format!("[{},{faults}]", branches(count));
        let error = Input::parse(Path::new("in.json"), &text)
            .err()
            .map(|error| error.to_string());
        match (error, expected) {
            (None, None) => {}
            (Some(error), Some(expected)) => assert!(error.contains(expected), "{error}"),
            (error, _) => panic!("{count} branches: {error:?}"),
        }
    }
}
