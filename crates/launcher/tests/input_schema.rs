//! `docs/input.schema.json` agrees with the launcher: an input that the launcher accepts is valid, and an input that it
//! refuses is invalid, except for rules that a schema cannot express.

use boon::{Compiler, SchemaIndex, Schemas};
use launcher::input::Input;
use serde_json::{Map, Value, json};
use std::fs;
use std::path::{Path, PathBuf};

/// What the launcher says of inputs that a schema cannot tell from good ones: names that name nothing, or the same
/// thing.
const BEYOND_A_SCHEMA: [&str; 11] = [
    "there is no branch ",
    "is listed twice; give each branch its own number",
    "branches are copies of one account: give all the same balance",
    "there is no customer ",
    "has no event ",
    "has more than one event ",
    "\"until\" names no later event than \"after\"",
    "to itself; name two branches",
    "takes a relay for each way between two branches",
    // A number of JSON has many spellings, of which a schema knows nothing.
    "in digits alone",
    "the key \"id\" comes twice",
];

struct Schema {
    schemas: Schemas,
    index: SchemaIndex,
}

impl Schema {
    fn load() -> Self {
        let path = root().join("docs/input.schema.json");
        let schema: Value = serde_json::from_str(&fs::read_to_string(path).expect("the schema")).expect("JSON");
        let (mut schemas, mut compiler) = (Schemas::new(), Compiler::new());
        compiler.add_resource("input.json", schema).expect("a schema");
        let index = compiler.compile("input.json", &mut schemas);
        Schema {
            index: index.unwrap_or_else(|error| panic!("{error:#}")),
            schemas,
        }
    }

    fn takes(&self, text: &str) -> bool {
        let input: Value = serde_json::from_str(text).expect("JSON");
        self.schemas.validate(&input, self.index).is_ok()
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn parse(text: &str) -> Result<(), String> {
    let input = Input::parse(Path::new("in.json"), text);
    input.map(|_| ()).map_err(|error| error.to_string())
}

/// An input that has everything that an input can have.
fn everything() -> Value {
    json!([
        { "id": 1, "type": "branch", "balance": 5 },
        { "id": 2, "type": "bank", "balance": 5 },
        { "id": 3, "type": "branch", "balance": 5 },
        { "id": 1, "type": "customer", "events": [
            { "id": 1, "interface": "query", "branch": 1, "money": "none" },
            { "id": 2, "interface": "deposit", "dest": 2, "money": 7 },
            { "id": 3, "interface": "withdraw", "branch": 3, "money": 9223372036854775807i64 },
        ] },
        { "id": 2, "type": "client", "events": [{ "interface": "query" }] },
        { "type": "fault", "at": "0ms", "hold": { "to": 2 }, "for": "200ms" },
        { "type": "fault", "after": { "customer": 1, "event": 1 }, "delay": { "between": [1, 3], "by": "20ms" },
            "until": { "customer": 1, "event": 2 } },
        { "type": "fault", "at": "1s", "delay": { "branch": "all", "by": "1m" } },
        { "type": "fault", "at": "1s", "cut": { "from": 1, "to": 3 }, "for": "59s" },
        { "type": "fault", "at": "1s", "heal": { "branch": 1 } },
        { "type": "fault", "at": "1s", "pause": { "branch": 1 } },
        { "type": "fault", "at": "1s", "resume": { "branch": 1 } },
        { "type": "fault", "at": "1s", "kill": { "branch": 1 }, "for": "1ms" },
        { "type": "fault", "at": "1s", "restart": { "branch": 1 } },
    ])
}

/// Put where something else stood.
fn others() -> Vec<Value> {
    vec![
        json!(null),
        json!(true),
        json!(0),
        json!(1),
        json!(3),
        json!(-1),
        json!(1.5),
        json!(4_294_967_296u64),
        json!(u64::MAX),
        json!(1e300),
        json!(""),
        json!("all"),
        json!("query"),
        json!("deposit"),
        json!("branch"),
        json!("customer"),
        json!("fault"),
        json!("0ms"),
        json!("007s"),
        json!("60000ms"),
        json!("60001ms"),
        json!("61s"),
        json!("2m"),
        json!("1.5s"),
        json!([]),
        json!([1, 3]),
        json!([2, 2]),
        json!({}),
        json!({ "branch": 2 }),
        json!({ "to": 3 }),
        json!({ "from": 2, "by": "1s" }),
        json!({ "customer": 1, "event": 3 }),
    ]
}

/// Added to an object that has no such member, or put in its place.
fn members() -> Vec<(&'static str, Value)> {
    vec![
        ("colour", json!("red")),
        ("id", json!(9)),
        ("branch", json!(1)),
        ("dest", json!(1)),
        ("money", json!(1)),
        ("at", json!("1s")),
        ("after", json!({ "customer": 1, "event": 1 })),
        ("for", json!("1s")),
        ("until", json!({ "customer": 1, "event": 3 })),
        ("hold", json!({ "to": 1 })),
        ("heal", json!({ "branch": 1 })),
        ("by", json!("1s")),
        ("from", json!(2)),
        ("to", json!(2)),
        ("between", json!([1, 2])),
    ]
}

/// Everything that is this with one change in it.
fn changed(value: &Value) -> Vec<Value> {
    let mut all = others();
    match value {
        Value::Array(elements) => {
            for (at, element) in elements.iter().enumerate() {
                let with = |element: Option<Value>| {
                    let mut elements = elements.clone();
                    elements.splice(at..=at, element);
                    Value::Array(elements)
                };
                all.extend(changed(element).into_iter().map(|element| with(Some(element))));
                all.push(with(None));
            }
            all.push(elements.iter().chain(elements.first()).cloned().collect());
        }
        Value::Object(object) => {
            let with = |key: &str, member: Option<Value>| {
                let others = object.iter().filter(|(other, _)| *other != key);
                let mut object: Map<String, Value> = others.map(|(key, value)| (key.clone(), value.clone())).collect();
                object.extend(member.map(|member| (key.to_owned(), member)));
                Value::Object(object)
            };
            for (key, member) in object {
                all.extend(changed(member).into_iter().map(|member| with(key, Some(member))));
                all.push(with(key, None));
            }
            all.extend(members().into_iter().map(|(key, member)| with(key, Some(member))));
        }
        _ => {}
    }
    all
}

#[test]
fn every_input_that_people_are_given_is_valid() {
    let schema = Schema::load();
    let inputs = fs::read_dir(root().join("inputs")).expect("listed");
    let mut texts: Vec<String> = inputs
        .map(|entry| fs::read_to_string(entry.expect("listed").path()).expect("read"))
        .collect();
    let page = fs::read_to_string(root().join("docs/INPUT.md")).expect("read");
    let blocks = page.split("```json\n").skip(1);
    texts.extend(blocks.filter_map(|block| block.split("```").next()).map(str::to_owned));
    assert!(texts.len() >= 11, "{texts:?}");
    for text in texts {
        assert_eq!(parse(&text), Ok(()), "{text}");
        assert!(schema.takes(&text), "{text}");
    }
}

#[test]
fn whatever_is_changed_launcher_and_schema_agree() {
    let schema = Schema::load();
    let whole = everything();
    assert_eq!(parse(&whole.to_string()), Ok(()));
    let (mut good, mut bad, mut beyond) = (0, 0, 0);
    for input in changed(&whole) {
        let text = input.to_string();
        match (parse(&text), schema.takes(&text)) {
            (Ok(()), true) => good += 1,
            (Ok(()), false) => panic!("the schema refuses {text}"),
            (Err(_), false) => bad += 1,
            (Err(error), true) => {
                let said = BEYOND_A_SCHEMA.iter().any(|reason| error.contains(reason));
                assert!(
                    said && !error.contains("in digits alone"),
                    "the schema takes {text}\n{error}"
                );
                beyond += 1;
            }
        }
    }
    assert!(good > 100 && bad > 1000 && beyond > 10, "{good} {bad} {beyond}");
}

#[test]
fn what_a_schema_cannot_say() {
    let schema = Schema::load();
    let branch = |id: usize, balance: u32| format!(r#"{{"id":{id},"type":"branch","balance":{balance}}}"#);
    let customer = |events: &str| format!(r#"{{"id":1,"type":"customer","events":[{events}]}}"#);
    let query = |id: u32, branch: u32| format!(r#"{{"id":{id},"interface":"query","branch":{branch}}}"#);
    let (one, three) = (branch(1, 0), [1, 2, 3].map(|id| branch(id, 0)).join(","));
    let (here, deposit) = (query(1, 1), |money| {
        customer(&format!(r#"{{"interface":"deposit","branch":1,"money":{money}}}"#))
    });
    let kill = |times: &str| format!(r#"{{"type":"fault",{times},"kill":{{"branch":1}}}}"#);
    let trigger =
        |key: &str, customer: u32, event: u32| format!(r#""{key}":{{"customer":{customer},"event":{event}}}"#);
    let many: Vec<String> = (1..=17).map(|id| branch(id, 0)).collect();
    let table = [
        format!("{one},{}", customer(&query(1, 2))),
        format!(
            "{one},{}",
            r#"{"id":2,"type":"customer","events":[{"interface":"query"}]}"#
        ),
        format!("{one},{one}"),
        format!("{one},{}", branch(2, 5)),
        format!("{one},{}", kill(&trigger("after", 1, 1))),
        format!("{one},{},{}", customer(&here), kill(&trigger("after", 1, 2))),
        format!(
            "{one},{},{}",
            customer(&format!("{here},{here}")),
            kill(&trigger("after", 1, 1))
        ),
        format!(
            "{one},{},{}",
            customer(&here),
            kill(&format!("{},{}", trigger("after", 1, 1), trigger("until", 1, 1)))
        ),
        format!(r#"{three},{{"type":"fault","at":"0s","cut":{{"from":2,"to":2}}}}"#),
        format!(r#"{},{{"type":"fault","at":"0s","hold":{{"to":2}}}}"#, many.join(",")),
        format!("{one},{}", deposit("1.0")),
        format!("{one},{}", deposit("1e3")),
        // It does, but the largest numbers are the same to those who count in floating point.
        format!("{one},{}", deposit("9223372036854775808")),
        one.replace("\"id\":1", "\"id\":1,\"id\":1"),
    ];
    for entries in &table {
        let text = format!("[{entries}]");
        assert!(schema.takes(&text), "{text}");
        let error = parse(&text).expect_err(&text);
        let said = BEYOND_A_SCHEMA.iter().any(|reason| error.contains(reason));
        assert!(said, "{text}\n{error}");
    }
    // No reason stands there for nothing.
    for reason in BEYOND_A_SCHEMA {
        let given = |entries: &String| parse(&format!("[{entries}]")).is_err_and(|error| error.contains(reason));
        assert!(table.iter().any(given), "{reason}");
    }
}
